//! Backups, and the way back from them.

use std::os::unix::fs::PermissionsExt;

use base::Process;
use base::process::SystemProcess;
use rustix::process::Signal;
use serde_json::Value;

use super::harness::{Home, tool};
use super::served::{Served, onboard};

fn unpack(archive: &Home, name: &str, to: &Home) {
    let file = archive.path().join(name);
    tool(&["tar", "-xf", file.to_str().unwrap(), "-C", to.path().to_str().unwrap()]);
}

/// What a run makes of the connector's credential.
fn works(home: &Home, file: &str) -> Value {
    let script = r#"fn main(p) { test_credential(#{ connector: "default" }) }"#;
    let script = home.file("scripts/works.rhai", script);
    home.run(&["--tenant", file, "run", &script, "--yes", "--json"]).json()
}

#[test]
fn a_backup_brings_a_lost_host_back() {
    let (served, home) = (Served::new(), Home::new());
    onboard(&home, &served.file()).code(0);
    let document = home.json(&["backup", "backup.tar"], 0);
    assert_eq!(document["value"]["keys"], 1, "{document:#}");
    assert_eq!(document["value"]["certificates"], 1, "{document:#}");
    assert_eq!(document["value"]["wrapping_key"], false, "{document:#}");
    let file = home.path().join("backup.tar");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!home.path().join("state/.backup.db").exists(), "the copy was left behind");
    let names = tool(&["tar", "-tf", file.to_str().unwrap()]);
    assert!(!names.contains("wrapping.key"), "{names}");

    // Without the wrapping key the private key does not open, and that is what is told.
    let new = Home::new();
    unpack(&home, "backup.tar", &new);
    let document = works(&new, &served.file());
    assert_eq!(document["value"]["works"], false, "{document:#}");
    assert!(document["value"]["reason"].to_string().contains("wrapping.key"), "{document:#}");
    let wrapping = "state/keys/wrapping.key";
    std::fs::copy(home.path().join(wrapping), new.path().join(wrapping)).unwrap();
    assert_eq!(works(&new, &served.file())["value"]["works"], true);
    new.run(&["audit", "verify"]).code(0);

    home.run(&["backup", "whole.tar", "--with-wrapping-key"]).code(0).says(&["like a password"]);
    let new = Home::new();
    unpack(&home, "whole.tar", &new);
    assert_eq!(works(&new, &served.file())["value"]["works"], true);
}

#[test]
fn a_state_from_an_older_backup_stops_before_any_effect_until_it_is_accepted() {
    let (served, home) = (Served::new(), Home::new());
    home.run(&["--tenant", &served.file(), "connectors"]).code(0);
    home.script("fn main(p) { }").code(0);
    home.run(&["backup", "backup.tar"]).code(0);
    let changing = r#"fn main(p) { add_connector(#{ connector: "later" }) }"#;
    let run = home.script(changing).code(0).json()["run"].clone();
    // Over the folder, whose log still holds what was done since.
    unpack(&home, "backup.tar", &home);

    let again = r#"fn main(p) { add_connector(#{ connector: "after" }) }"#;
    let document = home.script(again).refused(2, "state.restored");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains(run.as_str().unwrap()), "{document:#}");
    let connectors = home.json(&["connectors"], 0);
    assert_eq!(connectors["value"].as_array().unwrap().len(), 1, "{connectors:#}");
    home.run(&["audit", "verify"]).code(1);

    let document = home
        .run(&["audit", "accept-restore", "--json", "--yes"])
        .refused(5, "effect.not_confirmed");
    let host = SystemProcess.host_name();
    let next = document["error"]["next"].as_str().unwrap();
    assert_eq!(next, format!("Add to the command: --confirm {host}"));
    let accept = ["audit", "accept-restore", "--confirm", &host];
    assert_eq!(home.json(&accept, 0)["changed"], true);
    assert_eq!(home.json(&accept, 0)["changed"], false, "there is nothing left to accept");
    let events = home.json(&["events", "--id", "4020"], 0);
    assert_eq!(events["value"].as_array().unwrap().len(), 1, "{events:#}");

    home.script(again).code(0);
    home.run(&["audit", "verify"]).code(0);
}

#[test]
fn a_backup_is_made_while_a_run_works() {
    let home = Home::new();
    home.script("fn main(p) { }").code(0);
    let script = r#"fn main(p) {
        add_connector(#{ connector: "during" });
        say("it waits now");
        sleep("10m");
    }"#;
    let script = home.file("scripts/long.rhai", script);
    let mut run = home.line(&["run", &script, "--yes"]).start();
    run.wait_for("it waits now");
    home.run(&["backup", "backup.tar"]).code(0);
    run.signal(Signal::KILL);
    run.end();

    let new = Home::new();
    unpack(&home, "backup.tar", &new);
    new.run(&["audit", "verify"]).code(0);
    let connectors = new.json(&["connectors"], 0).to_string();
    assert!(connectors.contains("during"), "{connectors}");
    new.script("fn main(p) { }").code(0);
    home.run(&["audit", "verify"]).code(0);
}

