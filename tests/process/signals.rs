//! Ctrl-C and SIGTERM.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{Ended, Home};
use super::served::{Broken, Served, onboard};

/// Runs the onboarding and sends it a signal when it says `moment`.
fn interrupted(home: &Home, file: &str, moment: &str, signal: Signal) -> Ended {
    let mut run = home.line(&["--tenant", file, "run", "onboard", "--yes", "--json"]).start();
    run.wait_for(moment);
    run.signal(signal);
    run.end()
}

/// What the next process sees of the connector's scheduler.
fn scheduler(home: &Home, file: &str) -> Value {
    let script = r#"fn main(p) { get_scheduler(#{ connector: "default" }) }"#;
    let script = home.file("scripts/scheduler.rhai", script);
    let ended = home.run(&["--tenant", file, "run", &script, "--json"]).code(0);
    ended.json()["value"].clone()
}

#[test]
fn an_interrupted_run_exits_4_and_the_next_one_completes() {
    let cases = [
        ("signs in as the service account", Signal::INT, false),
        ("check_prerequisites", Signal::TERM, false),
        ("make the private key", Signal::INT, true),
        ("pause the scheduler", Signal::TERM, true),
        ("create the application", Signal::INT, true),
        ("waiting for application readable", Signal::TERM, true),
        ("create the service principal", Signal::INT, true),
        ("waiting for key accepted", Signal::INT, true),
        ("let 'default' sign in", Signal::HUP, true),
    ];
    std::thread::scope(|scope| {
        for (moment, signal, changed) in cases {
            scope.spawn(move || {
                let (served, home) = (Served::new(), Home::new());
                let ended = interrupted(&home, &served.file(), moment, signal);
                let told = format!("{signal:?} at '{moment}': {ended:?}");
                assert_eq!(ended.code, Some(4), "{told}");
                let document = ended.json();
                assert_eq!(document["error"]["code"], "run.interrupted", "{told}");
                assert!(document["error"]["next"].is_string(), "{told}");
                // An early signal may still let the step end that had begun.
                assert!(changed || ended.stderr.contains("run.interrupted"), "{told}");
                assert!(!changed || document["changed"] == true, "{told}");

                let seen = scheduler(&home, &served.file());
                assert_eq!(seen["effective_enabled"], true, "{told}: {seen:#}");
                let document = onboard(&home, &served.file()).code(0).json();
                served.shown().assert_one(&document["value"]["certificate_sha256"]);
                let seen = scheduler(&home, &served.file());
                assert_eq!(seen["effective_enabled"], true, "{told}: {seen:#}");
            });
        }
    });
}

#[test]
fn a_second_signal_leaves_at_once() {
    let (served, home) = (Served::new(), Home::new());
    // The tenant has made the application, but never says so.
    let mut broken = Broken::new(&served.file(), &home, "silent", "PATCH /v1.0/applications");
    let words = ["--tenant", &broken.file, "run", "onboard", "--yes"];
    let mut run = home.line(&words).start();
    broken.wait();
    run.signal(Signal::INT);
    run.wait_for("Once more leaves at once");
    // One that follows at once is an echo of the first, and counts for nothing.
    run.signal(Signal::INT);
    run.pass(Duration::from_millis(400));
    run.signal(Signal::INT);
    run.end().code(4).says(&["Left at once"]);

    let seen = scheduler(&home, &served.file());
    assert_eq!(seen["effective_enabled"], true, "{seen:#}");
    let document = onboard(&home, &served.file()).code(0).json();
    served.shown().assert_one(&document["value"]["certificate_sha256"]);
}

#[test]
fn a_script_that_only_computes_is_interrupted_too() {
    let home = Home::new();
    let script = home.file(
        "scripts/long.rhai",
        r#"fn main(p) { say("begun"); let n = 0; for a in 0..5000 { for b in 0..500 { n += 1; } } n }"#,
    );
    let mut run = home.line(&["run", &script, "--json"]).start();
    run.wait_for("begun");
    run.signal(Signal::INT);
    let document = run.end().refused(4, "run.interrupted");
    assert_eq!(document["value"], Value::Null);
}

#[test]
fn a_script_that_sleeps_is_interrupted_at_once() {
    let home = Home::new();
    let script = home.file(
        "scripts/sleeper.rhai",
        r#"fn main(p) { say("begun"); sleep(#{ duration: "1h" }); }"#,
    );
    let mut run = home.line(&["run", &script, "--json"]).start();
    run.wait_for("begun");
    run.signal(Signal::TERM);
    run.end().refused(4, "run.interrupted");
}
