//! The parameters that a script declares in `params()`.

use serde_json::Value;

/// What a script's parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Bool,
    /// A list of texts; on the command line separated by commas.
    List,
}

/// One parameter of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptParameter {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ParameterKind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is where it is not given; none also where it is optional without a default.
    pub default: Option<Value>,
    /// The values it may have; empty where any will do.
    pub one_of: Vec<Value>,
    /// What it is for.
    pub help: String,
}

/// What a script says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptHelp {
    /// Its name.
    pub name: String,
    /// Its `//!` header, without the marks.
    pub header: String,
    /// Its parameters, sorted by name.
    pub parameters: Vec<ScriptParameter>,
}
