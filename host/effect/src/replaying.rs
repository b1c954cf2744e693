//! How a gate gives recorded outcomes back.

use std::sync::PoisonError;

use base::{Diagnostic, Result};
use serde_json::Value;

use crate::call::{Branch, NewCall};
use crate::gate::Gate;
use crate::journal::{CallKey, Outcome};
use crate::observe::Event;
use crate::replay::{RecordedCall, Replay, Standing, diverged};

impl Gate {
    /// Whether the next call of a branch was made and ended before: until then the script says
    /// nothing that it said already.
    pub fn is_replaying(&self, branch: &Branch) -> bool {
        self.recording.is_replaying(branch.path(), branch.made())
    }

    /// Has everything established again by `establish` that recorded calls established, oldest first,
    /// before anything new is done. A branch waits while another one does it.
    ///
    /// # Errors
    /// What `establish` answers.
    pub async fn establish_standing(
        &self,
        establish: impl AsyncFn(Standing) -> Result<()>,
    ) -> Result<()> {
        let _turn = self.establishing.lock().await;
        for standing in self.take_standing() {
            establish(standing).await?;
        }
        Ok(())
    }

    fn take_standing(&self) -> Vec<Standing> {
        std::mem::take(&mut *self.standing.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has something established again, before the next call is made.
    pub fn stand_again(&self, standing: Vec<Standing>) {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).extend(standing);
    }

    /// Makes sure that the script made every call again that was recorded.
    ///
    /// # Errors
    /// [`Code::RunDiverged`], latched; the run can be taken up again.
    pub fn finish_replay(&self) -> Result<()> {
        match self.recording.left_out(None) {
            Some(call) if self.latch().reason().is_none() => Err(self.left_out(call, None)),
            _ => Ok(()),
        }
    }

    pub(crate) fn left_out(
        &self,
        recorded: &RecordedCall,
        actual: Option<(&str, &Value)>,
    ) -> Diagnostic {
        let told = Some((recorded.cmdlet.as_str(), &recorded.arguments));
        self.suspend(diverged(&recorded.key, told, actual, self.is_live()))
    }

    /// Gives a recorded outcome back.
    pub(crate) fn replayed(
        &self,
        key: &CallKey,
        call: &NewCall<'_>,
        outcome: &Outcome,
    ) -> Result<Value> {
        self.observe(&Event::CallReplayed { key, cmdlet: call.cmdlet });
        let value = match outcome {
            Outcome::Done(value) => value.clone(),
            Outcome::Failed(error) => return Err(error.clone()),
        };
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Standing {
            cmdlet: call.cmdlet.to_owned(),
            arguments: call.arguments.clone(),
            subject: call.subject.to_owned(),
            branch: key.branch.clone(),
        };
        match call.replay {
            Replay::Recorded => {}
            Replay::Standing => standing.push(new()),
            Replay::Ends(begun) => {
                // A sign-in is the run's, a pause its branch's.
                let is_ended = |known: &Standing| {
                    known.cmdlet == begun
                        && known.subject == call.subject
                        && (known.branch == key.branch || call.subject.is_empty())
                };
                match standing.iter().rposition(is_ended) {
                    Some(at) => drop(standing.remove(at)),
                    // Another branch went on meanwhile, and had it established again: it must end.
                    None => standing.push(new()),
                }
            }
        }
        Ok(value)
    }
}
