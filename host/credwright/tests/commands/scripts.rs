use crate::world::World;

#[test]
fn a_bundled_script_is_listed_shown_and_copied() {
    let world = World::new();
    world.run(&["scripts", "list"]).code(0).prints("| onboard").prints("| bundled |");
    let bundled = world.run(&["scripts", "show", "onboard"]).code(0).output.clone();
    assert!(bundled.starts_with("//! Moves a connector"));

    let copied = world.run(&["scripts", "copy", "onboard"]);
    copied.code(0).tells("Run it with: credwright run onboard\n");
    assert_eq!(copied.output, "HOME/scripts/onboard.rhai\n");
    let copy = world.home("scripts/onboard.rhai");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), bundled);
    world.run(&["scripts", "list"]).prints("onboard.rhai |");

    // An edited copy is found before the bundled script, and never overwritten by accident.
    std::fs::write(&copy, "//! Mine.\nfn main(p) { \"mine\" }\n").unwrap();
    world
        .run(&["scripts", "copy", "onboard"])
        .refused(
            "error[usage.command]: HOME/scripts/onboard.rhai exists already and is left as it is",
        )
        .tells("--force");
    world.run(&["scripts", "show", "onboard"]).prints("Mine.");
}

#[test]
fn a_copy_goes_where_it_is_told() {
    let world = World::new();
    let copied = world.run(&["scripts", "copy", "onboard", "--to", "my own.rhai"]);
    copied.code(0).tells("credwright run 'my own.rhai'");
    assert!(world.path("my own.rhai").exists());
    world.run(&["scripts", "copy", "onboard", "--to", "my own.rhai"]).code(2);
    world.run(&["scripts", "copy", "onboard", "--to", "my own.rhai", "--force"]).code(0);
}

#[test]
fn a_script_of_ones_own_explains_itself_and_takes_parameters() {
    let world = World::new();
    world.write(
        "greet.rhai",
        r#"//! Greets somebody.
fn params() { #{
    name: #{ value: "you", help: "Whom" },
    times: #{ value: 1, help: "How often" },
    tone: #{ value: "kind", one_of: ["kind", "stern"], help: "How" },
} }
fn main(p) { #{ name: p.name, times: p.times, tone: p.tone } }
"#,
    );
    insta::assert_snapshot!(
        "script_help",
        world.run(&["run", "greet.rhai", "--help"]).code(0).output
    );
    let (code, document) =
        world.json(&["run", "greet.rhai", "--param", "name=A=B", "-p", "times=3"]);
    assert_eq!(code, Some(0));
    assert_eq!(document["value"], serde_json::json!({"name": "A=B", "times": 3, "tone": "kind"}));
    let wrong = world.run(&["run", "greet.rhai", "--param", "nam=x"]);
    wrong.code(2).tells("error[script.parameter]").tells("did you mean 'name'?");
    world.run(&["run", "greet.rhai", "--param", "times=many"]).code(2).tells("times");
    world.run(&["run", "greet.rhai", "--param", "tone=loud"]).code(2).tells("stern");
    world.run(&["run", "greet.rhai", "--param", "name"]).code(2).tells("NAME=VALUE");
}
