//! Scripts that mean no good: each ends with the right code, and loses nothing.

use base::Code;
use proptest::prelude::*;

use super::support::Bench;
use crate::Limits;

fn fails(body: &str, code: Code) -> Bench {
    let bench = Bench::new();
    let (error, exit) = bench.failure(body);
    assert_eq!(error.code, code, "{error:?}");
    assert_eq!(exit, 2, "{error:?}");
    bench
}

#[test]
fn an_endless_loop_ends() {
    let bench = fails("loop { }", Code::ScriptLimit);
    assert!(bench.calls().is_empty());
    fails("while true { try { loop {} } catch { } }", Code::ScriptLimit);
}

#[test]
fn an_endless_loop_ends_by_the_clock_too() {
    // Time stands still in a virtual world, so the limit is one that is over at once.
    let limits = Limits {
        operations: u64::MAX / 2,
        script_time: std::time::Duration::ZERO,
        ..Limits::default()
    };
    let bench = Bench::with(limits);
    let parts = bench.on_real_time();
    let script = bench.script("fn main(p) { loop { } }").unwrap();
    let error = script.run_with(&parts, serde_json::Value::Null).unwrap_err();
    assert_eq!(error.code, Code::ScriptLimit);
    assert!(error.message.contains("without waiting"), "{error}");
}

#[test]
fn endless_recursion_ends() {
    let bench = Bench::new();
    let (result, _) = bench.run("fn main(p) { f(1) } fn f(x) { f(x + 1) }");
    assert_eq!(result.unwrap_err().code, Code::ScriptLimit);
    let (result, _) = bench.run("fn main(p) { let f = |g| g.call(g); f.call(f) }");
    assert_eq!(result.unwrap_err().code, Code::ScriptLimit);
}

#[test]
fn sixty_thousand_nested_lists_do_not_end_the_process() {
    let text = format!("fn main(p) {{ {}{} }}", "[".repeat(60_000), "]".repeat(60_000));
    assert_eq!(Bench::new().script(&text).err().unwrap().code, Code::ScriptLimit);
    for (open, close) in [("(", ")"), ("#{a:", "}"), ("{", "}"), ("`${", "}`"), ("if true {", "}")]
    {
        let text = format!("fn main(p) {{ {}1{} }}", open.repeat(60_000), close.repeat(60_000));
        let error = Bench::new().script(&text).err().unwrap();
        assert_eq!(error.code, Code::ScriptLimit, "{open}");
    }
}

#[test]
fn values_nested_while_the_script_runs_do_not_end_the_process() {
    // Rhai copies a value that grows, so depth costs its square: the clock ends it, or the size.
    let bench =
        Bench::with(Limits { script_time: std::time::Duration::from_secs(1), ..Limits::default() });
    for body in [
        "let a = []; for i in 0..60000 { a = [a]; } a",
        "let a = #{}; for i in 0..60000 { a = #{ a: a }; } a",
    ] {
        let script = bench.script(&format!("fn main(p) {{ {body} }}")).unwrap();
        let error = script.run_with(&bench.on_real_time(), serde_json::Value::Null).unwrap_err();
        assert_eq!(error.code, Code::ScriptLimit);
    }
    let small = Limits { list_size: 2_000, map_size: 2_000, ..Limits::default() };
    for body in [
        "let a = []; for i in 0..60000 { a = [a]; } a",
        "let a = #{}; for i in 0..60000 { a = #{ a: a }; } a",
    ] {
        let (error, _) = Bench::with(small.clone()).failure(body);
        assert_eq!(error.code, Code::ScriptLimit);
    }
    // Below the limit of sizes, but deeper than any result may be.
    fails("let a = []; for i in 0..1000 { a = [a]; } a", Code::ScriptFailed);
    fails("let a = []; for i in 0..1000 { a = [a]; } echo(#{ value: a })", Code::ScriptFailed);
}

#[test]
fn closures_nested_in_closures_do_not_end_the_process() {
    // Twice the operations that are allowed, in the form that was measured to need most stack.
    let limits = Limits { operations: Limits::default().operations * 2, ..Limits::default() };
    for body in [
        "let f = || 1; loop { let g = f; f = || g; }",
        "let f = 1; loop { let g = f; f = #{ a: #{ a: #{ a: || g } } } }",
    ] {
        let (error, _) = Bench::with(limits.clone()).failure(body);
        assert_eq!(error.code, Code::ScriptLimit);
    }
}

