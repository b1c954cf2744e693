//! The audit chains: what is named when somebody writes past the program.

use std::path::Path;

use effect::Journal;
use state::audit::ledger::Ledger;
use state::audit::verify::Problem;
use state::{AuditKey, AuditReport, EvidenceKind, RunStatus, Store};

use crate::harness::{Bench, add_connector, new_connector};
use crate::history::{Tamperer, live};
use crate::journal::done_call;
use crate::records::{new_event, new_evidence};

pub fn told(report: &AuditReport) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

#[track_caller]
pub fn assert_intact(report: &AuditReport) {
    assert_eq!(told(report), [""; 0]);
    assert!(report.is_intact());
}

pub async fn a_history_verifies(bench: &Bench) {
    let store = bench.open().await;
    let report = store.verify_audit().await.unwrap();
    assert_intact(&report);
    assert!(report.notes[0].contains("Nothing was recorded"), "{:?}", report.notes);
    let writer = live(bench, &store).await;
    let report = store.verify_audit().await.unwrap();
    assert_intact(&report);
    assert_eq!((report.runs, report.events, report.evidence), (3, 2, 2));
    // Begin, resume and end of runs (6), events and evidence (4), and the origin.
    assert_eq!(report.links, 11);
    // Beside them the texts and the tenant of one (2), the status and the choice of another (2), and
    // the records of the calls.
    assert_eq!(report.records, 6 + 2 + 2 + 4 + 6 + 4 + 3);
    assert_eq!(report.notes.len(), 1, "there is no anchor: {:?}", report.notes);
    writer.end_run(RunStatus::Done, 0).await.unwrap();
    assert_intact(&store.verify_audit().await.unwrap());
}

/// What is done, and how it must be named. `{1}` to `{3}` are the runs.
const TAMPERINGS: &[(&str, Problem, &str)] = &[
    ("UPDATE events SET message = 'x' WHERE sequence = 1", Problem::Altered, "event 1: it was"),
    ("DELETE FROM events WHERE sequence = 1", Problem::Removed, "event 1: it was removed"),
    (
        "UPDATE events SET sequence = 3 - sequence + 10; UPDATE events SET sequence = sequence - 10",
        Problem::Reordered,
        "event 1: it is in the place of event 2",
    ),
    (
        "INSERT INTO events SELECT 9, at, source, event_id, level, message, data, connector_id, run, \
      host, sandbox FROM events WHERE sequence = 1",
        Problem::Inserted,
        "event 9: no link",
    ),
    ("UPDATE evidence SET kind = 'sync_cycle' WHERE sequence = 1", Problem::Altered, "evidence 1:"),
    ("DELETE FROM evidence WHERE sequence = 2", Problem::Removed, "evidence 2: it was removed"),
    (
        "UPDATE runs SET exit_code = 0 WHERE id = '{2}'",
        Problem::Altered,
        "run {2}: its exit code is 0, recorded was 3",
    ),
    (
        "UPDATE runs SET status = 'done', exit_code = 0, ended_at = 5 WHERE id = '{3}'",
        Problem::Altered,
        "run {3}: its status is \"done\", recorded was \"running\"",
    ),
    (
        "UPDATE runs SET parameters = '{}' WHERE id = '{3}'",
        Problem::Altered,
        "run {3}: its parameters",
    ),
    (
        "DELETE FROM steps WHERE run = '{1}'; DELETE FROM calls WHERE run = '{1}'; \
      DELETE FROM run_sources WHERE run = '{1}'; DELETE FROM runs WHERE id = '{1}'",
        Problem::Removed,
        "run {1}: it was removed",
    ),
    (
        "INSERT INTO runs SELECT 'new', script, parameters, started_at, ended_at, status, exit_code, \
      tenant_id, sandbox, owner, attempts, options FROM runs WHERE id = '{1}'",
        Problem::Inserted,
        "run new: no link",
    ),
    (
        "UPDATE sources SET content = '\"fn main(p) { evil() }\"' WHERE content LIKE '%main%'",
        Problem::Altered,
        "run {1}: text '': it is not the text that was run",
    ),
    ("DELETE FROM run_sources WHERE name = 'module'", Problem::Removed, "run {1}: text 'module'"),
    (
        "UPDATE calls SET arguments = '{\"days\":2}' WHERE run = '{2}' AND sequence = 2",
        Problem::Altered,
        "run {2}: call 2 of branch 'a/b' (record",
    ),
    (
        "UPDATE calls SET outcome = '{\"done\":1}', result = 'done' WHERE branch = 'a/b' AND sequence = 1",
        Problem::Altered,
        "run {2}: call 1 of branch 'a/b' (record",
    ),
    (
        "UPDATE steps SET marker = '{}' WHERE run = '{1}'",
        Problem::Altered,
        "run {1}: step 1 of call 1 (record",
    ),
    ("DELETE FROM steps WHERE run = '{1}'", Problem::Removed, "run {1}: step 1 of call 1 (record"),
    (
        "UPDATE calls SET ended_at = NULL, ended_record = NULL, result = NULL, outcome = NULL \
      WHERE run = '{1}'",
        Problem::Removed,
        "run {1}: call 1 (record",
    ),
    (
        "UPDATE steps SET result = 'failed' WHERE run = '{1}'",
        Problem::Unreadable,
        "step 1 of call 1 of run {1}",
    ),
    (
        "INSERT INTO calls SELECT run, branch, 9, cmdlet, arguments, capability, began_at, 900, NULL, \
      NULL, NULL, NULL FROM calls WHERE run = '{1}'",
        Problem::Inserted,
        "run {1}: call 9 (record 900",
    ),
    (
        "DELETE FROM run_links WHERE kind = 'end' AND run = '{1}'",
        Problem::Truncated,
        "run {1}: its end (record",
    ),
    (
        "DELETE FROM run_links WHERE kind = 'step_ended' AND run = '{1}'",
        Problem::Removed,
        "run {1}: step 1 of call 1 (record",
    ),
    (
        "UPDATE run_links SET digest = chain WHERE kind = 'tenant'",
        Problem::Altered,
        "run {1}: record",
    ),
    (
        "DELETE FROM run_links WHERE record = (SELECT max(record) FROM run_links)",
        Problem::Truncated,
        "the end of the records was cut off",
    ),
    (
        "DELETE FROM links WHERE number = (SELECT max(number) FROM links)",
        Problem::Truncated,
        "the end of the host's chain was cut off",
    ),
    (
        "DELETE FROM links WHERE number = 3",
        Problem::Removed,
        "link 3: removed from the host's chain",
    ),
    ("DELETE FROM links WHERE number = 1", Problem::Removed, "link 1 (origin)"),
    ("UPDATE links SET at = at + 1 WHERE number = 3", Problem::Altered, "link 3 ("),
    (
        "UPDATE counters SET value = 1 WHERE name = 'event'",
        Problem::Altered,
        "the counter of event",
    ),
];

