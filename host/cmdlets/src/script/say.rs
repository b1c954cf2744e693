//! `say`: tells the person who watches the run something.

use base::Result;
use effect::{Effect, Event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;

/// The cmdlet `say`.
pub struct Say;

/// Unlike `print`, which a replay silences, what is said belongs to the run's story and is recorded.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// What to say.
    pub text: String,
}

impl Cmdlet for Say {
    const ABOUT: About = About {
        name: "say",
        summary: "Tell the person who watches the run something",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["print", "echo", "message", "Write-Host"],
        see_also: &["confirm"],
        errors: &[],
        examples: &[Example {
            title: "Say one sentence",
            script: r#"say("The connector signs in as an application now.")"#,
            shows: Shows::Value("null"),
        }],
    };

    type Parameters = Parameters;
    type Output = ();

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<()> {
        call.observe(&Event::Said(&parameters.text));
        Ok(())
    }
}
