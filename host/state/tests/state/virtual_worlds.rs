//! The state in memory, in worlds whose time stands still while the database works.

use std::path::Path;

use base::virtual_world::VirtualWorld;
use base::{Applied, Code, Timestamp};
use effect::Journal;
use state::{EventFilter, NewRun, Purpose, Store};

use crate::journal::done_call;
use crate::records::new_event;

fn purpose(store: &Store) -> Purpose {
    Purpose { run: store.new_run_id(), script: "test".to_owned() }
}

#[test]
fn a_state_in_memory_survives_its_process_and_fails_with_its_disk() {
    let start = Timestamp::from_seconds(1_800_000_000);
    let world = VirtualWorld::new(1, start).unwrap();
    let ports = world.ports();
    ports.executor.block_on(async {
        let store = Store::in_memory(&ports, Path::new("/state")).await.unwrap();
        let writer = store.begin_writing(purpose(&store)).await.unwrap();
        let new = NewRun { script: "test".to_owned(), ..state::NewRun::default() };
        writer.begin_run(new).await.unwrap();
        writer.commit(&done_call(writer.run(), 1)).await.unwrap();

        world.disk.set_full(true);
        let error = writer.commit(&done_call(writer.run(), 2)).await.unwrap_err();
        assert_eq!((error.code, error.applied), (Code::DiskFull, Applied::No));
        let error = writer.record_event(new_event(4000, None)).await.unwrap_err();
        assert_eq!(error.code, Code::DiskFull);
        world.disk.set_full(false);
        assert_eq!(store.journal(writer.run()).await.unwrap(), done_call(writer.run(), 1));

        let run = writer.run().clone();
        drop(writer);
        let next = store.reopen(&ports).await.unwrap();
        let writer = next.begin_writing(purpose(&next)).await.unwrap();
        assert_eq!(next.journal(&run).await.unwrap(), done_call(&run, 1));
        let event = writer.record_event(new_event(4000, None)).await.unwrap();
        assert_eq!(next.find_events(&EventFilter::default()).await.unwrap(), [event]);
    });
    assert_eq!(ports.clock.now(), start, "time stood still");
}

#[test]
fn states_in_memory_are_apart() {
    let world = VirtualWorld::new(1, Timestamp::from_seconds(1_000)).unwrap();
    let ports = world.ports();
    ports.executor.block_on(async {
        let left = Store::in_memory(&ports, Path::new("/left")).await.unwrap();
        let right = Store::in_memory(&ports, Path::new("/right")).await.unwrap();
        let writer = left.begin_writing(purpose(&left)).await.unwrap();
        writer.record_event(new_event(4000, None)).await.unwrap();
        assert_eq!(right.find_events(&EventFilter::default()).await.unwrap(), []);
    });
}
