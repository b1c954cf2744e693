//! A prompt: lines that are evaluated one by one.

use base::{Code, Diagnostic, Result};
use serde_json::Value;

use crate::engine::Engine;
use crate::script::RunParts;

/// Whether a line can be evaluated as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It can; its errors, if any, come from [`Session::evaluate`].
    Complete,
    /// More lines must follow.
    Incomplete,
}

/// One thing that could stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is inserted.
    pub text: String,
    /// What it is, in a few words.
    pub help: String,
}

/// What could stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The byte of the line from which on the text is replaced.
    pub start: usize,
    /// The candidates, sorted.
    pub candidates: Vec<Candidate>,
}

/// A prompt's session: functions, imports and variables of earlier lines stay, also after errors
/// and interruptions.
pub struct Session {
    _engine: Engine,
}

impl Session {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { _engine: engine }
    }

    /// Whether `text` can be evaluated as it stands.
    pub fn input(&self, _text: &str) -> Input {
        Input::Complete
    }

    /// Whether evaluating `text` may change something outside: it calls a changing cmdlet, a
    /// combinator, or a function that may.
    pub fn may_change(&self, _text: &str) -> bool {
        true
    }

    /// Evaluates a line and gives its value.
    ///
    /// # Errors
    /// As [`crate::Engine::compile`] and [`crate::Script::run`].
    pub fn evaluate(&mut self, _text: &str, _parts: &RunParts) -> Result<Value> {
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }

    /// What could stand at byte `cursor` of `text`.
    pub fn complete(&self, _text: &str, _cursor: usize) -> Completion {
        Completion::default()
    }

    /// The variables, in the order of their definition. What is no data is shown as a text in
    /// angle brackets.
    pub fn variables(&self) -> Vec<(String, Value)> {
        Vec::new()
    }
}
