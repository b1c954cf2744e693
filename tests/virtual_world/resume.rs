//! Runs that were interrupted and go on: what is replayed, what is established again, and what is
//! refused.

use std::path::Path;

use base::Code;
use base::virtual_world::{Fate, Kind};
use effect::RunId;
use prove::{Answers, Attempt, Ended, Host};
use serde_json::json;
use state::RunStatus;

use super::{assert_rules, host};

const SCRIPT: &str = "/project/scripts/tested.rhai";

/// Writes the script, as an admin would.
fn write(host: &Host, text: &str) {
    let (disk, path) = (host.world.outside().disk, Path::new(SCRIPT));
    disk.create_folder(path.parent().unwrap(), 0o700).unwrap();
    disk.write_atomic(path, text.as_bytes(), 0o600).unwrap();
}

fn run_of(ended: &Ended) -> RunId {
    RunId(ended.run.clone().expect("a run began"))
}

/// The numbers of a run's operations of a kind.
fn operations(host: &Host, kind: Kind) -> Vec<usize> {
    let all = host.operations().into_iter();
    all.filter(|operation| operation.kind == kind).map(|operation| operation.number).collect()
}

fn said(ended: &Ended) -> Vec<&str> {
    ended.story.iter().filter_map(|line| line.strip_prefix("said ")).collect()
}

/// Onboards up to a moment, and is killed there.
fn killed_while(seed: u64, text: &str, line: &str) -> (Host, RunId, Ended) {
    let host = host(seed);
    write(&host, text);
    let wanted = line.to_owned();
    host.kill_at_line(move |told| told == wanted);
    let ended = host.run(SCRIPT, &[]);
    assert!(!host.is_alive(), "'{line}' never happened: {:#?}", ended.story);
    let run = run_of(&ended);
    let next = host.restart().unwrap();
    (next, run, ended)
}

const STEPS: &str = r#"
    fn main(p) {
        say("looking");
        let before = now();
        sleep("3s");
        connect_tenant();
        let prepared = prepare_credential(#{ connector: "default" });
        paused(#{ connector: "default", reason: "a test" }, || {
            let made = add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 });
            say(`paused: ${get_scheduler(#{ connector: "default" }).effective_enabled}`);
            link_app_registration(#{ connector: "default", app_id: made.app_id, certificate_sha256: made.certificate_sha256 });
        });
        say("synchronizing");
        start_sync_cycle(#{ connector: "default" }).result + ` since ${before}`
    }"#;

#[test]
fn what_was_done_is_given_back_and_what_stood_is_established_again() {
    let (host, run, first) = killed_while(100, STEPS, "step link_application");
    assert_eq!(said(&first), ["looking", "paused: false"]);
    assert_rules_between(&host);
    let before = first.story.iter().position(|line| line == "call sleep").unwrap();
    assert!(before > 0);

    let resumed = host.resume(&run, Attempt::Edited);
    assert_eq!(resumed.exit_code, 0, "{:?}", resumed.result);
    assert_eq!(said(&resumed), ["synchronizing"], "what was said is not said again");
    let value = resumed.result.unwrap();
    // The time is the recorded one, from before the interruption.
    assert_eq!(value, "success since 2026-11-23T12:00:00Z");
    let story = resumed.story;
    for gone in ["call sleep", "call prepare_credential", "step create_application"] {
        assert!(!story.contains(&gone.to_owned()), "'{gone}' was done again: {story:#?}");
    }
    assert!(story.contains(&"looked for link_application".to_owned()), "{story:#?}");
    // The pause was taken again, without a step, and ended by the script.
    assert!(story.contains(&"step resume_scheduler".to_owned()), "{story:#?}");
    let found = host.ports.executor.block_on(host.store.find_run(&run)).unwrap().unwrap();
    assert_eq!((found.status, found.attempts), (RunStatus::Done, 1));
    assert_rules(&host);
}

