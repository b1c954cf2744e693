//! Several processes of one host: locks, leases, death, boots and clocks that are set.

use std::sync::Barrier;
use std::time::Duration;

use base::{Clock, Code};
use prove::{Fate, Host};
use state::{Lease, RunStatus};

use super::{assert_rules, host};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A run that has paused the scheduler for an hour, for as long as the answer is kept.
fn paused(host: &Host) -> impl Sized + use<> {
    let run = host.begin("the first", serde_json::Value::Null, &[]).unwrap();
    let connector = host.ports.executor.block_on(host.store.get_connector("default")).unwrap();
    let writer = run.parts().context.writer.clone();
    let pause = writer.pause_scheduler(&connector.id, "", "maintenance", HOUR);
    host.ports.executor.block_on(pause).unwrap();
    run
}

fn leases(host: &Host) -> Vec<Lease> {
    host.ports.executor.block_on(async {
        let connector = host.store.get_connector("default").await.unwrap();
        host.store.live_leases(&connector.id).await.unwrap()
    })
}

fn pass(host: &Host, span: Duration) {
    host.ports.executor.block_on(host.world.clock.sleep(span));
}

#[test]
fn a_second_process_is_told_who_works() {
    let first = host(90);
    let second = first.another_process().unwrap();
    assert_ne!(first.pid(), second.pid());
    let run = first.begin("the first", serde_json::Value::Null, &[]).unwrap();
    let refused = second.run("onboard", &[]);
    let error = refused.result.unwrap_err();
    assert_eq!((refused.exit_code, refused.changed), (6, false));
    assert_eq!(error.code, Code::StateLocked);
    for named in ["the first", &run.id().0, &format!("process {} on HOST", first.pid())] {
        assert!(error.message.contains(named), "{named}: {error}");
    }
    assert!(error.next.unwrap().contains(&format!("ps -fp {}", first.pid())));
    drop(run);
    assert_eq!(second.run("onboard", &[]).exit_code, 0);
    assert_rules(&second);
}

/// Whichever comes first: nothing is done twice, and the other one is told or finds nothing to do.
#[test]
fn two_processes_at_once_do_it_once() {
    let first = host(91);
    let second = first.another_process().unwrap();
    let start = Barrier::new(2);
    let onboard = |host: &Host| {
        start.wait();
        host.run("onboard", &[])
    };
    let ended = std::thread::scope(|scope| {
        let other = scope.spawn(|| onboard(&second));
        [onboard(&first), other.join().unwrap()]
    });
    let changed = ended.iter().filter(|ended| ended.changed).count();
    assert_eq!(changed, 1, "{ended:#?}");
    for ended in &ended {
        match &ended.result {
            Ok(_) => assert_eq!(ended.exit_code, 0),
            Err(error) => assert_eq!((ended.exit_code, error.code), (6, Code::StateLocked)),
        }
    }
    assert_rules(&first);
}

#[test]
fn what_a_killed_process_held_is_free_at_once() {
    let first = host(92);
    let held = paused(&first);
    let second = first.another_process().unwrap();
    assert_eq!(leases(&second)[0].reason, "maintenance");
    let now = second.ports.clock.now();
    let status = || {
        let runs = second.ports.executor.block_on(second.store.find_runs(10)).unwrap();
        runs.iter().find(|run| run.script == "the first").unwrap().status
    };
    assert_eq!(status(), RunStatus::Running);

    first.kill();
    assert_eq!(leases(&second), []);
    assert_eq!(status(), RunStatus::Interrupted);
    let ended = second.run("onboard", &[]);
    assert_eq!(ended.exit_code, 0, "{:?}", ended.result);
    assert!(ended.story.contains(&"step pause_scheduler".to_owned()), "{:?}", ended.story);
    assert!(second.ports.clock.now().since(now) < HOUR, "it waited for the dead one");
    drop(held);
    assert_rules(&second);
}

/// It still holds its writer, its transaction and its transport: none of them does anything.
#[test]
fn a_killed_process_writes_and_sends_nothing_when_it_wakes() {
    let first = host(93);
    let run = first.begin("the first", serde_json::Value::Null, &[]).unwrap();
    let writer = run.parts().context.writer.clone();
    first.kill();
    let second = first.another_process().unwrap();
    let next = second.begin("the second", serde_json::Value::Null, &[]).unwrap();
    let connector = first.ports.executor.block_on(first.store.get_connector("default")).unwrap();
    let asked = first.sandbox.faults();
    asked.take_seen();
    first.ports.executor.block_on(async {
        writer.pause_scheduler(&connector.id, "", "late", HOUR).await.unwrap_err();
        writer.set_run_status(RunStatus::Done).await.unwrap_err();
        let tenant = run.parts().context.tenants.open().await.unwrap();
        tenant.client.quiet().discover().await.unwrap_err();
    });
    assert_eq!(asked.take_seen(), Vec::<String>::new());
    assert_eq!(leases(&second), []);
    drop(run);
    let third = second.run("onboard", &[]);
    assert_eq!(third.result.unwrap_err().code, Code::StateLocked, "the lock went with the first");
    drop(next);
    assert_eq!(second.run("onboard", &[]).exit_code, 0);
    assert_rules(&second);
}

#[test]
fn a_clock_that_is_set_neither_ends_nor_prolongs_a_lease() {
    let first = host(94);
    let _held = paused(&first);
    let second = first.another_process().unwrap();
    let truth = first.world.clock.now();
    for wall in [truth.plus(DAY), truth.minus(DAY)] {
        first.set_clock(wall);
        assert_eq!(second.ports.clock.now(), wall);
        assert_eq!(leases(&second).len(), 1, "the clock says {wall}");
    }
    pass(&first, HOUR - Duration::from_secs(1));
    assert_eq!(leases(&second).len(), 1);
    pass(&first, Duration::from_secs(1));
    assert_eq!(leases(&second), [], "the wall clock still reads an earlier day");
}

/// The number and the start of a process are given again after a boot: only the boot tells.
#[test]
fn a_boot_ends_locks_and_leases() {
    let first = host(95);
    let held = paused(&first);
    let pid = first.pid();
    assert_eq!(leases(&first).len(), 1);
    let booted = first.reboot().unwrap();
    assert_eq!(booted.pid(), pid);
    assert_eq!(leases(&booted), []);
    assert_eq!(booted.run("onboard", &[]).exit_code, 0);
    drop(held);
    assert_rules(&booted);
}

#[test]
fn another_machine_is_noticed() {
    let host = host(96);
    assert!(!host.store.host().machine_changed);
    let host = host.restart().unwrap();
    assert!(!host.store.host().machine_changed);
    let moved = host.move_to_machine("00000000000000000000000000000002").unwrap();
    assert!(moved.store.host().machine_changed);
}

/// The script swallows every error, and waits for ever.
#[test]
fn a_script_that_will_not_die_ends_with_its_process() {
    let host = host(97);
    host.plan(20, Fate::KillBefore);
    let ended = host.run_body(
        r#"let enabled = true;
        loop {
            enabled = !enabled;
            try { set_scheduler(#{ connector: "default", sync_cycle_enabled: enabled }); } catch { }
            try { sleep("1h"); } catch { }
        }"#,
    );
    ended.result.unwrap_err();
    assert!(!host.is_alive());
    assert_eq!(host.operations().len(), 20, "{:?}", host.operations());
    let next = host.restart().unwrap();
    assert_rules(&next);
}
