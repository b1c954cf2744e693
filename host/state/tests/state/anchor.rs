//! The anchor: what it tells that the chain alone cannot.

use std::path::PathBuf;

use base::{Code, Diagnostic};
use state::audit::verify::Problem;
use state::{EventFilter, NewRun, RunStatus, Store};

use crate::audit::{assert_intact, told};
use crate::harness::Bench;
use crate::history::Tamperer;
use crate::records::new_event;

fn file(bench: &Bench) -> PathBuf {
    bench.place.folder.with_file_name("anchor.json")
}

async fn open(bench: &Bench) -> Store {
    bench.open().await.anchored(&file(bench))
}

async fn one_run(bench: &Bench, store: &Store) {
    let writer = bench.begin(store).await;
    writer.record_event(new_event(4000, None)).await.unwrap();
    writer.end_run(RunStatus::Done, 0).await.unwrap();
}

/// How a run is refused.
async fn refused(bench: &Bench, store: &Store) -> Diagnostic {
    let writer = bench.write(store).await;
    let run = || NewRun { script: "test".to_owned(), ..NewRun::default() };
    let error = writer.begin_run(run()).await.unwrap_err();
    let resumed = writer.resume_run(state::RunStatus::Running).await.unwrap_err();
    assert_eq!(resumed.code, error.code, "a resume is refused as well");
    assert!(store.find_run(writer.run()).await.unwrap().is_none());
    assert!(error.next.is_some() && error.meaning.is_some(), "{error:?}");
    error
}

pub async fn an_end_that_was_cut_off_is_told_by_the_anchor(bench: &Bench) {
    let store = open(bench).await;
    let writer = bench.begin(&store).await;
    assert!(store.anchor().unwrap().is_none(), "a begin does not pay for it");
    writer.end_run(RunStatus::Done, 0).await.unwrap();
    drop(writer);
    let mut tamperer = Tamperer::new(bench).await;
    one_run(bench, &store).await;
    assert_intact(&store.verify_audit().await.unwrap());

    // Everything is as it was before the last run: only the anchor knows of it.
    tamperer.restore().await;
    let report = store.verify_audit().await.unwrap();
    assert_eq!(report.findings.len(), 1, "{:?}", told(&report));
    assert_eq!(report.findings[0].problem, Problem::Truncated);
    assert!(told(&report)[0].contains("the anchor knows link 6"), "{:?}", told(&report));
    assert_intact(&bench.open().await.verify_audit().await.unwrap());
    let anchor = store.anchor().unwrap().unwrap();
    let beside = bench.open().await.verify_audit_beside(&anchor).await.unwrap();
    assert_eq!(beside, report);
}

pub async fn an_older_state_is_refused_until_it_is_accepted(bench: &Bench) {
    let store = open(bench).await;
    one_run(bench, &store).await;
    let mut tamperer = Tamperer::new(bench).await;
    one_run(bench, &store).await;
    let lost = store.anchor().unwrap().unwrap();
    assert_eq!(store.needs_acceptance().await.unwrap(), None);
    tamperer.restore().await;

    let error = refused(bench, &store).await;
    assert_eq!(error.code, Code::StateRestored);
    for part in [&lost.run, &lost.at.to_string(), "ends with link 4"] {
        assert!(error.message.contains(part), "{error} lacks {part}");
    }
    assert!(error.next.as_ref().unwrap().contains("credwright audit accept-restore"));
    assert_eq!(store.needs_acceptance().await.unwrap(), Some(error));

    // Another way than the lost one: as long, but not the same.
    let unanchored = bench.open().await;
    one_run(bench, &unanchored).await;
    one_run(bench, &unanchored).await;
    let error = refused(bench, &store).await;
    assert_eq!(error.code, Code::StateRestored);
    assert!(error.message.contains("went another way"), "{error}");

    let writer = bench.write(&store).await;
    let accepted = writer.accept_restore().await.unwrap();
    assert_eq!(accepted.anchor, Some(lost));
    drop(writer);
    let events = store.find_events(&EventFilter::default()).await.unwrap();
    assert_eq!(events.last().unwrap().event_id, 4020);
    assert_intact(&store.verify_audit().await.unwrap());
    one_run(bench, &store).await;
    assert_intact(&store.verify_audit().await.unwrap());
    assert_eq!(store.needs_acceptance().await.unwrap(), None);
}

pub async fn a_lost_key_begins_a_new_chain_once_accepted(bench: &Bench) {
    let store = open(bench).await;
    one_run(bench, &store).await;
    let key = bench.place.folder.join("audit.key");
    std::fs::write(&key, "damaged").unwrap();
    let error = Store::open(&bench.ports, &bench.place).await.err().unwrap();
    assert_eq!(error.code, Code::StateCorrupt);
    assert!(error.next.unwrap().contains("rm '"));
    std::fs::remove_file(&key).unwrap();

    let store = open(bench).await;
    let error = refused(bench, &store).await;
    assert_eq!(error.code, Code::StateRestored);
    assert!(error.message.contains("another key"), "{error}");
    assert!(!store.verify_audit().await.unwrap().is_intact());
    let accepted = bench.write(&store).await.accept_restore().await.unwrap();
    assert!(accepted.new_key);
    one_run(bench, &store).await;
    let report = store.verify_audit().await.unwrap();
    assert_intact(&report);
    assert!(report.notes[0].contains("another key"), "{:?}", report.notes);
    bench.run_raw("DELETE FROM events WHERE sequence = 3").await;
    assert!(told(&store.verify_audit().await.unwrap())[0].contains("event 3"));
}

pub async fn an_anchor_of_another_state_or_a_damaged_one_is_refused(bench: &Bench) {
    let store = open(bench).await;
    one_run(bench, &store).await;
    let anchor = std::fs::read_to_string(file(bench)).unwrap();
    let other = anchor.replace(&store.anchor().unwrap().unwrap().state_id, "other");
    std::fs::write(file(bench), other).unwrap();
    let error = refused(bench, &store).await;
    assert_eq!(error.code, Code::StateRestored);
    assert!(error.message.contains("another state"), "{error}");
    for damaged in ["", "{", "{}", "[]", &anchor.replace("credwright", "x")] {
        std::fs::write(file(bench), damaged).unwrap();
        assert_eq!(refused(bench, &store).await.code, Code::StateCorrupt, "{damaged}");
    }
    let newer = anchor.replace("\"version\": 1", "\"version\": 2");
    std::fs::write(file(bench), newer).unwrap();
    let writer = bench.write(&store).await;
    let error = store.needs_acceptance().await.unwrap_err();
    assert_eq!(error.code, Code::StateNewer, "what a newer version wrote is not replaced");
    drop(writer);
    std::fs::write(file(bench), "{").unwrap();
    assert!(store.needs_acceptance().await.unwrap().is_some());
    assert_eq!(bench.write(&store).await.accept_restore().await.unwrap().anchor, None);
    one_run(bench, &store).await;

    // The last one is unreachable: the run is recorded, and the end says what is wrong.
    let nowhere = store.anchored(&bench.place.folder.with_file_name("none").join("anchor.json"));
    let writer = bench.begin(&nowhere).await;
    let error = writer.end_run(RunStatus::Done, 0).await.unwrap_err();
    assert_eq!(error.code, Code::DiskFailed);
    let run = store.find_run(writer.run()).await.unwrap().unwrap();
    assert_eq!(run.status, RunStatus::Done);
}
