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
