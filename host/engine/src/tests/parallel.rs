//! `parallel`: order, branches, failures, limits, isolation.

use std::collections::BTreeMap;

use base::{Applied, Code};
use effect::Entry;
use serde_json::{Value, json};

use super::support::Bench;
use crate::Limits;

/// The calls of each branch in the order of their numbers, as they were journalled.
fn branches(bench: &Bench) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut found: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for entry in bench.records.0.lock().unwrap().iter() {
        if let Entry::CallBegan { key, cmdlet, .. } = entry {
            let calls = found.entry(key.branch.clone()).or_default();
            calls.push((key.sequence, cmdlet.clone()));
        }
    }
    found.values_mut().for_each(|calls| calls.sort());
    found
}

/// Runs the body of a `main` to its end, and writes the journal.
fn run(bench: &Bench, body: &str) -> base::Result<Value> {
    let parts = bench.parts();
    let script = bench.script(&format!("fn main(p) {{ {body} }}"));
    let result = script.and_then(|script| script.run_with(&parts, Value::Null));
    bench.world.ports.executor.block_on(parts.gate.flush()).unwrap();
    result.map(|finished| finished.value)
}

fn seconds(bench: &Bench, body: &str) -> u64 {
    let before = bench.world.ports.clock.now();
    run(bench, body).unwrap();
    bench.world.ports.clock.now().since(before).as_secs()
}

#[test]
fn results_come_in_the_order_of_the_items() {
    let bench = Bench::new();
    let body = r#"parallel([30, 5, 20, 10, 1], |n| { sleep(`${n}s`); n * 2 })"#;
    assert_eq!(bench.value(body), json!([60, 10, 40, 20, 2]));
    assert_eq!(bench.value("parallel([], |n| n)"), json!([]));
    assert_eq!(bench.value("parallel([7], |n| n)"), json!([7]));
    let captured =
        r#"let factor = 3; let list = [1, 2]; parallel(list, |n| n * factor + list.len())"#;
    assert_eq!(bench.value(captured), json!([5, 8]));
    let through = r#"import "tools" as tools; fn main(p) { tools::apply([1, 2], |list| parallel(list, |n| double(n))) } fn double(n) { n * 2 }"#;
    assert_eq!(bench.run(through).0.unwrap(), json!([2, 4]));
    let many =
        bench.value("let list = []; for n in 0..500 { list.push(n); } parallel(list, |n| n)");
    assert_eq!(many.as_array().unwrap().len(), 500);
    assert_eq!(many[499], 499);
}

#[test]
fn time_jumps_only_where_all_branches_wait() {
    let bench = Bench::new();
    let waits = "parallel([5, 9, 7], |n| { for turn in 0..3000 { } sleep(`${n}s`) });";
    assert_eq!(seconds(&bench, waits), 9);
    // Eight at a time, or as many as the script says.
    let ten = "let list = []; for n in 0..10 { list.push(n); }";
    assert_eq!(seconds(&bench, &format!("{ten} parallel(list, |n| sleep(\"5s\"));")), 10);
    let three = format!("{ten} parallel(list, #{{ at_most: 3 }}, |n| sleep(\"5s\"));");
    assert_eq!(seconds(&bench, &three), 20);
    let one = format!("{ten} parallel(list, #{{ at_most: 1 }}, |n| sleep(\"5s\"));");
    assert_eq!(seconds(&bench, &one), 50);
    // And after it as before.
    let after = "parallel([1, 2], |n| sleep(`${n}s`)); for turn in 0..3000 { } sleep(\"4s\");";
    assert_eq!(seconds(&bench, after), 6);
}

