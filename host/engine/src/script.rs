//! A compiled script and its run.

use std::sync::Arc;

use base::{Code, Diagnostic, Result};
use cmdlets::Context;
use effect::{Branch, Gate};
use serde_json::Value;

use crate::library::Source;
use crate::parameters::ScriptHelp;

/// What one evaluation runs with. The constructor of a run makes it.
#[derive(Clone)]
pub struct RunParts {
    /// The gate of the run.
    pub gate: Arc<Gate>,
    /// The branch that its calls belong to.
    pub branch: Arc<Branch>,
    /// What the run offers its cmdlets.
    pub context: Arc<Context>,
}

/// A run that ended well.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// What `main` returned.
    pub value: Value,
}

/// A script, compiled and checked with every module it imports.
pub struct Script;

impl Script {
    /// The script and every module it imports, in the order of their first import: what a journal
    /// keeps with a run.
    pub fn sources(&self) -> &[Source] {
        &[]
    }

    /// Its header and its parameters, from `params()`.
    ///
    /// # Errors
    /// [`Code::ScriptRule`] for a wrong declaration, [`Code::CmdletNotAllowed`], and whatever
    /// `params()` throws.
    pub fn help(&self) -> Result<ScriptHelp> {
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }

    /// Turns `name=value` texts of a command line into the parameters of [`Script::run`].
    ///
    /// # Errors
    /// [`Code::ScriptParameter`], and as [`Script::help`].
    pub fn parameters(&self, _given: &[(String, String)]) -> Result<Value> {
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }

    /// Runs `main(p)` on a thread of its own and waits for it. `parameters` is a map; what it leaves
    /// out gets its default. The thread that calls must not be one that drives futures.
    ///
    /// # Errors
    /// The latched refusal of the gate, what a cmdlet or the script failed with, or
    /// [`Code::ScriptParameter`].
    pub fn run(&self, _parts: &RunParts, _parameters: Value) -> Result<Finished> {
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }
}