/// The ids of the runs of a history, in their order.
async fn runs(store: &Store) -> Vec<String> {
    let mut runs = store.find_runs(10).await.unwrap();
    runs.sort_by_key(|run| (run.script == "third", run.exit_code));
    runs.into_iter().map(|run| run.id).collect()
}

pub async fn each_tampering_is_named(bench: &Bench) {
    let store = bench.open().await;
    let _writer = live(bench, &store).await;
    let runs = runs(&store).await;
    let filled = |text: &str| {
        let one = text.replace("{1}", &runs[0]);
        one.replace("{2}", &runs[1]).replace("{3}", &runs[2])
    };
    let mut tamperer = Tamperer::new(bench).await;
    for (sql, problem, words) in TAMPERINGS {
        tamperer.run(&filled(sql)).await;
        let report = store.verify_audit().await.unwrap();
        let words = filled(words);
        let named = report
            .findings
            .iter()
            .any(|finding| finding.problem == *problem && finding.to_string().contains(&words));
        assert!(named, "{sql}\n'{words}' ({problem}) is not in {:#?}", told(&report));
        tamperer.restore().await;
    }
    assert_intact(&store.verify_audit().await.unwrap());
}

pub async fn a_purge_verifies_and_covers_nothing_else(bench: &Bench) {
    let store = bench.open().await;
    for (name, sandbox) in [("real", false), ("box", true)] {
        let writer = bench.begin(&store).await;
        let mut new = new_connector(&store, name);
        new.sandbox = sandbox;
        let id = add_connector(&writer, &new).await.unwrap().id;
        writer.set_run_tenant(name, sandbox).await.unwrap();
        writer.record_event(new_event(4000, Some(&id))).await.unwrap();
        writer.record_evidence(new_evidence(EvidenceKind::Token, &id)).await.unwrap();
        writer.keep_source("", name).await.unwrap();
        writer.commit(&done_call(writer.run(), 1)).await.unwrap();
        writer.end_run(RunStatus::Done, 0).await.unwrap();
    }
    let mut tamperer = Tamperer::new(bench).await;
    let writer = bench.begin(&store).await;
    writer.reset_sandbox().await.unwrap();
    assert_intact(&store.verify_audit().await.unwrap());
    writer.reset_sandbox().await.unwrap();
    writer.end_run(RunStatus::Done, 0).await.unwrap();
    let report = store.verify_audit().await.unwrap();
    assert_intact(&report);
    assert_eq!((report.runs, report.events, report.evidence), (2, 1, 1));

    let purged = "INSERT INTO events SELECT * FROM saved_events WHERE sequence = 2";
    for (sql, words) in [
        ("DELETE FROM events WHERE sequence = 1", "event 1: it was removed"),
        (purged, "event 2: it was purged, and was put back"),
        ("UPDATE links SET content = NULL WHERE kind = 'checkpoint'", "(checkpoint): its content"),
    ] {
        tamperer.run(sql).await;
        let told = told(&store.verify_audit().await.unwrap());
        assert!(told.iter().any(|line| line.contains(words)), "{sql}: {told:#?}");
    }
}

