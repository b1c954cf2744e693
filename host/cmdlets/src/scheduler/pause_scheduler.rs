//! `pause_scheduler`: keeps cycles of a connector from running while this run works on it.

use std::time::Duration;

use base::{Code, Diagnostic, Repeat, Result};
use effect::{Change, Effect, Event, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::scheduling::{own_leases, require_no_other_lease};
use crate::types::Span;
use crate::views::SchedulerView;

/// How often a cycle in progress is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The longest pause: what takes longer is no pause but a setting.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The cmdlet `pause_scheduler`.
pub struct PauseScheduler;

/// The pause is a lease of this run: it is never written into the settings, and ends with
/// `resume_scheduler`, with the process of this run, or at its deadline, whichever comes first. Pauses
/// of one run nest. A cycle in progress is waited for. In scripts prefer `scheduler::paused`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// Why, for whoever finds the scheduler paused.
    pub reason: String,
    /// How long the pause may last: up to a day.
    #[serde(default = "half_an_hour")]
    pub deadline: Span,
    /// How long a cycle in progress is waited for.
    #[serde(default = "half_an_hour")]
    pub patience: Span,
}

fn half_an_hour() -> Span {
    Span(Duration::from_secs(30 * 60))
}

impl Cmdlet for PauseScheduler {
    const ABOUT: About = About {
        name: "pause_scheduler",
        summary: "Keep cycles of a connector from running while this run works on it",
        effect: Effect::Change(Change {
            target: Target::SchedulerLease,
            action: "pause",
            impact: Impact::Low,
        }),
        replay: Replay::Standing,
        search_terms: &["suspend", "stop", "lease", "Set-ADSyncScheduler -SyncCycleEnabled"],
        see_also: &["resume_scheduler", "get_scheduler"],
        errors: &[
            (Code::SchedulerBusy, "another run paused it, or a cycle does not end in time"),
            (Code::SchedulerNotPaused, "the deadline passed while a cycle was waited for"),
            (Code::CmdletParameter, "the deadline is zero, or more than a day away"),
            (Code::ConnectorUnknown, "there is no such connector"),
        ],
        examples: &[Example {
            title: "Nothing runs in between",
            script: r#"pause_scheduler(#{ connector: "default", reason: "maintenance" });
let during = get_scheduler(#{ connector: "default" }).effective_enabled;
resume_scheduler(#{ connector: "default" });
[during, get_scheduler(#{ connector: "default" }).effective_enabled]"#,
            shows: Shows::Value("[false,true]"),
        }],
    };

    type Parameters = Parameters;
    type Output = SchedulerView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<SchedulerView> {
        let connector = call.connector(&parameters.connector).await?;
        require_no_other_lease(call, &connector).await?;
        if parameters.deadline.0.is_zero() || parameters.deadline.0 > LONGEST {
            let wrong = format!("pause_scheduler: a pause cannot be for {}", parameters.deadline);
            return Err(Diagnostic::new(Code::CmdletParameter, wrong).next(
                "Choose up to a day. To stop cycles for good: set_scheduler with sync_cycle_enabled.",
            ));
        }
        let intent = StepIntent {
            name: "pause_scheduler".to_owned(),
            summary: format!("pause the scheduler of '{}'", connector.name),
            // A pause that an earlier attempt at this run took ended with its process.
            marker: json!({
                "connector_id": connector.id,
                "run": call.open.key().run,
                "attempt": call.open.gate().attempt(),
            }),
            undo: Undo::unneeded("a pause ends with its run"),
        };
        let view = async || {
            let now = call.store().scheduler_state(&connector.id).await?;
            Ok(SchedulerView::of(&connector.name, now))
        };
        let before = own_leases(call, &connector).await?.len();
        let look = async || match own_leases(call, &connector).await?.len() > before {
            true => view().await.map(Some),
            false => Ok(None),
        };
        let paused = call
            .step(intent, look, async |_permit| {
                let (reason, limit) = (&parameters.reason, parameters.deadline.0);
                call.writer().pause_scheduler(&connector.id, call.branch, reason, limit).await?;
                view().await
            })
            .await?;
        // Paused first, waited then: so no further cycle can begin meanwhile.
        wait_for_cycle(call, &connector, parameters.patience.0).await?;
        if own_leases(call, &connector).await?.len() <= before {
            let ended = format!(
                "The pause of '{}' ended before the cycle in progress did: it was for {}",
                connector.name, parameters.deadline
            );
            return Err(Diagnostic::new(Code::SchedulerNotPaused, ended)
                .repeat(Repeat::Later)
                .next("Give it a later deadline, or wait until the cycle ends."));
        }
        Ok(paused)
    }

    async fn establish(call: &Call<'_>, parameters: Parameters) -> Result<()> {
        let connector = match call.connector(&parameters.connector).await {
            // The run gave it another name, or forgot it: what stood is no obstacle to going on.
            Err(unknown) if unknown.code == Code::ConnectorUnknown => return Ok(()),
            found => found?,
        };
        require_no_other_lease(call, &connector).await?;
        let (reason, limit) = (&parameters.reason, parameters.deadline.0);
        call.writer().pause_scheduler(&connector.id, call.branch, reason, limit).await?;
        wait_for_cycle(call, &connector, parameters.patience.0).await
    }
}

async fn wait_for_cycle(
    call: &Call<'_>,
    connector: &state::Connector,
    limit: Duration,
) -> Result<()> {
    let what = "the cycle in progress to end";
    let mut waited = Duration::ZERO;
    while call.store().scheduler_state(&connector.id).await?.in_progress.is_some() {
        if waited >= limit {
            call.writer().resume_scheduler(&connector.id, call.branch).await?;
            let busy = format!("A cycle of '{}' still runs after {}", connector.name, Span(limit));
            return Err(Diagnostic::new(Code::SchedulerBusy, busy)
                .repeat(Repeat::Later)
                .next("Wait until it ends, then run the script again."));
        }
        call.observe(&Event::Waiting { what, seen: (0, 1), waited, limit });
        call.context.ports.clock.sleep(LOOK).await;
        waited += LOOK;
    }
    if waited > Duration::ZERO {
        call.observe(&Event::WaitEnded { what });
    }
    Ok(())
}
