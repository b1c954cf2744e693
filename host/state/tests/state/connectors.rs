//! Connectors.

use base::Code;
use state::{
    Algorithm, Application, ConnectorChange, IdentityType, Link, Mode, SealedText, ServiceAccount,
    SyncJob,
};
use std::time::Duration;

use crate::harness::{Bench, add_connector, new_connector, permitted};

pub fn link(certificate_sha256: &str) -> Link {
    Link {
        mode: Mode::Managed,
        application: Application {
            app_id: "app".to_owned(),
            object_id: "object".to_owned(),
            principal_id: "principal".to_owned(),
            display_name: "ConnectSyncProvisioning_HOST_0123456789ab".to_owned(),
            key_id: "key".to_owned(),
        },
        certificate_sha256: certificate_sha256.to_owned(),
        key_uri: "software:1".to_owned(),
        algorithm: Algorithm::Ps256,
    }
}

pub async fn a_connector_lives_its_life(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let new = new_connector(&store, "default");
    let added = add_connector(&writer, &new).await.unwrap();
    assert_eq!(added.identity_type, IdentityType::ServiceAccount);
    assert_eq!(store.get_connector("default").await.unwrap(), added);
    assert_eq!(store.find_connector(&new.id).await.unwrap().as_ref(), Some(&added));

    bench.clock.pass(Duration::from_secs(5));
    let change = ConnectorChange {
        name: Some("main".to_owned()),
        client_id: Some(Some("client".to_owned())),
        sync_job: Some(SyncJob::Command { words: vec!["true".to_owned()] }),
        run_as: Some(Some("sync".to_owned())),
        ..ConnectorChange::default()
    };
    let set = permitted(async |p| writer.set_connector(p, &new.id, change.clone()).await).await;
    let set = set.unwrap();
    assert!(set.changed_at > set.created_at);
    assert_eq!(set.service_account, new.service_account, "what was not named stays");

    let linked =
        permitted(async |p| writer.link_application(p, &new.id, link("AB")).await).await.unwrap();
    assert_eq!(linked.identity_type, IdentityType::Application);
    assert_eq!(linked.activated_at, Some(linked.changed_at));
    assert_eq!(linked.service_account, new.service_account, "the way back stays known");
    assert_eq!(store.get_connector("main").await.unwrap(), linked);

    let account = ServiceAccount {
        upn: "other@contoso.onmicrosoft.com".to_owned(),
        object_id: Some("user".to_owned()),
        password: Some(SealedText("new".to_owned())),
    };
    bench.clock.pass(Duration::from_secs(5));
    let back =
        permitted(async |p| writer.link_service_account(p, &new.id, account.clone()).await).await;
    let back = back.unwrap();
    assert_eq!(back.identity_type, IdentityType::ServiceAccount);
    assert_eq!(back.application, linked.application);
    assert!(back.activated_at > linked.activated_at);
    assert_eq!(store.find_connectors().await.unwrap(), std::slice::from_ref(&back));
    let text = serde_json::to_string(&back).unwrap();
    assert!(!text.contains("password") && !format!("{back:?}").contains("new\""), "{text}");

    for _ in 0..2 {
        permitted(async |p| writer.remove_connector(p, &new.id).await).await.unwrap();
    }
    assert_eq!(store.find_connectors().await.unwrap(), []);
    let error = store.scheduler_settings(&new.id).await.unwrap_err();
    assert_eq!(error.code, Code::ConnectorUnknown);
}

pub async fn names_are_unique_and_sane(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    add_connector(&writer, &new_connector(&store, "one")).await.unwrap();
    let two = add_connector(&writer, &new_connector(&store, "two")).await.unwrap();
    let error = add_connector(&writer, &new_connector(&store, "one")).await.unwrap_err();
    assert_eq!(error.code, Code::ConnectorExists);
    assert!(error.next.is_some());

    let change = ConnectorChange { name: Some("one".to_owned()), ..ConnectorChange::default() };
    let error = permitted(async |p| writer.set_connector(p, &two.id, change.clone()).await).await;
    assert_eq!(error.unwrap_err().code, Code::ConnectorExists);
    assert_eq!(store.get_connector("two").await.unwrap(), two, "nothing changed");

    for wrong in ["", " x", "a\nb", "a\0b", &"x".repeat(65)] {
        let error = add_connector(&writer, &new_connector(&store, wrong)).await.unwrap_err();
        assert_eq!(error.code, Code::CmdletParameter, "{wrong:?}");
    }
    add_connector(&writer, &new_connector(&store, "Büro 'Süd'; --")).await.unwrap();
    assert_eq!(store.find_connectors().await.unwrap().len(), 3);
}

pub async fn an_unknown_name_gets_the_near_miss(bench: &Bench) {
    let store = bench.open().await;
    let error = store.get_connector("default").await.unwrap_err();
    assert!(error.next.unwrap().contains("add_connector"));
    let writer = bench.begin(&store).await;
    add_connector(&writer, &new_connector(&store, "default")).await.unwrap();
    let error = store.get_connector("defualt").await.unwrap_err();
    assert_eq!(error.code, Code::ConnectorUnknown);
    assert!(error.message.contains("did you mean 'default'"), "{error}");
    let change = ConnectorChange::default();
    let error = permitted(async |p| writer.set_connector(p, "none", change.clone()).await).await;
    assert_eq!(error.unwrap_err().code, Code::ConnectorUnknown);
}
