//! Scheduler settings, sync runs, events, evidence and runs.

use std::time::Duration;

use base::Code;
use effect::RunId;
use serde_json::json;
use state::{
    EventFilter, EventLevel, EvidenceFilter, EvidenceKind, NewEvent, NewEvidence, NewSyncRun,
    PolicyType, RunStatus, SchedulerChange, SyncResult, SyncRun, SyncRunEnd, SyncRunFilter, Writer,
};

use crate::harness::{Bench, add_connector, new_connector, permitted};

const MINUTE: Duration = Duration::from_secs(60);

pub async fn scheduler_settings_have_defaults_and_last(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let id = add_connector(&writer, &new_connector(&store, "default")).await.unwrap().id;
    let settings = store.scheduler_settings(&id).await.unwrap();
    assert_eq!(settings, state::SchedulerSettings::default());
    assert_eq!(settings.effective_interval(), 30 * MINUTE);

    let set = async |change: SchedulerChange| {
        permitted(async |p| writer.set_scheduler(p, &id, change.clone()).await).await
    };
    let change = SchedulerChange {
        customized_sync_cycle_interval: Some(Some(90 * MINUTE)),
        next_sync_cycle_policy_type: Some(PolicyType::Initial),
        sync_cycle_enabled: Some(false),
        ..SchedulerChange::default()
    };
    let changed = set(change).await.unwrap();
    assert_eq!(changed.effective_interval(), 90 * MINUTE);
    assert!(!changed.sync_cycle_enabled && changed.maintenance_enabled);
    assert_eq!(bench.open().await.scheduler_settings(&id).await.unwrap(), changed);
    let state = store.scheduler_state(&id).await.unwrap();
    assert!(!state.runs_cycles() && !state.is_paused());
    assert_eq!(state.next_sync_cycle_start_time, None);

    let often = SchedulerChange {
        customized_sync_cycle_interval: Some(Some(MINUTE)),
        ..SchedulerChange::default()
    };
    assert_eq!(set(often).await.unwrap_err().code, Code::CmdletParameter);
    let unset = SchedulerChange {
        customized_sync_cycle_interval: Some(None),
        sync_cycle_enabled: Some(true),
        ..SchedulerChange::default()
    };
    assert_eq!(set(unset).await.unwrap().customized_sync_cycle_interval, None);
}

async fn begin_sync(writer: &Writer, connector_id: &str) -> base::Result<SyncRun> {
    let new = NewSyncRun {
        id: writer.store().new_id(),
        connector_id: connector_id.to_owned(),
        policy_type: PolicyType::Initial,
        job: "token-only".to_owned(),
    };
    permitted(async |p| writer.begin_sync_run(p, new.clone()).await).await
}

pub async fn a_sync_run_is_in_progress_until_it_ends(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let id = add_connector(&writer, &new_connector(&store, "default")).await.unwrap().id;
    let initial = SchedulerChange {
        next_sync_cycle_policy_type: Some(PolicyType::Initial),
        ..SchedulerChange::default()
    };
    permitted(async |p| writer.set_scheduler(p, &id, initial.clone()).await).await.unwrap();

    let run = begin_sync(&writer, &id).await.unwrap();
    assert_eq!(store.find_sync_run(&run.id).await.unwrap().as_ref(), Some(&run));
    assert_eq!(store.scheduler_state(&id).await.unwrap().in_progress.as_ref(), Some(&run));
    let error = begin_sync(&writer, &id).await.unwrap_err();
    assert_eq!(error.code, Code::SchedulerBusy);
    assert!(error.message.contains(&run.run), "{error}");

    bench.clock.pass(MINUTE);
    let end = SyncRunEnd {
        result: SyncResult::Success,
        message: Some("fine".to_owned()),
        roles: vec!["ADSynchronization.ReadWrite.All".to_owned()],
    };
    writer.end_sync_run(&run.id, end.clone()).await.unwrap();
    let late = SyncRunEnd { result: SyncResult::Failed, ..end.clone() };
    writer.end_sync_run(&run.id, late).await.unwrap();
    let ended = store.last_sync_run(&id).await.unwrap().unwrap();
    assert_eq!((ended.result, &ended.roles), (SyncResult::Success, &end.roles));
    assert_eq!(ended.ended_at, Some(run.started_at.plus(MINUTE)));
    let state = store.scheduler_state(&id).await.unwrap();
    assert_eq!(state.settings.next_sync_cycle_policy_type, PolicyType::Delta);
    assert_eq!(state.next_sync_cycle_start_time, Some(run.started_at.plus(30 * MINUTE)));

    let second = begin_sync(&writer, &id).await.unwrap();
    let filter = SyncRunFilter { since: Some(second.started_at), ..SyncRunFilter::default() };
    assert_eq!(store.find_sync_runs(&filter).await.unwrap(), [second]);
    let removed =
        permitted(async |p| writer.remove_sync_runs(p, &id, run.started_at.plus(2 * MINUTE)).await);
    assert_eq!(removed.await.unwrap(), 1, "the one in progress stays");
}

