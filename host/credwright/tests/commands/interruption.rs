use std::io::BufRead;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::World;

const WAITS: &str = "//! Waits.\nfn main(p) { say(\"Waiting now.\"); sleep(\"10m\") }\n";

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_child(child);
    kill_process(pid, signal).unwrap();
}

fn rest(mut told: impl BufRead) -> String {
    let mut text = String::new();
    told.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn ctrl_c_and_sigterm_end_a_run_with_4() {
    for sent in [Signal::INT, Signal::TERM] {
        let world = World::new();
        world.write("waits.rhai", WAITS);
        let (mut child, told) = world.start_until(&["run", "waits.rhai"], "waiting for");
        signal(&child, sent);
        assert_eq!(child.wait().unwrap().code(), Some(4));
        let told = rest(told);
        assert!(told.contains("error[run.interrupted]"), "{told}");
        assert!(told.contains("next: Go on with it: credwright resume "), "{told}");
        // The lock is free again.
        world.write("empty.rhai", "//! Nothing.\nfn main(p) {}\n");
        world.run(&["run", "empty.rhai"]).code(0);
    }
}

#[test]
fn a_second_run_is_told_who_is_at_work() {
    let world = World::new();
    world.write("waits.rhai", WAITS);
    let (mut child, _told) = world.start_until(&["run", "waits.rhai"], "waiting for");
    let second = world.run(&["run", "waits.rhai"]);
    second.code(6).tells("error[state.locked]").tells("waits.rhai)");
    // Looking needs no lock.
    world.run(&["connectors"]).code(0).prints("default");
    world.run(&["events"]).code(0);
    signal(&child, Signal::INT);
    child.wait().unwrap();
}

#[test]
fn nobody_at_a_terminal_is_5_before_anything_is_done() {
    let world = World::new();
    world.write("asks.rhai", "//! Asks.\nfn main(p) { confirm(\"Shall I?\") }\n");
    let ended = world.run(&["run", "asks.rhai"]);
    ended.code(5).tells("error[effect.not_confirmed]: Nobody answered: Shall I?").tells("--yes");
    world.run(&["run", "asks.rhai", "--yes"]).code(0).prints("true");
    world.run(&["tenant", "reset"]).code(5).tells("--yes");
}

#[test]
fn a_served_tenant_ends_well_with_sigterm() {
    let world = World::new();
    let words = ["tenant", "serve", "--data", "data", "--describe", "tenant.json"];
    let mut child = world.start(world.command(&words));
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Serving the sandbox tenant Contoso ("), "{line}");
    assert!(world.path("tenant.json").exists());
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
