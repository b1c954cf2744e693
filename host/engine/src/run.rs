//! A run, from the beginning of its record to its end: the only place that builds a gate.

use std::sync::{Arc, Weak};

use base::{Applied, Code, Diagnostic, Result};
use cmdlets::Context;
use effect::{
    Approver, Branch, Circumstance, Entry, Event, Gate, GateParts, Guard, Interrupt, Journal,
    Observer, Policy, Recording, Removal, RunId,
};
use futures::future::{BoxFuture, LocalBoxFuture};
use state::{NewRun, Purpose, RunStatus, Store, Writer};

use crate::library::Source;
use crate::resume;
use crate::script::RunParts;
use crate::unwind::{Unwound, unwind};
use crate::verdict::{failed, verdict};

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
    /// Who judges removals, where it is not the run's own context.
    pub guard: Option<Arc<dyn Guard>>,
    /// Whether what a failing run did is left as it is, instead of being taken back.
    pub keep: bool,
}

/// A run that has begun. It holds the state's lock until it is dropped.
pub struct Run {
    parts: RunParts,
    gate: GateParts,
    writer: Arc<Writer>,
    recorded: bool,
    keep: bool,
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

/// The run's context as the guard of its own removals. The context holds the job runner, which holds
/// the gate, so the gate must not hold the context.
struct OwnGuard(Weak<Context>);

impl Guard for OwnGuard {
    fn judge<'a>(
        &'a self,
        removal: &'a Removal,
        circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match self.0.upgrade() {
                Some(context) => context.judge(removal, circumstance).await,
                None => Err(Diagnostic::new(Code::Internal, "A removal outlived its run")),
            }
        })
    }
}

/// How a run is written down, and from where it goes on.
struct Record {
    writer: Arc<Writer>,
    journal: Arc<dyn Journal>,
    recording: Recording,
    attempt: u32,
    recorded: bool,
}

impl Record {
    fn of(writer: Arc<Writer>, recording: Recording, attempt: u32) -> Self {
        Self { journal: writer.clone(), writer, recording, attempt, recorded: true }
    }
}

/// What starts.
pub enum Start<'a> {
    /// A new run.
    New {
        /// What is recorded of it.
        new: NewRun,
        /// What it runs.
        sources: &'a [Source],
    },
    /// A run that was interrupted: its script makes its calls again and gets what is recorded, up to
    /// where it stopped.
    Resumed {
        /// Its id.
        id: &'a RunId,
        /// What it runs now.
        sources: &'a [Source],
    },
    /// A run whose steps are taken back. It ends by [`Run::end`] with the failure that is the reason.
    Unwound {
        /// Its id.
        id: &'a RunId,
    },
}

impl Run {
    /// Takes the state's lock, records the run with the texts that it runs, and builds its gate.
    /// `context` is given the right to write and makes what the run offers its cmdlets.
    ///
    /// # Errors
    /// `StateLocked` where another run is at work, and as the database says; `RunUnknown`, `RunEnded`,
    /// `RunElsewhere` where it cannot be taken up again.
    pub async fn start(
        store: &Store,
        start: Start<'_>,
        attendance: Attendance,
        context: impl FnOnce(Arc<Writer>) -> Context,
    ) -> Result<Self> {
        let keep = attendance.keep && !matches!(start, Start::Unwound { .. });
        let record = match start {
            Start::New { mut new, sources } => {
                let writer = writer(store, store.new_run_id(), &new.script).await?;
                let pair = |source: &Source| (source.name.clone(), source.text.clone());
                new.sources = sources.iter().map(pair).collect();
                writer.begin_run(new).await?;
                Record::of(writer, Recording::default(), 0)
            }
            Start::Resumed { id, sources } => {
                let record = take_up(store, id, resume::Way::Forward, RunStatus::Running).await?;
                resume::keep_sources(&record.writer, record.attempt, sources).await?;
                record
            }
            Start::Unwound { id } => {
                take_up(store, id, resume::Way::Back, RunStatus::Unwinding).await?
            }
        };
        Ok(Self::with(record, Attendance { keep, ..attendance }, context))
    }

