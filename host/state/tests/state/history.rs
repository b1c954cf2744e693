//! A history of a host with something of everything, for the audit to verify.

use base::{Code, Diagnostic, Timestamp};
use effect::{CallKey, Entry, Journal, Outcome, RunId, StepIntent, StepKey, Undo};
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe};
use state::{EvidenceKind, NewRun, Purpose, RunStatus, Store, Writer};

use crate::harness::{Bench, add_connector, new_connector};
use crate::journal::done_call;
use crate::records::{new_event, new_evidence};

/// The tables that the chains are over, and their keys.
pub const TABLES: &[(&str, &[&str])] = &[
    ("runs", &["id"]),
    ("sources", &["sha256"]),
    ("run_sources", &["run", "name"]),
    ("calls", &["run", "branch", "sequence"]),
    ("choices", &["run", "branch", "sequence", "name"]),
    ("steps", &["run", "branch", "sequence", "step"]),
    ("events", &["sequence"]),
    ("evidence", &["sequence"]),
    ("links", &["number"]),
    ("run_links", &["record"]),
    ("counters", &["name"]),
];

/// A call that failed in its second step, on a branch, and one that is still pending.
fn other_calls(run: &RunId) -> Vec<Entry> {
    let at = Timestamp::from_millis(1_795_000_000_500);
    let failed = CallKey { run: run.clone(), branch: "a/b".to_owned(), sequence: 1 };
    let pending = CallKey { sequence: 2, ..failed.clone() };
    let step = StepKey { call: failed.clone(), step: 1 };
    let intent = StepIntent {
        name: "remove_key".to_owned(),
        summary: "remove a key".to_owned(),
        marker: json!({ "key_id": "k" }),
        undo: Undo::cmdlet("add_key", json!({ "key_id": "k" })),
    };
    let error = || Outcome::Failed(Diagnostic::new(Code::GraphDenied, "no").next("ask"));
    let began = |key: &CallKey| Entry::CallBegan {
        key: key.clone(),
        cmdlet: "remove_key".to_owned(),
        arguments: json!({ "connector": "default", "days": 1.5 }),
        capability: None,
        at,
    };
    let open = StepKey { call: pending.clone(), step: 1 };
    vec![
        began(&failed),
        Entry::StepIntended { key: step.clone(), intent: intent.clone(), at },
        Entry::StepEnded { key: step, outcome: error(), found: true, at },
        Entry::CallEnded { key: failed, outcome: error(), at },
        began(&pending),
        Entry::StepIntended { key: open, intent, at },
    ]
}

/// Runs that ended, that was interrupted and resumed, and that still runs. The last one's writer is
/// given back.
pub async fn live(bench: &Bench, store: &Store) -> Writer {
    let writer = bench.begin(store).await;
    let connector = add_connector(&writer, &new_connector(store, "default")).await.unwrap();
    writer.keep_sources(&[("", "fn main(p) {}"), ("module", "fn f() {}")]).await.unwrap();
    writer.set_run_tenant("t", false).await.unwrap();
    writer.commit(&done_call(writer.run(), 1)).await.unwrap();
    writer.record_event(new_event(4000, Some(&connector.id))).await.unwrap();
    writer.record_evidence(new_evidence(EvidenceKind::Token, &connector.id)).await.unwrap();
    writer.end_run(RunStatus::Done, 0).await.unwrap();
    drop(writer);

    let writer = bench.begin(store).await;
    let interrupted = writer.run().clone();
    writer.commit(&other_calls(&interrupted)).await.unwrap();
    drop(writer);
    bench.process.restart();
    let purpose = Purpose { run: interrupted.clone(), script: "test".to_owned() };
    let writer = store.begin_writing(purpose).await.unwrap();
    writer.resume_run(RunStatus::Running).await.unwrap();
    let chosen = done_call(&interrupted, 3);
    writer.commit(&chosen[..1]).await.unwrap();
    let (name, value, at) = ("id".to_owned(), json!("c"), Timestamp::from_millis(7));
    writer
        .commit(&[Entry::Chosen { key: chosen[0].call().clone(), name, value, at }])
        .await
        .unwrap();
    writer.commit(&chosen[1..]).await.unwrap();
    writer.set_run_status(RunStatus::Unwinding).await.unwrap();
    writer.record_evidence(new_evidence(EvidenceKind::SyncCycle, &connector.id)).await.unwrap();
    writer.end_run(RunStatus::Unfinished, 3).await.unwrap();
    drop(writer);

    let writer = bench.write(store).await;
    let parameters = json!({ "connector": "default", "list": [1, null, "x"] });
    let options = vec!["--profile".to_owned(), "production".to_owned()];
    let new = NewRun { script: "third".to_owned(), parameters, options, ..NewRun::default() };
    writer.begin_run(new).await.unwrap();
    writer.record_event(new_event(4001, None)).await.unwrap();
    writer.commit(&done_call(writer.run(), 1)[..3]).await.unwrap();
    writer
}

/// Somebody who may write past everything that the program checks.
pub struct Tamperer {
    pub connection: AnyConnection,
}

impl Tamperer {
    /// Remembers how everything is.
    pub async fn new(bench: &Bench) -> Self {
        let mut tamperer = Self { connection: bench.raw().await };
        tamperer
            .run(match &bench.place.database {
                None => "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF",
                Some(_) => "SET session_replication_role = replica",
            })
            .await;
        for (table, _) in TABLES {
            tamperer.run(&format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}")).await;
        }
        tamperer
    }

    pub async fn run(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        sqlx::raw_sql(sql).execute(&mut self.connection).await.unwrap();
    }

    /// Puts everything back to how it was.
    pub async fn restore(&mut self) {
        for (table, _) in TABLES {
            self.restore_table(table).await;
        }
    }

    pub async fn restore_table(&mut self, table: &str) {
        self.run(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM saved_{table}"))
            .await;
    }
}
