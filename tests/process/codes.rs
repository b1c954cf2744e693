//! Exit codes, and one document for each command.

use serde_json::{Value, json};

use super::harness::{Ended, Home};
use super::served::Served;

/// Fails unless the answer has what every document has.
#[track_caller]
fn assert_document(ended: &Ended, what: &str) -> Value {
    let document = ended.json();
    let members = document.as_object().unwrap();
    for member in ["changed", "tenant", "run", "script", "value", "error", "exit_code"] {
        assert!(members.contains_key(member), "{what} has no '{member}': {document:#}");
    }
    assert!(document["changed"].is_boolean(), "{what}: {document:#}");
    assert_eq!(document["exit_code"].as_i64(), ended.code.map(i64::from), "{what}: {document:#}");
    assert_eq!(document["error"].is_null(), ended.code == Some(0), "{what}: {document:#}");
    if let Some(error) = document["error"].as_object() {
        for member in ["code", "message", "applied", "repeat"] {
            assert!(error[member].is_string(), "{what} has no '{member}': {document:#}");
        }
    }
    if let Some(tenant) = document["tenant"].as_object() {
        let names: Vec<&String> = tenant.keys().collect();
        assert_eq!(names, ["id", "name", "sandbox"], "{what}: {document:#}");
    }
    document
}

