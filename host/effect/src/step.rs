//! Steps: intent on disk, act, outcome on disk; and looking where an answer was lost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Applied, Code, Diagnostic, Repeat, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Branch;
use crate::change::Change;
use crate::gate::Gate;
use crate::journal::{CallKey, Entry, Outcome, StepIntent, StepKey};
use crate::observe::Event;
use crate::permit::Permit;
use crate::removal::{Circumstance, Removal, RemovalPermit, Settled};
use crate::replay::{RecordedCall, RecordedStep};

/// How often a step whose answer was lost, and which looking shows not to be done, is tried.
const ATTEMPTS: u32 = 3;

/// A call that passed the gate.
pub struct OpenCall<'a> {
    gate: &'a Gate,
    key: &'a CallKey,
    change: Option<Change>,
    circumstance: Circumstance,
    /// What the call did before its run was interrupted.
    recorded: Option<&'a RecordedCall>,
    made: Mutex<Made>,
}

/// The steps of a call as far as they are made.
#[derive(Default)]
struct Made {
    /// The number of the last step.
    last: u32,
    /// Recorded steps that were met again, by their place in the record.
    met: Vec<usize>,
}

/// A step that is being made.
struct Making<'a> {
    key: StepKey,
    intent: StepIntent,
    /// How it was recorded, where it is not new.
    recorded: Option<&'a RecordedStep>,
}

impl<'a> OpenCall<'a> {
    pub(crate) fn new(
        gate: &'a Gate,
        key: &'a CallKey,
        change: Option<Change>,
        circumstance: Circumstance,
        recorded: Option<&'a RecordedCall>,
    ) -> Self {
        let numbers = recorded.into_iter().flat_map(|call| &call.steps).map(|step| step.key.step);
        let made = Made { last: numbers.max().unwrap_or(0), met: Vec::new() };
        Self { gate, key, change, circumstance, recorded, made: Mutex::new(made) }
    }

    /// Whether any step was begun, also before an interruption.
    pub(crate) fn has_steps(&self) -> bool {
        self.made().last > 0
    }

    /// The call's place in its run.
    pub fn key(&self) -> &CallKey {
        self.key
    }

    /// The gate that the call passed.
    pub fn gate(&self) -> &Gate {
        self.gate
    }

    /// A side branch for what the call itself runs: a sync job's script.
    pub fn aside(&self, label: &str) -> Branch {
        let CallKey { branch, sequence, .. } = self.key;
        // What an interrupted attempt read is not read again.
        let attempt = self.gate.attempt();
        Branch::of(branch).aside(&format!("{sequence}.{attempt} {label}"))
    }

