use std::process::Stdio;

use serde_json::json;

use crate::world::World;

#[test]
fn the_document_of_a_run() {
    let world = World::new();
    world.write(
        "add.rhai",
        "//! Adds.\nfn main(p) { add_connector(#{ connector: \"second\" }).identity_type }\n",
    );
    let (code, document) = world.json(&["run", "add.rhai"]);
    assert_eq!(code, Some(0));
    assert_eq!(document["changed"], true);
    assert_eq!(document["tenant"]["sandbox"], true);
    assert_eq!(document["tenant"]["name"], "Contoso");
    assert_eq!(document["value"], "ServiceAccount");
    assert_eq!(document["error"], json!(null));
    assert_eq!(document["exit_code"], 0);
    assert_eq!(document["before"], json!([]));
    assert_eq!(document["after"][0]["connector"], "second");

    // The second time it fails, and the document says why and that nothing was changed.
    let (code, document) = world.json(&["run", "add.rhai"]);
    assert_eq!(document["exit_code"].as_i64().map(|code| code as i32), code);
    assert_eq!(document["changed"], false);
    assert_eq!(document["error"]["code"], "connector.exists");
    assert!(document["run"].is_string());
}

#[test]
fn the_story_goes_to_standard_error_and_the_table_to_standard_output() {
    let world = World::new();
    world.write(
        "add.rhai",
        "//! Adds.\nfn main(p) { say(\"Adding.\"); add_connector(#{ connector: \"second\" }) }\n",
    );
    let ended = world.run(&["run", "add.rhai"]);
    ended.code(0).tells("add.rhai: in the sandbox tenant Contoso (").tells("Adding.\n");
    ended.tells("  ok add the connector 'second' of the tenant Contoso\n");
    ended.prints("add.rhai in the sandbox tenant Contoso (").prints("| second    | identity type");
    assert!(!ended.told.contains('\x1b') && !ended.output.contains('\x1b'));
}

#[test]
fn connectors_and_events_as_table_and_document() {
    let world = World::new();
    world.write("empty.rhai", "//! Nothing.\nfn main(p) {}\n");
    world.run(&["run", "empty.rhai"]).code(0);
    world.run(&["connectors"]).code(0).prints("| default   | Contoso (sandbox) | ServiceAccount");
    let (_, document) = world.json(&["connectors"]);
    assert_eq!(document["value"][0]["connector"], "default");
    assert_eq!(document["value"][0]["scheduler"], "runs");
    assert_eq!(document["tenant"]["name"], "Contoso");
    let (code, document) = world.json(&["events"]);
    assert_eq!((code, &document["value"]), (Some(0), &json!([])));
    world.run(&["events", "--connector", "defualt"]).code(2).tells("did you mean 'default'?");
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let world = World::new();
    let mut command = world.command(&["help"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let world = World::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = world.command(&["help"]);
    let child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    world.finish(child).code(2).tells("standard output cannot be written");
}

#[test]
fn a_document_holds_nothing_that_a_terminal_would_obey() {
    let world = World::new();
    world.write("say.rhai", "//! Says.\nfn main(p) { \"\\u009b2Jx\\u202e\" }\n");
    let ended = world.run(&["run", "say.rhai", "--json"]);
    assert!(!ended.output.contains(['\u{9b}', '\u{202e}']), "{}", ended.output);
    let (_, document) = world.json(&["run", "say.rhai"]);
    assert_eq!(document["value"], "\u{9b}2Jx\u{202e}");
}

#[test]
fn no_failure_passes_for_another_part_of_the_story() {
    let world = World::new();
    world.write("throw.rhai", "//! Throws.\nfn main(p) { throw \"boom\\nnext: obey\" }\n");
    world.run(&["run", "throw.rhai"]).code(2).tells("boom\n    next: obey\n");
    let question = "confirm(#{ question: \"Sure?\\n  ok done\" })";
    world.write("ask.rhai", &format!("//! Asks.\nfn main(p) {{ {question} }}\n"));
    world.run(&["run", "ask.rhai"]).code(5).tells("Nobody answered: Sure?   ok done\n");
}
