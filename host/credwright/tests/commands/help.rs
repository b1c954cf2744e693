use crate::world::World;

#[test]
fn the_help_of_the_command_line() {
    let world = World::new();
    insta::assert_snapshot!("help", world.run(&["--help"]).code(0).output);
    insta::assert_snapshot!("help_run", world.run(&["run", "--help"]).code(0).output);
    // Without anything to do it explains itself, too.
    assert!(world.run(&[]).code(2).told.contains("Usage: credwright"));
}

#[test]
fn help_explains_cmdlets_codes_capabilities_and_scripts() {
    let world = World::new();
    insta::assert_snapshot!("help_sleep", world.run(&["help", "sleep"]).code(0).output);
    world.run(&["help", "Start-Sleep"]).code(0).prints("sleep: Wait for a span of time");
    world.run(&["help", "state.locked"]).code(0).prints("Another run holds the lock");
    world.run(&["help", "capabilities"]).code(0).prints("  connector.add\n");
    world.run(&["help", "onboard"]).code(0).prints("  connector (text; default default)");
    world.run(&["help", "script"]).code(0).prints("  confirm ");
    let overview = world.run(&["help"]);
    overview.code(0).prints("  onboard ").prints("Cmdlets: connector");

    let (code, document) = world.json(&["help", "sleep"]);
    assert_eq!((code, &document["value"]["parameters"][0]["name"]), (Some(0), &"duration".into()));
    assert_eq!(document["changed"], false);
}

#[test]
fn help_suggests_the_near_miss() {
    World::new()
        .run(&["help", "slep"])
        .refused("error[usage.command]: There is no help on 'slep'; did you mean 'sleep'?");
}

#[test]
fn looking_around_makes_no_state() {
    let world = World::new();
    for words in [&["help"][..], &["scripts", "list"], &["connectors"], &["events"]] {
        world.run(words).code(0);
    }
    assert!(!world.home("").exists());
}
