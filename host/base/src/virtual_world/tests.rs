//! Worlds, their time, and the death of their processes.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::clock::timeout;
use crate::disk::LockAttempt;
use crate::process::{Command, Finished};
use crate::{Disk, Process, SecretBytes};

fn world() -> VirtualWorld {
    VirtualWorld::new(1, Timestamp::from_seconds(1_000)).unwrap()
}

#[test]
fn time_jumps_to_the_earliest_sleeper() {
    let world = world();
    let ports = world.ports();
    let clock = &ports.clock;
    ports.executor.block_on(async {
        let short = timeout(&**clock, Duration::from_secs(5), clock.sleep(Duration::MAX)).await;
        assert!(short.is_err());
        assert_eq!(clock.now(), Timestamp::from_seconds(1_005));
    });
    assert_eq!(world.clock.sleepers(), 0, "a dropped sleeper stays behind");
}

#[test]
fn time_stands_still_while_the_outside_works() {
    let world = world();
    let ports = world.ports();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let hold = ports.clock.hold();
    let outside = std::thread::spawn(move || {
        sender.send(()).unwrap();
    });
    ports.executor.block_on(async {
        let answer = async {
            receiver.await.unwrap();
            drop(hold);
            7
        };
        let answer = timeout(&*ports.clock, Duration::from_secs(1), answer).await;
        assert_eq!(answer, Ok(7));
    });
    assert_eq!(ports.clock.now(), Timestamp::from_seconds(1_000));
    outside.join().unwrap();
}

#[test]
fn time_waits_for_a_thread_that_was_just_woken() {
    for _ in 0..200 {
        let world = world();
        let (ports, other) = (world.ports(), world.ports());
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let start = Arc::new(std::sync::Barrier::new(2));
        let begun = start.clone();
        let thread = std::thread::spawn(move || {
            other.executor.block_on(async {
                begun.wait();
                receiver.await.unwrap();
                other.clock.now()
            })
        });
        ports.executor.block_on(async {
            start.wait();
            ports.clock.sleep(Duration::from_secs(1)).await;
            sender.send(()).unwrap();
            ports.clock.sleep(Duration::from_secs(1)).await;
        });
        assert_eq!(thread.join().unwrap(), Timestamp::from_seconds(1_001));
    }
}

#[test]
fn a_full_disk_refuses_and_keeps_the_old_content() {
    let world = world();
    let ports = world.ports();
    let (folder, file) = (Path::new("/state"), Path::new("/state/a"));
    ports.disk.create_folder(folder, 0o700).unwrap();
    ports.disk.write_atomic(file, b"one", 0o600).unwrap();
    world.disk.set_full(true);
    let error = ports.disk.write_atomic(file, b"two", 0o600).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(ports.disk.read(file).unwrap(), b"one");
    assert_eq!(ports.disk.list(folder).unwrap(), [file]);
}

fn lock_of(world: &VirtualWorld, holder: &str) -> LockAttempt {
    world.ports().disk.lock(Path::new("/lock"), holder).unwrap()
}

#[test]
fn a_dead_process_has_no_effect_any_more() {
    let first = world();
    let ports = first.ports();
    let folder = Path::new("/state");
    ports.disk.create_folder(folder, 0o700).unwrap();
    let program = |_: &Command| Ok(Finished { code: Some(0), output: vec![], errors: vec![] });
    locked(&first.process.programs).insert("job".to_owned(), Box::new(program));
    let before = ports.clock.now();

    first.process.kill();
    let file = folder.join("a");
    ports.disk.write_atomic(&file, b"late", 0o600).unwrap_err();
    ports.disk.remove_folder(folder).unwrap_err();
    ports.disk.list(folder).unwrap_err();
    ports.disk.lock(&file, "late").err().unwrap();
    let command = Command {
        words: vec!["job".to_owned()],
        environment: vec![],
        input: SecretBytes::new(b""),
        limit: Duration::from_secs(1),
    };
    ports.executor.block_on(ports.process.run(command.clone())).unwrap_err();
    ports.executor.block_on(ports.clock.sleep(Duration::from_secs(3600)));
    assert_eq!(first.clock.now(), before, "the world waited for a dead process");
    assert_eq!(ports.clock.now(), before.plus(Duration::from_secs(3600)));

    let next = first.next_process();
    assert!(next.ports().disk.status(&file).is_err() && next.ports().disk.status(folder).is_ok());
    assert_eq!(next.ports().clock.now(), before);
    let finished = next.ports().executor.block_on(next.process.run(command)).unwrap();
    assert_eq!(finished.code, Some(0), "programs belong to the machine");
}

#[test]
fn a_process_that_is_killed_in_its_sleep_wakes_up() {
    let world = world();
    let ports = world.ports();
    ports.executor.block_on(async {
        let sleep = ports.clock.sleep(Duration::MAX);
        let kill = async {
            world.clock.sleep(Duration::from_secs(5)).await;
            world.process.kill();
        };
        futures::future::join(sleep, kill).await;
    });
    assert_eq!(world.clock.now(), Timestamp::from_seconds(1_005));
}

