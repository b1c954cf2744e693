//! The gate: latched refusal? policy? approval? then for each step intent, act, outcome.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Applied, Clock, Code, Diagnostic, Result, Timestamp};
use futures::future::{Either, select};
use serde_json::Value;
use tokio::sync::Notify;

use crate::approval::{Approval, ApprovalRequest, Approver};
use crate::change::{Change, Effect, Impact};
use crate::interrupt::Interrupt;
use crate::journal::{CallKey, Entry, Journal, Outcome, RunId};
use crate::latch::Latch;
use crate::observe::{Event, Observer};
use crate::policy::{Policy, Verdict};
use crate::step::OpenCall;

/// What a gate is made of.
pub struct GateParts {
    /// The run that the gate is for.
    pub run: RunId,
    /// Where calls and steps are written.
    pub journal: Arc<dyn Journal>,
    /// What is allowed at all.
    pub policy: Arc<dyn Policy>,
    /// Who confirms high impact.
    pub approver: Arc<dyn Approver>,
    /// Who is shown what happens.
    pub observer: Arc<dyn Observer>,
    /// The request to stop.
    pub interrupt: Arc<Interrupt>,
    /// The world's clock.
    pub clock: Arc<dyn Clock>,
}

/// A line of calls in a script. Calls of one branch follow each other; branches run side by side.
#[derive(Debug, Default)]
pub struct Branch {
    path: String,
    calls: AtomicU64,
    forks: AtomicU64,
}

impl Branch {
    /// The branch of a script that the trunk forks into under `label`.
    #[must_use]
    pub fn fork(&self, label: &str) -> Self {
        let path =
            if self.path.is_empty() { label.to_owned() } else { format!("{}/{label}", self.path) };
        Self { path, ..Self::default() }
    }

    /// Counts the places at which this branch forks, from 1. A script that is run again forks in the
    /// same order, so a number that is part of the labels makes them the same again.
    pub fn next_fork(&self) -> u64 {
        self.forks.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Its name in the journal: the labels of its forks. The trunk's is the empty text.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A call that is about to pass the gate.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// The branch it is made in.
    pub branch: &'a Branch,
    /// The cmdlet.
    pub cmdlet: &'a str,
    /// Its arguments as given.
    pub arguments: &'a Value,
    /// What it declares to do.
    pub effect: Effect,
    /// The name to type where its impact is high: the connector's.
    pub subject: &'a str,
}

/// The gate of one run. Only the constructor of a run builds one.
pub struct Gate {
    parts: GateParts,
    latch: Latch,
    /// What was done and can be taken back, in words.
    standing: Mutex<Vec<String>>,
    /// Records of reads, committed with the next intent.
    buffer: Mutex<Vec<Entry>>,
    intended: AtomicBool,
    changed: AtomicBool,
    acting: AtomicU32,
    acted: Notify,
}

impl Gate {
    /// Builds the gate of a run.
    pub fn new(parts: GateParts) -> Self {
        Self {
            parts,
            latch: Latch::default(),
            standing: Mutex::default(),
            buffer: Mutex::default(),
            intended: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            acting: AtomicU32::new(0),
            acted: Notify::new(),
        }
    }

    /// The latch of the run.
    pub fn latch(&self) -> &Latch {
        &self.latch
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.parts.run
    }

    /// The request to stop.
    pub fn interrupt(&self) -> &Arc<Interrupt> {
        &self.parts.interrupt
    }

    /// Who is shown what happens.
    pub fn observer(&self) -> &dyn Observer {
        &*self.parts.observer
    }

    /// Whether any step of the run was begun: from then on it is not "refused before any effect".
    pub fn intended(&self) -> bool {
        self.intended.load(Ordering::SeqCst)
    }

    /// Whether any step of the run changed something, as far as is known.
    pub fn changed(&self) -> bool {
        self.changed.load(Ordering::SeqCst)
    }

    /// What the run has done that stands until it is taken back, in the order it was done: what a
    /// failing run leaves.
    pub fn standing(&self) -> Vec<String> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a step that was done.
    pub(crate) fn note_standing(&self, summary: &str) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.push(summary.to_owned());
    }

    /// Asks somebody to confirm something that is not itself a change.
    ///
    /// # Errors
    /// [`Code::EffectNotConfirmed`], latched, where nobody is there to ask. A plain "no" is `false`.
    pub async fn confirm(&self, request: &ApprovalRequest) -> Result<bool> {
        match self.parts.approver.approve(request).await? {
            Approval::Granted => Ok(true),
            Approval::Refused => Ok(false),
            Approval::NobodyThere(instead) => Err(self.refuse(nobody_there(request, instead))),
        }
    }

