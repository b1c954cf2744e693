//! A run whose process is stopped in the middle, or killed, and others that come meanwhile.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::harness::{Home, Program};
use super::served::{Served, onboard};

/// Starts the onboarding, and waits until it says `moment`.
fn begun(home: &Home, file: &str, moment: &str) -> Program {
    let words = ["--tenant", file, "run", "onboard", "--yes", "--json"];
    let mut run = home.line(&words).start();
    run.wait_for(moment);
    run
}

/// The latest run of that script, as the host lists it.
fn listed(home: &Home, script: &str) -> Value {
    let runs = home.json(&["runs"], 0);
    let mut runs = runs["value"].as_array().unwrap().iter();
    runs.find(|run| run["script"] == script).cloned().unwrap_or_else(|| panic!("no run"))
}

fn lock(home: &Home) -> PathBuf {
    home.path().join("state/lock")
}

#[test]
fn a_stopped_run_keeps_its_lock_and_ends_well_once_it_wakes() {
    let (served, home) = (Served::new(), Home::new());
    let file = served.file();
    let first = begun(&home, &file, "create the application");
    first.signal(Signal::STOP);
    let run = listed(&home, "onboard");
    assert_eq!(run["status"], "running", "{run:#}");
    let id = run["id"].as_str().unwrap();
    let pid = first.id().to_string();

    let others: [&[&str]; 3] = [&["run", "onboard"], &["resume", id], &["resume", id, "--unwind"]];
    for words in others {
        let words = [&["--tenant", &file], words, &["--yes", "--json"]].concat();
        let document = home.run(&words).refused(6, "state.locked");
        let told = document["error"].to_string();
        for named in [id, "onboard", &pid] {
            assert!(told.contains(named), "{words:?} does not name {named}: {told}");
        }
        assert!(told.contains(&format!("ps -fp {pid}")), "{told}");
    }
    // Without a name the one at work is named too; looking needs no lock.
    let document = home.json(&["--tenant", &file, "resume", "--yes"], 6);
    assert_eq!(document["value"], Value::Null, "{document:#}");
    home.json(&["runs", "show", id], 0);
    home.json(&["connectors"], 0);

    first.signal(Signal::CONT);
    let document = first.end().code(0).json();
    served.shown().assert_one(&document["value"]["certificate_sha256"]);
    assert_eq!(onboard(&home, &file).code(0).json()["changed"], false);
}

#[test]
fn who_comes_after_a_killed_run_works_at_once_and_its_pause_is_void() {
    let (served, home) = (Served::new(), Home::new());
    let file = served.file();
    let first = begun(&home, &file, "pause the scheduler");
    first.signal(Signal::KILL);
    first.end();
    assert_eq!(listed(&home, "onboard")["status"], "interrupted");

    let script = r#"fn main(p) { get_scheduler(#{ connector: "default" }) }"#;
    let script = home.file("scripts/scheduler.rhai", script);
    let words = ["--tenant", &file, "run", &script, "--yes", "--json"];
    let ended = home.run(&words).code(0).says(&["was interrupted", "resume"]);
    let scheduler = ended.json()["value"].clone();
    assert_eq!(scheduler["effective_enabled"], true, "{scheduler:#}");
    assert_eq!(scheduler["sync_cycle_enabled"], true, "{scheduler:#}");

    // Of two that go on with it, one does.
    let id = listed(&home, "onboard")["id"].as_str().unwrap().to_owned();
    let words = ["--tenant", &file, "resume", &id, "--yes", "--json"];
    let mut going_on = home.line(&words).start();
    going_on.wait_for("create the application");
    let document = home.run(&words).refused(6, "state.locked");
    assert!(document["error"].to_string().contains(&going_on.id().to_string()), "{document:#}");
    let document = going_on.end().code(0).json();
    served.shown().assert_one(&document["value"]["certificate_sha256"]);
    home.run(&words).refused(2, "run.ended");
}

#[test]
fn a_run_whose_lock_was_taken_away_writes_nothing_when_it_wakes() {
    let cases = [("check_prerequisites", 6), ("create the service principal", 3)];
    std::thread::scope(|scope| {
        for (moment, code) in cases {
            scope.spawn(move || {
                let (served, home) = (Served::new(), Home::new());
                let file = served.file();
                let first = begun(&home, &file, moment);
                first.signal(Signal::STOP);
                std::fs::remove_file(lock(&home)).unwrap();
                let script = r#"fn main(p) { add_connector(#{ connector: "other" }) }"#;
                let script = home.file("scripts/other.rhai", script);
                let words = ["--tenant", &file, "run", &script, "--yes", "--json"];
                let other = home.run(&words);
                if other.code == Some(2) {
                    // It was stopped inside of a transaction: nobody else can write until it ends.
                    let error = other.json()["error"].clone();
                    assert_eq!(error["code"], "state.database", "{error:#}");
                    assert_eq!(error["repeat"], "later", "{error:#}");
                    return;
                }
                other.code(0);
                let run = listed(&home, "onboard");
                let id = run["id"].as_str().unwrap();
                let records = || {
                    let events = home.json(&["events"], 0)["value"].clone();
                    (events, home.json(&["runs", "show", id], 0)["value"].clone())
                };
                let before = records();

                first.signal(Signal::CONT);
                let ended = first.end();
                let told = format!("{moment}: {ended:?}");
                assert_eq!(ended.code, Some(code), "{told}");
                let document = ended.json();
                assert_eq!(document["error"]["code"], "state.lost_lock", "{told}");
                assert_eq!(records(), before, "{told}");
                assert!(!ended.stderr.contains("grant "), "{told}");
                let applications = served.shown().0;
                let applications = applications.as_array().unwrap();
                assert_eq!(applications.len(), usize::from(code == 3), "{told}");
                assert!(applications.iter().all(|one| one["roles"] == json!([])), "{told}");

                // What the other one did stands, and the run can be gone on with.
                let names = home.json(&["connectors"], 0)["value"].to_string();
                assert!(names.contains("other"), "{names}");
                let words = ["--tenant", &file, "resume", "--yes", "--json"];
                let document = home.run(&words).code(0).json();
                served.shown().assert_one(&document["value"]["certificate_sha256"]);
                home.run(&["audit", "verify"]).code(0);
            });
        }
    });
}
