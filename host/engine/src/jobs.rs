//! Sync jobs that are Rhai scripts.

use std::sync::Arc;
use std::sync::{OnceLock, Weak};

use base::{Code, Diagnostic, Result};
use cmdlets::Context;
use cmdlets::context::ScriptJobs;
use effect::{Branch, Gate};
use futures::future::LocalBoxFuture;
use serde_json::Value;

use crate::engine::Engine;
use crate::script::RunParts;

/// Runs sync jobs that are Rhai scripts, for the cmdlets of one run.
///
/// It is made first, becomes part of the run's [`Context`], and is then bound to the run.
pub struct JobRunner {
    _engine: Engine,
    run: OnceLock<Bound>,
}

struct Bound {
    _gate: Arc<Gate>,
    _branch: Arc<Branch>,
    // The context holds the runner, so the runner must not hold the context.
    _context: Weak<Context>,
}

impl JobRunner {
    /// A runner that is not bound to a run yet.
    pub fn new(engine: Engine) -> Self {
        Self { _engine: engine, run: OnceLock::new() }
    }

    /// Binds the runner to the run it works for. Only the first call counts.
    pub fn bind(&self, parts: &RunParts) {
        self.run.get_or_init(|| Bound {
            _gate: parts.gate.clone(),
            _branch: parts.branch.clone(),
            _context: Arc::downgrade(&parts.context),
        });
    }
}

impl ScriptJobs for JobRunner {
    fn run<'a>(&'a self, _path: &'a str, _parameters: Value) -> LocalBoxFuture<'a, Result<Value>> {
        Box::pin(async { Err(Diagnostic::new(Code::Internal, "not written yet")) })
    }
}
