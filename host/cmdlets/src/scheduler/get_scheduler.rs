//! `get_scheduler`: a connector's scheduler.

use base::Result;
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::views::SchedulerView;

/// The cmdlet `get_scheduler`.
pub struct GetScheduler;

/// Shows the lasting settings, the lease of a run that paused it, and the effective state that
/// follows from both.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
}

impl Cmdlet for GetScheduler {
    const ABOUT: About = About {
        name: "get_scheduler",
        summary: "Get the settings, the lease and the effective state of a scheduler",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["Get-ADSyncScheduler", "Get-ADSyncSchedulerSettings", "interval"],
        see_also: &["set_scheduler", "pause_scheduler"],
        errors: &[(base::Code::ConnectorUnknown, "there is no such connector")],
        examples: &[Example {
            title: "Ask whether cycles are run",
            script: r#"get_scheduler(#{ connector: "default" }).effective_enabled"#,
            shows: Shows::Value("true"),
        }],
    };

    type Parameters = Parameters;
    type Output = SchedulerView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<SchedulerView> {
        let connector = call.connector(&parameters.connector).await?;
        let state = call.store().scheduler_state(&connector.id).await?;
        Ok(SchedulerView::of(&connector.name, state))
    }
}