pub async fn a_sync_run_is_seen_though_the_clock_was_set_back(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let id = add_connector(&writer, &new_connector(&store, "default")).await.unwrap().id;
    let first = begin_sync(&writer, &id).await.unwrap();
    let end = SyncRunEnd { result: SyncResult::Success, message: None, roles: Vec::new() };
    writer.end_sync_run(&first.id, end).await.unwrap();
    bench.clock.jump(-3600);
    let running = begin_sync(&writer, &id).await.unwrap();
    assert_eq!(store.scheduler_state(&id).await.unwrap().in_progress, Some(running));
}

pub async fn a_sync_run_whose_process_is_gone_was_stopped(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let id = add_connector(&writer, &new_connector(&store, "default")).await.unwrap().id;
    let run = begin_sync(&writer, &id).await.unwrap();
    drop(writer);
    bench.process.restart();
    let found = store.find_sync_run(&run.id).await.unwrap().unwrap();
    assert_eq!(found.result, SyncResult::Stopped);
    assert_eq!(store.scheduler_state(&id).await.unwrap().in_progress, None);
    begin_sync(&bench.begin(&store).await, &id).await.unwrap();
}

pub fn new_event(event_id: i64, connector_id: Option<&str>) -> NewEvent {
    NewEvent {
        source: state::events::SOURCE.to_owned(),
        event_id,
        level: EventLevel::Warning,
        message: "key not kept by hardware".to_owned(),
        data: json!({ "provider": "software" }),
        connector_id: connector_id.map(str::to_owned),
    }
}

