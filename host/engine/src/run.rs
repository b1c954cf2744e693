//! A run, from the beginning of its record to its end: the only place that builds a gate.

use std::sync::Arc;

use base::{Code, Diagnostic, Result};
use cmdlets::Context;
use effect::{
    Approver, Branch, Entry, Gate, GateParts, Interrupt, Journal, Observer, Policy, RunId,
};
use futures::future::BoxFuture;
use serde_json::Value;
use state::{NewRun, Purpose, RunStatus, Store, Writer};

use crate::library::Source;
use crate::script::RunParts;
use crate::verdict::verdict;

/// Who judges, confirms, watches and may stop a run.
#[derive(Clone)]
pub struct Attendance {
    /// What is allowed at all.
    pub policy: Arc<dyn Policy>,
    /// Who confirms.
    pub approver: Arc<dyn Approver>,
    /// Who is shown what happens.
    pub observer: Arc<dyn Observer>,
    /// The request to stop.
    pub interrupt: Arc<Interrupt>,
}

/// A run that has begun. It holds the state's lock until it is dropped.
pub struct Run {
    parts: RunParts,
    writer: Arc<Writer>,
    recorded: bool,
}

/// The journal of what only looks: there is no record that a change could belong to.
struct NoJournal;

impl Journal for NoJournal {
    fn commit<'a>(&'a self, _entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        let refused =
            Diagnostic::new(Code::Internal, "A change was begun where only looking is meant");
        Box::pin(std::future::ready(Err(refused)))
    }
}

impl Run {
    /// Takes the state's lock, records the run with the texts that it runs, and builds its gate.
    /// `context` is given the right to write and makes what the run offers its cmdlets.
    ///
    /// # Errors
    /// `StateLocked` where another run is at work, and as the database says.
    pub async fn begin(
        store: &Store,
        script: &str,
        parameters: Value,
        sources: &[Source],
        attendance: Attendance,
        context: impl FnOnce(Arc<Writer>) -> Context,
    ) -> Result<Self> {
        let writer = writer(store, script).await?;
        writer.begin_run(NewRun { script: script.to_owned(), parameters }).await?;
        let texts: Vec<(&str, &str)> =
            sources.iter().map(|source| (source.name.as_str(), source.text.as_str())).collect();
        if !texts.is_empty() {
            writer.keep_sources(&texts).await?;
        }
        Ok(Self::with(writer.clone(), writer, attendance, context, true))
    }

    /// The same for what only looks, such as a line of a prompt: nothing is recorded, and a change
    /// is refused.
    ///
    /// # Errors
    /// As [`Run::begin`].
    pub async fn look(
        store: &Store,
        script: &str,
        attendance: Attendance,
        context: impl FnOnce(Arc<Writer>) -> Context,
    ) -> Result<Self> {
        let writer = writer(store, script).await?;
        Ok(Self::with(writer, Arc::new(NoJournal), attendance, context, false))
    }

    fn with(
        writer: Arc<Writer>,
        journal: Arc<dyn Journal>,
        attendance: Attendance,
        context: impl FnOnce(Arc<Writer>) -> Context,
        recorded: bool,
    ) -> Self {
        let gate = Arc::new(Gate::new(GateParts {
            run: writer.run().clone(),
            journal,
            policy: attendance.policy,
            approver: attendance.approver,
            observer: attendance.observer,
            interrupt: attendance.interrupt,
            clock: writer.store().ports().clock.clone(),
        }));
        let context = Arc::new(context(writer.clone()));
        let branch = Arc::new(Branch::default());
        Self { parts: RunParts { gate, branch, context }, writer, recorded }
    }

    /// Its id.
    pub fn id(&self) -> &RunId {
        self.parts.gate.run()
    }

    /// What an evaluation runs with.
    pub fn parts(&self) -> &RunParts {
        &self.parts
    }

    /// Writes what is still to be written, records what became of the run, and answers its exit
    /// code with the failure that decided it.
    pub async fn end<T>(&self, result: Result<T>) -> (Result<T>, u8) {
        // Whatever the script made of its errors, a latched refusal is the result.
        let result = match self.parts.gate.latch().reason() {
            Some(latched) if result.is_ok() => Err(latched),
            _ => result,
        };
        if !self.recorded {
            let code = verdict(&self.parts.gate, &result);
            return (result, code);
        }
        let flushed = self.parts.gate.flush().await;
        let result = keep_first(result, flushed);
        let code = verdict(&self.parts.gate, &result);
        let result = result.map_err(|error| self.name_what_is_left(error, code));
        let status = match code {
            0 => RunStatus::Done,
            3 => RunStatus::Unfinished,
            4 => RunStatus::Interrupted,
            _ => RunStatus::Failed,
        };
        match self.writer.end_run(status, i64::from(code)).await {
            Ok(()) => (result, code),
            Err(error) => {
                let result = keep_first(result, Err(error));
                let code = verdict(&self.parts.gate, &result);
                (result, code)
            }
        }
    }
}

async fn writer(store: &Store, script: &str) -> Result<Arc<Writer>> {
    let purpose = Purpose { run: store.new_run_id(), script: script.to_owned() };
    store.begin_writing(purpose).await.map(Arc::new)
}

impl Run {
    /// Where something is left to do by hand, every object that the run left is named.
    fn name_what_is_left(&self, mut error: Diagnostic, code: u8) -> Diagnostic {
        if code == 3 {
            for done in self.parts.gate.standing() {
                if !error.left.contains(&done) {
                    error.left.push(done);
                }
            }
        }
        error
    }
}

/// The first failure, with what failed after it among its causes.
fn keep_first<T>(result: Result<T>, then: Result<()>) -> Result<T> {
    match (result, then) {
        (result, Ok(())) => result,
        (Ok(_), Err(error)) => Err(error),
        (Err(first), Err(error)) => Err(if first == error { first } else { first.cause(error) }),
    }
}
