//! Steps: intent on disk, act, outcome on disk; and looking where an answer was lost.

use std::sync::atomic::{AtomicU32, Ordering};

use base::{Applied, Code, Diagnostic, Repeat, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::change::{Change, Target, Undo};
use crate::gate::Gate;
use crate::journal::{CallKey, Entry, Outcome, StepIntent, StepKey};
use crate::observe::Event;
use crate::permit::Permit;

/// How often a step whose answer was lost, and which looking shows not to be done, is tried.
const ATTEMPTS: u32 = 3;

/// A call that passed the gate.
pub struct OpenCall<'a> {
    gate: &'a Gate,
    key: &'a CallKey,
    change: Option<Change>,
    steps: AtomicU32,
}

impl<'a> OpenCall<'a> {
    pub(crate) fn new(gate: &'a Gate, key: &'a CallKey, change: Option<Change>) -> Self {
        Self { gate, key, change, steps: AtomicU32::new(0) }
    }

    /// How many steps were begun.
    pub(crate) fn steps(&self) -> u32 {
        self.steps.load(Ordering::SeqCst)
    }

    /// The call's place in its run.
    pub fn key(&self) -> &CallKey {
        self.key
    }

    /// The gate that the call passed.
    pub fn gate(&self) -> &Gate {
        self.gate
    }

    /// Makes one external change: intent on disk, act, outcome on disk. The value that comes back
    /// is decoded from its record.
    ///
    /// `look` answers what `act` would have answered if it is done already, else none. It is asked
    /// where an answer was lost ([`Applied::Unknown`]), and must itself look as often as lagging
    /// replicas require. `act` makes the change with the permit; it is called again only where
    /// looking shows that it was not done.
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
        let Some(change) = self.change else {
            let wrong = format!("A cmdlet that declares to read began the step '{}'", intent.name);
            return Err(self.gate.refuse(Diagnostic::new(Code::Internal, wrong)));
        };
        self.gate.pass()?;
        let step = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        let key = StepKey { call: self.key.clone(), step };
        let at = self.gate.now();
        let acting = self.gate.begin_acting();
        let written = Entry::StepIntended { key: key.clone(), intent: intent.clone(), at };
        self.gate.commit(vec![written]).await?;
        self.gate.note_intended();
        self.gate.observe(&Event::StepBegan { key: &key, intent: &intent });

        let (result, found) = attempt(&key, &intent, look, act).await;
        if !matches!(&result, Err(error) if error.applied == Applied::No) {
            self.gate.note_changed();
        }
        // A pause ends with its run; what cannot be taken back leaves nothing to take back.
        let stands = matches!(intent.undo, Undo::Cmdlet { .. });
        if result.is_ok() && stands && change.target != Target::SchedulerLease {
            self.gate.note_standing(&intent.summary);
        }
        let failure = result.as_ref().err();
        self.gate.observe(&Event::StepEnded { key: &key, intent: &intent, failure });
        let value = self.record(key, result, found).await?;
        drop(acting);
        decode(value)
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
    key: &StepKey,
    intent: &StepIntent,
    look: impl AsyncFn() -> Result<Option<T>>,
    act: impl AsyncFn(Permit<'_>) -> Result<T>,
) -> (Result<T>, bool) {
    let mut lost = None;
    for _ in 0..ATTEMPTS {
        let error = match act(Permit::mint(key)).await {
            Err(error) if error.applied == Applied::Unknown => error,
            result => return (result, false),
        };
        match look().await {
            Ok(Some(value)) => return (Ok(value), true),
            Ok(None) => lost = Some(error.applied(Applied::No)),
            Err(blind) => return (Err(unknown(intent, &error, &blind)), false),
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
        Diagnostic::new(Code::Internal, "A step's value cannot be recorded").source(&error)
    })
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Diagnostic::new(Code::Internal, "A step's record cannot be read back").source(&error)
    })
}