pub async fn events_are_counted_and_filtered(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    for event_id in [1014, 4000, 1014, 4001] {
        bench.clock.pass(MINUTE);
        let mut event = new_event(event_id, (event_id < 4000).then_some("c1"));
        if event_id == 4001 {
            event.level = EventLevel::Error;
        }
        writer.record_event(event).await.unwrap();
    }
    let all = store.find_events(&EventFilter::default()).await.unwrap();
    assert_eq!(all.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(all[0].run.as_ref(), Some(&writer.run().0));
    assert_eq!(all[0].data, json!({ "provider": "software" }));

    let ids = async |filter: EventFilter| -> Vec<i64> {
        store.find_events(&filter).await.unwrap().iter().map(|event| event.sequence).collect()
    };
    let none = EventFilter::default;
    assert_eq!(ids(EventFilter { connector_id: Some("c1".to_owned()), ..none() }).await, [1, 3]);
    assert_eq!(ids(EventFilter { event_id: Some(4000), ..none() }).await, [2]);
    assert_eq!(ids(EventFilter { since: Some(all[2].at), ..none() }).await, [3, 4]);
    assert_eq!(ids(EventFilter { level: Some(EventLevel::Error), ..none() }).await, [4]);
    assert_eq!(ids(EventFilter { run: Some("other".to_owned()), ..none() }).await, [0; 0]);
    assert_eq!(ids(EventFilter { limit: Some(2), ..none() }).await, [3, 4], "the latest");
}

pub fn new_evidence(kind: EvidenceKind, connector_id: &str) -> NewEvidence {
    NewEvidence {
        kind,
        connector_id: connector_id.to_owned(),
        tenant_id: "t".to_owned(),
        app_id: "a".to_owned(),
        principal_id: "p".to_owned(),
        key_id: "k".to_owned(),
        certificate_sha256: "C".to_owned(),
        key_uri: "software:1".to_owned(),
        detail: "token-only".to_owned(),
    }
}

pub async fn evidence_is_filtered(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let token = writer.record_evidence(new_evidence(EvidenceKind::Token, "c")).await.unwrap();
    bench.clock.pass(MINUTE);
    let cycle = writer.record_evidence(new_evidence(EvidenceKind::SyncCycle, "c")).await.unwrap();
    let find = async |filter: EvidenceFilter| store.find_evidence(&filter).await.unwrap();
    let none = EvidenceFilter::default;
    assert_eq!(find(none()).await, [token.clone(), cycle.clone()]);
    let of_kind = EvidenceFilter { kind: Some(EvidenceKind::Token), ..none() };
    assert_eq!(find(of_kind).await, std::slice::from_ref(&token));
    let after = EvidenceFilter { after: Some(token.sequence), ..none() };
    assert_eq!(find(after).await, [cycle], "newer means a greater sequence");
    let exact = EvidenceFilter {
        connector_id: Some("c".to_owned()),
        tenant_id: Some("t".to_owned()),
        app_id: Some("a".to_owned()),
        key_id: Some("k".to_owned()),
        certificate_sha256: Some("C".to_owned()),
        run: Some(writer.run().0.clone()),
        ..none()
    };
    assert_eq!(find(exact.clone()).await.len(), 2);
    let other = EvidenceFilter { key_id: Some("other".to_owned()), ..exact };
    assert_eq!(find(other).await, []);
}

pub async fn runs_keep_their_sources(bench: &Bench) {
    let store = bench.open().await;
    let first = bench.begin(&store).await;
    let text = "fn main(p) { say(\"\0\") }";
    first.keep_sources(&[("onboard", text), ("scheduler", "fn x() {}")]).await.unwrap();
    first.keep_source("onboard", text).await.unwrap();
    let sources = store.run_sources(first.run()).await.unwrap();
    assert_eq!(sources.len(), 2);
    assert_eq!((sources[0].name.as_str(), sources[0].text.as_str()), ("onboard", text));
    assert_eq!(sources[0].sha256.len(), 64);
    first.end_run(RunStatus::Done, 0).await.unwrap();
    let id = first.run().clone();
    drop(first);

    bench.clock.pass(MINUTE);
    let second = bench.begin(&store).await;
    assert!(second.run() > &id, "ids sort by time");
    let runs = store.find_runs(10).await.unwrap();
    assert_eq!(runs.iter().map(|run| &run.id).collect::<Vec<_>>(), [&second.run().0, &id.0]);
    assert_eq!(runs[0].status, RunStatus::Running);
    assert_eq!((runs[1].status, runs[1].exit_code), (RunStatus::Done, Some(0)));
    assert_eq!(store.find_run(&RunId("none".to_owned())).await.unwrap(), None);
}

pub async fn a_run_whose_process_is_gone_was_interrupted(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let run = writer.run().clone();
    drop(writer);
    bench.process.restart();
    let status = async || store.find_run(&run).await.unwrap().unwrap().status;
    assert_eq!(status().await, RunStatus::Interrupted);

    let purpose = state::Purpose { run: run.clone(), script: "test".to_owned() };
    let writer = store.begin_writing(purpose).await.unwrap();
    writer.resume_run(RunStatus::Running).await.unwrap();
    assert_eq!(status().await, RunStatus::Running);
    drop(writer);
    let stranger = bench.write(&store).await;
    assert_eq!(status().await, RunStatus::Interrupted, "another run took over");
    let error = stranger.resume_run(RunStatus::Running).await.unwrap_err();
    assert_eq!(error.code, Code::RunUnknown);
    let resumed = store.find_run(&run).await.unwrap().unwrap();
    assert_eq!((resumed.attempts, resumed.options), (1, Vec::<String>::new()));
}

pub async fn a_run_has_one_tenant(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    for _ in 0..2 {
        writer.set_run_tenant("real", false).await.unwrap();
    }
    let error = writer.set_run_tenant("sandbox", true).await.unwrap_err();
    assert_eq!(error.code, Code::ConnectorTenant);
    let run = store.find_run(writer.run()).await.unwrap().unwrap();
    assert_eq!((run.tenant_id.as_deref(), run.sandbox), (Some("real"), Some(false)));
}

pub async fn text_with_nul_is_refused(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let mut event = new_event(4000, None);
    event.message = "a\0b".to_owned();
    let error = writer.record_event(event.clone()).await.unwrap_err();
    assert!(error.message.contains("NUL") && error.next.is_some());
    event.message = "ab".to_owned();
    event.data = json!({ "x": "a\0b" });
    let written = writer.record_event(event).await.unwrap();
    assert_eq!(store.find_events(&EventFilter::default()).await.unwrap(), [written]);
}
