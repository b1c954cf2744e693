//! Runs that cannot be taken up again, or not like this: each refusal says what to type, and that works.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::folders::database;
use super::harness::{Ended, Home};
use super::served::{Served, onboard};

/// Onboards, is killed when it says `moment`, and gives the run's id.
fn killed(home: &Home, file: &str, moment: &str) -> String {
    let words = ["--tenant", file, "run", "onboard", "--yes", "--json"];
    let mut run = home.line(&words).start();
    run.wait_for(moment);
    run.signal(Signal::KILL);
    assert!(run.end().signal.is_some(), "it ended before it was killed");
    interrupted(home)
}

/// The id of the one run that was interrupted.
fn interrupted(home: &Home) -> String {
    let runs = home.json(&["runs"], 0);
    let runs = runs["value"].as_array().unwrap().iter();
    let ids: Vec<&str> = runs
        .filter(|run| run["status"] == "interrupted")
        .map(|run| run["id"].as_str().unwrap())
        .collect();
    let [id] = ids[..] else { panic!("{ids:?} were interrupted") };
    id.to_owned()
}

fn status(home: &Home, run: &str) -> Value {
    home.json(&["runs", "show", run], 0)["value"]["run"]["status"].clone()
}

/// Types the first command that a refusal names.
#[track_caller]
fn typed(home: &Home, refusal: &Value) -> Ended {
    let next = refusal["error"]["next"].as_str().unwrap();
    let (_, rest) = next.split_once("credwright ").unwrap_or_else(|| panic!("no command: {next}"));
    let line = rest.lines().next().unwrap();
    let line = line.split_once(". ").map_or(line, |(line, _)| line).trim_end_matches('.');
    home.run(&line.split(' ').collect::<Vec<_>>())
}

fn resume(home: &Home, words: &[&str]) -> Ended {
    home.run(&[&["resume"], words, &["--yes", "--json"]].concat())
}

