//! Certificates.

use base::{Code, Timestamp};
use state::{
    Certificate, CertificateFilter, CertificateStatus, CertificateStore, NewCertificate, Writer,
};

use crate::connectors::link;
use crate::harness::{Bench, add_connector, new_connector, permitted, remove_certificate};

pub fn new_certificate(sha256: &str, connector_id: &str) -> NewCertificate {
    NewCertificate {
        certificate_sha256: sha256.to_owned(),
        thumbprint: "AA".to_owned(),
        subject: "CN=Entra Connect Sync Provisioning".to_owned(),
        issuer: "CN=Entra Connect Sync Provisioning".to_owned(),
        serial_number: "01".to_owned(),
        not_before: Timestamp::from_seconds(1_000),
        not_after: Timestamp::from_seconds(2_000),
        der: "MIIB".to_owned(),
        key_uri: Some(format!("software:{sha256}")),
        provider: "software".to_owned(),
        hardware: false,
        exportable: false,
        algorithm: None,
        connector_id: Some(connector_id.to_owned()),
        store: CertificateStore::User,
    }
}

pub async fn save(writer: &Writer, new: &NewCertificate) -> Certificate {
    permitted(async |permit| writer.save_certificate(permit, new.clone()).await).await.unwrap()
}

pub async fn a_certificate_is_prepared_activated_and_retired(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let connector = add_connector(&writer, &new_connector(&store, "default")).await.unwrap();
    let first = save(&writer, &new_certificate("A1", &connector.id)).await;
    assert_eq!(first.status, CertificateStatus::Prepared);
    assert_eq!(store.get_certificate("A1").await.unwrap(), first);
    save(&writer, &new_certificate("A2", &connector.id)).await;
    save(&writer, &new_certificate("B1", "other")).await;

    let status = async |sha256: &str| store.get_certificate(sha256).await.unwrap().status;
    permitted(async |p| writer.link_application(p, &connector.id, link("A1")).await).await.unwrap();
    assert_eq!(status("A1").await, CertificateStatus::Active);
    assert_eq!(status("A2").await, CertificateStatus::Prepared);
    permitted(async |p| writer.link_application(p, &connector.id, link("A2")).await).await.unwrap();
    assert_eq!(status("A1").await, CertificateStatus::Retired);
    assert_eq!(status("A2").await, CertificateStatus::Active);
    assert_eq!(status("B1").await, CertificateStatus::Prepared);

    assert_eq!(store.get_certificate("A2").await.unwrap().key_id.as_deref(), Some("key"));

    let account = new_connector(&store, "x").service_account.unwrap();
    let back =
        permitted(async |p| writer.link_service_account(p, &connector.id, account.clone()).await);
    back.await.unwrap();
    assert_eq!(status("A2").await, CertificateStatus::Retired, "nothing signs in with it");
    permitted(async |p| writer.link_application(p, &connector.id, link("A2")).await).await.unwrap();
    assert_eq!(status("A2").await, CertificateStatus::Active);

    let keyed = permitted(async |p| writer.set_certificate_key(p, "A2", Some("other")).await).await;
    assert_eq!(keyed.unwrap().key_id.as_deref(), Some("other"));
    let filter = CertificateFilter {
        connector_id: Some(connector.id.clone()),
        status: Some(CertificateStatus::Retired),
        ..CertificateFilter::default()
    };
    let found = store.find_certificates(&filter).await.unwrap();
    assert_eq!(found.iter().map(|c| c.certificate_sha256.as_str()).collect::<Vec<_>>(), ["A1"]);
    assert_eq!(store.find_certificates(&CertificateFilter::default()).await.unwrap().len(), 3);

    let other = remove_certificate(&writer, "A1", "A2").await.unwrap_err();
    assert_eq!(other.code, Code::Internal, "another one was judged");
    remove_certificate(&writer, "A1", "A1").await.unwrap();
    let error = store.get_certificate("A1").await.unwrap_err();
    assert_eq!(error.code, Code::CertificateUnknown);
    let error = permitted(async |p| writer.set_certificate_key(p, "A1", None).await).await;
    assert_eq!(error.unwrap_err().code, Code::CertificateUnknown);
}

pub async fn recording_a_certificate_again_changes_nothing(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let first = save(&writer, &new_certificate("A1", "c")).await;
    let mut again = new_certificate("A1", "c");
    again.provider = "another".to_owned();
    assert_eq!(save(&writer, &again).await, first);
}
