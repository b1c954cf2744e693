//! The journal.

use base::{Code, Diagnostic, Timestamp};
use effect::{CallKey, Entry, Journal, Outcome, RunId, StepIntent, StepKey, Undo};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::harness::Bench;

/// Any JSON, with the characters and numbers that databases and parsers stumble over.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".*".prop_map(Value::from),
        Just(json!("a\0b\u{1}'\"\\$1?")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".*", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_text() -> impl Strategy<Value = String> {
    ".*".prop_map(|text| text.replace('\0', ""))
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        any_json().prop_map(Outcome::Done),
        (0..Code::ALL.len(), ".*").prop_map(|(code, message)| {
            Outcome::Failed(Diagnostic::new(Code::ALL[code], message).next("x").cause("y"))
        }),
    ]
}

#[derive(Clone, Debug)]
struct AnyCall {
    branch: String,
    cmdlet: String,
    arguments: Value,
    capability: Option<String>,
    choices: Vec<(String, Value)>,
    steps: Vec<AnyStep>,
    outcome: Option<Outcome>,
}

#[derive(Clone, Debug)]
struct AnyStep {
    name: String,
    summary: String,
    marker: Value,
    undo: Undo,
    end: Option<(Outcome, bool)>,
}

fn any_step() -> impl Strategy<Value = AnyStep> {
    let undo = prop_oneof![
        any_text().prop_map(Undo::irreversible),
        any_text().prop_map(Undo::unneeded),
        (any_text(), any_json()).prop_map(|(name, arguments)| Undo::cmdlet(name, arguments)),
    ];
    let end = prop::option::of((any_outcome(), any::<bool>()));
    (any_text(), any_text(), any_json(), undo, end)
        .prop_map(|(name, summary, marker, undo, end)| AnyStep { name, summary, marker, undo, end })
}

fn any_call() -> impl Strategy<Value = AnyCall> {
    let steps = prop::collection::vec(any_step(), 0..3);
    let capability = prop::option::of(any_text());
    let outcome = prop::option::of(any_outcome());
    (
        prop_oneof![Just(String::new()), any_text()],
        any_text(),
        any_json(),
        capability,
        prop::collection::btree_map(any_text(), any_json(), 0..3),
        steps,
        outcome,
    )
        .prop_map(|(branch, cmdlet, arguments, capability, choices, steps, outcome)| AnyCall {
            branch,
            cmdlet,
            arguments,
            capability,
            choices: choices.into_iter().collect(),
            steps,
            outcome,
        })
}

/// The records of the calls, in the order in which a gate writes them.
fn entries(run: &RunId, calls: &[AnyCall]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (call, sequence) in calls.iter().zip(1..) {
        let key = CallKey { run: run.clone(), branch: call.branch.clone(), sequence };
        let at = Timestamp::from_millis(i64::try_from(sequence).unwrap() * 1_001);
        entries.push(Entry::CallBegan {
            key: key.clone(),
            cmdlet: call.cmdlet.clone(),
            arguments: call.arguments.clone(),
            capability: call.capability.clone(),
            at,
        });
        for (name, value) in call.choices.clone() {
            entries.push(Entry::Chosen { key: key.clone(), name, value, at });
        }
        for (step, number) in call.steps.iter().zip(1..) {
            let key = StepKey { call: key.clone(), step: number };
            let intent = StepIntent {
                name: step.name.clone(),
                summary: step.summary.clone(),
                marker: step.marker.clone(),
                undo: step.undo.clone(),
            };
            entries.push(Entry::StepIntended { key: key.clone(), intent, at });
            if let Some((outcome, found)) = step.end.clone() {
                entries.push(Entry::StepEnded { key, outcome, found, at });
            }
        }
        if let Some(outcome) = call.outcome.clone() {
            entries.push(Entry::CallEnded { key, outcome, at });
        }
    }
    entries
}

pub async fn records_come_back_as_they_were_committed(bench: &Bench) {
    let store = bench.open().await;
    let strategy = (prop::collection::vec(any_call(), 0..6), 1..5usize);
    let mut runner =
        TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let mut samples = Vec::new();
    // The database is asynchronous and proptest is not: the samples are drawn first.
    for _ in 0..runner.config().cases {
        let tree = strategy.new_tree(&mut runner).unwrap();
        samples.push(proptest::strategy::ValueTree::current(&tree));
    }
    for (calls, size) in samples {
        let writer = bench.begin(&store).await;
        let written = entries(writer.run(), &calls);
        for batch in written.chunks(size) {
            writer.commit(batch).await.unwrap();
        }
        writer.commit(&[]).await.unwrap();
        assert_eq!(store.journal(writer.run()).await.unwrap(), written);
    }
    assert_eq!(store.journal(&RunId("none".to_owned())).await.unwrap(), []);
}

pub fn done_call(run: &RunId, sequence: u64) -> Vec<Entry> {
    let call = AnyCall {
        branch: String::new(),
        cmdlet: "add_application_key".to_owned(),
        arguments: json!({}),
        capability: Some("application.key.add".to_owned()),
        choices: Vec::new(),
        steps: vec![AnyStep {
            name: "add_key".to_owned(),
            summary: "add a key".to_owned(),
            marker: json!({ "certificate_sha256": "C" }),
            undo: Undo::irreversible("test"),
            end: Some((Outcome::Done(json!({ "key_id": "k" })), false)),
        }],
        outcome: Some(Outcome::Done(Value::Null)),
    };
    let mut entries = entries(run, &[call]);
    for entry in &mut entries {
        let key = match entry {
            Entry::CallBegan { key, .. }
            | Entry::CallEnded { key, .. }
            | Entry::Chosen { key, .. } => key,
            Entry::StepIntended { key, .. } | Entry::StepEnded { key, .. } => &mut key.call,
        };
        key.sequence = sequence;
    }
    entries
}

pub async fn records_out_of_order_are_refused_whole(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let first = done_call(writer.run(), 1);
    writer.commit(&first).await.unwrap();
    let mut twice = done_call(writer.run(), 2);
    twice.push(first[0].clone());
    let mut ended_twice = done_call(writer.run(), 2);
    ended_twice.push(first[3].clone());
    let mut not_begun = done_call(writer.run(), 2);
    not_begun.remove(0);
    for wrong in [twice, ended_twice, not_begun] {
        writer.commit(&wrong).await.unwrap_err();
        assert_eq!(store.journal(writer.run()).await.unwrap(), first);
    }
    writer.commit(&done_call(writer.run(), 2)).await.unwrap();
}

pub async fn done_steps_are_ours(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    writer.commit(&done_call(writer.run(), 1)).await.unwrap();
    writer.commit(&done_call(writer.run(), 2)[..2]).await.unwrap();
    let ours = store.done_steps("application.key.add").await.unwrap();
    assert_eq!(ours.len(), 1, "a pending step is not done");
    assert_eq!(ours[0].value, json!({ "key_id": "k" }));
    assert_eq!(ours[0].marker, json!({ "certificate_sha256": "C" }));
    assert_eq!(ours[0].key.call.run, *writer.run());
    assert_eq!(store.done_steps("application.key.remove").await.unwrap(), []);
}

pub async fn what_was_intended_is_found_by_its_marker(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    writer.commit(&done_call(writer.run(), 1)[..2]).await.unwrap();
    let intended = async |step: &str, sha256: &str| {
        let marker = json!({ "certificate_sha256": sha256 });
        store.was_intended(step, &marker).await.unwrap()
    };
    assert!(intended("add_key", "C").await, "a pending step was intended");
    assert!(!intended("add_key", "D").await && !intended("remove_key", "C").await);
}
