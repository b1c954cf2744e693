//! What a run offers its cmdlets.

use base::{Ports, Result, Timestamp};
use effect::{Event, OpenCall, Permit, StepIntent};
use futures::future::LocalBoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What a run offers its cmdlets. One per run.
pub struct Context {
    /// The ports of the world.
    pub ports: Ports,
}

/// Runs a connector's sync job that is a Rhai script. The engine implements it, because only the
/// engine knows Rhai.
pub trait ScriptJobs {
    /// Runs `main(p)` of the script at `path` with `parameters`. Its cmdlets may only read.
    fn run<'a>(&'a self, path: &'a str, parameters: Value) -> LocalBoxFuture<'a, Result<Value>>;
}

/// One call of a cmdlet, inside the gate.
pub struct Call<'a> {
    /// What the run offers.
    pub context: &'a Context,
    /// The open call.
    pub open: &'a OpenCall<'a>,
}

impl Call<'_> {
    /// The world's wall clock.
    pub fn now(&self) -> Timestamp {
        self.context.ports.clock.now()
    }

    /// Shows something to whoever watches the run.
    pub fn observe(&self, event: &Event<'_>) {
        self.open.gate().observer().observe(event);
    }

    /// Makes one external change. See [`OpenCall::step`].
    ///
    /// # Errors
    /// As [`OpenCall::step`].
    pub async fn step<T, L, A>(&self, intent: StepIntent, look: L, act: A) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        L: AsyncFn() -> Result<Option<T>>,
        A: AsyncFn(Permit<'_>) -> Result<T>,
    {
        self.open.step(intent, look, act).await
    }
}