#[test]
fn a_state_restored_underneath_a_run_takes_no_more_of_it() {
    let home = Home::new();
    home.script("fn main(p) { }").code(0);
    home.run(&["backup", "backup.tar"]).code(0);
    let script = r#"fn main(p) {
        for number in 0..100000 { add_connector(#{ connector: `c${number}` }); }
    }"#;
    let script = home.file("scripts/endless.rhai", script);
    let mut run = home.line(&["run", &script, "--yes", "--json"]).start();
    run.wait_for("'c5'");
    unpack(&home, "backup.tar", &home);
    let document = run.end().code(3).json();
    let causes = document["error"]["causes"].to_string();
    assert!(causes.contains("replaced underneath this process"), "{document:#}");
    let connectors = home.json(&["connectors"], 0);
    assert_eq!(connectors["value"].as_array().unwrap().len(), 1, "{connectors:#}");
    home.run(&["audit", "verify"]).code(0);
    home.script("fn main(p) { }").code(0);
}

#[test]
fn a_backup_that_cannot_be_whole_is_refused_and_leaves_none() {
    let home = Home::new();
    home.run(&["backup", "backup.tar", "--json"]).refused(2, "usage.command");
    home.run(&["run", "onboard", "--yes"]).code(0);
    let refused = |words: &[&str], code: &str| {
        let words: Vec<&str> = ["backup"].iter().chain(words).copied().chain(["--json"]).collect();
        let document = home.run(&words).refused(2, code);
        document["error"]["next"].as_str().unwrap().to_owned()
    };
    let next = refused(&["none/backup.tar"], "disk.failed");
    assert_eq!(next, format!("mkdir -p {}", home.path().join("none").display()));
    refused(&["state"], "usage.command");
    refused(&["/proc/backup.tar"], "disk.failed");
    home.file("taken.tar", "mine");
    assert!(refused(&["taken.tar"], "usage.command").contains("--force"));
    assert_eq!(std::fs::read_to_string(home.path().join("taken.tar")).unwrap(), "mine");
    home.run(&["backup", "taken.tar", "--force"]).code(0);

    let keys = std::fs::read_dir(home.path().join("state/keys")).unwrap();
    let mut keys = keys.map(|entry| entry.unwrap().path());
    let key = keys.find(|path| path.extension().is_some_and(|e| e == "sealed")).unwrap();
    std::fs::remove_file(&key).unwrap();
    let words = ["backup", "lacking.tar", "--json"];
    let document = home.run(&words).refused(2, "key.not_found");
    let name = key.file_stem().unwrap().to_str().unwrap();
    assert!(document["error"]["message"].as_str().unwrap().contains(name), "{document:#}");
    assert!(!home.path().join("lacking.tar").exists());
    assert!(!home.path().join("state/.backup.db").exists());
}

/// The tenant has a key that the journal of an older state does not know.
#[test]
fn a_restored_state_that_is_older_than_a_key_in_the_tenant_stops_and_explains() {
    let (served, home) = (Served::new(), Home::new());
    let run =
        |script: &str| home.run(&["--tenant", &served.file(), "run", script, "--yes", "--json"]);
    let nothing = home.file("scripts/nothing.rhai", "fn main(p) { }");
    run(&nothing).code(0);
    home.run(&["backup", "backup.tar", "--with-wrapping-key"]).code(0);
    run("onboard").code(0);
    std::fs::remove_dir_all(home.path().join("state")).unwrap();
    unpack(&home, "backup.tar", &home);
    run("onboard").refused(2, "state.restored");
    let host = home.json(&["audit", "accept-restore"], 5);
    let next = host["error"]["next"].as_str().unwrap().to_owned();
    let name = next.rsplit(' ').next().unwrap();
    home.run(&["audit", "accept-restore", "--confirm", name]).code(0);

    let document = run("onboard").code(1).json();
    let error = &document["error"];
    assert_eq!(error["code"], "state.restored", "{document:#}");
    assert!(error["message"].as_str().unwrap().contains("this state does not know it"));
    assert_eq!(document["changed"], false, "{document:#}");
    let works = home.file(
        "scripts/works.rhai",
        r#"fn main(p) { test_credential(#{ connector: "default" }).works }"#,
    );
    assert_eq!(run(&works).code(0).json()["value"], true);
}
