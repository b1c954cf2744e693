//! One evaluation of a script: what its native functions share.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
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
use crate::strand::{self, Stopwatch, Strand};
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
    /// Counts the time in which the script works by itself.
    stopwatch: Stopwatch,
    /// The strand that the evaluation begins with.
    trunk: Arc<Strand>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A limit was reached. It stays: a sort, for instance, would swallow the error.
    over: Option<Diagnostic>,
    /// Where the script was stopped first.
    stopped_at: Option<Position>,
}

impl Running {
    pub(crate) fn new(
        cmdlets: Vec<&'static dyn AnyCmdlet>,
        parts: Option<Parts>,
        allowed: Allowed,
        limits: Limits,
        hold: Option<Hold>,
    ) -> Self {
        let branch = parts.as_ref().map(|parts| parts.branch.clone());
        let stopwatch = Stopwatch::default();
        stopwatch.start(parts.as_ref().map_or(0, now));
        Self {
            cmdlets,
            parts,
            allowed,
            limits,
            operations: AtomicU64::new(0),
            stopwatch,
            trunk: Arc::new(Strand::trunk(branch.unwrap_or_default(), hold)),
            state: Mutex::default(),
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
            && !parts.gate.is_replaying(self.strand().branch())
        {
            parts.gate.observer().observe(&Event::Said(text));
        }
    }

    /// Gives the hold on virtual time back when the evaluation is over.
    pub(crate) fn release(&self) -> Option<Hold> {
        self.trunk.take_hold()
    }

    /// The strand that this thread runs.
    pub(crate) fn strand(&self) -> Arc<Strand> {
        strand::here().unwrap_or_else(|| self.trunk.clone())
    }

    /// What cmdlets run with, where any may be called.
    pub(crate) fn parts(&self) -> Option<&Parts> {
        self.parts.as_ref()
    }

    /// Counts one more thread at work, and keeps virtual time still for it.
    pub(crate) fn begin_work(&self, parts: &Parts) -> Hold {
        self.stopwatch.start(now(parts));
        parts.hold()
    }

    /// Counts one thread less at work, and lets go of virtual time.
    pub(crate) fn end_work(&self, parts: &Parts, hold: Option<Hold>) {
        self.stopwatch.stop(now(parts));
        drop(hold);
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

    /// How many operations are left.
    pub(crate) fn left(&self) -> u64 {
        self.limits.operations.saturating_sub(self.operations.load(Ordering::Relaxed))
    }

    /// Counts work that Rhai does not see as operations.
    pub(crate) fn spend(&self, operations: u64) {
        let before = self.operations.fetch_add(operations, Ordering::Relaxed);
        self.look(before.saturating_add(operations));
    }

    fn look(&self, count: u64) {
        let message = if count > self.limits.operations {
            let limit = self.limits.operations;
            format!("The script runs for too long: more than {limit} operations")
        } else if self.parts.as_ref().is_some_and(|parts| {
            self.stopwatch.spent(now(parts))
                > i64::try_from(self.limits.script_time.as_millis()).unwrap_or(i64::MAX)
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

    /// Closes the latch: nothing more may be done.
    pub(crate) fn give_up(&self, mistake: &Diagnostic) {
        if let Some(parts) = &self.parts {
            parts.gate.latch().close(mistake);
        }
    }

    /// The error that ends the script at `at`, where it must stop.
    pub(crate) fn stop_at(&self, at: Position) -> Option<Box<EvalAltResult>> {
        self.stopped_by()?;
        self.state().stopped_at.get_or_insert(at);
        Some(Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, at)))
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
        if let Some(stopped) = self.stop_at(at) {
            return Err(stopped);
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
        let strand = self.strand();
        let call = async {
            // From here on the executor counts this thread as busy or waiting by itself.
            self.end_work(parts, strand.take_hold());
            let (gate, branch) = (&*parts.gate, strand.branch());
            let outcome = parts.surroundings.invoke(cmdlet, gate, branch, arguments).await;
            strand.keep_hold(self.begin_work(parts));
            outcome
        };
        let executor = &parts.surroundings.ports().executor;
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| executor.block_on(call)));
        outcome.unwrap_or_else(|panic| {
            strand.keep_hold(self.begin_work(parts));
            let mistake = panicked(&*panic);
            // What came of the call is not known, so nothing more may build on it.
            Err(match cmdlet.about().effect {
                Effect::Change(_) => {
                    parts.gate.suspend(mistake.applied(Applied::Unknown).repeat(Repeat::LookFirst))
                }
                Effect::Read => parts.gate.refuse(mistake),
            })
        })
    }

    /// Adds to a failure what happened after it: failed steps around it, a pause that stayed.
    pub(crate) fn complete(&self, mut failure: Diagnostic) -> Diagnostic {
        failure.causes.append(&mut self.trunk.aftermath());
        failure
    }
}

fn now(parts: &Parts) -> i64 {
    parts.surroundings.ports().clock.boot_time().millis
}
