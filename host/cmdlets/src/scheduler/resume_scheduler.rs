//! `resume_scheduler`: takes this run's pause of a connector's scheduler back.

use base::{Code, Result};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::scheduling::own_leases;
use crate::views::SchedulerView;

/// The cmdlet `resume_scheduler`.
pub struct ResumeScheduler;

/// Takes back the innermost pause of this run. Its settings were never touched, so they are as the
/// admin left them.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
}

impl Cmdlet for ResumeScheduler {
    const ABOUT: About = About {
        name: "resume_scheduler",
        summary: "Take this run's pause of a scheduler back",
        effect: Effect::Change(Change {
            target: Target::SchedulerLease,
            action: "resume",
            impact: Impact::Low,
        }),
        replay: Replay::Ends("pause_scheduler"),
        search_terms: &["continue", "lease", "Set-ADSyncScheduler -SyncCycleEnabled"],
        see_also: &["pause_scheduler", "get_scheduler"],
        errors: &[(Code::SchedulerNotPaused, "this run did not pause it, or its pause has ended")],
        examples: &[Example {
            title: "There is nothing to take back",
            script: r#"resume_scheduler(#{ connector: "default" })"#,
            shows: Shows::Failure(Code::SchedulerNotPaused),
        }],
    };

    type Parameters = Parameters;
    type Output = SchedulerView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<SchedulerView> {
        let connector = call.connector(&parameters.connector).await?;
        let held = async || Result::Ok(own_leases(call, &connector).await?.len());
        let view = async || {
            let now = call.store().scheduler_state(&connector.id).await?;
            Result::Ok(SchedulerView::of(&connector.name, now))
        };
        let before = held().await?;
        let intent = StepIntent {
            name: "resume_scheduler".to_owned(),
            summary: format!("resume the scheduler of '{}'", connector.name),
            marker: json!({
                "connector_id": connector.id,
                "pauses": before,
                "attempt": call.open.gate().attempt(),
            }),
            undo: Undo::unneeded("a pause protects only what is done while it lasts"),
        };
        let look = async || if held().await? < before { view().await.map(Some) } else { Ok(None) };
        call.step(intent, look, async |_permit| {
            call.writer().resume_scheduler(&connector.id, call.branch).await?;
            view().await
        })
        .await
    }
    async fn establish(call: &Call<'_>, parameters: Parameters) -> Result<()> {
        let connector = call.connector(&parameters.connector).await?;
        if own_leases(call, &connector).await?.is_empty() {
            return Ok(());
        }
        call.writer().resume_scheduler(&connector.id, call.branch).await.map(drop)
    }
}