#[test]
fn every_command_answers_one_document_with_its_exit_code() {
    let home = Home::new();
    let empty = home.file("scripts/empty.rhai", "fn main(p) { 7 }");
    let thrown = home.file("scripts/thrown.rhai", r#"fn main(p) { throw "no"; }"#);
    let typed = home.file(
        "scripts/typed.rhai",
        r#"fn params() { #{ days: #{ value: 3, help: "Days" } } } fn main(p) { p.days }"#,
    );
    let changing = home.file(
        "scripts/changing.rhai",
        r#"fn main(p) { add_connector(#{ connector: "second" }); throw "then it failed"; }"#,
    );
    let asking = home.file(
        "scripts/asking.rhai",
        r#"fn main(p) { confirm(#{ question: "Go on?", required: true }) }"#,
    );
    let cases: &[(&[&str], i32, &str)] = &[
        (&["scripts", "list"], 0, ""),
        (&["scripts", "show", "onboard"], 0, ""),
        (&["help"], 0, ""),
        (&["help", "add_connector"], 0, ""),
        (&["help", "state.locked"], 0, ""),
        (&["run", "onboard", "--help"], 0, ""),
        (&["tenant", "show"], 2, "tenant.sandbox"),
        (&["run", &empty], 0, ""),
        (&["tenant", "show"], 0, ""),
        (&["connectors"], 0, ""),
        (&["events"], 0, ""),
        (&["audit", "verify"], 0, ""),
        (&["audit", "accept-restore"], 0, ""),
        (&["audit", "export", "none/export.json"], 2, "disk.failed"),
        (&["backup", "none/backup.tar"], 2, "disk.failed"),
        (&["backup"], 2, "usage.command"),
        (&["run", &typed, "--param", "days=9"], 0, ""),
        (&[], 2, "usage.command"),
        (&["runn", "onboard"], 2, "usage.command"),
        (&["run"], 2, "usage.command"),
        (&["run", "onboard", "--param", "connector"], 2, "usage.command"),
        (&["run", "onboard", "--wrong"], 2, "usage.command"),
        (&["events", "--since", "yesterday"], 2, "usage.command"),
        (&["events", "--limit", "0"], 2, "usage.command"),
        (&["tenant", "serve", "--listen", "nowhere"], 2, "usage.command"),
        (&["help", "add_conector"], 2, "usage.command"),
        (&["scripts", "show", "onbord"], 2, "script.unknown"),
        (&["run", "onbord"], 2, "script.unknown"),
        (&["run", "onboard", "--param", "conector=default"], 2, "script.parameter"),
        (&["run", "onboard", "--param", "password_writeback=perhaps"], 2, "script.parameter"),
        (&["run", &typed, "--param", "days=soon"], 2, "script.parameter"),
        (&["run", "onboard", "--yes", "--param", "connector=nobody"], 2, "connector.unknown"),
        (&["--profile", "contoso", "run", "onboard"], 2, "configuration.invalid"),
        (&["run", &thrown], 2, "script.failed"),
        (&["run", &asking], 5, "effect.not_confirmed"),
        (&["tenant", "reset"], 5, "effect.not_confirmed"),
        (&["run", &asking, "--yes"], 0, ""),
        (&["run", &changing], 1, "script.failed"),
        (&["run", &changing, "--keep"], 3, "script.failed"),
        (&["runs"], 0, ""),
        (&["runs", "show", "none"], 2, "run.unknown"),
        (&["resume"], 0, ""),
        (&["resume", "none"], 2, "run.unknown"),
        (&["resume", "none", "--unwind"], 2, "run.unknown"),
    ];
    for (words, code, diagnostic) in cases {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let ended = home.run(&words).code(*code);
        let document = assert_document(&ended, &words.join(" "));
        let named = document["error"]["code"].as_str().unwrap_or_default();
        assert_eq!(named, *diagnostic, "{words:?}: {document:#}");
        assert_eq!(document["changed"], *code == 3, "{words:?}: {document:#}");
    }
}

#[test]
fn a_near_miss_is_suggested() {
    let home = Home::new();
    let cases: &[(&[&str], &str)] = &[
        (&["run", "onbord"], "onboard"),
        (&["run", "onboard", "--param", "conector=x"], "connector"),
        (&["help", "add_conector"], "add_connector"),
        (&["scrpts", "list"], "scripts"),
    ];
    for (words, meant) in cases {
        let ended = home.run(words).code(2);
        assert!(ended.stderr.contains(&format!("'{meant}'")), "{words:?}: {}", ended.stderr);
    }
    assert!(!home.path().join("state").exists(), "a wrong word left a state behind");
}

#[test]
fn nobody_to_ask_is_a_refusal_that_says_what_to_type() {
    let (served, home) = (Served::new(), Home::new());
    let words = ["--tenant", &served.file(), "run", "onboard"];
    let ended = home.run(&[&words[..], &["--json"]].concat());
    let document = ended.refused(5, "effect.not_confirmed");
    let next = document["error"]["next"].as_str().unwrap();
    assert!(next.contains("--yes"), "{next}");
    assert_eq!(served.shown().0, json!([]), "an application was made");
    assert!(!home.path().join("state/certificates").exists(), "a certificate was made");
    assert_eq!(document["before"], document["after"]);

    let asked = home.run(&words).code(5);
    assert!(asked.stderr.contains("Add to the command: --yes"), "{}", asked.stderr);
    assert_eq!(asked.stdout, "");
    home.run(&[&words[..], &["--yes"]].concat()).code(0);
}

#[test]
fn a_connector_that_is_an_application_already_keeps_its_credential() {
    let (served, home) = (Served::new(), Home::new());
    let words = ["--tenant", &served.file(), "run", "onboard", "--yes"];
    let value = home.run(&[&words[..], &["--json"]].concat()).code(0).json()["value"].clone();
    let first = served.shown();
    let ended = home.run(&words).code(0).says(&["Nothing to do"]);
    assert_eq!(ended.stderr.matches("\u{2713}").count(), 0, "it did something: {}", ended.stderr);
    assert_eq!(served.shown().0, first.0);

    // A script that takes the steps one by one adds a key, and takes none away.
    let script = home.file(
        "scripts/again.rhai",
        r#"fn main(p) {
            connect_tenant();
            let prepared = prepare_credential(#{ connector: "default" });
            add_app_registration(#{
                connector: "default", certificate_sha256: prepared.certificate_sha256,
            });
            test_credential(#{ connector: "default" })
        }"#,
    );
    let ended = home.run(&["--tenant", &served.file(), "run", &script, "--yes", "--json"]);
    let document = ended.code(0).json();
    assert_eq!(document["value"]["works"], true, "{document:#}");
    let shown = served.shown();
    let keys = shown.only()["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "{keys:#?}");
    assert!(keys.iter().any(|key| key["key_id"] == value["key_id"]), "{keys:#?}");
    let connectors = home.json(&["--tenant", &served.file(), "connectors"], 0).to_string();
    assert!(connectors.contains(value["certificate_sha256"].as_str().unwrap()), "{connectors}");
}
