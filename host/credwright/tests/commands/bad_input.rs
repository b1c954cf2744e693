use crate::world::World;

#[test]
fn unknown_words_get_the_near_miss() {
    let world = World::new();
    world.run(&["runn"]).code(2).tells("'run'");
    world.run(&["run", "onbord"]).code(2).tells("error[script.unknown]").tells("'onboard'");
    world
        .run(&["events", "--level", "waring"])
        .refused("error[usage.command]: There is no level 'waring'; did you mean 'warning'?");
    world.write("typo.rhai", "//! Typo.\nfn main(p) { find_conectors() }\n");
    world
        .run(&["run", "typo.rhai"])
        .code(2)
        .tells("error[script.function_unknown]")
        .tells("find_connectors")
        .tells("^^^^^^^^^^^^^^");
    assert!(!world.home("state").exists(), "a refused script left a state behind");
}

#[test]
fn a_usage_error_is_a_document_where_one_is_wanted() {
    let (code, document) = World::new().json(&["run"]);
    assert_eq!((code, &document["exit_code"]), (Some(2), &2.into()));
    assert_eq!(document["error"]["code"], "usage.command");
}

#[test]
fn a_home_that_cannot_be_used_is_named() {
    let world = World::new();
    world.write("file", "");
    world.write("empty.rhai", "//! Nothing.\nfn main(p) {}\n");
    let ended = world.run(&["--home", "file", "run", "empty.rhai"]);
    ended.code(2).tells("error[state.folder]").tells("--home");
    world.run(&["--home", "", "run", "empty.rhai"]).code(2);
}

#[test]
fn a_corrupt_state_is_told_and_left_alone() {
    let world = World::new();
    world.write("empty.rhai", "//! Nothing.\nfn main(p) {}\n");
    world.run(&["run", "empty.rhai"]).code(0);
    let database = world.home("state/state.db");
    let garbage = vec![0x5A; 8192];
    std::fs::write(&database, &garbage).unwrap();
    for file in ["state/state.db-wal", "state/state.db-shm"] {
        let _ = std::fs::remove_file(world.home(file));
    }
    world.run(&["run", "empty.rhai"]).code(2).tells("error[state.corrupt]");
    world.run(&["connectors"]).code(2).tells("error[state.corrupt]");
    assert_eq!(std::fs::read(&database).unwrap(), garbage);
}

#[test]
fn a_sandbox_of_a_newer_version_is_left_alone() {
    let world = World::new();
    world.write("empty.rhai", "//! Nothing.\nfn main(p) {}\n");
    world.run(&["run", "empty.rhai"]).code(0);
    let state = world.home("sandbox/state.json");
    std::fs::write(&state, r#"{"version": 99}"#).unwrap();
    world.run(&["tenant", "show"]).code(2).tells("error[state.newer_version]");
    assert_eq!(std::fs::read_to_string(&state).unwrap(), r#"{"version": 99}"#);
}

#[test]
fn a_wrong_configuration_is_named_with_its_file() {
    let world = World::new();
    world.write("empty.rhai", "//! Nothing.\nfn main(p) {}\n");
    std::fs::create_dir(world.home("")).unwrap();
    let configure = |text: &str| std::fs::write(world.home("config.toml"), text).unwrap();
    configure("deny = ['connector.ad']");
    world
        .run(&["run", "empty.rhai"])
        .refused(
            "error[configuration.invalid]: The configuration HOME/config.toml: deny holds \
             'connector.ad', which no cmdlet can do; did you mean 'connector.add'?",
        )
        .tells("credwright help capabilities");
    configure("[profiles.real]\ntenant = 'contoso.onmicrosoft.com'\n");
    let ended = world.run(&["run", "empty.rhai"]);
    ended.code(2).tells("--profile real (or sandbox)");
    world.run(&["run", "empty.rhai", "--profile", "rael"]).code(2).tells("did you mean 'real'?");
    world.run(&["run", "empty.rhai", "--profile", "sandbox"]).code(0);
    world.run(&["run", "empty.rhai", "--profile", "real", "--tenant", "x"]).code(2);

    // What only looks needs no tenant in view, but takes no wrong word for none either.
    for list in ["connectors", "events"] {
        world.run(&[list]).code(0);
        world.run(&[list, "--profile", "rael"]).code(2).tells("did you mean 'real'?");
        world.run(&[list, "--tenant", "missing.json"]).code(2).tells("cannot be read");
    }
    configure("default_profile = 'sandbox'\n[profiles.real]\ntenant = 'contoso.com'\n");
    world.run(&["run", "empty.rhai"]).code(0).tells("in the sandbox tenant");
    configure("[profiles.sandbox]\ntenant = 'contoso.com'\n");
    world.run(&["run", "empty.rhai"]).code(2).tells("stands for the sandbox tenant");
}

#[test]
fn a_description_that_is_none_is_named() {
    let world = World::new();
    world.write("empty.rhai", "//! Nothing.\nfn main(p) {}\n");
    world.write("tenant.json", "{}");
    for (file, what) in [("tenant.json", "does not describe"), ("missing.json", "cannot be read")] {
        let ended = world.run(&["--tenant", file, "run", "empty.rhai"]);
        ended.code(2).tells("error[configuration.invalid]").tells(what);
    }
}

#[test]
fn a_denied_capability_ends_with_5() {
    let world = World::new();
    world.write("add.rhai", "//! Adds.\nfn main(p) { add_connector(#{ connector: \"x\" }) }\n");
    world.run(&["run", "add.rhai"]).code(0);
    std::fs::write(world.home("config.toml"), "deny = ['connector']").unwrap();
    world.run(&["run", "add.rhai"]).code(5).tells("error[effect.denied]");
}
