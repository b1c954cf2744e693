//! The audit chain from outside: what is told of a record that somebody changed past the program.

use super::folders::database;
use super::harness::Home;

/// A home in which something was recorded.
fn worked() -> Home {
    let home = Home::new();
    home.run(&["run", "onboard", "--yes"]).code(0);
    home
}

#[test]
fn a_whole_record_is_intact_and_every_change_of_it_is_named() {
    let home = worked();
    let document = home.json(&["audit", "verify"], 0);
    let value = &document["value"];
    assert_eq!(value["findings"], serde_json::json!([]), "{document:#}");
    assert!(value["records"].as_i64().unwrap() > 30, "{document:#}");
    assert!(value["anchored_at"].as_i64().unwrap() > 3, "{document:#}");
    assert_eq!(document["changed"], false);

    database(&home, "UPDATE events SET message = 'nothing happened' WHERE sequence = 1");
    database(&home, "UPDATE runs SET exit_code = 1 WHERE script = 'onboard'");
    let ended = home.run(&["audit", "verify"]).code(1);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ended.stdout);
    assert!(ended.stdout.contains("event 1: it was altered"), "{}", ended.stdout);
    assert!(ended.stdout.contains("its exit code is 1, recorded was 0"), "{}", ended.stdout);
    ended.says(&["error[audit.broken]", "2 findings"]);
    let document = home.json(&["audit", "verify"], 1);
    assert_eq!(document["value"]["findings"][0]["problem"], "altered", "{document:#}");
    assert_eq!(document["error"]["code"], "audit.broken");
}

#[test]
fn an_end_that_was_cut_off_is_told_by_the_anchor() {
    let home = worked();
    let anchor = std::fs::read(home.path().join("audit-anchor.json")).unwrap();
    database(
        &home,
        "DELETE FROM links WHERE number = (SELECT max(number) FROM links);
         DELETE FROM run_links WHERE record = (SELECT max(record) FROM run_links);
         UPDATE counters SET value = value - 1 WHERE name IN ('link', 'record');
         UPDATE runs SET status = 'running', exit_code = NULL, ended_at = NULL
         WHERE script = 'onboard'",
    );
    let ended = home.run(&["audit", "verify"]).code(1);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("the anchor knows link"), "{}", ended.stdout);

    // Where somebody removed the anchor too, a copy of it tells the same.
    std::fs::remove_file(home.path().join("audit-anchor.json")).unwrap();
    let ended = home.run(&["audit", "verify"]).code(0);
    assert!(ended.stdout.contains("Note: There is no anchor"), "{}", ended.stdout);
    std::fs::write(home.path().join("kept.json"), anchor).unwrap();
    home.run(&["audit", "verify", "--anchor", "kept.json"]).code(1);
    home.run(&["audit", "verify", "--anchor", "none.json", "--json"])
        .refused(2, "configuration.invalid");
}

#[test]
fn the_anchor_lies_where_the_configuration_says() {
    let home = Home::new();
    let kept = home.path().join("elsewhere");
    std::fs::create_dir(&kept).unwrap();
    let line = format!("audit_anchor = \"{}\"\n", kept.join("anchor.json").display());
    home.file("config.toml", &line);
    home.script("fn main(p) { }").code(0);
    assert!(kept.join("anchor.json").exists());
    assert!(!home.path().join("audit-anchor.json").exists());
    home.json(&["audit", "verify"], 0);

    // The run is recorded, and its end says that the anchor is missing.
    std::fs::remove_dir_all(&kept).unwrap();
    let document = home.script("fn main(p) { }").code(2).json();
    assert_eq!(document["error"]["code"], "disk.failed", "{document:#}");
    assert!(document["error"]["next"].as_str().unwrap().contains("audit_anchor"), "{document:#}");
}

#[test]
fn an_export_verifies_where_there_is_no_state() {
    let home = worked();
    let document = home.json(&["audit", "export", "export.json"], 0);
    let export = home.path().join("export.json");
    assert_eq!(document["value"]["file"], export.to_str().unwrap());
    let again = home.run(&["audit", "export", "export.json", "--json"]);
    again.refused(2, "usage.command");
    home.run(&["audit", "export", "export.json", "--force"]).code(0);

    let auditor = Home::new();
    let text = std::fs::read_to_string(&export).unwrap();
    let key = std::fs::read_to_string(home.path().join("state/audit.key")).unwrap();
    assert!(!text.contains(key.trim()), "the key is in the export");
    auditor.file("key", &key);
    auditor.file("other", &"0".repeat(64));
    auditor.file("export.json", &text);
    assert!(text.contains("prepare_credential"));
    auditor.file("altered.json", &text.replacen("prepare_credential", "prepare_nothing", 1));
    auditor.file("half.json", &text[..text.len() / 2]);
    let verify = |file: &str, key: &str| {
        auditor.run(&["audit", "verify", "--file", file, "--key", key, "--json"])
    };
    verify("export.json", "key").code(0);
    let document = verify("altered.json", "key").code(1).json();
    assert_eq!(document["value"]["findings"].as_array().unwrap().len(), 1, "{document:#}");
    let other = verify("export.json", "other").code(1).json();
    assert!(other["value"]["findings"].to_string().contains("another key"), "{other:#}");
    verify("half.json", "key").refused(2, "configuration.invalid");
    verify("none.json", "key").refused(2, "configuration.invalid");
    verify("export.json", "export.json").refused(2, "configuration.invalid");
    auditor.run(&["audit", "verify", "--file", "export.json"]).code(2).says(&["--key"]);
    auditor.run(&["audit", "verify", "--json"]).refused(2, "usage.command");
    assert!(!auditor.path().join("state").exists(), "verifying made a state");
}

#[test]
fn a_purge_of_the_sandbox_leaves_a_chain_that_verifies() {
    let home = worked();
    home.run(&["tenant", "reset", "--yes"]).code(0);
    home.run(&["audit", "verify"]).code(0);
    home.run(&["run", "onboard", "--yes"]).code(0);
    home.run(&["audit", "verify"]).code(0);
}
