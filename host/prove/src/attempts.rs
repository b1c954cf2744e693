//! Taking runs up again that were interrupted.

use base::{Code, Diagnostic, Result};
use effect::RunId;
use engine::{Recorded, Start, Way, resumable};
use serde_json::Value;
use state::RunStatus;

use crate::host::{Ended, Host};

/// How often taking back is tried.
const ATTEMPTS: usize = 3;

/// How a run is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// With its script as it is now.
    Edited,
    /// With its script as it was.
    Recorded,
    /// What it did is taken back.
    Unwind,
}

impl Host {
    /// The latest run of `script` that can be gone on with, and whether that is to take it back.
    ///
    /// # Errors
    /// As the database says.
    pub fn interrupted(&self, script: &str) -> Result<Option<(RunId, Attempt)>> {
        let runs = self.ports.executor.block_on(self.store.find_runs(100))?;
        let stopped = runs.into_iter().filter(|run| run.script == script).find_map(|run| {
            let attempt = match run.status {
                RunStatus::Interrupted => Attempt::Edited,
                RunStatus::Unwinding | RunStatus::Unfinished => Attempt::Unwind,
                _ => return None,
            };
            Some((RunId(run.id), attempt))
        });
        Ok(stopped)
    }

    /// Takes a run up again. One whose steps are being taken back goes on with that.
    pub fn resume(&self, id: &RunId, attempt: Attempt) -> Ended {
        self.attended(|| self.taken_up(id, attempt))
    }

    /// Goes on with the run of `script` that stopped until nothing of it is left, as far as that is
    /// done in some attempts. The answer ends well where it is.
    pub fn take_back(&self, script: &str) -> Ended {
        let mut last = Ended::refused(Diagnostic::new(Code::RunUnknown, "There is no such run"));
        for _ in 0..ATTEMPTS {
            match self.interrupted(script) {
                Ok(Some((id, _))) => last = self.resume(&id, Attempt::Unwind),
                Ok(None) => return Ended { result: Ok(Value::Null), exit_code: 0, ..last },
                Err(error) => return Ended::refused(error),
            }
        }
        last
    }

    /// Goes on with the run of `script` that was interrupted, and nothing else. Where it is to be taken
    /// back, that is done and the script is run anew; where there is none, it is run.
    pub fn recover(&self, script: &str, given: &[(&str, &str)]) -> Ended {
        match self.interrupted(script) {
            Ok(Some((id, Attempt::Unwind))) => {
                let back = self.resume(&id, Attempt::Unwind);
                let is_undone = matches!(&back.result, Err(error) if error.left.is_empty());
                if is_undone { self.run(script, given) } else { back }
            }
            Ok(Some((id, attempt))) => self.resume(&id, attempt),
            Ok(None) => self.run(script, given),
            Err(error) => Ended::refused(error),
        }
    }

    fn taken_up(&self, id: &RunId, attempt: Attempt) -> Ended {
        let begun = self.ports.executor.block_on(self.store.find_run(id));
        let unwinding = matches!(&begun, Ok(Some(run)) if run.status == RunStatus::Unwinding);
        if attempt == Attempt::Unwind || unwinding {
            let asked = Diagnostic::new(Code::EffectUnfinished, "The run was not taken back");
            return self.carry_out(Start::Unwound { id }, |_| Err(asked));
        }
        let compiled = (|| {
            let run = self.ports.executor.block_on(resumable(&self.store, id, Way::Forward))?;
            let script = match attempt {
                Attempt::Recorded => {
                    self.recorded(id)?.script(self.ports.disk.clone(), &run.script)?
                }
                _ => self.current(id, &run.script)?,
            };
            Ok((run, script))
        })();
        let (run, script) = match compiled {
            Ok(compiled) => compiled,
            Err(error) => return Ended::refused(error),
        };
        let start = Start::Resumed { id, sources: script.sources() };
        self.carry_out(start, |begun| {
            script.run(begun.parts(), run.parameters.clone()).map(|finished| finished.value)
        })
    }

    /// The script as it is found now; one that was given as text is what it was.
    fn current(&self, id: &RunId, name: &str) -> Result<engine::Script> {
        match self.engine.script(name) {
            Err(error) if error.code == Code::ScriptUnknown => {
                self.recorded(id)?.script(self.ports.disk.clone(), name)
            }
            found => found,
        }
    }

    fn recorded(&self, id: &RunId) -> Result<Recorded> {
        let kept = self.ports.executor.block_on(Recorded::of(&self.store, id))?;
        kept.ok_or_else(|| Diagnostic::new(Code::RunEnded, format!("Run {id} ran no script")))
    }
}
