//! A prompt's lines.

use base::Code;
use serde_json::json;

use super::support::Bench;
use crate::{Input, Session};

struct Prompt {
    bench: Bench,
    session: Session,
}

impl Prompt {
    fn new() -> Self {
        let bench = Bench::new();
        let session = bench.engine.session();
        Self { bench, session }
    }

    fn line(&mut self, text: &str) -> base::Result<serde_json::Value> {
        let parts = self.bench.parts();
        self.session.evaluate_with(text, &parts)
    }

    fn value(&mut self, text: &str) -> serde_json::Value {
        self.line(text).unwrap_or_else(|error| panic!("{text}: {}", crate::render(&error)))
    }

    fn offered(&self, text: &str) -> Vec<String> {
        let completion = self.session.complete(text, text.len());
        completion.candidates.into_iter().map(|candidate| candidate.text).collect()
    }
}

#[test]
fn variables_functions_imports_and_closures_stay() {
    let mut prompt = Prompt::new();
    prompt.value("import \"tools\" as tools;");
    prompt.value("let x = 2; const Y = 3;");
    prompt.value("fn double(n) { n * 2 }");
    prompt.value("let add = |n| n + x;");
    assert_eq!(prompt.value("tools::apply(double(x), |n| n + Y)"), json!(7));
    assert_eq!(prompt.value("add.call(5)"), json!(7));
    assert_eq!(prompt.value("tools::LIMIT"), json!(3));
    prompt.value("fn double(n) { n * 20 }");
    assert_eq!(prompt.value("double(x)"), json!(40));
    prompt.value("let x = 5;");
    assert_eq!(prompt.value("x"), json!(5));
    let names: Vec<String> = prompt.session.variables().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn errors_lose_nothing_and_name_their_line() {
    let mut prompt = Prompt::new();
    prompt.value("let x = 1;");
    prompt.value("fn f(n) {\n    n - \"a\"\n}");
    let error = prompt.line("let y = 2; f(x)").unwrap_err();
    assert_eq!(error.code, Code::ScriptFailed);
    let shown: Vec<String> = error
        .places
        .iter()
        .map(|place| format!("{}:{}:{} {}", place.file, place.line, place.column, place.function))
        .collect();
    assert_eq!(shown, ["prompt[2]:2:7 f", "prompt[3]:1:12 "]);
    assert_eq!(prompt.value("x + y"), json!(3));
    assert_eq!(prompt.line("sya(1)").unwrap_err().code, Code::ScriptFunctionUnknown);
    assert_eq!(prompt.line("let = 3").unwrap_err().code, Code::ScriptSyntax);
    assert_eq!(prompt.line("z").unwrap_err().code, Code::ScriptSyntax);
    assert_eq!(prompt.line("import \"../x\" as x;").unwrap_err().code, Code::ScriptModule);
    assert_eq!(prompt.line("remove_user()").unwrap_err().code, Code::EffectDenied);
    prompt.bench.interrupt.request();
    assert_eq!(prompt.line("loop { }").unwrap_err().code, Code::RunInterrupted);
    prompt.bench.interrupt.clear();
    assert_eq!(prompt.value("x + y"), json!(3));
}

#[test]
fn closures_of_earlier_lines_run_in_parallel() {
    let mut prompt = Prompt::new();
    prompt.value("let base = 10;");
    prompt.value("fn add(n, base) { n + base }");
    prompt.value("let work = |n| add(n, base);");
    assert_eq!(prompt.value("parallel([1, 2, 3], work)"), json!([11, 12, 13]));
    let error = prompt.line("parallel([1, 2], |n| base += n)").unwrap_err();
    assert_eq!(error.code, Code::ScriptRule);
    let error = prompt.line("parallel([1, 2], |n| fail(#{ message: `no ${n}` }))").unwrap_err();
    assert_eq!((error.message.as_str(), error.places[0].function.as_str()), ("no 1", "a closure"));
    assert_eq!(prompt.value("base"), json!(10));
}

#[test]
fn many_lines_do_not_use_up_the_numbers() {
    let mut prompt = Prompt::new();
    prompt.value("let x = 0;");
    for _ in 0..200 {
        prompt.value(&format!("x += 1;{}", "\n".repeat(2_000)));
    }
    assert_eq!(prompt.value("x"), json!(200));
}

#[test]
fn what_is_no_data_is_shown_all_the_same() {
    let mut prompt = Prompt::new();
    assert_eq!(prompt.value("[|x| x, 1]"), json!(["<a function>", 1]));
    assert_eq!(prompt.value("0..3"), json!("<a range>"));
    prompt.value("let a = []; for i in 0..300 { a = [a]; }");
    prompt.value("a");
}

#[test]
fn unfinished_input_is_noticed() {
    let session = Prompt::new().session;
    for unfinished in [
        "fn f() {",
        "let x = [1,",
        "let s = `a",
        "/* a",
        "say(",
        "#{ a: 1,",
        "let x =",
        "1 +",
        "if true",
        "let s = #\"a",
        "`${",
        "fn f()",
        "\"a\".",
    ] {
        assert_eq!(session.input(unfinished), Input::Incomplete, "{unfinished}");
    }
    for whole in [
        "1 + 1",
        "let x = 1",
        "say(\"a\");",
        "let x = \"a",
        ")",
        "1 1",
        "",
        "// a",
        "}",
        "z",
        "f(1))",
    ] {
        assert_eq!(session.input(whole), Input::Complete, "{whole}");
    }
}

#[test]
fn changing_lines_are_known_beforehand() {
    let mut prompt = Prompt::new();
    assert!(prompt.session.may_change("add_thing(\"x\")"));
    assert!(prompt.session.may_change("paused(#{ reason: \"x\" }, || 1)"));
    assert!(prompt.session.may_change("let f = || add_thing(\"x\");"));
    assert!(!prompt.session.may_change("say(\"x\"); [1].map(|x| x + 1)"));
    assert!(prompt.session.may_change("parallel([1], |x| add_thing(x))"));
    assert!(!prompt.session.may_change("parallel([1], |x| say(x))"));
    assert!(!prompt.session.may_change("add_thing("));
    assert!(prompt.session.may_change("import \"scheduler\" as s; s::paused(\"a\", \"b\", || 1)"));
    prompt.value("fn act() { add_thing(\"x\") }");
    assert!(prompt.session.may_change("act()"));
    prompt.value("let work = |name| add_thing(name);");
    assert!(prompt.session.may_change("parallel([\"a\"], work)"));
    assert!(!prompt.session.may_change("1 + 1"));
}

#[test]
fn everything_callable_is_completed() {
    let mut prompt = Prompt::new();
    prompt.value("import \"tools\" as tools; let thing = #{ name: 1, size: 2 };");
    prompt.value("fn adding() { 1 }");
    assert_eq!(prompt.offered("let x = add"), ["add_thing", "adding"]);
    assert_eq!(prompt.offered("add_thing(#{ "), ["name: ", "size: "]);
    assert_eq!(prompt.offered("add_thing(#{ name: \"a\", s"), ["size: "]);
    assert_eq!(prompt.offered("paused(#{ re"), ["reason: "]);
    assert_eq!(prompt.offered("tools::a"), ["apply"]);
    assert_eq!(prompt.offered("too"), ["tools::"]);
    assert_eq!(prompt.offered("thing.s"), ["size"]);
    assert_eq!(prompt.offered("st"), ["step"]);
    assert_eq!(prompt.offered("paral"), ["parallel"]);
    assert_eq!(prompt.offered("import \"sch"), ["scheduler"]);
    assert!(prompt.offered("say(\"ad").is_empty());
    assert_eq!(prompt.session.complete("let x = add", 11).start, 8);
}

#[test]
fn a_session_with_deep_values_ends_quietly() {
    let mut prompt = Prompt::new();
    let error = prompt.line("let f = || 1; for i in 0..200000 { let g = f; f = || g; }");
    assert!(error.is_ok(), "{error:?}");
    drop(prompt);
}
