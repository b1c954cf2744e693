//! Runs that end well, parameters, combinators, values.

use base::Code;
use serde_json::json;

use super::support::Bench;

#[test]
fn a_script_calls_cmdlets_in_every_form() {
    let bench = Bench::new();
    let value = bench.value(
        r#"
        say("one");
        say(#{ text: "two" });
        let three = "three";
        say(three);
        let thing = add_thing(#{ name: three, size: 3 });
        sleep("5s");
        [thing, three, echo(), echo(#{ value: #{ a: [1, 2.5, true, (), "x"] } })]
        "#,
    );
    assert_eq!(
        value,
        json!([{ "done": "add_thing" }, "three", null, { "a": [1, 2.5, true, null, "x"] }])
    );
    assert_eq!(*bench.watching.0.lock().unwrap(), ["one", "two", "three"]);
}

#[test]
fn parameters_get_defaults_types_and_checks() {
    let bench = Bench::new();
    let script = bench
        .script(
            r#"//! Does something.
//!
//! In detail.

fn params() { #{
    connector: #{ value: "default", help: "Which" },
    count: #{ value: 3 },
    certificate: #{ optional: true },
    sure: #{ type: "bool", optional: true },
    names: #{ value: [] },
    mode: #{ value: "auto", one_of: ["auto", "skip"] },
    must: #{ help: "It must be" },
} }

fn main(p) { p }
"#,
        )
        .unwrap();
    let help = script.help().unwrap();
    assert_eq!(help.header, "Does something.\n\nIn detail.");
    assert_eq!(help.parameters.len(), 7);

    let given = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        script.parameters(&pairs)
    };
    let all = given(&[("must", "x"), ("count", "7"), ("sure", "true"), ("names", "a, b")]).unwrap();
    assert_eq!(
        script.run_with(&bench.parts(), all).unwrap().value,
        json!({
            "connector": "default", "count": 7, "certificate": null, "sure": true,
            "names": ["a", "b"], "mode": "auto", "must": "x",
        })
    );
    for (pairs, words) in [
        (&[][..], "'must' must be given"),
        (&[("must", "x"), ("conector", "y")], "did you mean 'connector'?"),
        (&[("must", "x"), ("count", "many")], "must be an integer, but is 'many'"),
        (&[("must", "x"), ("sure", "perhaps")], "must be true or false"),
        (&[("must", "x"), ("mode", "skp")], "must be one of auto, skip"),
        (&[("must", "x"), ("must", "y")], "given twice"),
    ] {
        let error = given(pairs).unwrap_err();
        assert_eq!(error.code, Code::ScriptParameter);
        assert!(error.message.contains(words), "{error}");
    }
    let wrong = script.run_with(&bench.parts(), json!({ "must": 1 })).unwrap_err();
    assert_eq!(wrong.code, Code::ScriptParameter);
}

#[test]
fn wrong_declarations_of_parameters_are_told() {
    let bench = Bench::new();
    for (declaration, words) in [
        ("1", "must return a map"),
        ("#{ a: 1 }", "must be a map"),
        ("#{ a: #{ hlep: \"x\" } }", "did you mean 'help'?"),
        ("#{ a: #{ type: \"number\" } }", "no known type"),
        ("#{ a: #{ value: 1.5 } }", "cannot hold"),
        ("#{ a: #{ value: \"x\", one_of: [\"y\"] } }", "contradicts itself"),
        ("#{ a: #{ optional: 1 } }", "must be true or false"),
    ] {
        let script = bench.script(&format!("fn params() {{ {declaration} }} fn main(p) {{ }}"));
        let error = script.unwrap().help().unwrap_err();
        assert_eq!(error.code, Code::ScriptRule, "{declaration}");
        assert!(error.message.contains(words), "{declaration}: {error}");
    }
    let script = bench.script("fn params() { try { say(\"x\"); } catch { } #{} } fn main(p) { }");
    assert!(script.unwrap().help().is_ok());
    let script = bench.script("fn params() { say(\"x\"); #{} } fn main(p) { }").unwrap();
    assert_eq!(script.help().unwrap_err().code, Code::CmdletNotAllowed);
    assert!(bench.calls().is_empty());
}

#[test]
fn a_pause_is_resumed_however_its_body_ends() {
    for (body, code) in [
        ("paused(#{ reason: \"r\" }, || 7)", 0),
        ("paused(#{ reason: \"r\" }, || throw \"x\")", 3),
        ("paused(#{ reason: \"r\" }, || fail())", 3),
        ("paused(#{ reason: \"r\" }, || [1][9])", 3),
        ("paused(#{ reason: \"r\" }, || exit(1)); add_thing(\"never\")", 0),
        ("try { paused(#{ reason: \"r\" }, || fail()); } catch { } 1", 0),
        ("step(\"s\", || paused(#{ reason: \"r\" }, || fail()))", 3),
    ] {
        let bench = Bench::new();
        let (result, exit) = bench.run(&format!("fn main(p) {{ {body} }}"));
        assert_eq!(exit, code, "{body}: {result:?}");
        let calls = bench.calls();
        assert_eq!(calls.first().unwrap(), "pause_scheduler");
        assert_eq!(calls.last().unwrap(), "resume_scheduler", "{body}");
    }
    // Once the latch is closed nothing passes the gate: the end of the run releases the pause.
    let bench = Bench::new();
    let (error, exit) =
        bench.failure("paused(#{ connector: \"c\", reason: \"r\" }, || { interrupt(); loop { } })");
    assert_eq!((error.code, exit), (Code::RunInterrupted, 4));
    assert_eq!(bench.calls(), ["pause_scheduler", "interrupt"]);
    // What fails after the first failure is told beside it.
    let bench = Bench::new();
    bench.world.broken.lock().unwrap().push("resume_scheduler");
    let (error, _) = bench.failure("paused(#{ reason: \"r\" }, || fail(#{ message: \"first\" }))");
    assert_eq!(error.message, "first");
    assert!(error.causes[0].contains("was not resumed: it is broken"), "{error:?}");
    let (error, _) = bench.failure("paused(#{ reason: \"r\" }, || 1)");
    assert_eq!(error.message, "it is broken");
}

#[test]
fn main_may_take_nothing_and_scripts_may_print() {
    let bench = Bench::new();
    let (result, code) = bench.run("fn main() { print(\"p\"); debug(1); exit(5); 6 }");
    assert_eq!((result.unwrap(), code), (json!(5), 0));
    assert_eq!(*bench.watching.0.lock().unwrap(), ["p", "1"]);
}

#[test]
fn constants_and_shebang_are_fine() {
    let bench = Bench::new();
    let (result, _) = bench.run(
        "#!/usr/bin/env credwright\nimport \"tools\" as tools;\nconst A = 2;\nfn main(p) { global::A + tools::LIMIT + f() }\nfn f() { global::A }\n",
    );
    assert_eq!(result.unwrap(), json!(7));
}

#[test]
fn time_stands_still_while_the_script_works_and_jumps_while_it_waits() {
    let bench = Bench::new();
    let before = bench.world.ports.clock.now();
    bench.value("sleep(#{ duration: \"5s\" }); for i in 0..10000 { }");
    assert_eq!(bench.world.ports.clock.now().since(before).as_secs(), 5);
}

#[test]
fn a_job_may_only_look_and_has_a_branch_of_its_own() {
    use cmdlets::context::ScriptJobs;
    use std::sync::Arc;

    let bench = Bench::new();
    bench.file("/jobs/good.rhai", "fn params() { #{ a: #{ value: 1 } } } fn main(p) { sleep(\"5s\"); say(\"in a job\"); p.a + 1 }");
    bench.file("/jobs/bad.rhai", "fn main(p) { add_thing(\"x\") }");
    let parts = bench.parts();
    let runner = crate::JobRunner::new(bench.engine.clone());
    let surroundings: Arc<dyn crate::running::Surroundings> = bench.world.clone();
    runner.bind_to(parts.gate.clone(), parts.branch.clone(), Arc::downgrade(&surroundings));
    let ports = &bench.world.ports;
    let run = |path: &'static str, given| ports.executor.block_on(runner.run(path, given));
    assert_eq!(run("/jobs/good.rhai", json!({ "a": 4 })).unwrap(), json!(5));
    assert_eq!(run("/jobs/good.rhai", json!({})).unwrap(), json!(2));
    assert_eq!(run("/jobs/bad.rhai", json!({})).unwrap_err().code, Code::CmdletNotAllowed);
    assert_eq!(run("/jobs/none.rhai", json!({})).unwrap_err().code, Code::ScriptUnknown);
    // One that is started in a branch of the script belongs below it.
    let trunk = crate::strand::Strand::trunk(parts.branch.clone(), None);
    let entered = crate::strand::enter(Arc::new(trunk.fork("1.0 a", 0, None)));
    assert_eq!(run("/jobs/good.rhai", json!({})).unwrap(), json!(2));
    drop(entered);
    ports.executor.block_on(parts.gate.flush()).unwrap();
    let records = bench.records.0.lock().unwrap();
    let branches: Vec<&str> = records
        .iter()
        .filter_map(|entry| match entry {
            effect::Entry::CallBegan { key, .. } => Some(key.branch.as_str()),
            _ => None,
        })
        .collect();
    let (first, second, below) = ("sync job 1", "sync job 2", "1.0 a/sync job 1");
    assert_eq!(branches, [first, first, second, second, below, below]);
}
