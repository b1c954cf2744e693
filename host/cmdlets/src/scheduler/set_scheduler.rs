//! `set_scheduler`: changes the lasting settings of a connector's scheduler.

use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Event, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{PolicyType, SchedulerChange, SchedulerSettings};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::scheduling::require_no_other_lease;
use crate::types::Span;
use crate::views::SchedulerView;

/// The cmdlet `set_scheduler`.
pub struct SetScheduler;

/// What is not given stays. To pause the scheduler for a while use `pause_scheduler`: it never
/// touches these settings. They cannot be changed while a cycle runs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// Whether cycles are run.
    pub sync_cycle_enabled: Option<bool>,
    /// The interval between cycles; never shorter than the cloud permits, and `0s` for just that.
    pub customized_sync_cycle_interval: Option<Span>,
    /// What the next cycle looks at.
    pub next_sync_cycle_policy_type: Option<Policy>,
    /// How long the records of synchronization runs are kept.
    pub purge_run_history_interval: Option<Span>,
    /// Whether certificates are renewed and history is purged.
    pub maintenance_enabled: Option<bool>,
    /// Whether the scheduler is suspended as a whole.
    pub scheduler_suspended: Option<bool>,
}

/// What a cycle looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// What changed since the last cycle.
    #[default]
    Delta,
    /// Everything.
    Initial,
}

impl From<Policy> for PolicyType {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Delta => PolicyType::Delta,
            Policy::Initial => PolicyType::Initial,
        }
    }
}

impl Cmdlet for SetScheduler {
    const ABOUT: About = About {
        name: "set_scheduler",
        summary: "Change the lasting settings of a scheduler",
        effect: Effect::Change(Change {
            target: Target::Scheduler,
            action: "set",
            impact: Impact::Medium,
        }),
        replay: Replay::Recorded,
        search_terms: &["Set-ADSyncScheduler", "interval", "enable", "disable", "maintenance"],
        see_also: &["get_scheduler", "pause_scheduler"],
        errors: &[
            (Code::SchedulerBusy, "a cycle runs, or another run paused the scheduler"),
            (Code::CmdletParameter, "the interval is shorter than permitted, or nothing is given"),
        ],
        examples: &[
            Example {
                title: "Run a cycle every hour",
                script: r#"set_scheduler(#{ connector: "default", customized_sync_cycle_interval: "1h" }).currently_effective_sync_cycle_interval"#,
                shows: Shows::Value(r#""1h""#),
            },
            Example {
                title: "More often than the cloud permits",
                script: r#"set_scheduler(#{ connector: "default", customized_sync_cycle_interval: "5m" })"#,
                shows: Shows::Failure(Code::CmdletParameter),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = SchedulerView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<SchedulerView> {
        let connector = call.connector(&parameters.connector).await?;
        let before = call.store().scheduler_state(&connector.id).await?;
        require_no_other_lease(call, &connector).await?;
        if before.in_progress.is_some() {
            let busy = format!("A cycle of '{}' runs: its settings cannot change now", connector.name);
            return Err(Diagnostic::new(Code::SchedulerBusy, busy)
                .repeat(base::Repeat::Later)
                .next("Wait until it ends: credwright events shows when."));
        }
        let change = wanted(&parameters);
        if change == SchedulerChange::default() {
            return Err(Diagnostic::new(Code::CmdletParameter, "set_scheduler: nothing is to be changed")
                .next("See what can be: credwright help set_scheduler"));
        }
        if parameters.maintenance_enabled == Some(false) {
            call.observe(&Event::Said(
                "With maintenance off nobody renews the connector's certificate: it will expire.",
            ));
        }
        let intent = StepIntent {
            name: "set_scheduler".to_owned(),
            summary: format!("change the scheduler settings of '{}'", connector.name),
            marker: json!({ "connector_id": connector.id }),
            undo: Undo::cmdlet("set_scheduler", undo(&connector.name, &before.settings, &change)),
        };
        let look = async || {
            let now = call.store().scheduler_state(&connector.id).await?;
            let changed = now.settings != before.settings;
            Ok(changed.then(|| SchedulerView::of(&connector.name, now)))
        };
        call.step(intent, look, async |permit| {
            call.writer().set_scheduler(permit, &connector.id, change.clone()).await?;
            let now = call.store().scheduler_state(&connector.id).await?;
            Ok(SchedulerView::of(&connector.name, now))
        })
        .await
    }
}

fn wanted(parameters: &Parameters) -> SchedulerChange {
    SchedulerChange {
        customized_sync_cycle_interval: parameters
            .customized_sync_cycle_interval
            .map(|span| Some(span.0).filter(|interval| !interval.is_zero())),
        next_sync_cycle_policy_type: parameters.next_sync_cycle_policy_type.map(PolicyType::from),
        purge_run_history_interval: parameters.purge_run_history_interval.map(|span| span.0),
        sync_cycle_enabled: parameters.sync_cycle_enabled,
        maintenance_enabled: parameters.maintenance_enabled,
        staging_mode_enabled: None,
        scheduler_suspended: parameters.scheduler_suspended,
    }
}

/// The settings that stood before, of those that are changed.
fn undo(
    connector: &str,
    before: &SchedulerSettings,
    change: &SchedulerChange,
) -> serde_json::Value {
    let mut arguments = json!({ "connector": connector });
    let mut keep = |name: &str, changed: bool, value: serde_json::Value| {
        if changed {
            arguments[name] = value;
        }
    };
    keep(
        "customized_sync_cycle_interval",
        change.customized_sync_cycle_interval.is_some(),
        json!(Span(before.customized_sync_cycle_interval.unwrap_or_default())),
    );
    keep(
        "next_sync_cycle_policy_type",
        change.next_sync_cycle_policy_type.is_some(),
        json!(before.next_sync_cycle_policy_type),
    );
    keep(
        "purge_run_history_interval",
        change.purge_run_history_interval.is_some(),
        json!(Span(before.purge_run_history_interval)),
    );
    keep(
        "sync_cycle_enabled",
        change.sync_cycle_enabled.is_some(),
        json!(before.sync_cycle_enabled),
    );
    keep(
        "maintenance_enabled",
        change.maintenance_enabled.is_some(),
        json!(before.maintenance_enabled),
    );
    keep(
        "scheduler_suspended",
        change.scheduler_suspended.is_some(),
        json!(before.scheduler_suspended),
    );
    arguments
}
