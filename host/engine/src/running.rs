//! One evaluation of a script: what its native functions share.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::clock::Hold;
use base::{Applied, Code, Diagnostic, Ports, Repeat, Result};
use cmdlets::{AnyCmdlet, Context};
use effect::{Branch, Circumstance, Effect, Event, Gate, Interrupt};
use futures::future::LocalBoxFuture;
use rhai::{Dynamic, EvalAltResult, Position};
use serde_json::Value;

use crate::failure::thrown;
use crate::limits::Limits;
use crate::script::RunParts;
use crate::thread::panicked;
use crate::value::from_json;

/// How many operations pass between two looks at the latch and the clock.
const LOOK: u64 = 1_024;

/// Which cmdlets an evaluation may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// All of them.
    All,
    /// Those that only look: a sync job.
    Reads,
    /// None: `params()`.
    Nothing,
}

/// What stands behind the cmdlets of a run: the context, or a double of it in this crate's tests.
pub(crate) trait Surroundings: Send + Sync {
    fn ports(&self) -> &Ports;

    fn invoke<'a>(
        &'a self,
        cmdlet: &'static dyn AnyCmdlet,
        gate: &'a Gate,
        branch: &'a Branch,
        arguments: Value,
    ) -> LocalBoxFuture<'a, Result<Value>>;
}

impl Surroundings for Context {
    fn ports(&self) -> &Ports {
        &self.ports
    }

    fn invoke<'a>(
        &'a self,
        cmdlet: &'static dyn AnyCmdlet,
        gate: &'a Gate,
        branch: &'a Branch,
        arguments: Value,
    ) -> LocalBoxFuture<'a, Result<Value>> {
        cmdlet.invoke(self, gate, branch, arguments, Circumstance::Asked)
    }
}

/// What one evaluation runs with.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) gate: Arc<Gate>,
    pub(crate) branch: Arc<Branch>,
    pub(crate) surroundings: Arc<dyn Surroundings>,
}

impl Parts {
    pub(crate) fn hold(&self) -> Hold {
        self.surroundings.ports().clock.hold()
    }
}

impl From<&RunParts> for Parts {
    fn from(parts: &RunParts) -> Self {
        let RunParts { gate, branch, context } = parts.clone();
        Self { gate, branch, surroundings: context }
    }
}

/// One evaluation of a script.
pub(crate) struct Running {
    cmdlets: Vec<&'static dyn AnyCmdlet>,
    parts: Option<Parts>,
    allowed: Allowed,
    limits: Limits,
    operations: AtomicU64,
    began: i64,
    /// Milliseconds that went by in cmdlets.
    waited: AtomicI64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Keeps virtual time still while the script works.
    hold: Option<Hold>,
    /// A limit was reached. It stays: a sort, for instance, would swallow the error.
    over: Option<Diagnostic>,
    /// Where the script was stopped first.
    stopped_at: Option<Position>,
    failed_steps: Vec<String>,
    aftermath: Vec<String>,
}