#[test]
fn locks_are_free_at_death_and_a_late_destructor_frees_nobody_elses() {
    let first = world();
    let LockAttempt::Held(held) = lock_of(&first, "first") else { panic!("not held") };
    let second = first.next_process();
    assert!(matches!(lock_of(&second, "second"), LockAttempt::Taken(holder) if holder == "first"));
    first.process.kill();
    let LockAttempt::Held(_second) = lock_of(&second, "second") else { panic!("not free") };
    drop(held);
    let third = first.next_process();
    assert!(matches!(lock_of(&third, "third"), LockAttempt::Taken(holder) if holder == "second"));
}

#[test]
fn processes_know_of_each_other() {
    let first = world();
    let second = first.next_process();
    let (one, two) = (first.process.identity(), second.process.identity());
    assert_ne!(one.pid, two.pid);
    assert!(second.process.is_running(&one) && first.process.is_running(&two));
    first.process.kill();
    assert!(!second.process.is_running(&one));
    second.reboot();
    assert!(!second.process.is_alive());
    let booted = second.next_process();
    assert_eq!(booted.process.identity(), one, "a number can be given again");
    let (before, after) = (second.ports().clock.boot_time(), booted.ports().clock.boot_time());
    assert_ne!(before.boot_id, "virtual-boot-1");
    assert_eq!(after.millis, 0);
}

#[test]
fn the_wall_clock_jumps_alone() {
    let world = world();
    let clock = world.ports().clock;
    let boot = clock.boot_time();
    let past = Timestamp::from_seconds(7);
    world.set_clock(past);
    assert_eq!((clock.now(), clock.boot_time()), (past, boot));
    assert_eq!(world.outside().clock.now(), Timestamp::from_seconds(1_000));
}

#[test]
fn operations_are_counted_and_meet_what_is_planned() {
    let folder = Path::new("/state");
    let file = folder.join("a");
    let try_all = |world: &VirtualWorld| {
        let disk = world.ports().disk;
        let write = |text: &[u8]| disk.write_atomic(&file, text, 0o600).map_err(|e| e.kind());
        let _ = disk.create_folder(folder, 0o700);
        let _ = disk.create_folder(folder, 0o700);
        let written = [write(b"one"), write(b"two"), write(b"three")];
        (written, world.disk.read(&file).ok())
    };
    let clean = world();
    let (written, content) = try_all(&clean);
    assert_eq!((written, content), ([Ok(()), Ok(()), Ok(())], Some(b"three".to_vec())));
    let seen: Vec<String> = clean.process.operations().iter().map(ToString::to_string).collect();
    let expected = ["1 create /state", "2 write /state/a", "3 write /state/a", "4 write /state/a"];
    assert_eq!(seen, expected);

    let full = Err(io::ErrorKind::StorageFull);
    let dead = Err(io::ErrorKind::Other);
    for (fate, expected, content, alive) in [
        (Fate::KillBefore, [Ok(()), dead, dead], "one", false),
        (Fate::KillAfter, [Ok(()), dead, dead], "two", false),
        (Fate::DiskFull, [Ok(()), full, Ok(())], "three", true),
        (Fate::DiskStaysFull, [Ok(()), full, full], "one", true),
        (Fate::IoError, [Ok(()), dead, Ok(())], "three", true),
        (Fate::WritesFail, [Ok(()), dead, dead], "one", true),
        (Fate::AnswerLost, [Ok(()), Ok(()), Ok(())], "three", true),
    ] {
        let world = world();
        world.process.plan(3, fate);
        let (written, found) = try_all(&world);
        assert_eq!((written, found), (expected, Some(content.as_bytes().to_vec())), "{fate}");
        assert_eq!(world.process.is_alive(), alive, "{fate}");
        let operations = world.process.operations();
        let met = operations.iter().find(|operation| operation.fate.is_some());
        let applies = fate.applies_to(Kind::Write);
        assert_eq!(met.map(|met| met.number), applies.then_some(3), "{fate}");
    }
}

/// What a commit does comes after the last thing that the process is asked.
#[test]
fn death_after_a_commit_comes_with_the_next_operation() {
    let world = world();
    let disk = world.ports().disk;
    let (database, next) = (Path::new("/state/db"), Path::new("/state/next"));
    world.disk.create_folder(Path::new("/state"), 0o700).unwrap();
    world.disk.set_database(database);
    world.process.plan(1, Fate::KillAfter);
    disk.write_atomic(database, b"", 0o600).unwrap();
    assert!(world.process.is_alive());
    disk.write_atomic(next, b"", 0o600).unwrap_err();
    assert!(!world.process.is_alive() && world.disk.read(next).is_err());
    let operations = world.process.operations();
    assert_eq!((operations.len(), operations[0].kind), (1, Kind::Commit));
}

#[test]
fn a_plan_waits_for_an_operation_that_it_applies_to() {
    let world = world();
    world.process.plan(1, Fate::NotSent);
    world.process.begin(Kind::Program, "job").unwrap().end().unwrap();
    let moment = world.process.begin(Kind::Request, "GET /").unwrap();
    assert_eq!(moment.fate(), Some(Fate::NotSent));
    moment.end().unwrap();
    assert_eq!(world.process.begin(Kind::Request, "GET /").unwrap().fate(), None);
}
