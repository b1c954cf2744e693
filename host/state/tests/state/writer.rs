//! The one writer, its epoch, and readers beside it.

use std::time::Duration;

use base::{Applied, Code, Repeat, Result};
use effect::Journal;
use futures::FutureExt;
use state::{
    ConnectorChange, EventFilter, EvidenceKind, Purpose, RunStatus, SchedulerChange, Store,
    SyncResult, SyncRunEnd, Writer,
};

use crate::certificates::new_certificate;
use crate::connectors::link;
use crate::harness::{Bench, add_connector, new_connector, permitted, remove_certificate};
use crate::journal::done_call;
use crate::records::{new_event, new_evidence};

pub async fn a_second_writer_is_told_who_is_first(bench: &Bench) {
    let store = bench.open().await;
    let first = bench.begin(&store).await;
    let purpose = || Purpose { run: store.new_run_id(), script: "rotate".to_owned() };
    let error = store.begin_writing(purpose()).await.unwrap_err();
    assert_eq!(error.code, Code::StateLocked);
    for part in [first.run().0.as_str(), "test", "4242", &bench.ports.clock.now().to_string()] {
        assert!(error.message.contains(part), "{error} lacks {part}");
    }
    assert!(error.next.unwrap().contains("Wait"));
    first.record_event(new_event(4000, None)).await.unwrap();
    let epoch = first.owner().epoch;
    drop(first);
    let second = store.begin_writing(purpose()).await.unwrap();
    assert_eq!(second.owner().epoch, epoch + 1);
}

/// Everything that a writer can write; each must fail.
async fn write_everything(writer: &Writer, id: &str) -> Vec<Result<()>> {
    let store = writer.store();
    let hour = Duration::from_secs(3600);
    let end = SyncRunEnd { result: SyncResult::Success, message: None, roles: Vec::new() };
    let renamed = ConnectorChange { name: Some("lost".to_owned()), ..ConnectorChange::default() };
    let disabled =
        SchedulerChange { sync_cycle_enabled: Some(false), ..SchedulerChange::default() };
    let account = new_connector(store, "x").service_account.unwrap();
    let sync = state::NewSyncRun {
        id: store.new_id(),
        connector_id: id.to_owned(),
        policy_type: state::PolicyType::Delta,
        job: "x".to_owned(),
    };
    let run = state::NewRun { script: "x".to_owned(), ..state::NewRun::default() };
    vec![
        add_connector(writer, &new_connector(store, "lost")).await.map(drop),
        permitted(async |p| writer.set_connector(p, id, renamed.clone()).await).await.map(drop),
        permitted(async |p| writer.link_application(p, id, link("A")).await).await.map(drop),
        permitted(async |p| writer.link_service_account(p, id, account.clone()).await)
            .await
            .map(drop),
        permitted(async |p| writer.remove_connector(p, id).await).await,
        permitted(async |p| writer.save_certificate(p, new_certificate("L", id)).await)
            .await
            .map(drop),
        permitted(async |p| writer.set_certificate_key(p, "L", None).await).await.map(drop),
        remove_certificate(writer, "L", "L").await,
        permitted(async |p| writer.set_scheduler(p, id, disabled.clone()).await).await.map(drop),
        writer.pause_scheduler(id, "", "x", hour).await.map(drop),
        writer.resume_scheduler(id, "").await.map(drop),
        writer.release_lease("x").await,
        permitted(async |p| writer.begin_sync_run(p, sync.clone()).await).await.map(drop),
        writer.end_sync_run("x", end).await,
        permitted(async |p| {
            writer.remove_sync_runs(p, id, writer.store().ports().clock.now()).await
        })
        .await
        .map(drop),
        writer.record_event(new_event(4000, None)).await.map(drop),
        writer.record_evidence(new_evidence(EvidenceKind::Token, id)).await.map(drop),
        writer.begin_run(run).await,
        writer.resume_run(state::RunStatus::Running).await,
        writer.keep_source("x", "x").await,
        writer.set_run_tenant("x", true).await,
        writer.end_run(RunStatus::Done, 0).await,
        writer.commit(&done_call(writer.run(), 9)).await,
        writer.reset_sandbox().await.map(drop),
    ]
}

