//! The rules can be broken, and are seen to be.

use std::path::Path;
use std::time::Duration;

use base::Disk;
use http::Method;
use prove::{Host, rules};
use serde_json::{Value, json};

use super::host;

fn onboarded(seed: u64) -> (Host, Value) {
    let host = host(seed);
    let after = host.run("onboard", &[]).result.unwrap();
    (host, after)
}

#[track_caller]
fn assert_broken(broken: &[String], expected: &[&str]) {
    for part in expected {
        assert!(broken.iter().any(|one| one.starts_with(part)), "no '{part}' in {broken:#?}");
    }
}

/// Another application, made by another administrator.
fn application(host: &Host, name: &str) -> Value {
    let body = json!({ "displayName": name, "signInAudience": "AzureADMyOrg" });
    host.rival().ask(Method::POST, "applications", &body).unwrap()
}

/// Lets every replica know of everything.
fn settle(host: &Host) {
    host.ports.executor.block_on(host.ports.clock.sleep(Duration::from_secs(60)));
}

fn remove(host: &Host, kind: &str, id: &Value) {
    let path = format!("{kind}/{}", id.as_str().unwrap());
    host.rival().ask(Method::DELETE, &path, &Value::Null).unwrap();
}

#[test]
fn nothing_is_broken_after_an_onboarding() {
    let host = host(100);
    let before = rules::Before::of(&host).unwrap();
    host.run("onboard", &[]).result.unwrap();
    assert_eq!(rules::broken_since(&host, &before).unwrap(), Vec::<String>::new());
    assert_eq!(rules::broken_in_between(&host, &before).unwrap(), Vec::<String>::new());
    assert_eq!(rules::broken(&host).unwrap(), Vec::<String>::new());
}

#[test]
fn a_record_without_its_object_is_seen() {
    let (host, after) = onboarded(101);
    let sha256 = after["certificate_sha256"].as_str().unwrap();
    let file = format!("/home/admin/state/certificates/{sha256}.pem");
    host.ports.disk.remove_file(Path::new(&file)).unwrap();
    assert_broken(&rules::broken(&host).unwrap(), &[&format!("I2: the file {file} is not there")]);

    let (host, after) = onboarded(101);
    remove(&host, "servicePrincipals", &after["principal_id"]);
    let broken = rules::broken(&host).unwrap();
    assert_broken(&broken, &["I1: 'default' is locked out", "I2: the principal of 'default' is"]);

    let (host, after) = onboarded(101);
    remove(&host, "applications", &after["application_id"]);
    let broken = rules::broken(&host).unwrap();
    assert_broken(&broken, &["I1: 'default' is locked out", "I2: the application of 'default' is"]);

    let (host, after) = onboarded(101);
    let key = after["key_uri"].as_str().unwrap().strip_prefix("software:").unwrap();
    let file = format!("/home/admin/state/keys/{key}.sealed");
    host.ports.disk.remove_file(Path::new(&file)).unwrap();
    assert_broken(&rules::broken(&host).unwrap(), &["I1: 'default'", "I2: the private key of"]);
}

#[test]
fn an_object_without_a_record_is_seen() {
    let (host, _) = onboarded(102);
    let before = rules::Before::of(&host).unwrap();
    let stray = |path: &str| host.world.disk.write_atomic(Path::new(path), b"{}", 0o600).unwrap();
    stray("/home/admin/state/keys/6f0f3ab0-9b2e-4a39-8d5a-1d7e6b0d2f11.sealed");
    stray("/home/admin/state/certificates/AB.pem");
    application(&host, "ConnectSyncProvisioning_HOST_000000000000");
    let broken = rules::broken_since(&host, &before).unwrap();
    let expected = [
        "I2: the private key software:6f0f3ab0",
        "I2: the file /home/admin/state/certificates/AB.pem has no record",
        "I2: 2 applications for 1 connectors",
        "I2: the application ConnectSyncProvisioning_HOST_000000000000 has no record",
    ];
    assert_broken(&broken, &expected);
}

#[test]
fn a_key_without_a_record_is_seen_unless_it_was_there_before() {
    let (host, after) = onboarded(103);
    let before = rules::Before::of(&host).unwrap();
    let pem = host.sandbox.sign_ins().certificate_pem;
    let (_, certificate) = pem.expose().split_once("-----BEGIN CERTIFICATE-----").unwrap();
    let key: String = certificate.lines().take_while(|line| !line.starts_with("--")).collect();
    let foreign = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": key });
    let path = format!("applications/{}", after["application_id"].as_str().unwrap());
    let keys = |keys: &[&Value]| {
        host.rival().ask(Method::PATCH, &path, &json!({ "keyCredentials": keys })).unwrap();
    };
    let mine = json!({ "keyId": after["key_id"], "type": "AsymmetricX509Cert", "usage": "Verify" });
    keys(&[&mine, &foreign]);
    assert_broken(&rules::broken_since(&host, &before).unwrap(), &["I2: the key "]);
    let with_it = rules::Before::of(&host).unwrap();
    assert_eq!(rules::broken_since(&host, &with_it).unwrap(), Vec::<String>::new());
    keys(&[&mine]);
    assert_broken(&rules::broken_in_between(&host, &with_it).unwrap(), &["I5: the foreign key "]);
}

#[test]
fn a_setting_that_was_changed_is_seen() {
    let host = host(104);
    let before = rules::Before::of(&host).unwrap();
    let disabled = r#"set_scheduler(#{ connector: "default", sync_cycle_enabled: false })"#;
    host.run_body(disabled).result.unwrap();
    assert_broken(&rules::broken_in_between(&host, &before).unwrap(), &["I4: the settings of"]);
}

#[test]
fn what_is_foreign_and_gone_is_seen() {
    let host = host(105);
    let theirs = application(&host, "theirs");
    settle(&host);
    let body = json!({ "appId": theirs["appId"] });
    let principal = host.rival().ask(Method::POST, "servicePrincipals", &body).unwrap();
    settle(&host);
    let before = rules::Before::of(&host).unwrap();
    remove(&host, "servicePrincipals", &principal["id"]);
    remove(&host, "applications", &theirs["id"]);
    let broken = rules::broken_in_between(&host, &before).unwrap();
    assert_broken(&broken, &["I5: the application theirs is gone", "I5: the principal theirs"]);
}

#[test]
fn a_thing_that_is_there_twice_is_seen() {
    let (host, after) = onboarded(106);
    application(&host, after["application_name"].as_str().unwrap());
    let name = after["application_name"].as_str().unwrap();
    let expected = format!("I6: the application {name} is there twice");
    assert_broken(&rules::broken(&host).unwrap(), &[&expected]);
}

#[test]
fn a_secret_that_is_told_is_seen() {
    let (host, _) = onboarded(107);
    let known = host.sandbox.sign_ins();
    let password = known.legacy_password.expose();
    host.run_body(&format!("say({})", json!(password))).result.unwrap();
    let broken = rules::broken(&host).unwrap();
    let expected = [
        "I7: what runs told holds the password of the service account",
        "I7: the journal holds the password of the service account",
    ];
    assert_broken(&broken, &expected);

    let (host, _) = onboarded(107);
    let pem = host.sandbox.sign_ins().certificate_pem;
    let file = Path::new("/home/admin/state/copy");
    host.world.disk.write_atomic(file, pem.expose().as_bytes(), 0o600).unwrap();
    let expected = "I7: /home/admin/state/copy holds the administrator's key";
    assert_broken(&rules::broken(&host).unwrap(), &[expected]);
}
