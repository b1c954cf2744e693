//! Scripts: binding of cmdlets, limits, modules, checking, diagnostics, and runs.
//!
//! This is the only crate that knows Rhai. A script is found in a [`Library`], compiled and checked
//! by an [`Engine`] together with every module it imports, and run as a [`Script`] through the gate
//! of its run; a [`Session`] does the same for the lines of a prompt.

mod builtins;
mod bundled;
mod check;
mod combinators;
mod engine;
mod failure;
mod fault;
mod isolate;
mod jobs;
mod library;
mod limits;
mod machine;
mod parallel;
mod parameters;
mod program;
mod render;
mod resume;
mod run;
mod running;
mod scan;
mod script;
mod session;
mod source_map;
mod strand;
mod thread;
mod unwind;
mod value;
mod verdict;

pub use bundled::bundled;
pub use engine::Engine;
pub use jobs::JobRunner;
pub use library::{Embedded, FileKind, Library, Listed, Origin, Source};
pub use limits::Limits;
pub use parameters::{ParameterKind, ScriptHelp, ScriptParameter};
pub use render::render;
pub use resume::{Recorded, Way, resumable};
pub use run::{Attendance, Run, Start};
pub use script::{Finished, RunParts, Script};
pub use session::{Candidate, Completion, Input, Session};
pub use unwind::{is_undone, past_pivot};
pub use verdict::verdict;

#[cfg(test)]
mod tests;
