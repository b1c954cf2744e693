//! The gate: latched refusal? policy? approval? then for each step intent, act, outcome.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Applied, Clock, Code, Diagnostic, Result, Timestamp};
use futures::future::{Either, select};
use serde_json::Value;
use tokio::sync::Notify;

use crate::approval::{Approval, ApprovalRequest, Approver};
use crate::call::NewCall;
use crate::change::{Change, Effect, Impact};
use crate::interrupt::Interrupt;
use crate::journal::{CallKey, Entry, Journal, Outcome, RunId};
use crate::latch::Latch;
use crate::observe::{Event, Observer};
use crate::policy::{Policy, Verdict};
use crate::removal::{Circumstance, Guard, Removals};
use crate::replay::{RecordedCall, Recording, Standing, is_aside};
use crate::step::OpenCall;

/// What a gate is made of.
#[derive(Clone)]
pub struct GateParts {
    /// The run that the gate is for.
    pub run: RunId,
    /// Where calls and steps are written.
    pub journal: Arc<dyn Journal>,
    /// What is allowed at all.
    pub policy: Arc<dyn Policy>,
    /// Who confirms high impact.
    pub approver: Arc<dyn Approver>,
    /// Who judges removals.
    pub guard: Arc<dyn Guard>,
    /// Who is shown what happens.
    pub observer: Arc<dyn Observer>,
    /// The request to stop.
    pub interrupt: Arc<Interrupt>,
    /// The world's clock.
    pub clock: Arc<dyn Clock>,
    /// How often the run was taken up again.
    pub attempt: u32,
}

/// The gate of one run. Only the constructor of a run builds one.
pub struct Gate {
    parts: GateParts,
    latch: Latch,
    pub(crate) recording: Recording,
    /// What recorded calls established and no later one ended, until it is established again.
    pub(crate) standing: Mutex<Vec<Standing>>,
    /// Why the run stops where it is and can be taken up again.
    suspended: AtomicBool,
    pub(crate) removals: Removals,
    /// Records of reads, committed with the next intent.
    buffer: Mutex<Vec<Entry>>,
    committing: tokio::sync::Mutex<()>,
    pub(crate) establishing: tokio::sync::Mutex<()>,
    intended: AtomicBool,
    /// A step was begun in this process.
    live: AtomicBool,
    changed: AtomicBool,
    acting: AtomicU32,
    acted: Notify,
}

impl Gate {
    /// Builds the gate of a run that goes on from `recording`; a new run has an empty one.
    pub fn new(parts: GateParts, recording: Recording) -> Self {
        let intended = recording.calls().any(|call| !call.steps.is_empty());
        let changed = recording.calls().flat_map(|call| &call.steps).any(|step| step.may_stand());
        Self {
            parts,
            latch: Latch::default(),
            recording,
            standing: Mutex::default(),
            suspended: AtomicBool::new(false),
            removals: Removals::default(),
            buffer: Mutex::default(),
            committing: tokio::sync::Mutex::default(),
            establishing: tokio::sync::Mutex::default(),
            intended: AtomicBool::new(intended),
            live: AtomicBool::new(false),
            changed: AtomicBool::new(changed),
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

    /// Whether any step was begun in this process: what was recorded before does not count.
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::SeqCst)
    }

    /// Whether any step of the run changed something, as far as is known.
    pub fn changed(&self) -> bool {
        self.changed.load(Ordering::SeqCst)
    }

    /// Which attempt at the run this is: 0 for the first.
    pub fn attempt(&self) -> u32 {
        self.parts.attempt
    }

