//! Host and tenant in one process, in virtual time.

mod crash;
mod examples;
mod faults;
mod hostile;
mod interruptions;
mod jobs;
mod onboarding;
mod parallel;
mod partial_states;
mod processes;
mod rules;
mod undo;

use std::sync::OnceLock;

use http::Method;
use prove::{Host, Workshop};
use serde_json::{Value, json};

/// The keys, which are made once for all tests of this process.
pub fn workshop() -> &'static Workshop {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    WORKSHOP.get_or_init(|| Workshop::new().expect("keys"))
}

/// Makes a fresh world.
pub fn host(seed: u64) -> Host {
    Host::new(workshop(), seed).expect("a virtual world")
}

/// Fails where a rule that always holds does not hold in this world.
pub fn assert_rules(host: &Host) {
    host.sandbox.faults().clear();
    host.interrupt.clear();
    let broken = prove::rules::broken(host).expect("a world that can be looked at");
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Another administrator registers a key of its own on an application; answers its id.
pub fn add_foreign_key(host: &Host, application: &tenant::ApplicationRow) -> String {
    let pem = host.sandbox.sign_ins().certificate_pem;
    let certificate = pem.expose().split("-----BEGIN CERTIFICATE-----").nth(1).unwrap_or_default();
    let key: String = certificate.lines().take_while(|line| !line.starts_with("--")).collect();
    let entry = |id: &str| json!({ "keyId": id, "type": "AsymmetricX509Cert", "usage": "Verify" });
    let mut keys: Vec<Value> =
        application.keys.iter().map(|key| entry(&key.key_id.to_string())).collect();
    keys.push(json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": key }));
    let path = format!("applications/{}", application.id);
    let body = json!({ "keyCredentials": keys });
    host.rival().ask(Method::PATCH, &path, &body).expect("another key");
    let all = host.sandbox.show().applications;
    let now = all.into_iter().find(|own| own.id == application.id).expect("the application");
    let added =
        now.keys.iter().find(|key| application.keys.iter().all(|old| old.key_id != key.key_id));
    added.expect("the key").key_id.to_string()
}
