//! A tenant that goes away, or behind which something else answers.

use serde_json::{Value, json};

use super::harness::{Ended, Home};
use super::served::{Broken, Served, onboard};

/// Fails unless the home's connector works and its scheduler runs.
fn assert_works(home: &Home, description: &str) {
    let script = r#"fn main(p) {
        let scheduler = get_scheduler(#{ connector: "default" });
        if !scheduler.effective_enabled { throw `the scheduler does not run: ${scheduler}`; }
        test_credential(#{ connector: "default" }).works
    }"#;
    let script = home.file("scripts/works.rhai", script);
    let ended = home.run(&["--tenant", description, "run", &script, "--json"]).code(0);
    assert_eq!(ended.json()["value"], true);
}

fn said(ended: &Ended) -> Value {
    let document = ended.json();
    let error = document["error"].clone();
    assert!(error["next"].is_string(), "it does not say what to type: {document:#}");
    error
}

#[test]
fn through_something_that_breaks_nothing_it_works() {
    let (served, home) = (Served::new(), Home::new());
    let broken = Broken::new(&served.file(), &home, "through", "");
    let document = onboard(&home, &broken.file).code(0).json();
    served.shown().assert_one(&document["value"]["certificate_sha256"]);
}

#[test]
fn nonsense_from_the_first_answer_on_is_named_and_nothing_is_changed() {
    let served = Served::new();
    let cases = [
        ("garbage", "remote.garbage"),
        ("html", "remote.garbage"),
        ("half", "remote.unreachable"),
        ("closed", "remote.unreachable"),
    ];
    std::thread::scope(|scope| {
        for (how, code) in cases {
            let file = served.file();
            scope.spawn(move || {
                let home = Home::new();
                let broken = Broken::new(&file, &home, how, "");
                let ended = onboard(&home, &broken.file);
                said(&ended);
                ended.refused(6, code);
                let again = onboard(&home, &file).code(0);
                assert_eq!(again.json()["changed"], true, "{how}");
            });
        }
    });
}

#[test]
fn no_answer_at_all_ends_in_bounded_time() {
    let (served, home) = (Served::new(), Home::new());
    let broken = Broken::new(&served.file(), &home, "silent", "");
    let words = ["--tenant", &broken.file, "run", "onboard", "--yes", "--json"];
    // Twenty seconds pass in one, for this process only.
    let ended = home.line(&words).under(&["faketime", "-f", "+0 x20"]).run();
    assert!(ended.stderr.contains("it took too long"), "{ended:?}");
    ended.refused(6, "remote.unreachable");
    assert_eq!(served.shown().0, json!([]));
}

#[test]
fn nonsense_in_the_middle_is_named_and_the_next_run_completes() {
    let firsts = ["PATCH /v1.0/applications", "POST /v1.0/servicePrincipals"];
    std::thread::scope(|scope| {
        for first in firsts {
            for how in ["garbage", "html", "half", "closed"] {
                scope.spawn(move || {
                    let (served, home) = (Served::new(), Home::new());
                    let broken = Broken::new(&served.file(), &home, how, first);
                    let ended = onboard(&home, &broken.file).code(4);
                    let error = said(&ended);
                    let code = error["code"].as_str().unwrap();
                    assert!(code.starts_with("remote."), "{how} at {first}: {error:#}");
                    assert_works(&home, &served.file());

                    // The run goes on, or another one takes over what it made.
                    let document = match how {
                        "garbage" | "half" => {
                            let words = ["--tenant", &served.file(), "resume", "--yes", "--json"];
                            home.run(&words).code(0).json()
                        }
                        _ => onboard(&home, &served.file()).code(0).json(),
                    };
                    let certificate = &document["value"]["certificate_sha256"];
                    served.shown().assert_one(certificate);
                    assert_works(&home, &served.file());
                });
            }
        }
    });
}

#[test]
fn a_tenant_that_is_killed_comes_back_and_the_run_completes_without_duplicates() {
    let moments = [
        "connect_tenant",
        "pause the scheduler",
        "create the application",
        "create the service principal",
        "grant ADSynchronization",
        "let 'default' sign in as",
    ];
    std::thread::scope(|scope| {
        for moment in moments {
            scope.spawn(move || {
                let (mut served, home) = (Served::new(), Home::new());
                let words = ["--tenant", &served.file(), "run", "onboard", "--yes", "--json"];
                let mut run = home.line(&words).start();
                run.wait_for(moment);
                served.kill();
                let ended = run.end();
                assert!(matches!(ended.code, Some(3 | 4 | 6)), "{moment}: {ended:?}");
                let changed = ended.json()["changed"] == true;
                assert_eq!(changed, ended.code != Some(6), "{moment}: {ended:?}");
                said(&ended);

                // While it is away: a plain refusal, and nothing gets worse.
                let away = onboard(&home, &served.file());
                assert_eq!(away.code, Some(6), "{moment}: {away:?}");
                served.again();
                let document = onboard(&home, &served.file()).code(0).json();
                served.shown().assert_one(&document["value"]["certificate_sha256"]);
                assert_works(&home, &served.file());
            });
        }
    });
}
