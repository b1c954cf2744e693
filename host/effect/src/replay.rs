//! What a run did before it was interrupted, for going on with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Applied, Code, Diagnostic, Repeat};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{CallKey, Entry, Outcome, StepIntent, StepKey};

/// What a resumed run does with a recorded call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The recorded outcome is returned.
    Recorded,
    /// The recorded outcome is returned; and what it established lives in the process, not in the
    /// record, so it is established again before anything new is done: a sign-in, a lease.
    Standing,
    /// The recorded outcome is returned; and what the named cmdlet established for the same subject
    /// stands no longer: where it was established again already, it is ended again too.
    Ends(&'static str),
}

/// A step that a run began before.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedStep {
    /// Its place.
    pub key: StepKey,
    /// What it was to be.
    pub intent: StepIntent,
    /// How it ended; none where that is not known.
    pub outcome: Option<Outcome>,
    /// Its place among all steps of the run.
    pub order: usize,
}

impl RecordedStep {
    /// Whether it may have changed something: it was done, it was done in part, or nobody knows.
    pub fn may_stand(&self) -> bool {
        match &self.outcome {
            Some(Outcome::Failed(failed)) => failed.applied != Applied::No,
            Some(Outcome::Done(_)) | None => true,
        }
    }

    /// Whether it failed.
    pub fn is_failed(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Failed(_)))
    }
}

/// A call that a run made before.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedCall {
    /// Its place.
    pub key: CallKey,
    /// The cmdlet.
    pub cmdlet: String,
    /// Its arguments as given.
    pub arguments: Value,
    /// The capability it used; none for a read.
    pub capability: Option<String>,
    /// How it ended; none where it was pending.
    pub outcome: Option<Outcome>,
    /// What it chose beforehand.
    pub choices: BTreeMap<String, Value>,
    /// Its steps, in their order.
    pub steps: Vec<RecordedStep>,
}

/// Something that an earlier call established and that must be established again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The cmdlet.
    pub cmdlet: String,
    /// Its arguments as given.
    pub arguments: Value,
    /// What it is about: the connector's name.
    pub subject: String,
    /// The branch that it was called in.
    pub branch: String,
}

/// The records of a run, as they were when this process took it over. A new run has none.
#[derive(Debug, Default)]
pub struct Recording {
    branches: BTreeMap<String, Vec<RecordedCall>>,
    consumed: Mutex<BTreeSet<CallKey>>,
    /// Steps in the order of their intents.
    steps: usize,
}

impl Recording {
    /// The recording that these records are, in the order in which they were written.
    pub fn of(entries: Vec<Entry>) -> Self {
        let mut recording = Self::default();
        for entry in entries {
            recording.add(entry);
        }
        for calls in recording.branches.values_mut() {
            calls.sort_by_key(|call| call.key.sequence);
        }
        recording
    }

    fn add(&mut self, entry: Entry) {
        let order = self.steps;
        let calls = self.branches.entry(entry.call().branch.clone()).or_default();
        if let Entry::CallBegan { key, cmdlet, arguments, capability, .. } = entry {
            let (outcome, choices, steps) = (None, BTreeMap::new(), Vec::new());
            calls.push(RecordedCall {
                key,
                cmdlet,
                arguments,
                capability,
                outcome,
                choices,
                steps,
            });
            return;
        }
        let sequence = entry.call().sequence;
        let Some(call) = calls.iter_mut().rfind(|call| call.key.sequence == sequence) else {
            return;
        };
        match entry {
            Entry::CallBegan { .. } => {}
            Entry::CallEnded { outcome, .. } => call.outcome = Some(outcome),
            Entry::Chosen { name, value, .. } => {
                call.choices.insert(name, value);
            }
            Entry::StepIntended { key, intent, .. } => {
                call.steps.push(RecordedStep { key, intent, outcome: None, order });
                self.steps += 1;
            }
            Entry::StepEnded { key, outcome, .. } => {
                let ended = call.steps.iter_mut().find(|step| step.key == key);
                if let Some(step) = ended {
                    step.outcome = Some(outcome);
                }
            }
        }
    }

    /// Every call, branch by branch.
    pub fn calls(&self) -> impl Iterator<Item = &RecordedCall> {
        self.branches.values().flatten()
    }