    /// Passes one call through the gate and returns its value, decoded from its record.
    ///
    /// # Errors
    /// The latched refusal, a denial, an interruption, a journal that cannot be written, or what
    /// the body answers.
    pub async fn call<B>(&self, call: NewCall<'_>, body: B) -> Result<Value>
    where
        B: AsyncFnOnce(&OpenCall<'_>) -> Result<Value>,
    {
        self.pass()?;
        let key = CallKey {
            run: self.parts.run.clone(),
            branch: call.branch.path.clone(),
            sequence: call.branch.calls.fetch_add(1, Ordering::SeqCst) + 1,
        };
        let change = match call.effect {
            Effect::Read => None,
            Effect::Change(change) => Some(change),
        };
        let began = Entry::CallBegan {
            key: key.clone(),
            cmdlet: call.cmdlet.to_owned(),
            arguments: call.arguments.clone(),
            capability: change.map(|change| change.capability()),
            at: self.now(),
        };
        self.lock_buffer().push(began);
        if let Some(change) = change {
            self.allow(&change, &call).await?;
        }

        let began_at = self.parts.clock.boot_time().millis;
        let changes = change.is_some();
        self.observe(&Event::CallBegan { key: &key, cmdlet: call.cmdlet, changes });
        let open = OpenCall::new(self, &key, change);
        let result = self.unless_interrupted(body(&open)).await;
        let millis = self.parts.clock.boot_time().millis - began_at;
        self.observe(&Event::CallEnded {
            key: &key,
            cmdlet: call.cmdlet,
            failure: result.as_ref().err(),
            took: std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0)),
        });

        if matches!(&result, Err(error) if is_pending(error)) {
            return result;
        }
        let outcome = match &result {
            Ok(value) => Outcome::Done(value.clone()),
            Err(error) => Outcome::Failed(error.clone()),
        };
        let ended = Entry::CallEnded { key: key.clone(), outcome, at: self.now() };
        if open.steps() > 0 {
            self.commit(vec![ended]).await?;
        } else {
            self.lock_buffer().push(ended);
        }
        result
    }

    /// Writes what is still buffered. Called when a run ends.
    ///
    /// # Errors
    /// [`Code::JournalFailed`].
    pub async fn flush(&self) -> Result<()> {
        self.commit(Vec::new()).await
    }

    pub(crate) fn pass(&self) -> Result<()> {
        if self.parts.interrupt.is_requested() {
            self.latch.close(&Interrupt::diagnostic());
        }
        self.latch.reason().map_or(Ok(()), Err)
    }

    async fn allow(&self, change: &Change, call: &NewCall<'_>) -> Result<()> {
        if let Verdict::Deny(reason) = self.parts.policy.judge(change) {
            let denied = Diagnostic::new(
                Code::EffectDenied,
                format!("{} is not allowed: {reason}", call.cmdlet),
            );
            return Err(self.refuse(denied));
        }
        if change.impact < Impact::High {
            return Ok(());
        }
        let request = ApprovalRequest {
            question: format!("{} on '{}' has a high impact.", call.cmdlet, call.subject),
            impact: change.impact,
            name: call.subject.to_owned(),
        };
        if self.confirm(&request).await? {
            return Ok(());
        }
        let refused = format!("{} on '{}' was not confirmed", call.cmdlet, call.subject);
        Err(self.refuse(Diagnostic::new(Code::EffectNotConfirmed, refused)))
    }

    /// Latches a refusal and gives it back: whatever the script does with it, the run is over.
    pub fn refuse(&self, reason: Diagnostic) -> Diagnostic {
        self.latch.close(&reason);
        reason
    }

    /// Runs a body, or drops it when the run is interrupted and none of its steps is between
    /// intent and outcome.
    async fn unless_interrupted<T>(&self, body: impl Future<Output = Result<T>>) -> Result<T> {
        let stop = async {
            self.parts.interrupt.requested().await;
            loop {
                let acted = self.acted.notified();
                if self.acting.load(Ordering::SeqCst) == 0 {
                    return;
                }
                acted.await;
            }
        };
        match select(std::pin::pin!(body), std::pin::pin!(stop)).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(self.refuse(Interrupt::diagnostic())),
        }
    }

    pub(crate) async fn commit(&self, entries: Vec<Entry>) -> Result<()> {
        let mut all = std::mem::take(&mut *self.lock_buffer());
        all.extend(entries);
        if all.is_empty() {
            return Ok(());
        }
        match self.parts.journal.commit(&all).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let failed = Diagnostic::new(Code::JournalFailed, "The journal cannot be written")
                    .meaning("Nothing more is changed, because it could not be recorded first.")
                    .next(error.next.clone().unwrap_or_else(|| {
                        "Mend the cause below, then run the script again.".to_owned()
                    }))
                    .cause(&error);
                Err(self.refuse(error.causes.iter().fold(failed, Diagnostic::cause)))
            }
        }
    }

    /// Notes that a step's intent is on disk.
    pub(crate) fn note_intended(&self) {
        self.intended.store(true, Ordering::SeqCst);
    }

    /// Notes that something was changed, or may have been.
    pub(crate) fn note_changed(&self) {
        self.changed.store(true, Ordering::SeqCst);
    }

    /// From here on, until the answer is dropped, an interruption waits.
    pub(crate) fn begin_acting(&self) -> Acting<'_> {
        self.acting.fetch_add(1, Ordering::SeqCst);
        Acting(self)
    }

    fn lock_buffer(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn observe(&self, event: &Event<'_>) {
        self.parts.observer.observe(event);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

/// Whether a call that failed so has no outcome yet: it stays pending, for resume to go on with. A
/// journal that failed may lack the outcome of a step.
fn is_pending(error: &Diagnostic) -> bool {
    matches!(error.code, Code::RunInterrupted | Code::JournalFailed)
        || error.applied == Applied::Unknown
}

fn nobody_there(request: &ApprovalRequest, instead: String) -> Diagnostic {
    Diagnostic::new(Code::EffectNotConfirmed, format!("Nobody answered: {}", request.question))
        .meaning("There is no terminal to ask at, and no answer was given on the command line.")
        .next(instead)
}

/// Marks that a step is between intent and outcome, so that an interruption waits for it.
pub(crate) struct Acting<'a>(&'a Gate);

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        self.0.acting.fetch_sub(1, Ordering::SeqCst);
        self.0.acted.notify_waiters();
    }
}
