//! `sleep`: waits for a span of time.

use std::time::Duration;

use base::Result;
use effect::{Effect, Event};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::types::Span;

/// How often a watcher is told that the wait goes on.
const TICK: Duration = Duration::from_secs(1);

/// The cmdlet `sleep`.
pub struct Sleep;

/// Ctrl-C ends it at once.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// How long to wait.
    pub duration: Span,
}

impl Cmdlet for Sleep {
    const ABOUT: About = About {
        name: "sleep",
        summary: "Wait for a span of time",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["wait", "pause", "delay", "Start-Sleep"],
        see_also: &["now"],
        errors: &[],
        examples: &[Example {
            title: "Wait a moment",
            script: r#"sleep("50ms")"#,
            shows: Shows::Value("null"),
        }],
    };

    type Parameters = Parameters;
    type Output = ();

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<()> {
        let clock = &call.context.ports.clock;
        let limit = parameters.duration.0;
        let mut waited = Duration::ZERO;
        while waited < limit {
            let what = "the time to pass";
            call.observe(&Event::Waiting { what, seen: (0, 1), waited, limit });
            let tick = TICK.min(limit - waited);
            clock.sleep(tick).await;
            waited += tick;
        }
        call.observe(&Event::WaitEnded { what: "the time to pass" });
        Ok(())
    }
}
