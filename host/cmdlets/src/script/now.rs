//! `now`: the time.

use base::Result;
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::types::Moment;

/// The cmdlet `now`.
pub struct Now;

/// A resumed run gets the recorded time, so that a script decides the same way again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

impl Cmdlet for Now {
    const ABOUT: About = About {
        name: "now",
        summary: "Get the time of this host in UTC",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["time", "date", "clock", "timestamp", "Get-Date"],
        see_also: &["sleep"],
        errors: &[],
        examples: &[Example {
            title: "Note when something began",
            script: "now()",
            shows: Shows::Success,
        }],
    };

    type Parameters = Parameters;
    type Output = Moment;

    async fn run(call: &Call<'_>, _parameters: Parameters) -> Result<Moment> {
        Ok(call.now().into())
    }
}
