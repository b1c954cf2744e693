//! The onboarding, begun where an earlier run, time or another administrator left things half done.

use std::path::Path;
use std::time::Duration;

use base::Code;
use http::Method;
use prove::{Ended, Host};
use serde_json::{Value, json};
use tenant::{Delays, Fault};

use super::{assert_rules, host};

const REGISTER: &str = r#"connect_tenant(); let p = prepare_credential(#{ connector: "default" });
    add_app_registration(#{ connector: "default", certificate_sha256: p.certificate_sha256 })"#;

/// The connector signs in as an application now, and the rules hold.
fn assert_moved(host: &Host, ended: &Ended) -> Value {
    let after = assert_moved_with(host, ended);
    assert_rules(host);
    after
}

/// The connector signs in as an application now, in a tenant where somebody else left things.
fn assert_moved_with(host: &Host, ended: &Ended) -> Value {
    assert_eq!(ended.exit_code, 0, "{:?}", ended.result);
    let after = host.credential("default").unwrap();
    assert_eq!(after["identity_type"], "Application");
    after
}

fn prepare(host: &Host) -> Value {
    host.run_body(r#"prepare_credential(#{ connector: "default" })"#).result.unwrap()
}

fn register(host: &Host) -> Value {
    host.run_body(REGISTER).result.unwrap()
}

fn pass(host: &Host, span: Duration) {
    let until = host.ports.clock.now().plus(span);
    host.ports.executor.block_on(host.ports.clock.sleep_until(until));
}

fn key_file(certificate: &Value) -> String {
    let uri = certificate["key_uri"].as_str().unwrap();
    format!("/home/admin/state/keys/{}.sealed", uri.strip_prefix("software:").unwrap())
}

#[test]
fn after_the_application_lost_its_key() {
    let host = host(60);
    let made = register(&host);
    let path = format!("applications/{}", made["application_id"].as_str().unwrap());
    host.rival().ask(Method::PATCH, &path, &json!({ "keyCredentials": [] })).unwrap();
    let ended = host.run("onboard", &[]);
    let after = assert_moved(&host, &ended);
    assert_eq!(after["app_id"], made["app_id"]);
}

#[test]
fn after_the_application_was_deleted() {
    let host = host(61);
    let made = register(&host);
    let path = format!("applications/{}", made["application_id"].as_str().unwrap());
    host.rival().ask(Method::DELETE, &path, &Value::Null).unwrap();
    let ended = host.run("onboard", &[]);
    let after = assert_moved(&host, &ended);
    assert_ne!(after["app_id"], made["app_id"]);
}

#[test]
fn after_the_principal_was_deleted() {
    let host = host(62);
    let made = register(&host);
    let path = format!("servicePrincipals/{}", made["principal_id"].as_str().unwrap());
    host.rival().ask(Method::DELETE, &path, &Value::Null).unwrap();
    let ended = host.run("onboard", &[]);
    assert_moved(&host, &ended);
}

#[test]
fn while_the_principal_is_disabled() {
    let host = host(63);
    let made = register(&host);
    let path = format!("servicePrincipals/{}", made["principal_id"].as_str().unwrap());
    let rival = host.rival();
    rival.ask(Method::PATCH, &path, &json!({ "accountEnabled": false })).unwrap();
    let refused = host.run("onboard", &[]).result.unwrap_err();
    assert_eq!(refused.remote.unwrap().aadsts, Some(7_000_112));
    assert_eq!(host.credential("default").unwrap()["identity_type"], "ServiceAccount");
    assert_rules(&host);
    rival.ask(Method::PATCH, &path, &json!({ "accountEnabled": true })).unwrap();
    assert_moved(&host, &host.run("onboard", &[]));
}

#[test]
fn after_a_grant_was_taken_back() {
    let host = host(64);
    let made = register(&host);
    let path =
        format!("servicePrincipals/{}/appRoleAssignments", made["principal_id"].as_str().unwrap());
    let rival = host.rival();
    let grants = rival.ask(Method::GET, &path, &Value::Null).unwrap();
    for grant in grants["value"].as_array().unwrap() {
        let one = format!("{path}/{}", grant["id"].as_str().unwrap());
        rival.ask(Method::DELETE, &one, &Value::Null).unwrap();
    }
    assert_moved(&host, &host.run("onboard", &[]));
}

#[test]
fn after_the_certificate_file_was_deleted() {
    let host = host(65);
    let prepared = prepare(&host);
    let file = format!(
        "/home/admin/state/certificates/{}.pem",
        prepared["certificate_sha256"].as_str().unwrap()
    );
    host.ports.disk.remove_file(Path::new(&file)).unwrap();
    let after = assert_moved(&host, &host.run("onboard", &[]));
    assert_eq!(after["certificate_sha256"], prepared["certificate_sha256"]);
    assert!(host.ports.disk.read(Path::new(&file)).is_ok(), "the file is not there again");
}

#[test]
fn after_the_key_file_was_deleted() {
    let host = host(66);
    let made = register(&host);
    let prepared = prepare(&host);
    host.ports.disk.remove_file(Path::new(&key_file(&prepared))).unwrap();
    let after = assert_moved(&host, &host.run("onboard", &[]));
    assert_ne!(after["certificate_sha256"], prepared["certificate_sha256"]);
    assert_eq!(after["app_id"], made["app_id"]);
}

#[test]
fn after_the_key_file_was_damaged() {
    let host = host(67);
    let prepared = prepare(&host);
    let file = key_file(&prepared);
    host.ports.disk.write_atomic(Path::new(&file), b"{}", 0o600).unwrap();
    let ended = host.run("onboard", &[]);
    let after = assert_moved(&host, &ended);
    assert_ne!(after["certificate_sha256"], prepared["certificate_sha256"]);
}

/// The tenant refuses to write a list with an expired key back. That is told, and nothing is lost.
#[test]
fn an_expired_key_on_the_application_is_told() {
    let host = host(68);
    let first = register(&host);
    pass(&host, Duration::from_secs(91 * 86_400));
    let ended = host.run("onboard", &[]);
    let error = ended.result.unwrap_err();
    assert_eq!((ended.exit_code, error.code), (1, Code::GraphBadRequest), "{error:?}");
    assert!(error.next.unwrap().contains("remove expired certificates"));
    assert_rules(&host);
    let path = format!("applications/{}", first["application_id"].as_str().unwrap());
    host.rival().ask(Method::PATCH, &path, &json!({ "keyCredentials": [] })).unwrap();
    let after = assert_moved(&host, &host.run("onboard", &[]));
    assert_ne!(after["certificate_sha256"], first["certificate_sha256"]);
}

#[test]
fn a_key_that_somebody_else_registered_stays() {
    let host = host(72);
    let made = register(&host);
    let path = format!("applications/{}", made["application_id"].as_str().unwrap());
    let pem = host.sandbox.sign_ins().certificate_pem;
    let (_, certificate) = pem.expose().split_once("-----BEGIN CERTIFICATE-----").unwrap();
    let key: String = certificate.lines().take_while(|line| !line.starts_with("--")).collect();
    let foreign = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": key });
    host.rival().ask(Method::PATCH, &path, &json!({ "keyCredentials": [foreign] })).unwrap();
    let after = assert_moved_with(&host, &host.run("onboard", &[]));
    let applications = host.sandbox.show().applications;
    let own = applications.iter().find(|own| after["app_id"] == own.app_id.to_string()).unwrap();
    assert_eq!(own.keys.len(), 2, "the foreign key is gone");
}

#[test]
fn after_the_connector_was_forgotten_and_added_again() {
    let host = host(69);
    register(&host);
    host.run_body(r#"remove_connector(#{ connector: "default" })"#).result.unwrap();
    let account = host.sandbox.sign_ins().legacy_username;
    let add =
        format!(r#"add_connector(#{{ connector: "default", service_account: "{account}" }})"#);
    host.run_body(&add).result.unwrap();
    assert_moved_with(&host, &host.run("onboard", &[]));
}

#[test]
fn a_key_that_the_journal_does_not_know_is_left_alone() {
    let host = host(70);
    prepare(&host);
    let strange = "software:6f0f3ab0-9b2e-4a39-8d5a-1d7e6b0d2f11";
    let file = key_file(&json!({ "key_uri": strange }));
    host.ports.disk.write_atomic(Path::new(&file), b"somebody else's", 0o600).unwrap();
    pass(&host, Duration::from_secs(91 * 86_400));
    assert_ne!(prepare(&host)["key_uri"], strange);
    assert_eq!(host.ports.disk.read(Path::new(&file)).unwrap(), b"somebody else's");
}

/// What is there is no step of a later run: undoing that run must not take it away.
#[test]
fn registering_again_changes_nothing() {
    let host = host(71);
    let made = register(&host);
    let again = host.run_body(REGISTER);
    assert_eq!(again.result.unwrap(), made);
    assert!(!again.changed, "{:#?}", again.story);
}

#[test]
fn registering_a_linked_connector_again_keeps_its_key() {
    let host = host(71);
    let before = host.run("onboard", &[]).result.unwrap();
    assert_eq!(register(&host)["app_id"], before["app_id"]);
    assert_rules(&host);
}

/// A connector may sign in with an application that a lagging replica hides: were a list of keys
/// written with it, the key in use would be gone.
#[test]
fn a_connector_that_had_an_application_never_gets_one_made_with_keys() {
    let host = host(73);
    let before = host.run("onboard", &[]).result.unwrap();
    let path = format!("applications/{}", before["application_id"].as_str().unwrap());
    host.rival().ask(Method::DELETE, &path, &Value::Null).unwrap();
    let ended = host.run_body(REGISTER);
    assert_eq!(ended.exit_code, 0, "{:?}", ended.result);
    let steps: Vec<&str> =
        ended.story.iter().filter_map(|line| line.strip_prefix("step ")).collect();
    let made = steps.iter().position(|step| *step == "create_application").unwrap();
    assert_eq!(steps[made + 1], "register_key", "{steps:?}");
}

#[test]
fn a_key_that_cannot_be_seen_was_registered_all_the_same() {
    let without_key = || {
        let host = host(74);
        let made = register(&host);
        let path = format!("applications/{}", made["application_id"].as_str().unwrap());
        host.rival().ask(Method::PATCH, &path, &json!({ "keyCredentials": [] })).unwrap();
        host.sandbox.faults().take_seen();
        host
    };
    const READ: &str = "GET /applications/{id}";
    let twin = without_key();
    twin.run_body(REGISTER).result.unwrap();
    let seen = twin.sandbox.faults().take_seen();
    let written = seen.iter().position(|one| one == "PATCH /applications/{id}").unwrap();
    let reads = seen[..written].iter().filter(|one| *one == READ).count();

    let host = without_key();
    let away = Fault::Unavailable { retry_after: None };
    host.sandbox.faults().plan(READ, reads, usize::MAX, away);
    let ended = host.run_body(REGISTER);
    assert_eq!(ended.result.unwrap_err().code, Code::RemoteFailed);
    let done = host.ports.executor.block_on(host.store.done_steps("application.add")).unwrap();
    assert!(done.iter().any(|step| step.name == "register_key"), "the journal lost it: {done:#?}");
}

/// The tenant knows the application, and it cannot be read: it was changed, and that is told.
#[test]
fn an_application_that_is_hidden_for_long_counts_as_changed() {
    let host = host(76);
    register(&host);
    let hidden = Delays { object_readable: Duration::from_secs(600), ..Delays::default() };
    host.sandbox.faults().set_delays(hidden);
    let ended = host.run_body(REGISTER);
    assert_eq!(ended.result.unwrap_err().code, Code::ReplicationTimeout);
    assert!(ended.changed);
    host.sandbox.faults().set_delays(Delays::default());
    assert_moved(&host, &host.run("onboard", &[]));
}

#[test]
fn the_event_of_a_software_key_is_not_lost_by_an_interruption() {
    let story = host(75).run("onboard", &[]).story;
    let saved = story.iter().position(|line| line == "step save_certificate").unwrap();
    let host = host(75);
    host.interrupt_after(saved + 1);
    assert_eq!(host.run("onboard", &[]).exit_code, 4);
    host.interrupt.clear();
    assert_moved(&host, &host.run("onboard", &[]));
    let events = host.run_body("find_events().map(|event| event.event_id)").result.unwrap();
    assert_eq!(events, json!([1014, 2622]));
}
