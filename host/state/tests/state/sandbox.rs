//! Forgetting the sandbox.

use effect::Journal;
use state::{CertificateFilter, EventFilter, EvidenceFilter, EvidenceKind, SyncRunFilter};

use crate::certificates::{new_certificate, save};
use crate::harness::{Bench, add_connector, new_connector, permitted};
use crate::journal::done_call;
use crate::records::{new_event, new_evidence};

pub async fn a_reset_forgets_the_sandbox_and_nothing_else(bench: &Bench) {
    let store = bench.open().await;
    for (name, sandbox) in [("real", false), ("box", true)] {
        let writer = bench.begin(&store).await;
        let mut new = new_connector(&store, name);
        new.sandbox = sandbox;
        let id = add_connector(&writer, &new).await.unwrap().id;
        writer.set_run_tenant(name, sandbox).await.unwrap();
        save(&writer, &new_certificate(name, &id)).await;
        writer.record_event(new_event(4000, Some(&id))).await.unwrap();
        writer.record_event(new_event(4000, None)).await.unwrap();
        writer.record_evidence(new_evidence(EvidenceKind::Token, &id)).await.unwrap();
        writer.keep_source(name, name).await.unwrap();
        writer.commit(&done_call(writer.run(), 1)).await.unwrap();
        let sync = state::NewSyncRun {
            id: store.new_id(),
            connector_id: id.clone(),
            policy_type: state::PolicyType::Delta,
            job: name.to_owned(),
        };
        permitted(async |p| writer.begin_sync_run(p, sync.clone()).await).await.unwrap();
    }
    let writer = bench.begin(&store).await;
    writer.set_run_tenant("box", true).await.unwrap();
    let removed = writer.reset_sandbox().await.unwrap();
    assert_eq!(removed.connectors, ["box"]);
    assert_eq!(removed.key_uris, ["software:box"]);
    assert_eq!((removed.events, removed.sync_runs, removed.runs), (2, 1, 1));

    assert_eq!(store.find_connectors().await.unwrap()[0].name, "real");
    let certificates = store.find_certificates(&CertificateFilter::default()).await.unwrap();
    assert_eq!(certificates[0].certificate_sha256, "real");
    assert_eq!(store.find_events(&EventFilter::default()).await.unwrap().len(), 2);
    assert_eq!(store.find_evidence(&EvidenceFilter::default()).await.unwrap().len(), 1);
    assert_eq!(store.find_sync_runs(&SyncRunFilter::default()).await.unwrap()[0].job, "real");
    let runs = store.find_runs(10).await.unwrap();
    assert_eq!(runs.len(), 2, "the real one, and the one that resets");
    let real =
        effect::RunId(runs.iter().find(|run| run.sandbox == Some(false)).unwrap().id.clone());
    assert_eq!(store.journal(&real).await.unwrap(), done_call(&real, 1));
    assert_eq!(store.run_sources(&real).await.unwrap()[0].text, "real");
    assert_eq!(writer.reset_sandbox().await.unwrap(), state::Removed::default());
}
