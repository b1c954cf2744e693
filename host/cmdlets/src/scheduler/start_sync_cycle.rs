//! `start_sync_cycle`: runs one synchronization cycle of a connector.

use base::{Applied, Code, Diagnostic, Repeat, Result};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Connector, EvidenceKind, NewSyncRun, SyncResult, SyncRun, SyncRunEnd};

use super::set_scheduler::Policy;
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::{Call, Tenant};
use crate::evidence::leave_evidence;
use crate::events::{self, SYNC_FAILED};
use crate::scheduling::require_no_other_lease;
use crate::views::SyncRunView;
use crate::{sign_in, sync_job};

/// The cmdlet `start_sync_cycle`.
pub struct StartSyncCycle;

/// Signs in as the connector, gets a token for the synchronization service, and runs the connector's
/// job. The built-in job, `token-only`, proves that tokens are to be had and no more. One cycle runs at
/// a time. It may be started by hand while `sync_cycle_enabled` is false.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// What the cycle looks at.
    #[serde(default)]
    pub policy_type: Policy,
}

impl Cmdlet for StartSyncCycle {
    const ABOUT: About = About {
        name: "start_sync_cycle",
        summary: "Run one synchronization cycle of a connector",
        effect: Effect::Change(Change {
            target: Target::SyncCycle,
            action: "start",
            impact: Impact::Low,
        }),
        replay: Replay::Recorded,
        search_terms: &["Start-ADSyncSyncCycle", "Invoke-ADSyncRunProfile", "delta", "initial"],
        see_also: &["find_sync_runs", "get_scheduler", "test_credential"],
        errors: &[
            (Code::SchedulerBusy, "a cycle runs, another run paused, or it is suspended"),
            (Code::SyncFailed, "the connector could not sign in, or its job failed"),
        ],
        examples: &[Example {
            title: "A cycle with the built-in job",
            script: r#"let cycle = start_sync_cycle(#{ connector: "default" });
[cycle.job, cycle.result]"#,
            shows: Shows::Value(r#"["token-only","success"]"#),
        }],
    };

    type Parameters = Parameters;
    type Output = SyncRunView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<SyncRunView> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        require_free(call, &connector).await?;
        let new = NewSyncRun {
            id: call.new_id("sync_run_id").await?,
            connector_id: connector.id.clone(),
            policy_type: parameters.policy_type.into(),
            job: sync_job::label(&connector.sync_job),
        };
        let intent = StepIntent {
            name: "run_cycle".to_owned(),
            summary: format!("run a synchronization cycle of '{}' ({})", connector.name, new.job),
            marker: json!({ "sync_run_id": new.id }),
            undo: Undo::irreversible("what a cycle synchronized stays synchronized"),
        };
        let look = async || {
            let run = call.store().find_sync_run(&new.id).await?;
            match run {
                Some(run) if run.result == SyncResult::Success => Ok(Some(SyncRunView::from(run))),
                // A job is not run again because of an interruption: it failed.
                Some(run) if run.result == SyncResult::Failed => Err(failed_before(run)),
                _ => Ok(None),
            }
        };
        call.step(intent, look, async |permit| {
            call.writer().begin_sync_run(permit, new.clone()).await?;
            cycle(call, &connector, &tenant, &new).await.map(SyncRunView::from)
        })
        .await
    }
}

fn failed_before(run: SyncRun) -> Diagnostic {
    let message = run.message.unwrap_or_else(|| "A synchronization cycle failed".to_owned());
    Diagnostic::new(Code::SyncFailed, message).applied(Applied::Yes)
}

async fn require_free(call: &Call<'_>, connector: &Connector) -> Result<()> {
    require_no_other_lease(call, connector).await?;
    let state = call.store().scheduler_state(&connector.id).await?;
    let name = &connector.name;
    if state.settings.scheduler_suspended {
        let suspended = format!("The scheduler of '{name}' is suspended");
        return Err(Diagnostic::new(Code::SchedulerBusy, suspended).next(format!(
            "Once the reason is gone: set_scheduler(#{{ connector: \"{name}\", scheduler_suspended: false }})"
        )));
    }
    if let Some(running) = state.in_progress {
        let busy = format!("A cycle of '{name}' runs since {}", running.started_at);
        return Err(Diagnostic::new(Code::SchedulerBusy, busy)
            .repeat(Repeat::Later)
            .next("Wait until it ends."));
    }
    Ok(())
}

/// The cycle itself, from the sign-in to its record.
async fn cycle(
    call: &Call<'_>,
    connector: &Connector,
    tenant: &Tenant,
    new: &NewSyncRun,
) -> Result<SyncRun> {
    let done = run_job(call, connector, tenant, new).await;
    let end = match &done {
        Ok((roles, message)) => SyncRunEnd {
            result: SyncResult::Success,
            message: message.clone(),
            roles: roles.clone(),
        },
        Err(error) => SyncRunEnd {
            result: SyncResult::Failed,
            message: Some(error.to_string()),
            roles: Vec::new(),
        },
    };
    call.writer().end_sync_run(&new.id, end).await?;
    match done {
        Ok(_) => {
            leave_evidence(call.writer(), connector, EvidenceKind::SyncCycle, new.job.clone()).await?;
        }
        Err(error) => return Err(failed(call, connector, new, error).await?),
    }
    let ended = call.store().find_sync_run(&new.id).await?;
    ended.ok_or_else(|| Diagnostic::new(Code::StateCorrupt, "The record of the cycle is gone"))
}

async fn run_job(
    call: &Call<'_>,
    connector: &Connector,
    tenant: &Tenant,
    new: &NewSyncRun,
) -> Result<(Vec<String>, Option<String>)> {
    let credential = sign_in::of_connector(call.context, connector).await?;
    let token = call
        .with_session(tenant, async |session| {
            sign_in::synchronization_token(session, &credential).await
        })
        .await?;
    // Before the job, which may take hours: evidence bears the time at which it was seen.
    let roles = sign_in::permissions(&token);
    leave_evidence(call.writer(), connector, EvidenceKind::Token, roles.join(" ")).await?;
    let message = sync_job::run(call, connector, &token, new).await?;
    Ok((roles, message))
}

/// Records the failure of a cycle as an event, and tells it.
async fn failed(
    call: &Call<'_>,
    connector: &Connector,
    new: &NewSyncRun,
    error: Diagnostic,
) -> Result<Diagnostic> {
    let message = format!("A synchronization cycle of '{}' failed: {error}", connector.name);
    let data = json!({ "sync_run_id": new.id, "code": error.code, "job": new.job });
    events::record(call, SYNC_FAILED, connector, message.clone(), data).await?;
    let next = error.next.clone().unwrap_or_else(|| {
        format!("Test its credential: test_credential(#{{ connector: \"{}\" }})", connector.name)
    });
    let mut failed = Diagnostic::new(Code::SyncFailed, message).next(next).repeat(error.repeat);
    // A job is never run again by looking: its record says "failed".
    failed.applied = if error.applied == Applied::Yes { Applied::Yes } else { Applied::No };
    failed.meaning = error.meaning;
    failed.remote = error.remote;
    failed.causes = error.causes;
    failed.places = error.places;
    Ok(failed)
}