#[test]
fn a_run_that_ended_and_one_that_never_was_are_told() {
    let home = Home::new();
    let done = home.script("fn main(p) { 7 }").code(0).json()["run"].clone();
    let failed = home
        .script(r#"fn main(p) { add_connector(#{ connector: "c" }); throw "no"; }"#)
        .code(1)
        .json()["run"]
        .clone();
    for run in [&done, &failed].map(|run| run.as_str().unwrap()) {
        for words in [&[run][..], &[run, "--recorded"], &[run, "--unwind"]] {
            let document = resume(&home, words).refused(2, "run.ended");
            typed(&home, &document).code(0);
        }
    }
    let document = resume(&home, &["1mnothere-0000"]).refused(2, "run.unknown");
    typed(&home, &document).code(0);
    let other = Home::new();
    let document = resume(&other, &[done.as_str().unwrap()]).refused(2, "run.unknown");
    let next = document["error"]["next"].as_str().unwrap();
    assert!(next.contains("--home"), "{next}");
    assert!(!other.path().join("state").exists(), "looking made a state");
}

#[test]
fn a_run_keeps_its_tenant_and_its_host() {
    let (served, another, home) = (Served::new(), Served::new(), Home::new());
    let run = killed(&home, &served.file(), "create the application");
    let words = ["--tenant", &another.file(), "resume", &run, "--yes", "--json"];
    let document = home.run(&words).refused(2, "run.elsewhere");
    let ids = [&served, &another].map(|served| served.description()["tenant_id"].clone());
    for id in &ids {
        assert!(document["error"].to_string().contains(id.as_str().unwrap()), "{document:#}");
    }

    // A profile is known by its tenant only once that was asked.
    let described = another.description();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let profile = format!(
        "[profiles.other]\ntenant = '{}'\nauthority = '{}'\ngraph = '{}'\nca_file = '{}'\n\
         [profiles.other.admin]\nclient_id = '{}'\ncertificate_pem = '{}'\n",
        text(&described["tenant_id"]),
        text(&described["authority"]),
        text(&described["graph"]),
        text(&described["ca_file"]),
        text(&described["admin"]["client_id"]),
        text(&described["admin"]["certificate_pem"]),
    );
    home.file("config.toml", &profile);
    let words = ["--profile", "other", "resume", &run, "--yes", "--json"];
    let ended = home.run(&words);
    assert_eq!(ended.json()["error"]["code"], "run.elsewhere", "{ended:?}");
    ended.code(2);
    assert_eq!(another.shown().0, json!([]));
    assert_eq!(status(&home, &run), "interrupted");

    // Of another host: its keys and its lock are there.
    let host = home.path().join("state/host.json");
    let own = std::fs::read_to_string(&host).unwrap();
    let mut changed: Value = serde_json::from_str(&own).unwrap();
    changed["host_id"] = json!("6f0c1a52-2a51-4d0e-9d0a-0f5a3c6c9b11");
    std::fs::write(&host, changed.to_string()).unwrap();
    resume(&home, &[&run]).refused(2, "run.elsewhere");
    resume(&home, &[&run, "--unwind"]).refused(2, "run.elsewhere");
    std::fs::write(&host, own).unwrap();

    let ended = typed(&home, &document).code(0);
    assert!(ended.stdout.contains("Application"), "{ended:?}");
    assert_eq!(served.shown().0.as_array().unwrap().len(), 1);
    resume(&home, &[&run]).refused(2, "run.ended");
}

#[test]
fn a_journal_that_cannot_be_read_is_gone_on_with_neither_forward_nor_back() {
    let (served, home) = (Served::new(), Home::new());
    // Everything that it made shows by then.
    let run = killed(&home, &served.file(), "let 'default' sign in");
    let before = served.shown().0;
    database(&home, "PRAGMA wal_checkpoint(TRUNCATE)");
    let file = home.path().join("state/state.db");
    let whole = std::fs::read(&file).unwrap();
    let anchor = home.path().join("audit-anchor.json");
    let anchored = std::fs::read(&anchor).unwrap();
    let newer = "UPDATE meta SET value = '999' WHERE name = 'schema_version'";
    let cases = [
        newer,
        "UPDATE steps SET outcome = '{\"perhaps\":1}' WHERE outcome IS NOT NULL",
        "UPDATE steps SET undo = '{\"magic\":{}}'",
        "UPDATE calls SET arguments = '{\"conn' WHERE sequence = 2",
        "UPDATE calls SET outcome = NULL WHERE sequence = 2",
        "UPDATE calls SET sequence = -1 WHERE sequence = 2",
        "UPDATE calls SET cmdlet = 'move_moon' WHERE sequence = 2",
        "DELETE FROM calls WHERE sequence = 3",
        "DELETE FROM steps WHERE step = 1",
    ];
    for damage in cases {
        database(&home, damage);
        for way in [&[run.as_str()][..], &[&run, "--unwind"]] {
            let document = resume(&home, way).code(2).json();
            let code = document["error"]["code"].as_str().unwrap();
            match damage == newer {
                true => assert_eq!(code, "state.newer_version"),
                // A row that nobody can read, or one that somebody else wrote.
                false => assert!(matches!(code, "state.corrupt" | "audit.broken"), "{document:#}"),
            }
            assert_eq!(document["changed"], false, "{damage}: {document:#}");
            assert!(document["error"]["next"].is_string(), "{damage}: {document:#}");
        }
        assert_eq!(served.shown().0, before, "{damage}");
        for rest in ["state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(file.with_file_name(rest));
        }
        std::fs::write(&file, &whole).unwrap();
        std::fs::write(&anchor, &anchored).unwrap();
    }
    resume(&home, &[&run]).code(0);
}

/// A script that makes a certificate and an application, and then waits.
const WAITING: &str = r#"fn main(p) {
    connect_tenant();
    let prepared = prepare_credential(#{ connector: "default" });
    add_app_registration(#{
        connector: "default", certificate_sha256: prepared.certificate_sha256,
    });
    say("it waits now");
    sleep("1m");
    add_connector(#{ connector: "last" });
    find_connectors(#{ name: "la" }).len()
}"#;

/// Runs the script in that file and kills it while it waits.
fn killed_while_it_waits(home: &Home, script: &str) -> String {
    let mut run = home.line(&["run", script, "--yes", "--json"]).start();
    run.wait_for("it waits now");
    run.signal(Signal::KILL);
    run.end();
    interrupted(home)
}

/// The same as [`resume`]; a minute passes in three seconds.
fn resume_fast(home: &Home, words: &[&str]) -> Ended {
    let words = [&["resume"], words, &["--yes", "--json"]].concat();
    home.line(&words).under(&["faketime", "-f", "+0 x20"]).run()
}

#[test]
fn an_edited_script_is_refused_before_any_effect_and_there_are_two_ways_on() {
    let ways: [(&[&str], usize); 2] = [(&["--recorded"], 1), (&["--unwind"], 0)];
    std::thread::scope(|scope| {
        for (way, applications) in ways {
            scope.spawn(move || {
                let home = Home::new();
                let script = home.file("scripts/waiting.rhai", WAITING);
                let run = killed_while_it_waits(&home, &script);
                let shown = || home.json(&["tenant", "show"], 0)["value"]["applications"].clone();
                let before = shown();
                let edited = WAITING.replacen(
                    r#"connector: "default", certificate"#,
                    r#"connector: "last", certificate"#,
                    1,
                );
                home.file("scripts/waiting.rhai", &edited);
                let document = resume(&home, &[&run]).refused(2, "run.diverged");
                let causes = document["error"]["causes"].as_array().unwrap();
                let told = |text: &str, name: &str| {
                    let found = causes.iter().filter_map(Value::as_str);
                    let mut found = found.filter(|cause| cause.starts_with(text));
                    assert!(found.any(|cause| cause.contains(name)), "{text} {name}: {document:#}");
                };
                told("recorded:", r#""connector":"default""#);
                told("actual:", r#""connector":"last""#);
                let next = document["error"]["next"].as_str().unwrap();
                assert!(next.contains("--recorded") && next.contains("--unwind"), "{next}");
                assert_eq!(shown(), before);
                assert_eq!(status(&home, &run), "interrupted");

                let document = resume_fast(&home, &[&[run.as_str()], way].concat()).code(0).json();
                assert_eq!(shown().as_array().unwrap().len(), applications + 1, "{document:#}");
                let ended = if applications == 1 { "done" } else { "failed" };
                assert_eq!(status(&home, &run), ended);
                let works = home.value(r#"test_credential(#{ connector: "default" }).works"#);
                assert_eq!(works, true);
            });
        }
    });
}

#[test]
fn what_was_not_run_yet_may_be_edited_and_a_script_that_is_gone_is_recorded() {
    let home = Home::new();
    let script = home.file("scripts/waiting.rhai", WAITING);
    let run = killed_while_it_waits(&home, &script);
    std::fs::remove_file(&script).unwrap();
    let document = resume(&home, &[&run]).refused(2, "script.unknown");
    let next = document["error"]["next"].as_str().unwrap();
    assert!(next.contains(&format!("resume {run} --recorded")), "{next}");

    home.file("scripts/waiting.rhai", &WAITING.replace(r#""last""#, r#""lately""#));
    let ended = resume_fast(&home, &[&run]).code(0);
    assert_eq!(ended.json()["value"], 1, "{ended:?}");
    assert!(home.json(&["connectors"], 0)["value"].to_string().contains("lately"));
}

#[test]
fn a_key_that_somebody_deleted_is_named_and_what_is_left_can_be_taken_back() {
    let (served, home) = (Served::new(), Home::new());
    let run = killed(&home, &served.file(), "create the service principal");
    for entry in std::fs::read_dir(home.path().join("state/keys")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "sealed") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let ended = resume(&home, &[&run]);
    let document = ended.json();
    assert!(document["error"].to_string().contains("key.not_found"), "{document:#}");
    assert!(document["error"]["next"].is_string(), "{document:#}");
    assert_ne!(ended.code, Some(0));
    if status(&home, &run) != "failed" {
        resume(&home, &[&run, "--unwind"]).code(0);
    }
    assert_eq!(served.shown().0, json!([]), "something is left");
    let document = onboard(&home, &served.file()).code(0).json();
    served.shown().assert_one(&document["value"]["certificate_sha256"]);
}

#[test]
fn where_nobody_confirms_the_run_stays_as_it_is() {
    let home = Home::new();
    let script = r#"fn main(p) {
        add_connector(#{ connector: "first" });
        say("it waits now");
        sleep("20s");
        confirm(#{ question: "Go on?", required: true });
        add_connector(#{ connector: "second" });
        7
    }"#;
    let script = home.file("scripts/waiting.rhai", script);
    let run = killed_while_it_waits(&home, &script);
    let connectors = || home.json(&["connectors"], 0)["value"].as_array().unwrap().len();
    for _ in 0..2 {
        let unasked = ["resume", &run, "--json"];
        let ended = home.line(&unasked).under(&["faketime", "-f", "+0 x20"]).run().code(5);
        let document = ended.json();
        assert_eq!(document["error"]["code"], "effect.not_confirmed", "{document:#}");
        let next = document["error"]["next"].as_str().unwrap();
        assert!(next.contains("--yes") && next.contains(&run), "{next}");
        assert_eq!(status(&home, &run), "interrupted");
        assert_eq!(connectors(), 2, "what it did was taken back");
    }
    assert_eq!(resume_fast(&home, &[&run]).code(0).json()["value"], 7);
    assert_eq!(connectors(), 3);
}

#[test]
fn a_run_that_stopped_days_ago_asks_first() {
    let home = Home::new();
    let script = r#"fn main(p) {
        add_connector(#{ connector: "first" });
        say("it waits now");
        sleep("1m");
        7
    }"#;
    let script = home.file("scripts/waiting.rhai", script);
    let words = ["run", &script, "--yes", "--json"];
    let mut first = home.line(&words).under(&["faketime", "-f", "-2d"]).start();
    first.wait_for("it waits now");
    // The process that was started is faketime's; the program is its child.
    let runs = home.json(&["runs"], 0);
    let pid = runs["value"][0]["owner"]["process"]["pid"].as_i64().unwrap();
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    first.end();
    let run = interrupted(&home);

    let document = home.run(&["resume", &run, "--json"]).refused(5, "effect.not_confirmed");
    let next = document["error"]["next"].as_str().unwrap();
    assert!(next.contains("--yes") && next.contains("--unwind"), "{next}");
    assert_eq!(status(&home, &run), "interrupted");
    home.file("config.toml", "resume_asks_after = \"soon\"\n");
    home.run(&["resume", &run, "--json"]).refused(2, "configuration.invalid");
    home.file("config.toml", "resume_asks_after = \"3d\"\n");
    let unasked = ["resume", &run, "--json"];
    let ended = home.line(&unasked).under(&["faketime", "-f", "+0 x20"]).run().code(0);
    assert_eq!(ended.json()["value"], 7);
    assert!(!ended.stderr.contains("ago"), "{ended:?}");
}

/// A script that adds a connector, and then waits.
const ADDING: &str = r#"fn main(p) {
    add_connector(#{ connector: "added" });
    say("it waits now");
    sleep("1m");
}"#;

#[test]
fn what_another_run_made_of_a_connector_is_not_taken_away() {
    let home = Home::new();
    let script = home.file("scripts/waiting.rhai", ADDING);
    let run = killed_while_it_waits(&home, &script);
    home.run(&["run", "onboard", "--param", "connector=added", "--yes"]).code(0);
    let document = resume(&home, &[&run, "--unwind"]).code(3).json();
    assert!(document["error"].to_string().contains("Another run moved"), "{document:#}");
    assert_eq!(home.value(r#"test_credential(#{ connector: "added" }).works"#), true);
    resume_fast(&home, &[&run]).code(2);
}

#[test]
fn past_its_point_of_no_return_a_run_only_goes_on() {
    let home = Home::new();
    let script = r#"fn main(p) {
        add_connector(#{ connector: "added" });
        start_sync_cycle(#{ connector: "default" });
        say("it waits now");
        sleep("1m");
        7
    }"#;
    let script = home.file("scripts/waiting.rhai", script);
    let run = killed_while_it_waits(&home, &script);
    let document = resume(&home, &[&run, "--unwind"]).refused(2, "run.ended");
    let told = document["error"].to_string();
    assert!(told.contains("what a cycle synchronized"), "{told}");
    assert!(told.contains(&format!("credwright resume {run}\"")), "{told}");
    assert_eq!(status(&home, &run), "interrupted");
    assert_eq!(resume_fast(&home, &[&run]).code(0).json()["value"], 7);
}