/// The rules that hold also between an interruption and its recovery.
fn assert_rules_between(host: &Host) {
    let scheduler = host.run_body(r#"get_scheduler(#{ connector: "default" }).effective_enabled"#);
    assert_eq!(scheduler.result.unwrap(), true, "the lease of the dead run is void");
}

#[test]
fn a_lease_is_held_while_a_resumed_run_works() {
    let text = r#"fn main(p) {
        paused(#{ connector: "default", reason: "outer" }, || {
            paused(#{ connector: "default", reason: "inner" }, || sleep("1s"));
            add_connector(#{ connector: "second" });
            [get_scheduler(#{ connector: "default" }).effective_enabled,
             get_scheduler(#{ connector: "default" }).effective_reason]
        })
    }"#;
    let (host, run, _) = killed_while(101, text, "step add_connector");
    let resumed = host.resume(&run, Attempt::Edited);
    let value = resumed.result.unwrap();
    assert_eq!(value[0], false, "it is not paused");
    assert!(value[1].as_str().unwrap().contains("outer"), "{value}");
    let scheduler = host.run_body(r#"get_scheduler(#{ connector: "default" }).effective_enabled"#);
    assert_eq!(scheduler.result.unwrap(), true, "it is still paused");
}

#[test]
fn a_sign_in_that_fails_leaves_the_run_as_it_was() {
    let (host, run, _) = killed_while(102, STEPS, "step create_service_principal");
    host.sandbox.faults().plan("token", 0, usize::MAX, tenant::Fault::Reset);
    let away = host.resume(&run, Attempt::Edited);
    assert_eq!(away.exit_code, 4, "{:?}", away.result);
    let error = away.result.unwrap_err();
    assert_eq!(error.code, Code::RemoteUnreachable);
    assert!(error.causes.iter().any(|cause| cause.contains("connect_tenant")), "{error:?}");
    host.sandbox.faults().clear();
    let resumed = host.resume(&run, Attempt::Edited);
    assert_eq!(resumed.exit_code, 0, "{:?}", resumed.result);
    assert_rules(&host);
}

#[test]
fn an_edited_script_is_refused_before_any_effect_and_both_ways_on_work() {
    for way in [Attempt::Recorded, Attempt::Unwind] {
        let (host, run, _) = killed_while(103, STEPS, "step link_application");
        let edits = [
            // Another argument, another call, one call less, one call more, an early end.
            STEPS.replace(r#"sleep("3s")"#, r#"sleep("4s")"#),
            STEPS.replace("connect_tenant();", "disconnect_tenant();"),
            STEPS.replace(r#"sleep("3s");"#, ""),
            STEPS.replace("connect_tenant();", "now(); connect_tenant();"),
            "fn main(p) { say(\"looking\"); }".to_owned(),
        ];
        host.sandbox.faults().take_seen();
        for edited in &edits {
            write(&host, edited);
            let refused = host.resume(&run, Attempt::Edited);
            let error = refused.result.unwrap_err();
            assert_eq!((refused.exit_code, error.code), (2, Code::RunDiverged), "{error:?}");
            let [recorded, actual] = &error.causes[..] else { panic!("{:?}", error.causes) };
            assert!(recorded.starts_with("recorded: ") && actual.starts_with("actual:   "));
            let next = error.next.unwrap();
            assert!(next.contains("--recorded") && next.contains("--unwind"), "{next}");
        }
        assert_eq!(host.sandbox.faults().take_seen(), Vec::<String>::new(), "the tenant was asked");
        let resumed = host.resume(&run, way);
        let after = host.credential("default").unwrap();
        match way {
            Attempt::Recorded => {
                assert_eq!(resumed.exit_code, 0, "{:?}", resumed.result);
                assert_eq!(after["identity_type"], "Application");
            }
            _ => {
                let error = resumed.result.unwrap_err();
                assert_eq!(error.left, Vec::<String>::new(), "{error:?}");
                assert_eq!(after["identity_type"], "ServiceAccount");
                let keys =
                    host.ports.executor.block_on(host.keystores().preferred().unwrap().list());
                assert_eq!(keys.unwrap(), []);
            }
        }
        assert_rules(&host);
    }
}

#[test]
fn a_script_may_be_mended_in_what_was_not_run_yet() {
    let text = r#"fn main(p) { add_connector(#{ connector: "second" }); sleep("1h"); throw "a mistake"; }"#;
    let (host, run, _) = killed_while(104, text, "call sleep");
    write(&host, &text.replace(r#"throw "a mistake""#, r#""mended""#));
    let resumed = host.resume(&run, Attempt::Edited);
    assert_eq!(resumed.result.unwrap(), "mended");
    assert_eq!(host.ports.executor.block_on(host.store.find_connectors()).unwrap().len(), 2);
}

#[test]
fn errors_that_were_caught_are_caught_again() {
    let text = r#"fn main(p) {
        let said = [];
        for name in ["default", "new", "default"] {
            try { add_connector(#{ connector: name }); } catch (e) { said.push(e.code); }
        }
        set_connector(#{ connector: "new", name: "newer" });
        said
    }"#;
    let (host, run, _) = killed_while(105, text, "step set_connector");
    let resumed = host.resume(&run, Attempt::Edited);
    assert_eq!(resumed.result.unwrap(), json!(["connector.exists", "connector.exists"]));
    assert!(
        !resumed.story.iter().any(|line| line.contains("add_connector")),
        "{:?}",
        resumed.story
    );
}

/// Callbacks, nested functions, modules and branches: killed before every operation, the run ends
/// with the same value, and each thing was done once.
#[test]
fn whatever_a_script_is_made_of_it_goes_on_where_it_stopped() {
    let text = r#"
        import "scheduler" as scheduler;
        fn add(name) { add_connector(#{ connector: name }).name }
        fn nested(name) { let made = add(name); step(`rename ${made}`, || set_connector(#{ connector: made, name: `${made}x` })); made }
        fn main(p) {
            let begun = now();
            let first = ["a", "b"].map(|name| nested(name));
            let branches = parallel(["c", "d", "e"], |name| {
                sleep("1s");
                scheduler::paused("default", `for ${name}`, || [nested(name), now() >= begun])
            });
            let sorted = ["f", "g"];
            sorted.sort(|l, r| { now(); if l < r { -1 } else { 1 } });
            [first, branches, sorted.map(|name| add(name)), begun]
        }"#;
    let names = |host: &Host| -> Vec<String> {
        let found = host.ports.executor.block_on(host.store.find_connectors()).unwrap();
        found.into_iter().map(|connector| connector.name).collect()
    };
    let clean = host(106);
    write(&clean, text);
    let expected = clean.run(SCRIPT, &[]);
    let commits = operations(&clean, Kind::Commit);
    let value = expected.result.unwrap();
    assert!(commits.len() > 15, "{commits:?}");
    assert_eq!(names(&clean), ["ax", "bx", "cx", "default", "dx", "ex", "f", "g"]);
    for number in commits {
        let host = host(106);
        write(&host, text);
        host.plan(number, Fate::KillBefore);
        host.run(SCRIPT, &[]);
        let mut host = host.restart().unwrap();
        // Killed again on the way, a little later.
        host.plan(3, Fate::KillBefore);
        host.recover(SCRIPT, &[]);
        host = host.restart().unwrap();
        let resumed = host.recover(SCRIPT, &[]);
        let label = format!("killed before operation {number}");
        assert_eq!(resumed.exit_code, 0, "{label}: {:?}", resumed.result);
        let mut found = resumed.result.unwrap();
        // The time at which it began is the recorded one, or a new run's.
        found[3] = value[3].clone();
        assert_eq!(found, value, "{label}");
        assert_eq!(names(&host), names(&clean), "{label}");
    }
}

#[test]
fn a_high_impact_is_confirmed_again() {
    let text = r#"fn main(p) { add_connector(#{ connector: "second" }); remove_connector(#{ connector: "second" }) }"#;
    let (host, run, _) = killed_while(107, text, "step remove_connector");
    *host.answers.lock().unwrap() = Answers::Absent;
    let asked = host.resume(&run, Attempt::Edited);
    assert_eq!(asked.exit_code, 5, "{:?}", asked.result);
    assert_eq!(asked.result.unwrap_err().code, Code::EffectNotConfirmed);
    // The run waits for the answer.
    *host.answers.lock().unwrap() = Answers::Everything;
    let resumed = host.resume(&run, Attempt::Edited);
    assert_eq!(resumed.result.unwrap()["removed"], true);
}

#[test]
fn only_what_stopped_can_be_taken_up_again() {
    let host = host(108);
    let done = run_of(&host.run_body(r#"add_connector(#{ connector: "second" })"#));
    for attempt in [Attempt::Edited, Attempt::Unwind] {
        let error = host.resume(&done, attempt).result.unwrap_err();
        assert_eq!(error.code, Code::RunEnded, "{error:?}");
        assert!(error.next.unwrap().contains("runs show"));
        let none = RunId("none".to_owned());
        assert_eq!(host.resume(&none, attempt).result.unwrap_err().code, Code::RunUnknown);
    }
    let failed = run_of(&host.run_body(r#"add_connector(#{ connector: "third" }); throw "no""#));
    assert_eq!(host.resume(&failed, Attempt::Edited).result.unwrap_err().code, Code::RunEnded);

    let held = host.begin("held", json!(null), &[]).unwrap();
    let other = host.another_process().unwrap();
    let error = other.resume(held.id(), Attempt::Edited).result.unwrap_err();
    assert_eq!(error.code, Code::StateLocked, "{error:?}");
    assert!(error.message.contains(&held.id().0), "{error:?}");
}

#[test]
fn a_key_that_was_deleted_behind_the_hosts_back_is_told() {
    let (host, run, _) = killed_while(109, STEPS, "step link_application");
    let disk = host.world.outside().disk;
    for file in disk.list(Path::new("/home/admin/state/keys")).unwrap() {
        if file.extension().is_some_and(|ending| ending == "sealed") {
            disk.remove_file(&file).unwrap();
        }
    }
    let resumed = host.resume(&run, Attempt::Edited);
    let error = resumed.result.unwrap_err();
    assert_eq!(error.code, Code::KeyNotFound, "{error:?}");
    // What the run had done is taken back, and the account still works.
    assert_eq!((resumed.exit_code, error.left.len()), (1, 0), "{error:?} {:?}", error.left);
    assert_eq!(host.run("onboard", &[]).exit_code, 0);
    assert_rules(&host);
}

/// A branch that had ended makes no new call, whatever the script is made to do in it.
#[test]
fn a_branch_that_had_ended_is_not_edited_into() {
    let text = r#"fn main(p) {
        parallel(["a", "b"], |name| get_scheduler(#{ connector: "default" }).effective_enabled);
        add_connector(#{ connector: "second" });
        set_connector(#{ connector: "second", name: "third" });
    }"#;
    let (host, run, _) = killed_while(110, text, "step set_connector");
    let changing = r#"get_scheduler(#{ connector: "default" });
        set_scheduler(#{ connector: "default", sync_cycle_enabled: false })"#;
    write(
        &host,
        &text.replace(
            r#"get_scheduler(#{ connector: "default" }).effective_enabled"#,
            &format!("{{ {changing} }}"),
        ),
    );
    let refused = host.resume(&run, Attempt::Edited);
    let error = refused.result.unwrap_err();
    assert_eq!((refused.exit_code, error.code), (2, Code::RunDiverged), "{error:?}");
    let enabled = host.run_body(r#"get_scheduler(#{ connector: "default" }).sync_cycle_enabled"#);
    assert_eq!(enabled.result.unwrap(), true, "it was changed before the refusal");
    assert_eq!(host.resume(&run, Attempt::Recorded).exit_code, 0);
}

/// Forgetting a connector first is no way to destroy the key that its application is registered with.
#[test]
fn a_forgotten_connector_protects_its_key() {
    let host = host(111);
    assert_eq!(host.run("onboard", &[]).exit_code, 0);
    let ended = host.run_body(
        r#"let own = get_connector_credential(#{ connector: "default" });
        remove_connector(#{ connector: "default" });
        let refused = [];
        try { remove_certificate(#{ certificate_sha256: own.certificate_sha256 }); } catch (e) { refused.push(e.code); }
        try { remove_private_key(#{ key_uri: get_certificate(#{ certificate_sha256: own.certificate_sha256 }).key_uri }); } catch (e) { refused.push(e.code); }
        refused"#,
    );
    let refused = ended.result.unwrap();
    assert_eq!(refused[0], "effect.no_evidence");
    assert_eq!(refused.as_array().unwrap().len(), 2, "{refused}");
    let keys = host.ports.executor.block_on(host.keystores().preferred().unwrap().list());
    assert_eq!(keys.unwrap().len(), 1);
}
