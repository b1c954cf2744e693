use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

#[test]
fn lines_build_on_each_other_and_survive_errors() {
    let world = World::new();
    let ended = world.type_in(
        &["repl"],
        "let x = 20;\nfn double(a) {\n  a * 2\n}\n1 / 0\ndouble(x) + 2\n[#{ a: 1 }, #{ a: 2 }]\nvariables\n",
    );
    ended.tells("credwright 0.1.0 in the sandbox tenant Contoso (").tells("Division by zero");
    ended.prints("42\n").prints("| a |\n+===+\n| 1 |\n").prints("| x | 20 |");
    ended.code(2);
}

#[test]
fn help_and_near_misses_at_the_prompt() {
    let world = World::new();
    let ended = world.type_in(&["repl"], "help sleep\nfind_conectors()\nexit\nsay(\"never\")\n");
    ended.prints("sleep: Wait for a span of time").tells("did you mean 'find_connectors'?");
    assert!(!ended.told.contains("never"));
}

#[test]
fn only_a_line_that_changes_something_is_a_run_and_a_sign_in_outlives_its_line() {
    let world = World::new();
    let input = "find_connectors().len()\nconnect_tenant()\nadd_connector(#{ connector: \"b\" }).identity_type\nprepare_credential(#{ connector: \"b\" });\nget_connector_credential(#{ connector: \"b\" }).identity_type\n";
    let ended = world.type_in(&["repl", "--json"], input);
    let documents: Vec<serde_json::Value> =
        ended.code(0).output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let runs: Vec<bool> = documents.iter().map(|document| document["run"].is_string()).collect();
    assert_eq!(runs, [false, false, true, true, false], "{}", ended.output);
    assert_eq!(documents[0]["value"], 1);
    assert_eq!(documents[2]["changed"], true);
    assert_eq!(documents[4]["value"], "ServiceAccount");
}

#[test]
fn input_that_ends_too_early_is_told() {
    World::new().type_in(&["repl"], "if true {\n").code(2).tells("error[script.syntax]");
}

#[test]
fn input_that_is_no_text_is_told() {
    let world = World::new();
    let mut command = world.command(&["repl"]);
    let (reader, mut writer) = std::io::pipe().unwrap();
    command.stdin(reader);
    writer.write_all(b"1 + 1\n\xff\n2 + 3\n").unwrap();
    drop(writer);
    let ended = world.finish(world.start(command));
    ended.code(2).prints("2\n").tells("Standard input is no text");
    assert!(!ended.output.contains('5'), "{}", ended.output);
}

#[test]
fn a_signal_between_lines_from_elsewhere_does_not_pass_for_their_end() {
    let world = World::new();
    let mut command = world.command(&["repl"]);
    command.stdin(Stdio::piped());
    let mut child = world.start(command);
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"6 * 7\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "42\n");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    world.finish(child).code(4);
}

#[test]
fn lines_from_elsewhere_do_not_run_on_after_an_interruption() {
    let world = World::new();
    let mut command = world.command(&["repl"]);
    command.stdin(Stdio::piped());
    let mut child = world.start(command);
    let lines = b"say(\"now\"); sleep(#{ duration: \"10m\" })\nsay(\"never\")\n";
    child.stdin.take().unwrap().write_all(lines).unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while line != "now\n" {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0);
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4), "{rest}");
    assert!(!rest.contains("never"), "{rest}");
}
