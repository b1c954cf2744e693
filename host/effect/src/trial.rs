//! Permits for the tests of crates whose methods ask for one, minted by a real gate over a journal
//! that keeps nothing. Only with the feature `trial`, which no program has.

use std::sync::{Arc, Mutex};

use base::{Clock, Result};
use futures::future::{BoxFuture, LocalBoxFuture};
use serde_json::Value;

use crate::{
    Approval, ApprovalRequest, Approver, Branch, Change, Circumstance, Effect, Entry, Gate,
    GateParts, Guard, Impact, Journal, NewCall, OpenCall, Permit, Recording, Removal,
    RemovalPermit, Replay, RunId, StepIntent, Target, Undo,
};

/// Keeps no record, refuses nobody, and takes every removal for harmless.
pub struct Anything;

impl Journal for Anything {
    fn commit<'a>(&'a self, _entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Approver for Anything {
    fn approve<'a>(&'a self, _request: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>> {
        Box::pin(std::future::ready(Ok(Approval::Granted)))
    }
}

impl Guard for Anything {
    fn judge<'a>(
        &'a self,
        _removal: &'a Removal,
        _circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What a gate of a test is made of; a test replaces what it is about.
pub fn parts(clock: Arc<dyn Clock>) -> GateParts {
    GateParts {
        run: RunId("run".to_owned()),
        journal: Arc::new(Anything),
        policy: Arc::new(crate::policy::DenyList::default()),
        approver: Arc::new(Anything),
        guard: Arc::new(Anything),
        observer: Arc::new(crate::observe::Silent),
        interrupt: Arc::default(),
        clock,
        attempt: 0,
    }
}

fn intent() -> StepIntent {
    StepIntent {
        name: "test".to_owned(),
        summary: "test".to_owned(),
        marker: Value::Null,
        undo: Undo::irreversible("a test"),
    }
}

async fn call(
    clock: Arc<dyn Clock>,
    body: impl AsyncFnOnce(&OpenCall<'_>) -> Result<()>,
) -> Result<()> {
    let gate = Gate::new(parts(clock), Recording::default());
    let change = Change { target: Target::Connector, action: "set", impact: Impact::Low };
    let call = NewCall {
        branch: &Branch::default(),
        cmdlet: "test",
        arguments: &Value::Null,
        effect: Effect::Change(change),
        replay: Replay::Recorded,
        subject: "test",
        circumstance: Circumstance::Asked,
    };
    let body = async |open: &OpenCall<'_>| body(open).await.map(|()| Value::Null);
    gate.call(call, body).await.map(drop)
}

/// Runs `act` as the one step of one call.
///
/// # Errors
/// What `act` answers.
#[expect(clippy::unwrap_used, reason = "this is for tests")]
pub async fn permitted<T>(
    clock: Arc<dyn Clock>,
    act: impl AsyncFn(Permit<'_>) -> Result<T>,
) -> Result<T> {
    let answer = Mutex::new(None);
    let acted = async |permit: Permit<'_>| {
        let value = act(permit).await?;
        *answer.lock().unwrap() = Some(value);
        Ok(())
    };
    call(clock, async |open| open.step(intent(), async || Ok(None), acted).await).await?;
    Ok(answer.into_inner().unwrap().unwrap())
}

/// Runs `act` as the one step of one call, which removes something.
///
/// # Errors
/// What `act` answers.
pub async fn permitted_removal(
    clock: Arc<dyn Clock>,
    removal: &Removal,
    act: impl AsyncFn(RemovalPermit<'_>) -> Result<()>,
) -> Result<()> {
    call(clock, async |open| open.remove(intent(), removal, async || Ok(None), act).await).await
}