    /// The calls of one branch, in their order.
    pub fn branch(&self, path: &str) -> &[RecordedCall] {
        self.branches.get(path).map_or(&[], Vec::as_slice)
    }

    /// The steps of the script itself that may stand, in the order of their intents: not those of
    /// side branches.
    pub fn standing_steps(&self) -> Vec<&RecordedStep> {
        let own = self.calls().filter(|call| !is_aside(&call.key.branch));
        let mut steps: Vec<_> =
            own.flat_map(|call| &call.steps).filter(|step| step.may_stand()).collect();
        steps.sort_by_key(|step| step.order);
        steps
    }

    /// The recorded call of that place, which counts as consumed from now on.
    pub(crate) fn consume(&self, key: &CallKey) -> Option<&RecordedCall> {
        let found = self.at(&key.branch, key.sequence)?;
        self.lock().insert(key.clone());
        Some(found)
    }

    fn at(&self, branch: &str, sequence: u64) -> Option<&RecordedCall> {
        let calls = self.branch(branch);
        let place = calls.binary_search_by_key(&sequence, |call| call.key.sequence).ok()?;
        calls.get(place)
    }

    /// Whether the next call of a branch was ended before.
    pub(crate) fn is_replaying(&self, branch: &str, made: u64) -> bool {
        self.at(branch, made + 1).is_some_and(|call| call.outcome.is_some())
    }

    /// The first recorded call that the script did not make again: of a branch below `branch`, or
    /// of any where that is none.
    pub(crate) fn left_out(&self, branch: Option<&str>) -> Option<&RecordedCall> {
        let consumed = self.lock();
        self.calls().find(|call| {
            let path = &call.key.branch;
            let below = branch.is_none_or(|branch| {
                path != branch && (branch.is_empty() || path.starts_with(&format!("{branch}/")))
            });
            below && !is_aside(path) && !consumed.contains(&call.key)
        })
    }

    /// A recorded call that a branch's ancestor made after the branch had ended, where there is one: such
    /// a branch makes no new call.
    pub(crate) fn made_after(&self, branch: &str) -> Option<&RecordedCall> {
        let consumed = self.lock();
        self.calls().find(|call| {
            let path = &call.key.branch;
            let above =
                path != branch && (path.is_empty() || branch.starts_with(&format!("{path}/")));
            above && !is_aside(path) && !consumed.contains(&call.key)
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<CallKey>> {
        self.consumed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What separates a side branch from the call that it belongs to.
pub(crate) const ASIDE: char = '~';

/// Whether a branch is not the script's own: the reads of a sync job, an undo. Such branches are
/// not replayed; they belong to the body of a call.
pub fn is_aside(branch: &str) -> bool {
    branch.contains(ASIDE)
}

/// The refusal of a script that does not do what is recorded.
pub(crate) fn diverged(
    key: &CallKey,
    recorded: Option<(&str, &Value)>,
    actual: Option<(&str, &Value)>,
    is_live: bool,
) -> Diagnostic {
    let place = if key.branch.is_empty() {
        format!("call {}", key.sequence)
    } else {
        format!("call {} of the branch '{}'", key.sequence, key.branch)
    };
    let shown = |call: Option<(&str, &Value)>, none: &str| match call {
        Some((cmdlet, arguments)) => format!("{cmdlet}({})", shortened(arguments)),
        None => none.to_owned(),
    };
    let run = &key.run;
    Diagnostic::new(
        Code::RunDiverged,
        format!("The script does not do what run {run} recorded, at {place}"),
    )
    .meaning(if is_live {
        "Script or modules were edited since, in a part that was run already. Another branch went on \
         before this was seen; what it did is recorded."
    } else {
        "Script or modules were edited since, in a part that was run already. Nothing was changed \
         by this attempt."
    })
    .repeat(Repeat::Safe)
    .cause(format!("recorded: {}", shown(recorded, "(nothing more)")))
    .cause(format!("actual:   {}", shown(actual, "(the script ends)")))
    .next(format!(
        "Go on with the script as it was: credwright resume {run} --recorded. Or take back what \
         the run did: credwright resume {run} --unwind"
    ))
}

/// Arguments as one line that fits a terminal.
fn shortened(arguments: &Value) -> String {
    const LONGEST: usize = 300;
    let text = arguments.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}
