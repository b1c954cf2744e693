//! Sync jobs that are Rhai scripts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use base::clock::Hold;
use base::{Code, Diagnostic, Result};
use cmdlets::Context;
use cmdlets::context::ScriptJobs;
use effect::{Branch, Gate};
use futures::channel::oneshot;
use futures::future::LocalBoxFuture;
use serde_json::Value;

use crate::engine::Engine;
use crate::running::{Allowed, Parts, Surroundings};
use crate::script::{RunParts, Script};
use crate::strand;
use crate::thread::on_detached_thread;

/// Runs sync jobs that are Rhai scripts, for the cmdlets of one run.
///
/// It is made first, becomes part of the run's [`Context`], and is then bound to the run.
pub struct JobRunner {
    engine: Engine,
    run: OnceLock<Bound>,
    /// Each job has a branch of its own, below that of the script which started it. They are counted
    /// there, so that no two share one, and no count depends on how fast another branch is.
    jobs: Mutex<BTreeMap<String, u64>>,
}

struct Bound {
    gate: Arc<Gate>,
    branch: Arc<Branch>,
    // The context holds the runner, so the runner must not hold the context.
    surroundings: Weak<dyn Surroundings>,
}

impl JobRunner {
    /// A runner that is not bound to a run yet.
    pub fn new(engine: Engine) -> Self {
        Self { engine, run: OnceLock::new(), jobs: Mutex::default() }
    }

    /// Binds the runner to the run it works for. Only the first call counts.
    pub fn bind(&self, parts: &RunParts) {
        let context: Weak<Context> = Arc::downgrade(&parts.context);
        self.bind_to(parts.gate.clone(), parts.branch.clone(), context);
    }

    pub(crate) fn bind_to(
        &self,
        gate: Arc<Gate>,
        branch: Arc<Branch>,
        surroundings: Weak<dyn Surroundings>,
    ) {
        self.run.get_or_init(|| Bound { gate, branch, surroundings });
    }

    fn parts(&self) -> Result<Parts> {
        let bound = self.run.get();
        let surroundings = bound.and_then(|bound| bound.surroundings.upgrade());
        let (Some(bound), Some(surroundings)) = (bound, surroundings) else {
            return Err(Diagnostic::new(Code::Internal, "A sync job was started outside a run"));
        };
        let strand = strand::here();
        let start = strand.as_ref().map_or(&*bound.branch, |strand| strand.branch());
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let number = jobs.entry(start.path().to_owned()).or_insert(0);
        *number += 1;
        let branch = Arc::new(start.fork(&format!("sync job {number}")));
        Ok(Parts { gate: bound.gate.clone(), branch, surroundings })
    }

    /// Runs a job on this thread. The hold comes back, to be dropped once the answer is on its way.
    fn run_here(
        engine: &Engine,
        parts: &Parts,
        path: &str,
        parameters: Value,
        hold: Hold,
    ) -> (Result<Value>, Option<Hold>) {
        match engine.script_here(path) {
            Ok(script) => {
                let parameters = match declared(&script, parameters) {
                    Ok(parameters) => parameters,
                    Err(error) => return (Err(error), Some(hold)),
                };
                let (finished, hold) = script.run_here(parts, Allowed::Reads, parameters, hold);
                (finished.map(|finished| finished.value), hold)
            }
            Err(error) => (Err(error), Some(hold)),
        }
    }
}

/// Of what a cycle tells its job, what the job declares to take.
fn declared(script: &Script, told: Value) -> Result<Value> {
    let Value::Object(told) = told else { return Ok(told) };
    let known = script.help()?.parameters;
    let taken = |name: &String| known.iter().any(|parameter| parameter.name == *name);
    Ok(Value::Object(told.into_iter().filter(|(name, _)| taken(name)).collect()))
}

impl ScriptJobs for JobRunner {
    fn run<'a>(&'a self, path: &'a str, parameters: Value) -> LocalBoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let parts = self.parts()?;
            let (engine, path) = (self.engine.clone(), path.to_owned());
            let (answer, answered) = oneshot::channel();
            let hold = parts.hold();
            on_detached_thread(move || {
                let (result, hold) = Self::run_here(&engine, &parts, &path, parameters, hold);
                // Nobody waits any more where the run was interrupted.
                let _ = answer.send(result);
                drop(hold);
            })?;
            answered.await.unwrap_or_else(|_| {
                Err(Diagnostic::new(Code::Internal, "The sync job's script stopped by a mistake"))
            })
        })
    }
}
