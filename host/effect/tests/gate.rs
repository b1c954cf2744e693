//! The gate: what is written when, what a refusal stops, and what an interruption waits for.

#![cfg(test)]

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use base::virtual_world::VirtualWorld;
use base::{Applied, Code, Diagnostic, Result, Timestamp};
use effect::policy::DenyList;
use effect::{
    Approval, ApprovalRequest, Approver, Branch, Change, Circumstance, Effect, Entry, Gate,
    GateParts, Impact, Interrupt, Journal, NewCall, OpenCall, Outcome, Recording, Replay,
    StepIntent, Target, Undo, trial,
};
use futures::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};

#[derive(Default)]
struct MemoryJournal {
    commits: Mutex<Vec<Vec<Entry>>>,
    broken: AtomicBool,
}

impl MemoryJournal {
    /// What was written, one word an entry, one list a commit.
    fn story(&self) -> Vec<Vec<&'static str>> {
        let word = |entry: &Entry| match entry {
            Entry::CallBegan { .. } => "call",
            Entry::CallEnded { outcome: Outcome::Done(_), .. } => "done",
            Entry::CallEnded { .. } => "failed",
            Entry::Chosen { .. } => "chosen",
            Entry::StepIntended { .. } => "intent",
            Entry::StepEnded { found: true, .. } => "found",
            Entry::StepEnded { outcome: Outcome::Done(_), .. } => "outcome",
            Entry::StepEnded { .. } => "refused",
        };
        let commits = self.commits.lock().unwrap();
        commits.iter().map(|entries| entries.iter().map(word).collect()).collect()
    }
}

impl Journal for MemoryJournal {
    fn commit<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        let result = if self.broken.load(Ordering::SeqCst) {
            Err(Diagnostic::new(Code::DiskFull, "no space left"))
        } else {
            self.commits.lock().unwrap().push(entries.to_vec());
            Ok(())
        };
        std::future::ready(result).boxed()
    }
}

struct Answers(Approval);

impl Approver for Answers {
    fn approve<'a>(&'a self, _request: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>> {
        std::future::ready(Ok(self.0.clone())).boxed()
    }
}

struct World {
    ports: base::Ports,
    journal: Arc<MemoryJournal>,
    interrupt: Arc<Interrupt>,
    gate: Gate,
    trunk: Branch,
}

fn world(policy: &[&str], answer: Approval) -> World {
    let ports = VirtualWorld::new(1, Timestamp::from_seconds(1)).unwrap().ports();
    let journal = Arc::new(MemoryJournal::default());
    let interrupt = Arc::new(Interrupt::default());
    let parts = GateParts {
        journal: journal.clone(),
        policy: Arc::new(DenyList(policy.iter().map(|entry| (*entry).to_owned()).collect())),
        approver: Arc::new(Answers(answer)),
        interrupt: interrupt.clone(),
        ..trial::parts(ports.clock.clone())
    };
    let gate = Gate::new(parts, Recording::default());
    World { ports, journal, interrupt, gate, trunk: Branch::default() }
}

impl World {
    fn call(
        &self,
        effect: Effect,
        body: impl AsyncFnOnce(&OpenCall<'_>) -> Result<Value>,
    ) -> Result<Value> {
        let arguments = json!({});
        let call = NewCall {
            branch: &self.trunk,
            cmdlet: "test_cmdlet",
            arguments: &arguments,
            effect,
            replay: Replay::Recorded,
            subject: "default",
            circumstance: Circumstance::Asked,
        };
        self.ports.executor.block_on(self.gate.call(call, body))
    }
}

fn change(impact: Impact) -> Effect {
    Effect::Change(Change { target: Target::ApplicationKey, action: "remove", impact })
}

fn intent() -> StepIntent {
    StepIntent {
        name: "remove_key".to_owned(),
        summary: "remove key credential K".to_owned(),
        marker: json!({ "key_id": "K" }),
        undo: Undo::irreversible("its private key is gone"),
    }
}

async fn never_looked() -> Result<Option<Value>> {
    panic!("looked without need")
}

#[test]
fn an_intent_is_on_disk_before_the_act_and_reads_are_buffered_until_then() {
    let world = world(&[], Approval::Granted);
    world.call(Effect::Read, async |_| Ok(json!(1))).unwrap();
    assert!(world.journal.story().is_empty());

    let value = world.call(change(Impact::Low), async |open| {
        open.step(intent(), never_looked, async |_permit| {
            let story = world.journal.story();
            assert_eq!(story, [["call", "done", "call", "intent"]], "before the act");
            Ok(json!(2))
        })
        .await
    });
    assert_eq!(value.unwrap(), json!(2));
    assert_eq!(world.journal.story()[1..], [["outcome"], ["done"]]);
    assert!(world.gate.changed());
}

#[test]
fn a_journal_that_cannot_be_written_stops_everything() {
    let world = world(&[], Approval::Granted);
    world.journal.broken.store(true, Ordering::SeqCst);
    let step = async |open: &OpenCall<'_>| {
        open.step(intent(), never_looked, async |_| panic!("acted without a record")).await
    };
    let error = world.call(change(Impact::Low), step).unwrap_err();
    assert_eq!(error.code, Code::JournalFailed);
    assert!(!world.gate.intended() && !world.gate.changed());
    world.journal.broken.store(false, Ordering::SeqCst);
    let again = world.call(Effect::Read, async |_| panic!("went on")).unwrap_err();
    assert_eq!(again.code, Code::JournalFailed, "the refusal is latched");
}

