//! Folders and files that cannot be used.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::harness::{Home, tool};

/// A home with a state in it.
fn settled() -> Home {
    let home = Home::new();
    home.script("fn main(p) { }").code(0);
    assert!(home.path().join("state/state.db").exists());
    home
}

/// Runs statements on the state's database by other means.
pub fn database(home: &Home, statements: &str) {
    let program = "
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    database.executescript(sys.argv[2])
";
    let file = home.path().join("state/state.db");
    tool(&["python3", "-c", program, file.to_str().unwrap(), statements]);
}

/// Every file of the state with its content.
fn kept(home: &Home) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(home.path().join("state"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "db"))
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    all
}

#[test]
fn a_file_in_place_of_the_home_is_refused() {
    let home = Home::new();
    let file = home.file("file", "");
    let document = home.json(&["--home", &file, "run", "onboard", "--yes"], 2);
    assert_eq!(document["error"]["code"], "state.folder", "{document:#}");
    assert_eq!(document["changed"], false);
    assert!(document["error"].to_string().contains(&file), "{document:#}");
}

#[test]
fn a_state_that_others_may_change_is_refused_or_mended() {
    let home = settled();
    let state = home.path().join("state");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    let ended = home.run(&["run", "onboard", "--yes", "--json"]);
    let mode = state.metadata().unwrap().permissions().mode() & 0o777;
    if ended.code == Some(0) {
        assert_eq!(mode, 0o700, "it goes on in a folder that others may change");
    } else {
        ended.refused(2, "state.folder");
    }
}

#[test]
fn a_state_of_a_newer_version_is_left_alone() {
    let home = settled();
    database(&home, "UPDATE meta SET value = '999' WHERE name = 'schema_version'");
    let before = kept(&home);
    let document = home.json(&["run", "onboard", "--yes"], 2);
    assert_eq!(document["error"]["code"], "state.newer_version", "{document:#}");
    assert!(document["error"]["message"].as_str().unwrap().contains("999"), "{document:#}");
    assert_eq!(kept(&home), before, "it was written to");
}

#[test]
fn a_damaged_state_is_named_and_left_as_it_is() {
    let damages: [fn(&Path); 3] = [
        |file| std::fs::write(file, "this is no database, whatever its name says\n").unwrap(),
        |file| {
            let mut content = std::fs::read(file).unwrap();
            let half = content.len() / 2;
            content[100..half].fill(0xA5);
            std::fs::write(file, content).unwrap();
        },
        |file| {
            let content = std::fs::read(file).unwrap();
            std::fs::write(file, &content[..content.len() / 2]).unwrap();
        },
    ];
    for damage in damages {
        let home = settled();
        // What stands in the log still would make up for the damage.
        database(&home, "PRAGMA wal_checkpoint(TRUNCATE)");
        damage(&home.path().join("state/state.db"));
        let before = kept(&home);
        let document = home.json(&["run", "onboard", "--yes"], 2);
        assert_eq!(document["error"]["code"], "state.corrupt", "{document:#}");
        assert_eq!(document["changed"], false);
        assert!(document["error"]["next"].is_string(), "{document:#}");
        assert_eq!(kept(&home), before, "it was written to");
    }
}

#[test]
fn a_damaged_sandbox_is_named_and_can_be_reset() {
    let home = Home::new();
    home.run(&["run", "onboard", "--yes"]).code(0);
    home.file("sandbox/state.json", "{ half");
    let script = r#"fn main(p) { test_credential(#{ connector: "default" }) }"#;
    let document = home.script(script).refused(2, "state.corrupt");
    assert!(document["error"].to_string().contains("tenant reset"), "{document:#}");
    home.run(&["tenant", "reset", "--yes"]).code(0);
    assert_eq!(home.json(&["run", "onboard", "--yes"], 0)["changed"], true);
}

#[test]
fn a_lost_wrapping_key_stops_the_connector_and_makes_no_new_one() {
    let home = Home::new();
    home.run(&["run", "onboard", "--yes"]).code(0);
    let key = home.path().join("state/keys/wrapping.key");
    std::fs::rename(&key, home.path().join("aside")).unwrap();
    let ended = home.script(r#"fn main(p) { start_sync_cycle(#{ connector: "default" }) }"#);
    assert_ne!(ended.code, Some(0), "{ended:?}");
    let told = ended.json()["error"].to_string();
    assert!(told.contains("key.not_found") && told.contains("wrapping.key"), "{told}");
    assert!(!key.exists(), "a new wrapping key would never open the old keys");
    std::fs::rename(home.path().join("aside"), &key).unwrap();
    let works = home.value(r#"test_credential(#{ connector: "default" }).works"#);
    assert_eq!(works, true, "nothing was lost");
}

#[test]
fn a_description_that_is_none_is_refused() {
    let home = Home::new();
    let missing = home.path().join("missing.json");
    let cases = [
        missing.to_str().unwrap().to_owned(),
        home.file("a.json", "{}"),
        home.file("b.json", "<html>"),
    ];
    for file in cases {
        let ended = home.run(&["--tenant", &file, "run", "onboard", "--yes", "--json"]);
        let document = ended.refused(2, "configuration.invalid");
        assert!(document["error"]["message"].as_str().unwrap().contains(&file), "{document:#}");
    }
}