#[test]
fn each_item_is_journalled_in_a_branch_of_its_own() {
    let once = || {
        let bench = Bench::new();
        let body = r#"
            say("before");
            parallel(["default", "a/b\n", #{ name: "map", n: 1 }, #{ connector: "c" }, [1], 4], |item| {
                add_thing(#{ name: "x" });
                sleep("3s");
                parallel([true, "in"], |inner| say("deep"));
            });
            parallel(["default"], |item| step("s", || paused(#{ reason: "r" }, || say("in"))));
            say("after");
        "#;
        run(&bench, body).unwrap();
        branches(&bench)
    };
    let found = once();
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "",
            "1.0 default",
            "1.0 default/1.0 true",
            "1.0 default/1.1 in",
            "1.1 a_b_",
            "1.1 a_b_/1.0 true",
            "1.1 a_b_/1.1 in",
            "1.2 map",
            "1.2 map/1.0 true",
            "1.2 map/1.1 in",
            "1.3 c",
            "1.3 c/1.0 true",
            "1.3 c/1.1 in",
            "1.4",
            "1.4/1.0 true",
            "1.4/1.1 in",
            "1.5 4",
            "1.5 4/1.0 true",
            "1.5 4/1.1 in",
            "2.0 default",
        ]
    );
    let call = |number, name: &str| (number, name.to_owned());
    assert_eq!(found[""], [call(1, "say"), call(2, "say")]);
    assert_eq!(found["1.2 map"], [call(1, "add_thing"), call(2, "sleep")]);
    let paused = [call(1, "pause_scheduler"), call(2, "say"), call(3, "resume_scheduler")];
    assert_eq!(found["2.0 default"], paused);
    for _ in 0..10 {
        assert_eq!(once(), found);
    }
}

#[test]
fn all_run_to_their_end_and_the_first_failure_is_thrown() {
    let bench = Bench::new();
    let body = r#"parallel(["a", "b", "c", "d"], |item| {
        if item == "b" { sleep("9s"); step("outer", || step("inner", || fail(#{ message: "b fails" }))); }
        if item == "c" { throw "c fails"; }
        add_thing(item)
    })"#;
    let (error, exit) = bench.failure(body);
    assert_eq!((error.code, exit), (Code::ConnectorState, 3));
    assert_eq!(error.message, "b fails");
    assert_eq!(error.next.as_deref(), Some("Type that."));
    assert_eq!(
        error.causes,
        [
            "in the step: outer › inner",
            "in the work on 'b' (item 2 of 4)",
            "also failed: 'c' (item 3 of 4): c fails",
        ]
    );
    let things = bench.calls().iter().filter(|call| *call == "add_thing").count();
    assert_eq!(things, 2, "{:?}", bench.calls());
    // A script may catch it, and go on.
    let caught = r#"try { parallel([1, 2], |n| throw `no ${n}`) } catch (e) { return [e.message, e.causes.len()]; }"#;
    assert_eq!(bench.value(caught), json!(["no 1", 2]));
    let map = r#"try { parallel([1, 2], |n| throw #{ message: "m", mine: n, causes: ["c"] }) } catch (e) { return [e.mine, e.causes]; }"#;
    let causes = ["c", "in the work on '1' (item 1 of 2)", "also failed: '2' (item 2 of 2): m"];
    assert_eq!(bench.value(map), json!([1, causes]));
    let engine = "try { parallel([1], |n| [][n]) } catch (e) { return e.message; }";
    assert_eq!(bench.value(engine), "The list is empty, so it has no item 1");
    // What is caught inside a branch is no failure.
    assert_eq!(bench.value("parallel([1, 2], |n| { try { fail(); } catch { } n })"), json!([1, 2]));
    // `exit` ends the script, after the others.
    let bench = Bench::new();
    let exit = r#"parallel([1, 2], |n| { if n == 1 { exit(7); } sleep("2s"); add_thing("x") }); add_thing("y")"#;
    assert_eq!(bench.value(exit), 7);
    assert_eq!(bench.calls(), ["sleep", "add_thing"]);
}

#[test]
fn a_refusal_in_one_branch_ends_all() {
    for body in [
        r#"parallel([1, 2], |n| { if n == 1 { remove_user(); } loop { } })"#,
        r#"try { parallel([1, 2], |n| { if n == 1 { remove_user(); } loop { } }) } catch { } add_thing("x")"#,
        r#"parallel([1, 2, 3], #{ at_most: 1 }, |n| { try { remove_user(); } catch { } add_thing("x") })"#,
        r#"parallel([1, 2], |n| { sleep(`${n}s`); if n == 1 { [2, 1].sort(|a, b| { remove_user(); 1 }); } sleep("5s"); add_thing("x") })"#,
    ] {
        let bench = Bench::new();
        let (error, exit) = bench.failure(body);
        assert_eq!((error.code, exit), (Code::EffectDenied, 5), "{body}: {error:?}");
        assert!(!error.places.is_empty(), "{body}");
        assert!(!bench.calls().contains(&"add_thing".to_owned()), "{body}");
    }
}

#[test]
fn an_interruption_ends_all() {
    let bench = Bench::new();
    let body = r#"parallel([1, 2, 3], |n| { if n == 3 { sleep("4s"); interrupt(); } if n == 2 { loop { sleep("1s"); } } sleep("900000s") })"#;
    let before = bench.world.ports.clock.now();
    let (error, exit) = bench.failure(body);
    assert_eq!((error.code, exit), (Code::RunInterrupted, 4), "{error:?}");
    assert_eq!(bench.world.ports.clock.now().since(before).as_secs(), 4);
}

#[test]
fn a_panic_in_a_branch_is_a_failure_that_ends_all() {
    let bench = Bench::new();
    let body =
        r#"try { parallel([1, 2], |n| { if n == 2 { boom(); } loop { } }) } catch { } say("on")"#;
    let (error, exit) = bench.failure(body);
    assert_eq!((error.code, exit), (Code::Internal, 1));
    assert!(error.causes.iter().any(|cause| cause.contains("the double panics")), "{error:?}");
    let (error, _) = bench.failure("parallel([1, 2], |n| boom_late())");
    assert_eq!((error.code, error.applied), (Code::Internal, Applied::Unknown));
}

#[test]
fn a_pause_of_a_branch_is_resumed_in_its_branch() {
    let bench = Bench::new();
    let body = r#"parallel(["a", "b"], |name| paused(#{ connector: name, reason: "r" }, || {
        if name == "b" { fail(#{ message: "in the pause" }); }
        sleep("2s");
    }))"#;
    assert_eq!(run(&bench, body).unwrap_err().message, "in the pause");
    let names =
        |calls: &[(u64, String)]| calls.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
    let found = branches(&bench);
    assert_eq!(names(&found["1.0 a"]), ["pause_scheduler", "sleep", "resume_scheduler"]);
    assert_eq!(names(&found["1.1 b"]), ["pause_scheduler", "fail", "resume_scheduler"]);
    // What became of a pause is told with the failure of its own branch.
    let bench = Bench::new();
    bench.world.broken.lock().unwrap().push("resume_scheduler");
    let error = run(&bench, body).unwrap_err();
    assert_eq!(error.message, "it is broken");
    let of_b = error.causes.iter().position(|cause| cause.contains("in the pause")).unwrap();
    assert!(error.causes[of_b + 1].contains("the scheduler of 'b' was not resumed"), "{error:?}");
}

#[test]
fn limits_hold_for_all_branches_together() {
    let limits = Limits { operations: 20_000, ..Limits::default() };
    let bench = Bench::with(limits);
    let body = "parallel([1, 2, 3, 4], |n| { for turn in 0..1000 { } n })";
    assert_eq!(bench.value(body), json!([1, 2, 3, 4]));
    let (error, _) = bench.failure("parallel([1, 2, 3, 4], |n| { for turn in 0..9000 { } n })");
    assert_eq!(error.code, Code::ScriptLimit);
    // What is copied counts as well: from outside, and what is returned.
    for body in [
        "let big = []; big.pad(40000, 1); let list = [1]; list.pad(20, 1); parallel(list, |n| big.len())",
        "let big = []; big.pad(8000, 1); parallel([big, big, big], |list| 1)",
        "parallel([1, 2, 3], |n| { let big = []; big.pad(8000, 1); big })",
    ] {
        assert_eq!(bench.failure(body).0.code, Code::ScriptLimit, "{body}");
    }
    let four = |inner: &str| {
        (0..4).fold(inner.to_owned(), |body, _| format!("parallel([1, 2], |n| {{ {body} }})"))
    };
    assert_eq!(Bench::new().value(&four("1"))[1][1][1], json!([1, 1]));
    let (error, exit) = Bench::new().failure(&four("parallel([1], |n| 1)"));
    assert_eq!((error.code, exit), (Code::ScriptLimit, 2));
    assert!(error.next.is_some() && error.message.contains("more than 4"), "{error}");
    let (error, _) = Bench::new().failure("f([1]) } fn f(list) { parallel(list, |n| f(list))");
    assert_eq!(error.code, Code::ScriptLimit);
    let (error, _) = Bench::new().failure("parallel([1, 2], |n| g(n)) } fn g(n) { g(n)");
    assert_eq!(error.code, Code::ScriptLimit);
}

/// Strands share the threads out, so the widest nesting still ends, and waits the same each time.
#[test]
fn many_threads_inside_each_other_come_to_the_same_end() {
    let bench = Bench::new();
    let list = "let list = [1, 2, 3, 4, 5, 6, 7, 8, 9];";
    let body = format!(
        "{list} parallel(list, |a| parallel(list, |b| parallel([1, 2], |c| {{ sleep(\"1s\"); a * b * c }})))"
    );
    let before = bench.world.ports.clock.now();
    assert_eq!(bench.value(&body)[8][8], json!([81, 162]));
    // Two rounds of eight, in each two of seven, in each one after the other.
    assert_eq!(bench.world.ports.clock.now().since(before).as_secs(), 2 * 2 * 2);
}

#[test]
fn what_is_outside_of_a_branch_cannot_be_changed_by_it() {
    // The checker sees none of these: the function is not written out in the call.
    for change in [
        "sum += n",
        "sum = n",
        "list.push(n)",
        "list[0] = n",
        "list[0] += 1",
        "map.a = n",
        "map.deep.b += 1",
        "map.deep.list.push(1)",
        "list.for_each(|| this += 1)",
        "list.clear()",
        "map.list.sort()",
        "other.call()",
        "[1].map(|x| list.push(x))",
        "map.clear()",
        "text.trim()",
    ] {
        let bench = Bench::new();
        let body = format!(
            "let sum = 0; let list = [1]; let map = #{{ a: 1, deep: #{{ b: 1, list: [1] }}, list: [2, 1] }};
             let text = \" t \"; let other = || sum += 1;
             let before = [sum, list, map, text];
             let work = |n| {{ {change}; [] }};
             try {{ parallel([1, 2, 3], work); }} catch (e) {{
                 return [[sum, list, map, text] == before, e.meaning];
             }}
             \"it was changed\""
        );
        let value = bench.value(&body);
        assert_eq!(value[0], true, "{change}: {value}");
        assert!(value[1].to_string().contains("cannot change it"), "{change}: {value}");
    }
    // Where Rhai refuses nothing, each branch changes a copy of its own.
    let letters = r#"let text = "abc"; let bits = 0; let bytes = blob(2); let map = #{ text: "abc" };
        let work = |n| { let was = [text, bits, bytes[0], map.text];
            try { text[0] = 'x'; } catch { } try { bits[0] = true; } catch { }
            try { bytes[0] = 7; } catch { } try { map.text[0] = 'x'; } catch { } was };
        [parallel([1, 2, 3], #{ at_most: 1 }, work), parallel([1, 2, 3], work), [text, bits, bytes[0], map.text]]"#;
    let (was, value) = (json!(["abc", 0, 0, "abc"]), Bench::new().value(letters));
    assert_eq!(value, json!([[was, was, was], [was, was, was], was]));
    // What it has made itself, and a copy, it can.
    let body = r#"let list = [3, 1, 2]; let map = #{ a: #{ b: 1 } };
        let found = parallel([#{ n: 1 }, #{ n: 2 }], |item| {
            let mine = list; mine.push(item.n); mine.sort(); item.n += 1; item.more = map; item.more.a.b = 5;
            let count = 0; [1, 2].for_each(|| count += this);
            [mine, item, count]
        });
        [found[1], list, map]"#;
    let expected = json!([
        [[1, 2, 2, 3], { "n": 3, "more": { "a": { "b": 5 } } }, 3],
        [3, 1, 2],
        { "a": { "b": 1 } }
    ]);
    assert_eq!(Bench::new().value(body), expected);
    // Items that share a variable do not share it any more.
    let body =
        "let n = 0; let all = [|| { n += 1; n }, || { n += 1; n }]; parallel(all, |f| f.call())";
    assert_eq!(Bench::new().failure(body).0.code, Code::ScriptFailed);
    // Reading in any way is fine.
    let body = r#"let list = [1, 2]; let map = #{ a: [3] }; let f = |x| x + 1; let text = "t";
        parallel([1], |n| { let sum = 0; for x in list { sum += x; }
            [sum, list.map(|x| x + n), list.filter(|x| x > 1).len(), map.a[0], map.keys(), f.call(n), text + n, `${text}`, list.len(), map.a.len(), 1 in list, text.len(), list.contains(2), map == map, text.to_upper(), text.sub_string(0)] })"#;
    let value = Bench::new().value(body);
    assert_eq!(value[0][1], json!([2, 3]), "{value}");
}

#[test]
fn what_cannot_be_done_in_parallel_is_told() {
    for (body, words) in [
        (
            "parallel([1], #{ at_most: 0 }, |n| n)",
            "at_most must be a whole number from 1 to 8, but is 0",
        ),
        ("parallel([1], #{ at_most: 9 }, |n| n)", "but is 9"),
        ("parallel([1], #{ at_most: \"x\" }, |n| n)", "but is x"),
        ("parallel([1], #{ at_mots: 3 }, |n| n)", "did you mean 'at_most'?"),
        ("let f = |a, b| a; parallel([1], f)", "must take one item"),
        ("let f = || 1; parallel([1, 2], f)", "must take one item"),
        ("parallel(7, |n| n)", "cannot be applied to an integer and a function"),
        ("let f = 1; f = || f; parallel([1], |n| f)", "nests too deep, or holds itself"),
        ("parallel([1], |n| { let a = []; for x in 0..1000 { a = [a]; } a })", "nests too deep"),
    ] {
        let (error, exit) = Bench::new().failure(body);
        assert!(error.message.contains(words), "{body}: {error:?}");
        assert_eq!(exit, 2, "{body}");
    }
    let bench = Bench::new();
    let script = bench.script("fn params() { parallel([1], |n| n); #{} } fn main(p) { }").unwrap();
    assert_eq!(script.help().unwrap_err().code, Code::CmdletNotAllowed);
}