    /// What the run did before this process took it up.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Whether the run stops where it is, to be taken up again: it was interrupted, an answer was
    /// lost, or its journal could not be written.
    pub fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::SeqCst)
    }

    /// Stops the run where it is. It can be taken up again.
    pub fn suspend(&self, reason: Diagnostic) -> Diagnostic {
        self.suspended.store(true, Ordering::SeqCst);
        self.refuse(reason)
    }

    /// Asks somebody to confirm something that is not itself a change.
    ///
    /// # Errors
    /// [`Code::EffectNotConfirmed`], latched, where nobody is there to ask; a run that was taken up
    /// again then stays as it is, for whoever comes with an answer. A plain "no" is `false`.
    pub async fn confirm(&self, request: &ApprovalRequest) -> Result<bool> {
        match self.parts.approver.approve(request).await? {
            Approval::Granted => Ok(true),
            Approval::Refused => Ok(false),
            Approval::NobodyThere(instead) => {
                let refusal = nobody_there(request, instead);
                Err(if self.attempt() > 0 { self.suspend(refusal) } else { self.refuse(refusal) })
            }
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
            branch: call.branch.path().to_owned(),
            sequence: call.branch.next(),
        };
        let recorded = self.recording.consume(&key);
        if let Some(recorded) = recorded {
            if recorded.cmdlet != call.cmdlet || recorded.arguments != *call.arguments {
                return Err(self.left_out(recorded, Some((call.cmdlet, call.arguments))));
            }
            if let Some(outcome) = &recorded.outcome {
                return self.replayed(&key, &call, outcome);
            }
        }
        self.live(&key, &call, recorded, body).await
    }

    /// Makes a call: one that is new, or one that was pending.
    async fn live<B>(
        &self,
        key: &CallKey,
        call: &NewCall<'_>,
        recorded: Option<&RecordedCall>,
        body: B,
    ) -> Result<Value>
    where
        B: AsyncFnOnce(&OpenCall<'_>) -> Result<Value>,
    {
        // A branch whose end was recorded makes no new call: what it did would have no place.
        if recorded.is_none()
            && !is_aside(&key.branch)
            && let Some(later) = self.recording.made_after(&key.branch)
        {
            return Err(self.left_out(later, Some((call.cmdlet, call.arguments))));
        }
        let change = match call.effect {
            Effect::Read => None,
            Effect::Change(change) => Some(change),
        };
        if change.is_some()
            && let Some(left_out) = self.recording.left_out(Some(&key.branch))
        {
            return Err(self.left_out(left_out, Some((call.cmdlet, call.arguments))));
        }
        if recorded.is_none() {
            self.lock_buffer().push(Entry::CallBegan {
                key: key.clone(),
                cmdlet: call.cmdlet.to_owned(),
                arguments: call.arguments.clone(),
                capability: change.map(|change| change.capability()),
                at: self.now(),
            });
        }
        if let Some(change) = change
            && let Err(refused) = self.allow(&change, call).await
        {
            // Where the call was confirmed before the interruption, the run waits for it again.
            if recorded.is_some() {
                return Err(self.suspend(refused));
            }
            let (key, outcome, at) = (key.clone(), Outcome::Failed(refused.clone()), self.now());
            if !self.is_suspended() {
                self.buffer(Entry::CallEnded { key, outcome, at });
            }
            return Err(refused);
        }

        let began_at = self.parts.clock.boot_time().millis;
        let changes = change.is_some();
        self.observe(&Event::CallBegan { key, cmdlet: call.cmdlet, changes });
        let open = OpenCall::new(self, key, change, call.circumstance, recorded);
        let result = self.unless_interrupted(body(&open)).await;
        let millis = self.parts.clock.boot_time().millis - began_at;
        self.observe(&Event::CallEnded {
            key,
            cmdlet: call.cmdlet,
            failure: result.as_ref().err(),
            took: std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0)),
        });
        self.ended(key, &open, result).await
    }

    /// Records how a call ended, unless nobody knows: then it is pending, and the run stops.
    async fn ended(
        &self,
        key: &CallKey,
        open: &OpenCall<'_>,
        result: Result<Value>,
    ) -> Result<Value> {
        if let Err(error) = &result
            && (is_pending(error) || self.is_suspended())
        {
            return Err(self.suspend(error.clone()));
        }
        let outcome = match &result {
            Ok(value) => Outcome::Done(value.clone()),
            Err(error) => Outcome::Failed(error.clone()),
        };
        let ended = Entry::CallEnded { key: key.clone(), outcome, at: self.now() };
        if open.has_steps() {
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
        if self.parts.interrupt.is_requested() && self.latch.reason().is_none() {
            self.suspend(Interrupt::diagnostic());
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
        // What the run itself made is taken back without asking: it was asked when it began.
        if change.impact < Impact::High || call.circumstance == Circumstance::Undone {
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
            Either::Right(_) => Err(self.suspend(Interrupt::diagnostic())),
        }
    }

    pub(crate) async fn commit(&self, entries: Vec<Entry>) -> Result<()> {
        // Branches commit one after the other: what one of them took out of the buffer must not reach
        // the disk after what another one relies on.
        let _turn = self.committing.lock().await;
        let mut all = std::mem::take(&mut *self.lock_buffer());
        all.extend(entries);
        if all.is_empty() {
            return Ok(());
        }
        match self.parts.journal.commit(&all).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let (code, what) = match error.code {
                    Code::StateLostLock => (Code::StateLostLock, "The run lost its right to write"),
                    _ => (Code::JournalFailed, "The journal cannot be written"),
                };
                let failed = Diagnostic::new(code, what)
                    .meaning("Nothing more is changed, because it could not be recorded first.")
                    .next(error.next.clone().unwrap_or_else(|| {
                        "Mend the cause below, then run the script again.".to_owned()
                    }))
                    .cause(&error);
                Err(self.suspend(error.causes.iter().fold(failed, Diagnostic::cause)))
            }
        }
    }

    /// Notes that a step's intent is on disk.
    pub(crate) fn note_intended(&self) {
        self.intended.store(true, Ordering::SeqCst);
        self.live.store(true, Ordering::SeqCst);
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

    pub(crate) fn guard(&self) -> &dyn Guard {
        &*self.parts.guard
    }

    /// Keeps a record to be written with the next intent.
    pub(crate) fn buffer(&self, entry: Entry) {
        self.lock_buffer().push(entry);
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
    matches!(error.code, Code::RunInterrupted | Code::JournalFailed | Code::StateLostLock)
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