    /// Whether the call takes a step of the same run back.
    pub fn circumstance(&self) -> Circumstance {
        self.circumstance
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses something that a step relies on and that could not be chosen again: an id, a key's
    /// address, a certificate. It is written with the next intent; a call that is made again after an
    /// interruption gets what it chose before. Never a secret.
    ///
    /// # Errors
    /// What `choose` answers; `Internal` where the value cannot be recorded or read back.
    pub async fn chosen<T, C>(&self, name: &str, choose: C) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        C: AsyncFnOnce() -> Result<T>,
    {
        if let Some(value) = self.recorded.and_then(|call| call.choices.get(name)) {
            return decode(value.clone());
        }
        let value = encode(&choose().await?)?;
        let (key, name, at) = (self.key.clone(), name.to_owned(), self.gate.now());
        self.gate.buffer(Entry::Chosen { key, name, value: value.clone(), at });
        decode(value)
    }

    /// Makes one external change: intent on disk, act, outcome on disk. The value that comes back
    /// is decoded from its record.
    ///
    /// `look` answers what `act` would have answered if it is done already, else none; a failure that
    /// says [`Applied::Yes`] where it was done and failed. It is asked
    /// where an answer was lost ([`Applied::Unknown`]) or the run was interrupted, and must itself look
    /// as often as lagging replicas require. `act` makes the change with the permit; it is called
    /// again only where looking shows that it was not done.
    ///
    /// # Errors
    /// The latched refusal, a journal that cannot be written (nothing was changed then, or the
    /// change is pending in the journal), or what `act` and `look` answer.
    pub async fn step<T, L, A>(&self, intent: StepIntent, look: L, act: A) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        L: AsyncFn() -> Result<Option<T>>,
        A: AsyncFn(Permit<'_>) -> Result<T>,
    {
        self.make(intent, None, look, async |key| act(Permit::mint(key)).await).await
    }

    /// As [`OpenCall::step`], unless `find` shows that it is so already: then that is answered and no
    /// step is made, so that undoing this run cannot take away what another one made. A step that this
    /// call began before an interruption is its own in any case.
    ///
    /// # Errors
    /// As [`OpenCall::step`], and what `find` answers.
    pub async fn ensure<T, F, L, A>(
        &self,
        intent: StepIntent,
        find: F,
        look: L,
        act: A,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFn() -> Result<Option<T>>,
        L: AsyncFn() -> Result<Option<T>>,
        A: AsyncFn(Permit<'_>) -> Result<T>,
    {
        if !self.was_begun(&intent)
            && let Some(found) = find().await?
        {
            return Ok(found);
        }
        self.step(intent, look, act).await
    }

    /// Removes something that a credential may depend on: the gate's guard judges first (rule I3), in
    /// the same step. `look` answers whether it is gone.
    ///
    /// # Errors
    /// As [`OpenCall::step`]; [`Code::EffectNoEvidence`] before anything is written.
    pub async fn remove<L, A>(
        &self,
        intent: StepIntent,
        removal: &Removal,
        look: L,
        act: A,
    ) -> Result<()>
    where
        L: AsyncFn() -> Result<Option<()>>,
        A: AsyncFn(RemovalPermit<'_>) -> Result<()>,
    {
        let act = async |key: &StepKey| act(RemovalPermit::mint(key, removal)).await;
        self.make(intent, Some(removal), look, act).await
    }

    /// How many removals of this process passed the guard. See [`OpenCall::settled`].
    pub fn removals(&self) -> usize {
        self.gate.removals.count()
    }

    /// Waits until no removal is between its judgement and its outcome; while the answer is kept, none
    /// begins. It tells what was judged since [`OpenCall::removals`] answered `mark`: a credential
    /// that was proved meanwhile may rely on it.
    pub async fn settled(&self, mark: usize) -> Settled<'a> {
        self.gate.removals.settled(mark).await
    }

    /// Whether the call began such a step before its run was interrupted, and it did not fail.
    pub fn was_begun(&self, intent: &StepIntent) -> bool {
        let met = &self.made().met;
        self.recorded_step(intent, met).is_some()
    }

    fn recorded_step(
        &self,
        intent: &StepIntent,
        met: &[usize],
    ) -> Option<(usize, &'a RecordedStep)> {
        let steps = self.recorded.map(|call| call.steps.as_slice()).unwrap_or_default();
        steps.iter().enumerate().find(|(at, step)| {
            !met.contains(at)
                && !matches!(step.outcome, Some(Outcome::Failed(_)))
                && step.intent.name == intent.name
                && step.intent.marker == intent.marker
        })
    }

    /// The step of that intent: one that was begun before, or a new one.
    fn begin(&self, intent: StepIntent) -> Making<'a> {
        let mut made = self.made();
        if let Some((at, recorded)) = self.recorded_step(&intent, &made.met) {
            made.met.push(at);
            let (key, intent) = (recorded.key.clone(), recorded.intent.clone());
            return Making { key, intent, recorded: Some(recorded) };
        }
        made.last += 1;
        let key = StepKey { call: self.key.clone(), step: made.last };
        Making { key, intent, recorded: None }
    }

    async fn make<T, L, A>(
        &self,
        intent: StepIntent,
        removal: Option<&Removal>,
        look: L,
        act: A,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        L: AsyncFn() -> Result<Option<T>>,
        A: AsyncFn(&StepKey) -> Result<T>,
    {
        if self.change.is_none() {
            let wrong = format!("A cmdlet that declares to read began the step '{}'", intent.name);
            return Err(self.gate.refuse(Diagnostic::new(Code::Internal, wrong)));
        }
        self.gate.pass()?;
        let step = self.begin(intent);
        if let Some(Outcome::Done(value)) = step.recorded.and_then(|step| step.outcome.as_ref()) {
            return decode(value.clone());
        }
        let found = match step.recorded {
            Some(_) => self.look_for(&step, &look).await?,
            None => None,
        };
        // Kept until the outcome is known: what was judged holds as long as nobody switches over.
        let mut _removing = None;
        if let (None, Some(removal)) = (&found, removal) {
            _removing = Some(self.gate.removals.begin().await);
            self.gate.guard().judge(removal, self.circumstance).await?;
            self.gate.pass()?;
            self.gate.removals.note(removal);
        }
        let acting = self.gate.begin_acting();
        let (result, found) = match found {
            Some(result) => (result, true),
            None => {
                self.intend(&step).await?;
                self.gate.observe(&Event::StepBegan { key: &step.key, intent: &step.intent });
                attempt(&step, look, act).await
            }
        };
        if !matches!(&result, Err(error) if error.applied == Applied::No) {
            self.gate.note_changed();
        }
        let failure = result.as_ref().err();
        self.gate.observe(&Event::StepEnded { key: &step.key, intent: &step.intent, failure });
        let value = self.record(step.key, result, found).await?;
        drop(acting);
        decode(value)
    }

    /// Looks whether a step that was begun before the interruption was done. What looking shows to be
    /// done and failed is its outcome as well.
    async fn look_for<T>(
        &self,
        step: &Making<'_>,
        look: &impl AsyncFn() -> Result<Option<T>>,
    ) -> Result<Option<Result<T>>> {
        self.gate.observe(&Event::StepLookedFor { key: &step.key, intent: &step.intent });
        let blind = match look().await {
            Ok(found) => return Ok(found.map(Ok)),
            Err(failed) if failed.applied == Applied::Yes => return Ok(Some(Err(failed))),
            Err(blind) => blind,
        };
        let message = format!(
            "It is not known whether this was done before the run was interrupted: {} ({})",
            step.intent.summary, blind.message
        );
        Err(Diagnostic { message, ..blind }
            .applied(Applied::Unknown)
            .repeat(Repeat::LookFirst)
            .left(step.intent.summary.clone()))
    }

    async fn intend(&self, step: &Making<'_>) -> Result<()> {
        if step.recorded.is_none() {
            let (key, intent) = (step.key.clone(), step.intent.clone());
            let at = self.gate.now();
            self.gate.commit(vec![Entry::StepIntended { key, intent, at }]).await?;
        }
        self.gate.note_intended();
        Ok(())
    }

    async fn record<T: Serialize>(
        &self,
        key: StepKey,
        result: Result<T>,
        found: bool,
    ) -> Result<Value> {
        let outcome = match result {
            Ok(value) => Outcome::Done(encode(&value)?),
            Err(error) if error.applied == Applied::Unknown => {
                // It stays pending: only looking can say what came of it.
                return Err(error);
            }
            Err(error) => Outcome::Failed(error),
        };
        let at = self.gate.now();
        let ended = Entry::StepEnded { key, outcome: outcome.clone(), found, at };
        self.gate.commit(vec![ended]).await?;
        match outcome {
            Outcome::Done(value) => Ok(value),
            Outcome::Failed(error) => Err(error),
        }
    }
}

/// Acts, and where the answer is lost looks before anything else.
async fn attempt<T>(
    step: &Making<'_>,
    look: impl AsyncFn() -> Result<Option<T>>,
    act: impl AsyncFn(&StepKey) -> Result<T>,
) -> (Result<T>, bool) {
    let mut lost = None;
    for _ in 0..ATTEMPTS {
        let error = match act(&step.key).await {
            Err(error) if error.applied == Applied::Unknown => error,
            result => return (result, false),
        };
        match look().await {
            Ok(Some(value)) => return (Ok(value), true),
            Ok(None) => lost = Some(error.applied(Applied::No)),
            Err(blind) => return (Err(unknown(&step.intent, &error, &blind)), false),
        }
    }
    let error = lost.unwrap_or_else(|| Diagnostic::new(Code::Internal, "No attempt was made"));
    (Err(error), false)
}

fn unknown(intent: &StepIntent, lost: &Diagnostic, blind: &Diagnostic) -> Diagnostic {
    let mut error = lost.clone();
    error.message =
        format!("It is not known whether this was done: {} ({})", intent.summary, lost.message);
    error
        .applied(Applied::Unknown)
        .repeat(Repeat::LookFirst)
        .cause(format!("looking failed too: {blind}"))
        .left(intent.summary.clone())
}

fn encode<T: Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| {
        Diagnostic::new(Code::Internal, "A call's value cannot be recorded").source(&error)
    })
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Diagnostic::new(Code::Internal, "A call's record cannot be read back").source(&error)
    })
}