#[test]
fn long_chains_do_not_end_the_process() {
    for (first, link, last) in [
        ("1", "+1", ""),
        ("1", "", " if true { } else ".trim()),
        ("p", ".a", ""),
        ("", "!", "true"),
        ("", "-", "1"),
        ("p", "[0]", ""),
        ("", "if true { 1 } else ", "{ 1 }"),
        ("true", "&&true", ""),
        ("p", "??p", ""),
        ("1", " in 1", ""),
        ("1", "..1", ""),
        ("", "return ", "1"),
        ("", "|x| ", "1"),
        ("", "let x = ", "1"),
        ("", "x=", "1"),
        ("p", "::p", ""),
        ("", "try { } catch ", "{ }"),
        ("", "loop { ", ""),
        ("", "switch p { 1 => ", ""),
        ("", "a\n", ""),
        ("", "#", "\"x\""),
        ("", "/*", ""),
        ("", "x.call(", ""),
        ("`", "${`", ""),
    ] {
        let text = format!("fn main(p) {{ let x = p; {first}{}{last} }}", link.repeat(60_000));
        let _ = Bench::new().run(&text);
    }
}

#[test]
fn huge_texts_and_lists_are_refused() {
    fails(r#"let s = "x"; loop { s += s; }"#, Code::ScriptLimit);
    fails("let a = [1]; loop { a += a; }", Code::ScriptLimit);
    fails("let a = []; loop { a.push(1); }", Code::ScriptLimit);
    fails("let a = []; a.pad(1_000_000_000, 1);", Code::ScriptLimit);
    fails(r#"let s = "x"; s.pad(4_000_000_000, "x");"#, Code::ScriptLimit);
    fails("let b = blob(1_000_000_000);", Code::ScriptLimit);
    fails(r#"let m = #{}; let i = 0; loop { m[`${i}`] = i; i += 1; }"#, Code::ScriptLimit);
}

#[test]
fn a_refusal_cannot_be_caught_or_swallowed() {
    for body in [
        "try { remove_user(); } catch { } add_thing(\"after\");",
        "[3, 1, 2].sort(|a, b| { remove_user(); 1 }); add_thing(\"after\");",
        "[1, 1].dedup(|a, b| { remove_user(); true }); add_thing(\"after\");",
        "try { [1].map(|x| remove_user()); } catch { } add_thing(\"after\");",
        "try { [1].filter(|x| remove_user()); } catch { } add_thing(\"after\");",
        "try { step(\"s\", || remove_user()); } catch { } add_thing(\"after\");",
        "[3, 1, 2].sort(|a, b| { remove_user(); 1 }); \"well\"",
        "[3, 1, 2].sort(|a, b| { remove_user(); exit(1) }); exit(2)",
    ] {
        let bench = Bench::new();
        let (error, exit) = bench.failure(body);
        assert_eq!((error.code, exit), (Code::EffectDenied, 5), "{body}: {error:?}");
        assert!(bench.calls().is_empty(), "{body}");
        assert!(!error.places[0].function.is_empty(), "{body}");
    }
}

#[test]
fn a_limit_cannot_be_swallowed() {
    let (error, _) = Bench::new().failure("[3, 1, 2].sort(|a, b| { loop { } }); add_thing(\"x\");");
    assert_eq!(error.code, Code::ScriptLimit);
}

#[test]
fn an_interruption_ends_a_loop_and_a_wait() {
    let bench = Bench::new();
    let (error, exit) = bench.failure("try { interrupt(); } catch { } loop { }");
    assert_eq!((error.code, exit), (Code::RunInterrupted, 4));
    let bench = Bench::new();
    bench.interrupt.request();
    let (error, exit) = bench.failure("loop { }");
    assert_eq!((error.code, exit), (Code::RunInterrupted, 4));
}

#[test]
fn a_panic_in_a_cmdlet_is_a_failure() {
    let (error, exit) = Bench::new().failure("try { boom(); } catch { } say(\"on\");");
    assert_eq!((error.code, exit), (Code::Internal, 1));
    assert!(error.causes.iter().any(|cause| cause.contains("the double panics")));
    let (error, _) = Bench::new().failure("boom_late();");
    assert_eq!(error.applied, base::Applied::Unknown);
}

#[test]
fn ways_round_the_checker_are_closed() {
    for body in [
        r#"eval("1")"#,
        r#"let e = "1"; e.eval()"#,
        r#"Fn("say").call("x")"#,
        r#""say".Fn()"#,
        r#"let f = |x| x; f.curry(1)"#,
        r#"[1].map("say")"#,
        r#"map([1], "say")"#,
        r#"timestamp()"#,
        r#"get_fn_metadata_list()"#,
        r#"import "tools" as t;"#,
    ] {
        let bench = Bench::new();
        let (error, exit) = bench.failure(body);
        let refused = matches!(error.code, Code::ScriptRule | Code::ScriptSyntax);
        assert!(refused && exit == 2, "{body}: {error:?}");
        assert!(bench.calls().is_empty());
    }
    // A name that is known only when the script runs.
    let (error, _) = Bench::new().failure(r#"let name = "say"; ["x"].map(name)"#);
    assert_eq!(error.code, Code::ScriptRule);
    let (error, _) = Bench::new().failure(r#"let name = "say"; name.call("x")"#);
    assert_eq!(error.code, Code::ScriptFailed);
    // And a text to look for stays one.
    assert_eq!(Bench::new().value(r#"["a", "say"].index_of("say")"#), 1);
}

#[test]
fn imports_stay_inside() {
    for name in
        ["../tools", "/etc/passwd", "a/../tools", "tools.rhai", "file:tools", "TOOLS ", "\\\\x"]
    {
        let text = format!("import \"{name}\" as t;\nfn main(p) {{ }}");
        assert_eq!(Bench::new().script(&text).err().unwrap().code, Code::ScriptModule, "{name}");
    }
    let text = "const M = \"tools\";\nimport M as t;\nfn main(p) { }";
    assert_eq!(Bench::new().script(text).err().unwrap().code, Code::ScriptRule);
}

#[test]
fn modules_in_a_circle_are_refused() {
    let bench = Bench::new();
    bench.file("/project/stdlib/a.rhai", "import \"b\" as b;\nfn f() { b::g() }");
    bench.file("/project/stdlib/b.rhai", "import \"a\" as a;\nfn g() { a::f() }");
    let error = bench.script("import \"a\" as a;\nfn main(p) { a::f() }").err().unwrap();
    assert_eq!(error.code, Code::ScriptModule);
    assert!(error.message.contains("a → b → a"), "{error}");
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let many = "\n".repeat(70_000);
    let error = Bench::new().script(&many).err().unwrap();
    assert_eq!(error.code, Code::ScriptLimit);
    let wide = format!("fn main(p) {{ {}x }}", " ".repeat(70_000));
    assert!(Bench::new().script(&wide).is_err());
}

#[test]
fn a_closure_means_the_same_in_another_module() {
    let bench = Bench::new();
    bench.file(
        "/project/stdlib/other.rhai",
        "fn run(body) { body.call() }\nfn name() { \"theirs\" }",
    );
    let text =
        "import \"other\" as other;\nfn name() { \"mine\" }\nfn main(p) { other::run(|| name()) }";
    assert_eq!(bench.script(text).err().unwrap().code, Code::ScriptRule);
    bench.file(
        "/project/stdlib/third.rhai",
        "import \"tools\" as other;\nfn f() { other::apply(1, |x| x) }",
    );
    let text = "import \"other\" as other;\nimport \"third\" as third;\nfn main(p) { third::f(); other::run(|| 1) }";
    assert_eq!(bench.script(text).err().unwrap().code, Code::ScriptRule);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_checker_survives_any_text(text in "[\\PC\\n\"'`#$\\{\\}\\[\\]()/*\\\\;=+.|&!a-z0-9 ]{0,120}") {
        let _ = Bench::new().script(&text);
    }

    #[test]
    fn the_checker_survives_any_words(
        words in prop::collection::vec(prop::sample::select(vec![
            "fn", "main", "(", ")", "{", "}", "[", "]", "#{", "let", "const", "import", "as", "\"tools\"",
            "=", ";", ",", ":", "::", "if", "else", "loop", "while", "for", "in", "switch", "=>", "|", "||",
            "say", "p", "x", "1", "2.5", "\"t\"", "`${", "}`", "return", "throw", "try", "catch", "this",
            "private", "export", "global", "+", "-", "!", "??", "?.", "..", "call", "step", "paused", "'c'",
            "/*", "*/", "//", "\n", "///", "//!", "do", "until", "break", "continue", "is_shared", "type_of",
        ]), 0..60)
    ) {
        let text = words.join(" ");
        let _ = Bench::new().script(&text);
        let _ = Bench::new().script(&format!("fn main(p) {{ {text} }}"));
    }
}
