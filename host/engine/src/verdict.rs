//! The exit code of a run.

use base::codes::Kind;
use base::{Code, Diagnostic, Result};
use effect::Gate;

/// The exit code of a run that ended like this, before anything is taken back. The latch has the last
/// word, whatever the script made of its errors.
pub fn verdict<T>(gate: &Gate, result: &Result<T>) -> u8 {
    let latched = gate.latch().reason();
    let failure = latched.as_ref().or(result.as_ref().err());
    match failure {
        None => 0,
        Some(failure) if gate.is_suspended() => suspended(failure, gate.changed(), gate.is_live()),
        Some(failure) => failed(failure, gate.intended(), gate.changed()),
    }
}

/// A run that stops where it is and can be taken up again: 4; where this attempt at it was refused
/// before it did anything, what the refusal says.
fn suspended(failure: &Diagnostic, changed: bool, live: bool) -> u8 {
    match failure.code.kind() {
        // Another process took over, or another state was put in its place: nobody knows here what
        // became of the run.
        _ if failure.code == Code::StateLostLock => {
            if changed {
                3
            } else {
                6
            }
        }
        _ if failure.code == Code::RunDiverged && !live => 2,
        Kind::Denied => 5,
        _ => 4,
    }
}

/// 1 failed and nothing is left; 2 refused before the first effect; 3 something is left; 5 denied;
/// 6 not available, retry later.
pub(crate) fn failed(failure: &Diagnostic, intended: bool, left: bool) -> u8 {
    match failure.code.kind() {
        Kind::Interrupted => 4,
        _ if left => 3,
        Kind::Denied => 5,
        Kind::Unavailable => 6,
        Kind::Internal => 1,
        _ if intended => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use base::Code;

    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_exit_code() {
        let of = |code: Code, intended: bool, left: bool| {
            failed(&Diagnostic::new(code, ""), intended, left)
        };
        // code, then: nothing begun; a step begun but nothing left; something left.
        for (code, expected) in [
            (Code::ScriptSyntax, [2, 1, 3]),
            (Code::ScriptFailed, [2, 1, 3]),
            (Code::PrerequisiteFailed, [2, 1, 3]),
            (Code::StateFolder, [2, 1, 3]),
            (Code::SignInRefused, [2, 1, 3]),
            (Code::EffectDenied, [5, 5, 3]),
            (Code::EffectNotConfirmed, [5, 5, 3]),
            (Code::RemoteUnreachable, [6, 6, 3]),
            (Code::StateLocked, [6, 6, 3]),
            (Code::RunInterrupted, [4, 4, 4]),
            (Code::Internal, [1, 1, 3]),
        ] {
            let found = [of(code, false, false), of(code, true, false), of(code, true, true)];
            assert_eq!(found, expected, "{code}");
        }
        let stopped = |code: Code| suspended(&Diagnostic::new(code, ""), true, false);
        assert_eq!(stopped(Code::StateLostLock), 3);
        assert_eq!(stopped(Code::JournalFailed), 4);
        assert_eq!(stopped(Code::RemoteUnreachable), 4);
        assert_eq!(stopped(Code::RunDiverged), 2);
    }
}
