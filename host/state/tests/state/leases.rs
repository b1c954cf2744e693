//! Scheduler leases.

use std::time::Duration;

use base::Code;
use state::{Connector, Store, Writer};

use crate::harness::{Bench, add_connector, new_connector};

const HOUR: Duration = Duration::from_secs(3600);

async fn paused(bench: &Bench) -> (Store, Writer, Connector) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let connector = add_connector(&writer, &new_connector(&store, "default")).await.unwrap();
    writer.pause_scheduler(&connector.id, "", "rotation", HOUR).await.unwrap();
    (store, writer, connector)
}

pub async fn pauses_nest_and_exclude_other_runs(bench: &Bench) {
    let (store, writer, connector) = paused(bench).await;
    let inner = writer.pause_scheduler(&connector.id, "", "inside", HOUR).await.unwrap();
    assert_eq!(inner.depth, 2);
    let state = store.scheduler_state(&connector.id).await.unwrap();
    assert_eq!(state.leases.len(), 2);
    assert!(state.is_paused() && !state.runs_cycles());

    // Another host of the same database, or a run that found the lock free.
    bench.break_lock();
    let other_place = state::Place {
        folder: bench.place.folder.with_file_name("other"),
        database: bench.place.database.clone(),
    };
    if bench.place.database.is_some() {
        // Hosts that share a database share the key of its audit chain.
        bench.copy_key(&other_place.folder);
        let other_host = Store::open(&bench.ports, &other_place).await.unwrap();
        let other = bench.begin(&other_host).await;
        let error = other.pause_scheduler(&connector.id, "", "mine", HOUR).await.unwrap_err();
        assert_eq!(error.code, Code::SchedulerBusy);
        let deadline = inner.deadline.to_string();
        for part in [writer.run().0.as_str(), "rotation", &deadline] {
            assert!(error.message.contains(part), "{error} lacks {part}");
        }
        let error = other.resume_scheduler(&connector.id, "").await.unwrap_err();
        assert_eq!(error.code, Code::SchedulerNotPaused);
    }

    assert_eq!(writer.resume_scheduler(&connector.id, "").await.unwrap(), 1);
    assert_eq!(writer.resume_scheduler(&connector.id, "").await.unwrap(), 0);
    let error = writer.resume_scheduler(&connector.id, "").await.unwrap_err();
    assert_eq!(error.code, Code::SchedulerNotPaused);
    assert!(store.scheduler_state(&connector.id).await.unwrap().runs_cycles());
    let error = writer.pause_scheduler("none", "", "x", HOUR).await.unwrap_err();
    assert_eq!(error.code, Code::ConnectorUnknown);
}

pub async fn a_lease_ends_with_its_deadline_on_the_boot_clock(bench: &Bench) {
    let (store, writer, connector) = paused(bench).await;
    let live = async || store.live_leases(&connector.id).await.unwrap().len();
    for seconds in [7200, -14_400] {
        bench.clock.jump(seconds);
        assert_eq!(live().await, 1, "a jump of the wall clock changes nothing");
    }
    bench.clock.pass(HOUR - Duration::from_millis(1));
    assert_eq!(live().await, 1);
    bench.clock.pass(Duration::from_millis(1));
    assert_eq!(live().await, 0);
    let again = writer.pause_scheduler(&connector.id, "", "again", HOUR).await.unwrap();
    assert_eq!(again.depth, 1);
}

pub async fn a_lease_is_void_when_its_owner_is_gone(bench: &Bench) {
    let (store, writer, connector) = paused(bench).await;
    bench.process.restart();
    assert_eq!(store.live_leases(&connector.id).await.unwrap(), [], "its process is gone");
    drop(writer);

    // A run that ends lets go of its leases, though its process goes on.
    let writer = bench.begin(&store).await;
    let lease = writer.pause_scheduler(&connector.id, "", "mine", HOUR).await.unwrap();
    assert_eq!(store.live_leases(&connector.id).await.unwrap(), [lease]);
    writer.end_run(state::RunStatus::Done, 0).await.unwrap();
    assert_eq!(store.live_leases(&connector.id).await.unwrap(), []);

    // A run that neither ended nor let go, in a process that goes on: the next writer is proof.
    let lease = writer.pause_scheduler(&connector.id, "", "forgotten", HOUR).await.unwrap();
    drop(writer);
    assert_eq!(store.live_leases(&connector.id).await.unwrap(), std::slice::from_ref(&lease));
    let writer = bench.begin(&store).await;
    assert_eq!(store.live_leases(&connector.id).await.unwrap(), []);
    writer.release_lease(&lease.id).await.unwrap();
    writer.pause_scheduler(&connector.id, "", "free", HOUR).await.unwrap();
}

pub async fn a_lease_is_void_after_another_boot(bench: &Bench) {
    let (store, _writer, connector) = paused(bench).await;
    bench.clock.boot();
    assert_eq!(store.live_leases(&connector.id).await.unwrap(), []);
}

pub async fn a_pause_never_touches_the_settings(bench: &Bench) {
    let (store, writer, connector) = paused(bench).await;
    let during = store.scheduler_settings(&connector.id).await.unwrap();
    writer.resume_scheduler(&connector.id, "").await.unwrap();
    assert_eq!(store.scheduler_settings(&connector.id).await.unwrap(), during);
    assert_eq!(during, state::SchedulerSettings::default());
}
