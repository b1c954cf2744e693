//! The functions that take functions: a closed list. Cmdlets never do.

use std::any::TypeId;
use std::sync::Arc;

use base::{Code, Diagnostic};
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext};
use serde_json::Value;

use crate::failure::{original, thrown};
use crate::parallel::parallel;
use crate::running::Running;
use crate::value::to_json;

type Outcome = Result<Dynamic, Box<EvalAltResult>>;

/// One of them.
pub(crate) struct Combinator {
    pub(crate) name: &'static str,
    /// The numbers of arguments it takes.
    pub(crate) arguments: &'static [usize],
    /// How it is written, for completion and help.
    pub(crate) form: &'static str,
    pub(crate) summary: &'static str,
    /// The cmdlet that its first argument is for.
    pub(crate) cmdlet: Option<&'static str>,
}

/// All of them.
pub(crate) const ALL: &[Combinator] = &[
    Combinator {
        name: PARALLEL,
        arguments: &[2, 3],
        form: "parallel([…], |item| { … })",
        summary: "Run a function for each item of a list, several at a time, and list what they return",
        cmdlet: None,
    },
    Combinator {
        name: "paused",
        arguments: &[2],
        form: "paused(#{ connector: …, reason: … }, || { … })",
        summary: "Run something while a connector's scheduler is paused, and resume it in any case",
        cmdlet: Some(PAUSE),
    },
    Combinator {
        name: "step",
        arguments: &[2],
        form: "step(\"…\", || { … })",
        summary: "Name a part of a script, for those who watch it and for its errors",
        cmdlet: None,
    },
];

/// The one that runs its function on several threads.
pub(crate) const PARALLEL: &str = "parallel";

const PAUSE: &str = "pause_scheduler";
const RESUME: &str = "resume_scheduler";

/// The combinator of that name.
pub(crate) fn find(name: &str) -> Option<&'static Combinator> {
    ALL.iter().find(|combinator| combinator.name == name)
}

/// Gives them to an engine.
pub(crate) fn register(engine: &mut rhai::Engine, running: &Arc<Running>) {
    let (map, text) = (TypeId::of::<Map>(), TypeId::of::<ImmutableString>());
    let function = TypeId::of::<FnPtr>();
    let with = running.clone();
    engine.register_raw_fn("paused", [map, function], move |context, arguments| {
        let settings = arguments[0].clone();
        paused(&with, &context, &settings, &function_of(arguments[1], &context)?)
    });
    let list = TypeId::of::<Array>();
    let with = running.clone();
    engine.register_raw_fn(PARALLEL, [list, function], move |context, arguments| {
        let body = function_of(arguments[1], &context)?;
        parallel(&with, &context, arguments[0], None, &body)
    });
    let with = running.clone();
    engine.register_raw_fn(PARALLEL, [list, map, function], move |context, arguments| {
        let body = function_of(arguments[2], &context)?;
        parallel(&with, &context, arguments[0], Some(&*arguments[1]), &body)
    });
    let with = running.clone();
    engine.register_raw_fn("step", [text, function], move |context, arguments| {
        let name = arguments[0].to_string();
        step(&with, &context, name, &function_of(arguments[1], &context)?)
    });
}

fn function_of(
    argument: &Dynamic,
    context: &NativeCallContext<'_>,
) -> Result<FnPtr, Box<EvalAltResult>> {
    argument.clone().try_cast().ok_or_else(|| {
        // Rhai has matched the types; this is for the compiler.
        let message = "Here must be a function".to_owned();
        thrown(Diagnostic::new(Code::ScriptFailed, message), context.call_position())
    })
}

/// Pauses, runs the body, and resumes however the body ended: with an error, with `exit`, or
/// interrupted. The first failure is the one that is told.
fn paused(
    running: &Running,
    context: &NativeCallContext<'_>,
    settings: &Dynamic,
    body: &FnPtr,
) -> Outcome {
    let at = context.call_position();
    let settings =
        to_json(settings, "The settings of a pause").map_err(|error| thrown(error, at))?;
    let _lease = running.call(PAUSE, settings.clone(), at)?;
    let outcome = body.call_within_context::<Dynamic>(context, ());
    let resumed = running.call(RESUME, shared_parameters(running, &settings), at);
    match (outcome, resumed) {
        (outcome, Ok(_)) => outcome,
        (Ok(_), Err(failed)) => Err(failed),
        (Err(first), Err(failed)) => {
            // Once the latch is closed nothing passes the gate, and the end of the run releases
            // the pause; that is nothing to tell.
            if running.stopped_by().is_none() {
                running.strand().note_aftermath(aftermath(&failed, &settings));
            }
            Err(first)
        }
    }
}

/// Of the settings of a pause those that resuming takes as well: the connector.
fn shared_parameters(running: &Running, settings: &Value) -> Value {
    let taken = running.cmdlet(RESUME).map(|cmdlet| cmdlet.parameters()).unwrap_or_default();
    let given = settings.as_object().into_iter().flatten();
    let shared = given.filter(|(name, _)| taken.iter().any(|parameter| parameter.name == **name));
    Value::Object(shared.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// What is to be said of a scheduler that could not be resumed after something else had failed.
fn aftermath(failed: &EvalAltResult, settings: &Value) -> String {
    let reason = match failed {
        EvalAltResult::ErrorRuntime(value, _) => {
            original(value).map(|failure| failure.diagnostic.message.clone())
        }
        _ => None,
    };
    let connector = settings.get("connector").and_then(Value::as_str).unwrap_or_default();
    let reason = reason.unwrap_or_else(|| failed.to_string());
    format!(
        "the scheduler of '{connector}' was not resumed: {reason}; its pause ends with this run"
    )
}

/// Names a part of the script.
fn step(running: &Running, context: &NativeCallContext<'_>, name: String, body: &FnPtr) -> Outcome {
    running.say(&name);
    let outcome = body.call_within_context::<Dynamic>(context, ());
    if outcome.as_ref().is_err_and(|error| !error.is_pseudo_error()) {
        running.strand().note_failed_step(name);
    }
    outcome
}
