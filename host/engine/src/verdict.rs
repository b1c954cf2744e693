//! The exit code of a run.

use base::codes::Kind;
use base::{Diagnostic, Result};
use effect::Gate;

/// The exit code of a run that ended like this. The latch has the last word, whatever the script
/// made of its errors.
pub fn verdict<T>(gate: &Gate, result: &Result<T>) -> u8 {
    let latched = gate.latch().reason();
    let failure = latched.as_ref().or(result.as_ref().err());
    failure.map_or(0, |failure| failed(failure, gate.intended(), gate.changed()))
}

/// 1 failed and nothing is left; 2 refused before the first effect; 3 something may be left to do
/// by hand; 4 interrupted; 5 denied; 6 not available, retry later.
pub(crate) fn failed(failure: &Diagnostic, intended: bool, changed: bool) -> u8 {
    match failure.code.kind() {
        Kind::Interrupted => 4,
        _ if changed => 3,
        Kind::Denied => 5,
        Kind::Unavailable => 6,
        Kind::Internal => 1,
        _ if intended => 1,
        _ => 2,
    }
}