    /// The same for what only looks, such as a line of a prompt: nothing is recorded, and a change
    /// is refused.
    ///
    /// # Errors
    /// As [`Run::start`].
    pub async fn look(
        store: &Store,
        script: &str,
        attendance: Attendance,
        context: impl FnOnce(Arc<Writer>) -> Context,
    ) -> Result<Self> {
        let writer = writer(store, store.new_run_id(), script).await?;
        let (journal, recording) = (Arc::new(NoJournal), Recording::default());
        let record = Record { writer, journal, recording, attempt: 0, recorded: false };
        Ok(Self::with(record, attendance, context))
    }

    fn with(
        record: Record,
        attendance: Attendance,
        context: impl FnOnce(Arc<Writer>) -> Context,
    ) -> Self {
        let Record { writer, journal, recording, attempt, recorded } = record;
        let context = Arc::new(context(writer.clone()));
        let gate = GateParts {
            run: writer.run().clone(),
            journal,
            policy: attendance.policy,
            approver: attendance.approver,
            guard: attendance.guard.unwrap_or_else(|| Arc::new(OwnGuard(Arc::downgrade(&context)))),
            observer: attendance.observer,
            interrupt: attendance.interrupt,
            clock: writer.store().ports().clock.clone(),
            attempt,
        };
        let parts = RunParts {
            gate: Arc::new(Gate::new(gate.clone(), recording)),
            branch: Arc::new(Branch::default()),
            context,
        };
        Self { parts, gate, writer, recorded, keep: attendance.keep }
    }

    /// Its id.
    pub fn id(&self) -> &RunId {
        self.parts.gate.run()
    }

    /// What an evaluation runs with.
    pub fn parts(&self) -> &RunParts {
        &self.parts
    }

    /// Writes what is still to be written, takes back what a failing run did, records what became of
    /// the run, and answers its exit code with the failure that decided it.
    pub async fn end<T>(&self, result: Result<T>) -> (Result<T>, u8) {
        let gate = &self.parts.gate;
        // Whatever the script made of its errors, a latched refusal is the result.
        let result = match gate.latch().reason() {
            Some(latched) if result.is_ok() => Err(latched),
            Some(_) => result,
            None if result.is_ok() => gate.finish_replay().and(result),
            None => result,
        };
        if !self.recorded {
            let code = verdict(gate, &result);
            return (result, code);
        }
        let mut flushed = gate.flush().await;
        if matches!(&result, Err(failure) if failure.code == Code::RunDiverged && !gate.is_live()) {
            flushed = flushed.and(resume::forget_sources(&self.writer).await);
        }
        let result = keep_first(result, flushed);
        let code = verdict(gate, &result);
        let (result, status, code) = match result {
            Ok(value) => (Ok(value), RunStatus::Done, code),
            Err(failure) if gate.is_suspended() => (Err(failure), RunStatus::Interrupted, code),
            Err(failure) => {
                let (failure, status, code) = self.failed(failure, code).await;
                (Err(failure), status, code)
            }
        };
        match self.writer.end_run(status, i64::from(code)).await {
            Ok(()) => (result, code),
            Err(error) => {
                let result = keep_first(result, Err(error));
                let ended = self.writer.store().find_run(self.id()).await;
                let is_recorded =
                    ended.is_ok_and(|run| run.is_some_and(|run| run.status == status));
                let code = match code {
                    0 if is_recorded => verdict(gate, &result),
                    0 => 4,
                    code => code,
                };
                (result, code)
            }
        }
    }

