//! Scripts that are wrong, or mean harm: refused in bounded memory, and nothing is changed.

use super::harness::{Ended, Home};

/// Runs a script with a limit on its address space, in a home without a tenant.
fn bounded(text: &str) -> Ended {
    let home = Home::new();
    let script = home.file("scripts/tested.rhai", text);
    let mut line = home.line(&["run", &script, "--yes", "--json"]);
    let ended = line.under(&["prlimit", "--as=4294967296", "--core=0", "--"]).run();
    assert!(ended.signal.is_none(), "it died: {ended:?}");
    ended
}

fn assert_refused(cases: &[(&str, String)], code: &str) {
    std::thread::scope(|scope| {
        for (name, text) in cases {
            scope.spawn(move || {
                let ended = bounded(text);
                let document = ended.json();
                assert_eq!(document["error"]["code"], code, "{name}: {document:#}");
                ended.refused(2, code);
            });
        }
    });
}

fn main_of(body: &str) -> String {
    format!("fn main(p) {{ {body} }}")
}

#[test]
fn scripts_without_end_or_measure_reach_a_limit() {
    let cases = [
        ("a loop", main_of("loop { }")),
        ("a slow loop", main_of("let n = 0; while n >= 0 { n += 1; }")),
        ("recursion", "fn f(n) { f(n + 1) } fn main(p) { f(0) }".to_owned()),
        ("recursion of two", "fn f(n) { g(n) } fn g(n) { f(n) } fn main(p) { f(0) }".to_owned()),
        ("a huge string", main_of(r#"let s = "x"; loop { s += s; }"#)),
        ("a huge array", main_of("let a = [0]; loop { a += a; }")),
        ("a padded array", main_of("let a = []; a.pad(2000000000, 0);")),
        ("a padded string", main_of(r#"let s = ""; s.pad(2000000000, "x");"#)),
        ("a huge map", main_of(r#"let m = #{}; let n = 0; loop { n += 1; m[`${n}`] = n; }"#)),
        ("an array in an array", main_of("let a = []; loop { a = [a, a]; }")),
        ("loops side by side", main_of("parallel([1, 2, 3, 4], |n| { loop { } })")),
        (
            "branches of branches",
            "fn f(list) { parallel(list, |n| f(list)) } fn main(p) { f([1, 2]) }".to_owned(),
        ),
        (
            "recursion in a branch",
            "fn f(n) { f(n + 1) } fn main(p) { parallel([1, 2], |n| f(n)) }".to_owned(),
        ),
        (
            "a huge result of branches",
            main_of("let a = []; a.pad(40000, 0); let b = []; b.pad(40000, 0); parallel(b, |n| a)"),
        ),
    ];
    assert_refused(&cases, "script.limit");
}

/// Each branch reserves the stack of a script; where the room for them ends, fewer do the work.
#[test]
fn branches_need_no_room_that_is_not_there() {
    let ended = bounded(&main_of("let a = []; for n in 0..40 { a.push(n); } parallel(a, |n| n)"));
    let value = ended.clone().code(0).json()["value"].clone();
    assert_eq!(value, serde_json::Value::from((0..40).collect::<Vec<i64>>()));
}

#[test]
fn what_happens_in_a_branch_is_told_under_the_name_of_its_item() {
    let home = Home::new();
    let path = home.file(
        "scripts/tested.rhai",
        &main_of(r#"parallel(["one", "two"], |name| { sleep("100ms"); add_connector(#{ connector: name }); });"#),
    );
    home.run(&["run", &path, "--yes"]).code(0).says(&[
        "one: waiting for the time to pass",
        "two: waiting for the time to pass",
        "✓ one: add the connector 'one'",
        "✓ two: add the connector 'two'",
    ]);
}

#[test]
fn scripts_that_are_nested_too_deep_are_refused_before_they_run() {
    let nested = |open: &str, close: &str, depth: usize| {
        main_of(&format!("{}{}", open.repeat(depth), close.repeat(depth)))
    };
    let cases = [
        ("arrays", nested("[", "]", 60_000)),
        ("brackets", nested("(", ")", 60_000)),
        ("blocks", nested("{", "}", 60_000)),
        ("open arrays", main_of(&"[".repeat(60_000))),
        ("maps", main_of(&format!("{}1{}", "#{a:".repeat(60_000), "}".repeat(60_000)))),
        ("signs", main_of(&format!("{}1", "-".repeat(60_000)))),
        ("conditions", main_of(&format!("{}{}", "if true {".repeat(60_000), "}".repeat(60_000)))),
    ];
    std::thread::scope(|scope| {
        for (name, text) in &cases {
            scope.spawn(move || {
                let ended = bounded(text);
                let document = ended.json();
                let code = document["error"]["code"].as_str().unwrap_or_default();
                assert!(["script.limit", "script.syntax"].contains(&code), "{name}: {document:#}");
                ended.clone().code(2);
                assert_eq!(document["changed"], false, "{name}");
                assert!(ended.stdout.len() < 20_000, "{name}: the answer is as long as the script");
            });
        }
    });
}

#[test]
fn data_that_is_nested_too_deep_is_refused() {
    let cases = [
        ("an array", main_of("let a = []; for n in 0..60000 { a = [a]; } a")),
        ("a map", main_of("let a = #{}; for n in 0..60000 { a = #{ a: a }; } a")),
    ];
    assert_refused(&cases, "script.limit");
}

#[test]
fn deep_data_goes_nowhere_or_arrives_whole() {
    let deep = "let a = []; for n in 0..1000 { a = [a]; }";
    let uses = [
        "a",
        "get_scheduler(#{ connector: a })",
        "say(`${a}`)",
        "throw a",
        r#"throw #{ code: "connector.state", message: "deep", next: a }"#,
    ];
    for used in uses {
        let ended = bounded(&main_of(&format!("{deep} {used}")));
        let document = ended.json();
        assert!(matches!(ended.code, Some(0 | 2)), "{used}: {ended:?}");
        assert_eq!(document["changed"], false, "{used}");
    }
}

#[test]
fn scripts_that_break_a_rule_are_refused() {
    let cases = [
        ("a statement at top level", r#"say("x"); fn main(p) { }"#.to_owned()),
        ("no main", "fn other(p) { }".to_owned()),
        ("eval", main_of(r#"eval("1")"#)),
        ("a cmdlet in params", "fn params() { now(); #{} } fn main(p) { }".to_owned()),
    ];
    for (name, text) in cases {
        let ended = bounded(&text);
        let document = ended.json();
        let code = document["error"]["code"].as_str().unwrap_or_default();
        let known =
            ["script.rule", "script.syntax", "script.function_unknown", "cmdlet.not_allowed"];
        assert!(known.contains(&code), "{name}: {document:#}");
        ended.code(2);
    }
}

#[test]
fn a_misspelt_cmdlet_is_found_before_the_first_effect() {
    let home = Home::new();
    let ended = home.script(
        r#"fn main(p) {
            add_connector(#{ connector: "another" });
            if false { pause_schedular(#{ connector: "another" }); }
        }"#,
    );
    let document = ended.refused(2, "script.function_unknown");
    let error = document["error"].to_string();
    assert!(error.contains("pause_scheduler"), "{document:#}");
    assert!(!home.json(&["connectors"], 0).to_string().contains("another"), "it ran");
}

#[test]
fn wrong_parameters_of_cmdlets_are_named() {
    let cases = [
        (r#"get_scheduler(#{ conector: "default" })"#, "connector"),
        ("get_scheduler(#{ connector: 7 })", "connector"),
        ("get_scheduler(#{ })", "connector"),
        (r#"sleep(#{ duration: "soon" })"#, "duration"),
    ];
    for (body, named) in cases {
        let document = Home::new().script(&main_of(body)).refused(2, "cmdlet.parameter");
        let error = document["error"].to_string();
        assert!(error.contains(named), "{body}: {document:#}");
        assert_eq!(document["error"]["places"][0]["line"], 1, "{document:#}");
    }
}

#[test]
fn files_that_are_no_scripts_are_refused() {
    let home = Home::new();
    let binary = home.path().join("scripts/binary.rhai");
    std::fs::create_dir_all(binary.parent().unwrap()).unwrap();
    std::fs::write(&binary, [0xFF, 0xFE, 0x00, 0x80]).unwrap();
    let long = home.file("scripts/long.rhai", &" ".repeat(64 * 1024 * 1024));
    let missing = home.path().join("scripts/missing.rhai");
    for path in [binary.to_str().unwrap(), &long, missing.to_str().unwrap(), "/dev/zero", "/"] {
        let ended = home
            .line(&["run", path, "--yes", "--json"])
            .under(&["prlimit", "--as=4294967296"])
            .run();
        let document = ended.code(2).json();
        assert_eq!(document["changed"], false, "{path}");
        let code = document["error"]["code"].as_str().unwrap();
        assert!(code.starts_with("script.") || code == "disk.failed", "{path}: {document:#}");
    }
}
