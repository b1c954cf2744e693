//! A compiled script and its run.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use base::clock::Hold;
use base::{Diagnostic, Result};
use cmdlets::Context;
use effect::{Branch, Gate};
use rhai::{AST, CallFnOptions, Dynamic, EvalAltResult, FuncArgs, Scope};
use serde_json::Value;

use crate::engine::Engine;
use crate::fault;
use crate::library::{Source, header};
use crate::machine;
use crate::parameters::{self, ScriptHelp};
use crate::program::Program;
use crate::running::{Allowed, Parts, Running};
use crate::source_map::SourceMap;
use crate::thread::on_script_thread;
use crate::value::{from_json, to_json};

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
pub struct Script {
    engine: Engine,
    program: Program,
    help: OnceLock<Result<ScriptHelp>>,
}

impl Script {
    pub(crate) fn new(engine: Engine, program: Program) -> Self {
        Self { engine, program, help: OnceLock::new() }
    }

    /// Its name, as diagnostics show it.
    pub fn name(&self) -> &str {
        &self.program.entry.source.name
    }

    /// The script and every module it imports, in the order of their first import: what a journal
    /// keeps with a run.
    pub fn sources(&self) -> &[Source] {
        &self.program.sources
    }

    /// Its header and its parameters, from `params()`.
    ///
    /// # Errors
    /// [`base::Code::ScriptRule`] for a wrong declaration, [`base::Code::CmdletNotAllowed`], and
    /// whatever `params()` throws.
    pub fn help(&self) -> Result<ScriptHelp> {
        let made = self.help.get_or_init(|| on_script_thread(|| self.declared())?);
        made.clone()
    }

    /// Turns `name=value` texts of a command line into the parameters of [`Script::run`].
    ///
    /// # Errors
    /// [`base::Code::ScriptParameter`], and as [`Script::help`].
    pub fn parameters(&self, given: &[(String, String)]) -> Result<Value> {
        parameters::from_texts(&self.help()?, given)
    }

    /// Runs `main(p)` on a thread of its own and waits for it. `parameters` is a map; what it leaves
    /// out gets its default. The thread that calls must not be one that drives futures.
    ///
    /// # Errors
    /// The latched refusal of the gate, what a cmdlet or the script failed with, or
    /// [`base::Code::ScriptParameter`].
    pub fn run(&self, parts: &RunParts, parameters: Value) -> Result<Finished> {
        self.run_with(&Parts::from(parts), parameters)
    }

    pub(crate) fn run_with(&self, parts: &Parts, parameters: Value) -> Result<Finished> {
        let hold = parts.hold();
        on_script_thread(|| self.run_here(parts, Allowed::All, parameters, hold).0)?
    }

    /// Runs on this thread, and gives the hold on virtual time back with the result.
    pub(crate) fn run_here(
        &self,
        parts: &Parts,
        allowed: Allowed,
        parameters: Value,
        hold: Hold,
    ) -> (Result<Finished>, Option<Hold>) {
        let parameters = self.help().and_then(|help| parameters::complete(&help, parameters));
        let parameters = match parameters {
            Ok(parameters) => parameters,
            Err(error) => return (Err(error), Some(hold)),
        };
        let running = self.running(Some(parts.clone()), allowed, Some(hold));
        let value = from_json(&parameters).and_then(|p| self.call_main(&running, p));
        (value.map(|value| Finished { value }), running.release())
    }

    fn call_main(&self, running: &Arc<Running>, parameters: Dynamic) -> Result<Value> {
        let ast = &self.program.entry.ast;
        let takes_none = ast
            .iter_functions()
            .any(|function| function.name == "main" && function.params.is_empty());
        let outcome = if takes_none {
            self.call(running, "main", ())
        } else {
            self.call(running, "main", (parameters,))
        };
        settle(running, &self.program.map, outcome)
            .and_then(|value| to_json(&value, "What main returns"))
    }

    fn declared(&self) -> Result<ScriptHelp> {
        let entry = &self.program.entry;
        let mut declared = BTreeMap::new();
        if entry.ast.iter_functions().any(|function| function.name == "params") {
            let running = self.running(None, Allowed::Nothing, None);
            let outcome = self.call(&running, "params", ());
            let value = settle(&running, &self.program.map, outcome)?;
            declared = parameters::declared(&to_json(&value, "What params returns")?)?;
        }
        Ok(ScriptHelp {
            name: entry.source.name.clone(),
            header: header(&entry.source.text),
            parameters: declared.into_values().collect(),
        })
    }

    fn running(&self, parts: Option<Parts>, allowed: Allowed, hold: Option<Hold>) -> Arc<Running> {
        let shared = &self.engine.0;
        Arc::new(Running::new(shared.cmdlets.clone(), parts, allowed, shared.limits.clone(), hold))
    }

    fn call(
        &self,
        running: &Arc<Running>,
        function: &str,
        arguments: impl FuncArgs,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let engine = machine::build(&self.engine.0, running, &self.program.modules);
        let ast: &AST = &self.program.entry.ast;
        let (options, scope) = (CallFnOptions::default(), &mut Scope::new());
        engine.call_fn_with_options(options, scope, ast, function, arguments)
    }
}

/// What came of an evaluation. The latch and the limits have the last word: a script can swallow an
/// error, but not them.
pub(crate) fn settle(
    running: &Running,
    map: &SourceMap,
    outcome: Result<Dynamic, Box<EvalAltResult>>,
) -> Result<Dynamic> {
    let failure: Diagnostic = match (running.stopped_by(), outcome) {
        (None, Ok(value)) => return Ok(value),
        (None, Err(error)) => fault::of_run(&error, map),
        (Some(mut reason), outcome) => {
            if reason.places.is_empty() {
                let ended = outcome.err().map(|error| error.position());
                reason.places = fault::places(running.stopped_at().into_iter().chain(ended), map);
            }
            reason
        }
    };
    Err(running.complete(failure))
}
