//! Whole messages, as they are rendered. `INSTA_UPDATE=always cargo test -p engine` writes them anew.

use super::support::Bench;
use crate::render;

/// Runs a script that must fail and compares its whole message.
macro_rules! golden {
    ($($name:ident: $text:expr;)+) => {$(
        #[test]
        fn $name() {
            let bench = Bench::new();
            let (result, code) = bench.run($text);
            let error = result.expect_err("it ended well");
            let shown = format!("{}exit code {code}\n", render(&error));
            insta::assert_snapshot!(stringify!($name), shown, $text);
        }
    )+};
}

golden! {
    error_in_entry: r#"//! Fails.

fn main(p) {
    let list = [1, 2];
    list[7]
}
"#;

    error_in_module_function: r#"import "tools" as tools;

fn main(p) {
    work()
}

fn work() {
    tools::refuse("no")
}
"#;

    error_in_closure_passed_to_module: r#"import "tools" as tools;

fn main(p) {
    let factor = "x";
    tools::outer(|value| {
        let product = value - factor;
        product
    });
}
"#;

    cmdlet_fails_in_nested_closures: r#"import "tools" as tools;
import "scheduler" as scheduler;

fn main(p) {
    scheduler::paused("default", "a test", || {
        tools::apply("deep", |message| fail(#{ message: message }));
    });
}
"#;

    cmdlet_fails_in_module: r#"import "tools" as tools;
fn main(p) { tools::through_cmdlet("in a module") }
"#;

    throw_of_text: "fn main(p) {\n    throw \"the reason\";\n}\n";

    throw_of_map: r#"fn main(p) {
    throw #{
        code: "connector.state",
        message: "The connector is no application",
        meaning: "It signs in as a service account.",
        next: "credwright run onboard",
    };
}
"#;

    failure_caught_and_thrown_again: r#"fn main(p) {
    try {
        fail(#{ message: "first" });
    } catch (e) {
        if e.code != "connector.state" || e.next != "Type that." || e.applied != "no" { throw "lost"; }
        throw e;
    }
}
"#;

    syntax_error: "fn main(p) {\n    let x = ;\n}\n";

    text_without_end: "fn main(p) {\n    let x = \"abc;\n}\n";

    comment_without_end: "fn main(p) {\n    1\n}\n/* and so on\n";

    unknown_function: "fn main(p) {\n    sya(\"hello\");\n    add_thnig(#{ name: \"a\" });\n}\n";

    unknown_module_function: r#"import "tools" as tools;
fn main(p) { tools::aply(1, |x| x); tools::apply(1); tools::hidden() }
"#;

    function_of_a_module_without_its_name: r#"import "tools" as tools;
fn main(p) { refuse("x") }
"#;

    wrong_number_of_arguments: "fn main(p) {\n    work(1)\n}\n\nfn work(a, b) { a + b }\n";

    unknown_parameter: "fn main(p) {\n    add_thing(#{\n        nmae: \"a\",\n        size: \"big\",\n    })\n}\n";

    wrong_parameter_when_it_runs: "fn main(p) {\n    let size = \"big\";\n    add_thing(#{ name: \"a\", size: size })\n}\n";

    several_arguments_for_a_cmdlet: "fn main(p) {\n    add_thing(\"a\", 3)\n}\n";

    unknown_variable: "fn main(p) {\n    let connector = 1;\n    conector\n}\n";

    unknown_map_entry: "fn main(p) {\n    let map = #{ name: 1 };\n    map.nmae\n}\n";

    reserved_word_as_key: "fn main(p) {\n    #{ default: 1 }\n}\n";

    statement_at_the_top: "let x = 1;\nfn main(p) { }\nsay(\"hello\");\n";

    function_at_the_top_of_a_const: "const NOW = say(\"x\");\nfn main(p) { }\n";

    no_main: "fn mian(p) { }\n";

    takes_the_name_of_a_cmdlet: "fn say(text) { text }\nfn main(p) { say(1) }\n";

    eval_and_its_kin: "fn main(p) {\n    let f = Fn(\"say\");\n    timestamp();\n    [1].map(\"say\");\n}\n";

    unknown_module: "import \"schedular\" as s;\nfn main(p) { }\n";

    module_outside: "import \"../secret\" as s;\nfn main(p) { }\n";

    denied: "fn main(p) {\n    try { remove_user(); } catch { say(\"never mind\"); }\n    say(\"went on\");\n}\n";

    fails_after_a_change: "fn main(p) {\n    add_thing(\"a\");\n    fail(#{ message: \"then it failed\" })\n}\n";

    in_a_step: r#"fn main(p) {
    step("outer", || {
        step("inner", || fail(#{ message: "in a step" }));
    });
}
"#;

    parallel_changes_what_is_outside: r#"fn main(p) {
    let found = [];
    let rows = #{ list: [] };
    let count = 0;
    parallel(["a", "b"], |item| {
        if found.len() > 1 { found.push(item); }
        [1].map(|turn| count += turn);
        rows.list[0] = item;
        let own = []; own.push(item);
    });
    found
}
"#;

    parallel_changes_what_is_outside_when_it_runs: r#"fn main(p) {
    let found = [];
    let work = |item| found.push(item);
    parallel(["a", "b"], work)
}
"#;

    parallel_takes_one_item: "fn main(p) {\n    parallel([1], || 1);\n    parallel([1], |a, b| a);\n    parallel([1]);\n}\n";

    several_items_fail: r#"import "tools" as tools;

fn main(p) {
    parallel(["one", "two", "three"], |item| {
        if item == "one" { return 1; }
        step("refusing", || tools::refuse(item))
    })
}
"#;

    denied_in_a_branch: "fn main(p) {\n    parallel([1, 2], |item| { try { remove_user(); } catch { } });\n}\n";

    wrong_operands: "fn main(p) {\n    let a = #{};\n    a - 1\n}\n";
}

#[test]
fn a_very_long_line_is_cut() {
    let text = format!("fn main(p) {{ let x = \"{}\"; oops() }}", "y".repeat(500));
    let error = Bench::new().script(&text).err().unwrap();
    assert!(error.places[0].excerpt.chars().count() <= 161, "{}", error.places[0].excerpt);
}