    /// What becomes of a run that failed: where it did anything, that is taken back.
    async fn failed(&self, failure: Diagnostic, code: u8) -> (Diagnostic, RunStatus, u8) {
        if !self.parts.gate.intended() {
            return (failure, RunStatus::Failed, code);
        }
        let journal = match self.writer.store().journal(self.id()).await {
            Ok(journal) => journal,
            Err(error) => return (failure.cause(error), RunStatus::Unwinding, 3),
        };
        let recording = Recording::of(journal);
        if self.keep {
            let kept: Vec<String> =
                recording.standing_steps().iter().map(|step| step.intent.summary.clone()).collect();
            let status = if kept.is_empty() { RunStatus::Failed } else { RunStatus::Unfinished };
            let code = failed_code(&failure, &kept);
            return (named(failure, kept), status, code);
        }
        self.taken_back(failure, recording).await
    }

    async fn taken_back(
        &self,
        mut failure: Diagnostic,
        recording: Recording,
    ) -> (Diagnostic, RunStatus, u8) {
        if let Err(error) = self.writer.set_run_status(RunStatus::Unwinding).await {
            return (failure.cause(error), RunStatus::Unwinding, 3);
        }
        let gate = Gate::new(self.gate.clone(), recording);
        if !gate.recording().standing_steps().is_empty() {
            gate.observer().observe(&Event::Unwinding);
        }
        let Unwound { undone, left, stopped } = unwind(&self.parts.context, &gate).await;
        let flushed = gate.flush().await;
        failure.undone = undone;
        let suspended = gate.is_suspended();
        for error in stopped.into_iter().chain(flushed.err()) {
            failure = failure.cause(format!("taking back stopped: {error}"));
            for cause in error.meaning.iter().chain(&error.causes) {
                failure = failure.cause(cause);
            }
        }
        let status = match (left.is_empty(), suspended) {
            (true, false) => RunStatus::Failed,
            (false, false) => RunStatus::Unfinished,
            (_, true) => RunStatus::Unwinding,
        };
        let interrupted = suspended && self.gate.interrupt.is_requested();
        let code = if interrupted { 4 } else { failed_code(&failure, &left) };
        (named(failure, left), status, code)
    }
}

fn failed_code(failure: &Diagnostic, left: &[String]) -> u8 {
    // What a program did before it failed stands, though nobody can name it.
    failed(failure, true, !left.is_empty() || failure.applied != Applied::No)
}

/// Names every object that is left.
fn named(mut failure: Diagnostic, left: Vec<String>) -> Diagnostic {
    for object in left {
        if !failure.left.contains(&object) {
            failure.left.push(object);
        }
    }
    failure
}

async fn writer(store: &Store, run: RunId, script: &str) -> Result<Arc<Writer>> {
    let purpose = Purpose { run, script: script.to_owned() };
    store.begin_writing(purpose).await.map(Arc::new)
}

/// Takes the state's lock for a run that was begun before.
async fn take_up(store: &Store, id: &RunId, way: resume::Way, status: RunStatus) -> Result<Record> {
    let run = resume::resumable(store, id, way).await?;
    let writer = writer(store, id.clone(), &run.script).await?;
    // Somebody may have ended it before the lock was ours.
    let run = resume::resumable(store, id, way).await?;
    resume::require_intact(store, id).await?;
    let recording = Recording::of(store.journal(id).await?);
    if way == resume::Way::Back {
        resume::require_way_back(&run, &recording)?;
    }
    writer.resume_run(status).await?;
    let attempt = u32::try_from(run.attempts).unwrap_or(u32::MAX).saturating_add(1);
    Ok(Record::of(writer, recording, attempt))
}

/// The first failure, with what failed after it among its causes.
fn keep_first<T>(result: Result<T>, then: Result<()>) -> Result<T> {
    match (result, then) {
        (result, Ok(())) => result,
        (Ok(_), Err(error)) => Err(error),
        (Err(first), Err(error)) => Err(if first == error { first } else { first.cause(error) }),
    }
}