impl Running {
    pub(crate) fn new(
        cmdlets: Vec<&'static dyn AnyCmdlet>,
        parts: Option<Parts>,
        allowed: Allowed,
        limits: Limits,
        hold: Option<Hold>,
    ) -> Self {
        let began = parts.as_ref().map_or(0, now);
        Self {
            cmdlets,
            parts,
            allowed,
            limits,
            operations: AtomicU64::new(0),
            began,
            waited: AtomicI64::new(0),
            state: Mutex::new(State { hold, ..State::default() }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn cmdlet(&self, name: &str) -> Option<&'static dyn AnyCmdlet> {
        self.cmdlets.iter().copied().find(|cmdlet| cmdlet.about().name == name)
    }

    /// Shows what the script says, unless it said it before the run was interrupted.
    pub(crate) fn say(&self, text: &str) {
        if let Some(parts) = &self.parts
            && !parts.gate.is_replaying(&parts.branch)
        {
            parts.gate.observer().observe(&Event::Said(text));
        }
    }

    /// Gives the hold on virtual time back when the evaluation is over.
    pub(crate) fn release(&self) -> Option<Hold> {
        self.state().hold.take()
    }

    /// Called by Rhai at every operation. Answers a value where the script must stop.
    pub(crate) fn progress(&self) -> Option<Dynamic> {
        let count = self.operations.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(parts) = &self.parts
            && parts.gate.interrupt().is_requested()
        {
            if parts.gate.latch().reason().is_none() {
                parts.gate.suspend(Interrupt::diagnostic());
            }
            return Some(Dynamic::UNIT);
        }
        if count <= self.limits.operations && !count.is_multiple_of(LOOK) {
            return None;
        }
        self.look(count);
        self.stopped_by().map(|_| Dynamic::UNIT)
    }

    fn look(&self, count: u64) {
        let message = if count > self.limits.operations {
            let limit = self.limits.operations;
            format!("The script runs for too long: more than {limit} operations")
        } else if self.parts.as_ref().is_some_and(|parts| {
            let spent = now(parts) - self.began - self.waited.load(Ordering::Relaxed);
            spent > i64::try_from(self.limits.script_time.as_millis()).unwrap_or(i64::MAX)
        }) {
            let limit = self.limits.script_time.as_secs();
            format!(
                "The script runs for too long: more than {limit} s without waiting for anything"
            )
        } else {
            return;
        };
        let reason = Diagnostic::new(Code::ScriptLimit, message).next(
            "Look for a loop that does not end; heavy work belongs into a cmdlet or a program.",
        );
        self.state().over.get_or_insert(reason);
    }

    /// Why the evaluation must stop, if it must: the gate's latch, or a limit.
    pub(crate) fn stopped_by(&self) -> Option<Diagnostic> {
        let latched = self.parts.as_ref().and_then(|parts| parts.gate.latch().reason());
        latched.or_else(|| self.state().over.clone())
    }

    /// Where it was stopped first.
    pub(crate) fn stopped_at(&self) -> Option<Position> {
        self.state().stopped_at
    }

    /// Calls a cmdlet for the script.
    ///
    /// # Errors
    /// The cmdlet's failure as a map that a script can catch; a latched refusal as a termination,
    /// which it cannot.
    pub(crate) fn call(
        &self,
        name: &str,
        arguments: Value,
        at: Position,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let Some(cmdlet) = self.cmdlet(name) else {
            let message = format!("The cmdlet {name} is not available here");
            return Err(thrown(Diagnostic::new(Code::CmdletNotAllowed, message), at));
        };
        let outcome =
            self.permitted(cmdlet).and_then(|parts| self.invoke(cmdlet, parts, arguments));
        if self.stopped_by().is_some() {
            self.state().stopped_at.get_or_insert(at);
            return Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, at)));
        }
        outcome.and_then(|value| from_json(&value)).map_err(|error| thrown(error, at))
    }

    fn permitted(&self, cmdlet: &'static dyn AnyCmdlet) -> Result<&Parts> {
        let about = cmdlet.about();
        let refuse = |message: String| Err(Diagnostic::new(Code::CmdletNotAllowed, message));
        match (self.allowed, &self.parts, about.effect) {
            (Allowed::Nothing, ..) | (_, None, _) => refuse(format!(
                "{} was called in params(), where no cmdlet may be called",
                about.name
            )),
            (Allowed::Reads, Some(_), Effect::Change(_)) => {
                refuse(format!("{} was called in a sync job, which may only look", about.name))
            }
            (_, Some(parts), _) => Ok(parts),
        }
    }

    fn invoke(
        &self,
        cmdlet: &'static dyn AnyCmdlet,
        parts: &Parts,
        arguments: Value,
    ) -> Result<Value> {
        let began = now(parts);
        let clock = &parts.surroundings.ports().clock;
        let call = async {
            // From here on the executor counts this thread as busy or waiting by itself.
            drop(self.state().hold.take());
            let (gate, branch) = (&*parts.gate, &*parts.branch);
            let outcome = parts.surroundings.invoke(cmdlet, gate, branch, arguments).await;
            self.state().hold = Some(clock.hold());
            outcome
        };
        let executor = &parts.surroundings.ports().executor;
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| executor.block_on(call)));
        self.waited.fetch_add(now(parts) - began, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| {
            self.state().hold = Some(clock.hold());
            let mut mistake = panicked(&*panic);
            if matches!(cmdlet.about().effect, Effect::Change(_)) {
                mistake = mistake.applied(Applied::Unknown).repeat(Repeat::LookFirst);
            }
            // What came of the call is not known, so nothing more may build on it.
            Err(parts.gate.suspend(mistake))
        })
    }

    pub(crate) fn note_failed_step(&self, name: String) {
        self.state().failed_steps.push(name);
    }

    pub(crate) fn note_aftermath(&self, aftermath: String) {
        self.state().aftermath.push(aftermath);
    }

    /// Adds to a failure what happened after it: failed steps around it, a pause that stayed.
    pub(crate) fn complete(&self, mut failure: Diagnostic) -> Diagnostic {
        let mut state = self.state();
        let mut steps = std::mem::take(&mut state.failed_steps);
        steps.reverse();
        if !steps.is_empty() {
            failure.causes.push(format!("in the step: {}", steps.join(" › ")));
        }
        failure.causes.append(&mut state.aftermath);
        failure
    }
}

fn now(parts: &Parts) -> i64 {
    parts.surroundings.ports().clock.boot_time().millis
}