pub async fn a_writer_that_lost_its_epoch_writes_nothing(bench: &Bench) {
    let store = bench.open().await;
    let slow = bench.begin(&store).await;
    let mut new = new_connector(&store, "default");
    new.sandbox = true;
    let connector = add_connector(&slow, &new).await.unwrap();
    bench.break_lock();
    let fast = bench.begin(&store).await;
    let run = store.find_run(slow.run()).await.unwrap();

    for result in write_everything(&slow, &connector.id).await {
        assert_eq!(result.unwrap_err().code, Code::StateLostLock);
    }
    assert_eq!(store.find_connectors().await.unwrap(), std::slice::from_ref(&connector));
    assert_eq!(store.find_run(slow.run()).await.unwrap(), run);
    assert_eq!(store.find_events(&EventFilter::default()).await.unwrap(), []);
    assert_eq!(store.journal(slow.run()).await.unwrap(), []);
    assert_eq!(store.live_leases(&connector.id).await.unwrap(), []);
    assert_eq!(store.scheduler_settings(&connector.id).await.unwrap(), Default::default());
    fast.record_event(new_event(4000, None)).await.unwrap();
}

pub async fn readers_see_the_old_state_while_a_run_writes(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let connector = add_connector(&writer, &new_connector(&store, "default")).await.unwrap();
    let mut other = bench.raw().await;
    for sql in ["BEGIN", "UPDATE connectors SET name = 'changing'"] {
        sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
    }
    let reader = bench.open().await;
    assert_eq!(reader.find_connectors().await.unwrap(), [connector]);
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    assert_eq!(reader.find_connectors().await.unwrap()[0].name, "changing");
}

pub async fn a_change_dropped_in_the_middle_leaves_nothing(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let mut whole = 0;
    for polls in 1..40 {
        let mut future = Box::pin(writer.record_event(new_event(polls, None)));
        let mut done = false;
        for _ in 0..polls {
            done = future.as_mut().now_or_never().is_some();
            if done {
                break;
            }
            // Lets the connection's own thread or socket answer.
            tokio::task::yield_now().await;
        }
        whole += usize::from(done);
        drop(future);
    }
    let last = writer.record_event(new_event(4000, None)).await.unwrap();
    let events = store.find_events(&EventFilter::default()).await.unwrap();
    assert_eq!(events.last(), Some(&last));
    assert!(events.len() > whole, "those that ended are there");
    let counted = i64::try_from(events.len()).unwrap();
    assert_eq!(last.sequence, counted, "a number is taken with its event or not at all");
}

pub async fn a_newer_version_is_refused_and_not_touched(bench: &Bench) {
    drop(bench.open().await);
    bench.run_raw("UPDATE meta SET value = '999' WHERE name = 'schema_version'").await;
    let before = std::fs::read(bench.database_file()).ok();
    let error = Store::open(&bench.ports, &bench.place).await.err().unwrap();
    assert_eq!(error.code, Code::StateNewer);
    assert!(error.message.contains("999") && error.next.is_some());
    assert_eq!(std::fs::read(bench.database_file()).ok(), before);
}

pub async fn opening_at_the_same_time_makes_one_schema(bench: &Bench) {
    let open = || Store::open(&bench.ports, &bench.place);
    let opened = futures::future::join_all((0..4).map(|_| open())).await;
    let hosts: Vec<_> = opened.into_iter().map(|store| store.unwrap().host().id.clone()).collect();
    assert!(hosts.iter().all(|host| *host == hosts[0]));
}

/// Only a server can end a session; with SQLite there is none.
pub async fn a_session_that_was_ended_is_replaced(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    if bench.place.database.is_none() {
        return;
    }
    bench
        .run_raw(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        .await;
    let error = writer.record_event(new_event(4000, None)).await.unwrap_err();
    assert_eq!((error.code, error.applied), (Code::StateDatabase, Applied::No));
    assert_eq!(error.repeat, Repeat::Later);
    let event = writer.record_event(new_event(4000, None)).await.unwrap();
    assert_eq!(event.sequence, 1);
}