pub async fn writers_of_several_hosts_make_one_chain(bench: &Bench) {
    if bench.place.database.is_none() {
        return;
    }
    let mut writers = Vec::new();
    for number in 0..4 {
        let mut place = bench.place.clone();
        if number > 0 {
            place.folder = bench.place.folder.with_file_name(format!("host{number}"));
            bench.copy_key(&place.folder);
        }
        let store = Store::open(&bench.ports, &place).await.unwrap();
        writers.push(bench.begin(&store).await);
    }
    let work = writers.iter().map(async |writer| {
        for sequence in 1..=10 {
            writer.record_event(new_event(4000, None)).await.unwrap();
            writer.commit(&done_call(writer.run(), sequence)).await.unwrap();
            writer.record_evidence(new_evidence(EvidenceKind::Token, "c")).await.unwrap();
        }
        writer.end_run(RunStatus::Done, 0).await.unwrap();
    });
    futures::future::join_all(work).await;
    let report = writers[0].store().verify_audit().await.unwrap();
    assert_intact(&report);
    assert_eq!(report.links, 1 + 4 * 22);
}

fn key(folder: &Path) -> AuditKey {
    AuditKey::parse(&std::fs::read(folder.join("audit.key")).unwrap()).unwrap()
}

pub async fn an_export_verifies_by_itself(bench: &Bench) {
    let store = bench.open().await;
    let _writer = live(bench, &store).await;
    let text = serde_json::to_string(&store.ledger().await.unwrap()).unwrap();
    let key = key(&bench.place.folder);
    let read = |text: &str| Ledger::parse(text.as_bytes()).unwrap().verify(&key);
    let report = read(&text);
    assert_intact(&report);
    assert_eq!(report, store.verify_audit().await.unwrap());
    let secret = std::fs::read_to_string(bench.place.folder.join("audit.key")).unwrap();
    assert!(!text.contains(secret.trim()), "the key is in the export");

    for (old, new, words) in [
        ("\"remove a key\"", "\"remove another\"", "step 1 of call 1 of branch 'a/b'"),
        ("\"exit_code\":3", "\"exit_code\":1", "its exit code is 1, recorded was 3"),
        ("\"token\"", "\"sync_cycle\"", "evidence 1"),
    ] {
        assert!(text.contains(old), "{old}");
        let told = told(&read(&text.replacen(old, new, 1)));
        assert!(told.iter().any(|line| line.contains(words)), "{old}: {told:#?}");
    }
    let other = AuditKey::parse(&[b'7'; 64]).unwrap();
    let report = Ledger::parse(text.as_bytes()).unwrap().verify(&other);
    assert!(told(&report)[0].contains("another key"), "{:?}", told(&report));
    assert_eq!(report.findings.len(), 1, "one line, not one for each record");
    for wrong in ["", "{}", "[]", &text[..text.len() - 1]] {
        Ledger::parse(wrong.as_bytes()).unwrap_err();
    }
    let newer = text.replacen("\"version\":1", "\"version\":2", 1);
    assert_eq!(Ledger::parse(newer.as_bytes()).unwrap_err().code, base::Code::StateNewer);
}
