//! Permits for this crate's own tests, minted by a real gate over a journal that keeps nothing.

use std::sync::Arc;

use base::{Ports, Result};
use effect::{
    Approval, ApprovalRequest, Approver, Branch, Change, Effect, Entry, Gate, GateParts, Impact,
    Journal, NewCall, Permit, RunId, StepIntent, Target, Undo,
};
use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

struct Nothing;

impl Journal for Nothing {
    fn commit<'a>(&'a self, _entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Approver for Nothing {
    fn approve<'a>(&'a self, _: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>> {
        Box::pin(std::future::ready(Ok(Approval::Refused)))
    }
}

/// Runs `act` as the one step of one call.
pub(crate) async fn permitted<T, A>(ports: &Ports, act: A) -> Result<T>
where
    T: Serialize + DeserializeOwned,
    A: AsyncFn(Permit<'_>) -> Result<T>,
{
    let gate = Gate::new(GateParts {
        run: RunId("test".to_owned()),
        journal: Arc::new(Nothing),
        policy: Arc::new(effect::policy::DenyList::default()),
        approver: Arc::new(Nothing),
        observer: Arc::new(effect::observe::Silent),
        interrupt: Arc::default(),
        clock: ports.clock.clone(),
    });
    let change = Change { target: Target::PrivateKey, action: "test", impact: Impact::Low };
    let call = NewCall {
        branch: &Branch::default(),
        cmdlet: "test",
        arguments: &serde_json::Value::Null,
        effect: Effect::Change(change),
        subject: "test",
    };
    let intent = StepIntent {
        name: "test".to_owned(),
        summary: "test".to_owned(),
        marker: serde_json::Value::Null,
        undo: Undo::irreversible("a test"),
    };
    let value = gate
        .call(call, async |open| {
            let value: T = open.step(intent.clone(), async || Ok(None), &act).await?;
            Ok(serde_json::to_value(value).expect("a test's value is JSON"))
        })
        .await?;
    Ok(serde_json::from_value(value).expect("a test's value is JSON"))
}
