//! A process that is really killed while it writes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base::clock::SystemClock;
use base::disk::SystemDisk;
use base::process::{Process, SystemProcess};
use base::random::SystemRandom;
use base::{Code, Ports, SecretText};
use effect::{Journal, RunId};
use state::{NewRun, Place, Purpose, RunStatus, Store};

use crate::harness::{Bench, runtime};
use crate::journal::done_call;

const FOLDER: &str = "STATE_TEST_FOLDER";
const DATABASE: &str = "STATE_TEST_DATABASE";
const RUN: &str = "STATE_TEST_RUN";

fn system_ports() -> Ports {
    Ports {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        disk: Arc::new(SystemDisk),
        process: Arc::new(SystemProcess),
        executor: Arc::new(base::executor::TokioExecutor(tokio::runtime::Handle::current())),
    }
}

/// Not a test of its own: the process that is killed. It says every commit that it was told is done.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = SystemProcess.environment(FOLDER) else { return };
    let runtime = runtime();
    let _entered = runtime.enter();
    let database = SystemProcess.environment(DATABASE).map(SecretText::new);
    let run = RunId(SystemProcess.environment(RUN).unwrap());
    runtime.block_on(async {
        let place = Place { folder: folder.into(), database };
        let store = Store::open(&system_ports(), &place).await.unwrap();
        let purpose = Purpose { run, script: "endless".to_owned() };
        let writer = store.begin_writing(purpose).await.unwrap();
        let new = NewRun { script: "endless".to_owned(), ..state::NewRun::default() };
        writer.begin_run(new).await.unwrap();
        for sequence in 1.. {
            writer.commit(&done_call(writer.run(), sequence)).await.unwrap();
            println!("committed {sequence}");
        }
    });
}

struct Victim(Child);

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(bench: &Bench, run: &str) -> Victim {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "kill::writes_until_it_is_killed", "--nocapture"]);
    command.env(FOLDER, &bench.place.folder).env(RUN, run).env_remove(DATABASE);
    if let Some(database) = &bench.place.database {
        command.env(DATABASE, database.expose());
    }
    Victim(command.stdout(Stdio::piped()).spawn().unwrap())
}

/// Waits until the victim has committed `count` times, kills it at once, and answers how many
/// commits it was told are done.
fn kill_after(mut victim: Victim, count: u64) -> u64 {
    let lines = BufReader::new(victim.0.stdout.take().unwrap()).lines();
    let mut committed = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
    committed.find(|sequence| *sequence >= count).unwrap();
    victim.0.kill().unwrap();
    // What it said before it died still counts.
    let last = committed.last().unwrap_or(count);
    victim.0.wait().unwrap();
    last
}

pub async fn a_killed_process_leaves_all_or_nothing(bench: &Bench) {
    let store = Store::open(&system_ports(), &bench.place).await.unwrap();
    let purpose = || Purpose { run: store.new_run_id(), script: "next".to_owned() };
    for (count, run) in [1, 2, 3, 5, 8, 13].into_iter().zip(["a", "b", "c", "d", "e", "f"]) {
        let victim = start(bench, run);
        let pid = victim.0.id();
        let run = RunId(run.to_owned());
        let told = kill_after(victim, count);

        let found = store.find_run(&run).await.unwrap().unwrap();
        assert_eq!(found.owner.process.pid, pid);
        assert_eq!(found.status, RunStatus::Interrupted);
        // The server may still be at the last commit of a client that is gone.
        let next = store.begin_writing(purpose()).await.unwrap();
        let journal = store.journal(&run).await.unwrap();
        assert_eq!(journal.len() % 4, 0, "a commit is there in part");
        let whole = u64::try_from(journal.len() / 4).unwrap();
        assert!(whole >= told, "{whole} of {told} that were told to be on the disk");
        let expected: Vec<_> = (1..=whole).flat_map(|number| done_call(&run, number)).collect();
        assert_eq!(journal, expected);
        drop(next);
    }
}

#[test]
fn a_living_process_keeps_its_lock_and_is_named() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let bench = Bench::new(None, 1);
    runtime.block_on(async {
        let store = Store::open(&system_ports(), &bench.place).await.unwrap();
        let mut victim = start(&bench, "endless-run");
        let pid = victim.0.id().to_string();
        let mut lines = BufReader::new(victim.0.stdout.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().starts_with("committed")).unwrap().unwrap();
        let purpose = Purpose { run: store.new_run_id(), script: "second".to_owned() };
        let error = store.begin_writing(purpose).await.unwrap_err();
        assert_eq!(error.code, Code::StateLocked);
        for part in ["endless-run", "endless", &pid] {
            assert!(error.message.contains(part), "{error} lacks {part}");
        }
        // Readers need no lock.
        let journal = store.journal(&RunId("endless-run".to_owned())).await.unwrap();
        assert!(!journal.is_empty());
    });
}
