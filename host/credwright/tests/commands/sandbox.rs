use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

const EMPTY: &str = "//! Nothing.\nfn main(p) {}\n";

#[test]
fn a_fresh_home_brings_the_sandbox_and_its_connector_along_once() {
    let world = World::new();
    world.write("empty.rhai", EMPTY);
    world.run(&["tenant", "show"]).code(2).tells("There is no sandbox tenant yet");
    let (_, first) = world.json(&["run", "empty.rhai"]);
    let (_, second) = world.json(&["run", "empty.rhai"]);
    assert_eq!(first["tenant"], second["tenant"]);
    let shown = world.run(&["tenant", "show"]);
    shown.code(0).prints("Contoso (sandbox)").prints("Directory Synchronization Accounts");
    let (_, document) = world.json(&["tenant", "show"]);
    assert_eq!(document["value"]["tenant_id"], first["tenant"]["id"]);
}

#[test]
fn a_reset_forgets_the_sandbox_and_nothing_else() {
    let world = World::new();
    world.write("empty.rhai", EMPTY);
    world.write(
        "prepare.rhai",
        "//! Key.\nfn main(p) { prepare_credential(#{ connector: \"default\" }); }\n",
    );
    let (code, before) = world.json(&["run", "prepare.rhai"]);
    assert_eq!(code, Some(0), "{before}");
    let keys = || std::fs::read_dir(world.home("state/keys")).unwrap().count();
    let with_key = keys();
    let reset = world.run(&["tenant", "reset", "--yes"]);
    reset.code(0).prints("1 connectors, 1 keys, 1 events");
    assert_eq!(keys(), with_key - 1);
    world.run(&["connectors"]).code(0).tells("There is no connector yet");
    let (_, after) = world.json(&["run", "empty.rhai"]);
    assert_ne!(before["tenant"]["id"], after["tenant"]["id"]);
    world.run(&["tenant", "reset", "--profile", "x"]).code(2).tells("Leave out");
}

#[test]
fn a_served_tenant_is_used_in_place_of_the_embedded_one() {
    let world = World::new();
    world.write("look.rhai", "//! Looks.\nfn main(p) { connect_tenant(); }\n");
    let words = ["tenant", "serve", "--data", "data", "--describe", "tenant.json"];
    let mut child = world.start(world.command(&words));
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let description = std::fs::read_to_string(world.path("tenant.json")).unwrap();
    let description: serde_json::Value = serde_json::from_str(&description).unwrap();

    let (code, document) = world.json(&["--tenant", "tenant.json", "run", "look.rhai"]);
    assert_eq!(code, Some(0), "{document}");
    assert_eq!(document["tenant"]["id"], description["tenant_id"]);
    world.run(&["connectors"]).code(0).prints("ServiceAccount");
    assert!(!world.home("sandbox").exists(), "the embedded tenant was made, too");

    // Its folder is taken, and so is its port.
    world.run(&["tenant", "serve", "--data", "data"]).code(2).tells("Another process has");
    let authority = description["authority"].as_str().unwrap();
    let address = authority.trim_start_matches("https://");
    let second = world.run(&["tenant", "serve", "--listen", address, "--data", "other"]);
    second.code(2).tells("is in use").tells("--listen 127.0.0.1:0");

    // Gone in the middle: the run says so, and can be tried again later.
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    world.run(&["--tenant", "tenant.json", "run", "look.rhai"]).code(6).tells("error[remote.");
}

/// A prompt that has opened the sandbox, with its input, and what it tells from then on.
fn prompt(world: &World) -> (Child, ChildStdin, impl BufRead + use<>) {
    let mut command = world.command(&["repl"]);
    command.stdin(Stdio::piped());
    let mut child = world.start(command);
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"connect_tenant()\n").unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ok connect_tenant") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it ended without signing in");
    }
    (child, input, told)
}

#[test]
fn a_guest_of_the_embedded_tenant_outlives_the_process_that_served_it() {
    let world = World::new();
    let (mut owner, input, _) = prompt(&world);
    let (mut guest, mut lines, mut told) = prompt(&world);
    drop(input);
    assert_eq!(owner.wait().unwrap().code(), Some(0));
    lines.write_all(b"test_credential(#{ connector: \"default\" })\n").unwrap();
    drop(lines);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(guest.wait().unwrap().code(), Some(0), "{rest}");
    assert!(!world.home("sandbox/served.json").exists());
}

#[test]
fn a_second_sandbox_in_one_state_is_told_that_the_name_is_taken() {
    let world = World::new();
    world.write("empty.rhai", EMPTY);
    world.run(&["run", "empty.rhai"]).code(0).tells("Its connector 'default' signs in as Sync_");
    let words = ["tenant", "serve", "--data", "data", "--describe", "tenant.json"];
    let mut child = world.start(world.command(&words));
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ended = world.run(&["--tenant", "tenant.json", "run", "empty.rhai"]);
    ended.code(0).tells("The name 'default' is taken").tells("--home DIR");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reset_that_stops_half_way_says_so_and_can_be_gone_on_with() {
    let world = World::new();
    world.write(
        "prepare.rhai",
        "//! Key.\nfn main(p) { prepare_credential(#{ connector: \"default\" }); }\n",
    );
    let (code, before) = world.json(&["run", "prepare.rhai"]);
    assert_eq!(code, Some(0), "{before}");
    let certificates = world.home("state/certificates");
    let certificate = std::fs::read_dir(certificates).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(&certificate).unwrap();
    std::fs::create_dir(&certificate).unwrap();

    let (code, document) = world.json(&["tenant", "reset", "--yes"]);
    assert_eq!(code, Some(3), "{document}");
    assert_eq!(document["changed"], true);
    assert_eq!(document["tenant"], before["tenant"]);
    assert_eq!(document["error"]["next"], "Go on with: credwright tenant reset");

    std::fs::remove_dir(&certificate).unwrap();
    let (code, document) = world.json(&["tenant", "reset", "--yes"]);
    assert_eq!((code, &document["changed"]), (Some(0), &true.into()));
    assert_eq!(document["value"]["connectors"], serde_json::json!(["default"]));
}

#[test]
fn a_description_that_cannot_be_written_leaves_none_behind() {
    let world = World::new();
    let words = ["tenant", "serve", "--data", "data", "--describe", "missing/tenant.json"];
    world.run(&words).code(2).tells("could not be written");
    assert!(!world.path("data/served.json").exists());
}

#[test]
fn an_address_that_is_none_is_named() {
    World::new()
        .run(&["tenant", "serve", "--listen", "nowhere"])
        .refused("error[usage.command]: 'nowhere' is no address to listen on");
}