#[test]
fn a_call_whose_step_has_no_outcome_on_disk_stays_pending() {
    let world = world(&[], Approval::Granted);
    let broken = &world.journal.broken;
    let error = world.call(change(Impact::Low), async |open| {
        let act = async |_: effect::Permit<'_>| {
            broken.store(true, Ordering::SeqCst);
            Ok(json!("done, and not written down"))
        };
        let result = open.step(intent(), never_looked, act).await;
        broken.store(false, Ordering::SeqCst);
        result
    });
    assert_eq!(error.unwrap_err().code, Code::JournalFailed);
    world.ports.executor.block_on(world.gate.flush()).unwrap();
    assert_eq!(world.journal.story(), [["call", "intent"]], "a call ended before its step");
}

#[test]
fn policy_and_a_missing_confirmation_refuse_for_good() {
    let denied = world(&["application"], Approval::Granted);
    let error = denied.call(change(Impact::Low), async |_| panic!("ran")).unwrap_err();
    assert_eq!(error.code, Code::EffectDenied);

    for answer in [Approval::Refused, Approval::NobodyThere("--confirm default".to_owned())] {
        let world = world(&[], answer);
        let error = world.call(change(Impact::High), async |_| panic!("ran")).unwrap_err();
        assert_eq!(error.code, Code::EffectNotConfirmed);
        let latched = world.call(Effect::Read, async |_| panic!("ran")).unwrap_err();
        assert_eq!(latched.code, Code::EffectNotConfirmed);
    }
}

#[test]
fn a_lost_answer_is_looked_for_and_never_blindly_repeated() {
    let lost = || Diagnostic::new(Code::RemoteUnreachable, "reset").applied(Applied::Unknown);

    let done = world(&[], Approval::Granted);
    let value = done.call(change(Impact::Low), async |open| {
        open.step(intent(), async || Ok(Some(json!("seen"))), async |_| Err(lost())).await
    });
    assert_eq!(value.unwrap(), json!("seen"));
    assert_eq!(done.journal.story(), [vec!["call", "intent"], vec!["found"], vec!["done"]]);

    let not_done = world(&[], Approval::Granted);
    let tries = AtomicU32::new(0);
    let value = not_done.call(change(Impact::Low), async |open| {
        let act = async |_: effect::Permit<'_>| match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Err(lost()),
            _ => Ok(json!("made")),
        };
        open.step(intent(), async || Ok(None), act).await
    });
    assert_eq!(value.unwrap(), json!("made"));

    let blind = world(&[], Approval::Granted);
    let error = blind.call(change(Impact::Low), async |open| {
        open.step::<Value, _, _>(intent(), async || Err(lost()), async |_| Err(lost())).await
    });
    let error = error.unwrap_err();
    assert_eq!((error.applied, error.left.len()), (Applied::Unknown, 1));
    assert_eq!(blind.journal.story(), [["call", "intent"]], "still pending");
    assert!(blind.gate.changed(), "what may have been changed counts as changed");
}

#[test]
fn an_interruption_drops_a_read_but_drives_an_intended_step_to_its_outcome() {
    let reading = world(&[], Approval::Granted);
    reading.interrupt.request();
    let error = reading.call(Effect::Read, async |_| panic!("ran")).unwrap_err();
    assert_eq!(error.code, Code::RunInterrupted);

    let changing = world(&[], Approval::Granted);
    let clock = changing.ports.clock.clone();
    let result = changing.call(change(Impact::Low), async |open| {
        let act = async |_: effect::Permit<'_>| {
            changing.interrupt.request();
            clock.sleep(std::time::Duration::from_secs(5)).await;
            Ok(json!("driven to its end"))
        };
        let first = open.step(intent(), never_looked, act).await?;
        clock.sleep(std::time::Duration::from_secs(5)).await;
        panic!("went on after {first}");
    });
    assert_eq!(result.unwrap_err().code, Code::RunInterrupted);
    let story = changing.journal.story();
    assert_eq!(story, [vec!["call", "intent"], vec!["outcome"]], "the call stays pending");
    assert_eq!(clock.now(), Timestamp::from_seconds(6));
}

#[test]
fn a_cmdlet_that_declares_to_read_cannot_begin_a_step() {
    let world = world(&[], Approval::Granted);
    let error = world.call(Effect::Read, async |open| {
        open.step(intent(), never_looked, async |_| panic!("acted")).await
    });
    assert_eq!(error.unwrap_err().code, Code::Internal);
}
