//! Host and tenant in one process, in virtual time.

mod crash;
mod evidence;
mod examples;
mod faults;
mod hostile;
mod interruptions;
mod jobs;
mod onboarding;
mod parallel;
mod partial_states;
mod past_the_guard;
mod processes;
mod resume;
mod rules;
mod sequences;
mod undo;

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

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
    add_key(host, application, host.sandbox.sign_ins().certificate_pem.expose())
}

/// Another administrator registers the certificate of a PEM file; answers the key credential's id.
pub fn add_key(host: &Host, application: &tenant::ApplicationRow, pem: &str) -> String {
    let certificate = pem.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap_or_default();
    let lines = certificate.lines().map(str::trim);
    let key: String = lines.take_while(|line| !line.starts_with("--")).collect();
    let entry = |id: &str| json!({ "keyId": id, "type": "AsymmetricX509Cert", "usage": "Verify" });
    let mut keys: Vec<Value> =
        application.keys.iter().map(|key| entry(&key.key_id.to_string())).collect();
    keys.push(json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": key }));
    let path = format!("applications/{}", application.id);
    let body = json!({ "keyCredentials": keys });
    host.rival().ask(Method::PATCH, &path, &body).expect("another key");
    let all = host.sandbox.show().applications;
    let now = all.into_iter().find(|own| own.id == application.id).expect("the application");
    let is_new =
        |key: &&tenant::KeyRow| !application.keys.iter().any(|old| old.key_id == key.key_id);
    now.keys.iter().find(is_new).expect("the key").key_id.to_string()
}

/// An application of another administrator, with a principal that has the role for synchronizing, and
/// with a certificate of this host: client id and object id.
pub fn foreign_application(host: &Host, sha256: &str) -> (String, String) {
    let rival = host.rival();
    let post = |path: &str, body: &Value| rival.ask(Method::POST, path, body).expect("made");
    let settle = || host.ports.executor.block_on(host.ports.clock.sleep(Duration::from_secs(60)));
    let body = json!({ "displayName": "theirs", "signInAudience": "AzureADMyOrg" });
    let made = post("applications", &body);
    settle();
    let principal = post("servicePrincipals", &json!({ "appId": made["appId"] }));
    settle();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let service =
        rival.ask(Method::GET, &format!("servicePrincipals(appId='{SERVICE}')"), &Value::Null);
    let service = service.expect("the service");
    let roles = service["appRoles"].as_array().cloned().unwrap_or_default();
    let role = roles.iter().find(|role| role["value"] == ROLE).expect("the role");
    let grant = json!({
        "principalId": principal["id"], "resourceId": service["id"], "appRoleId": role["id"],
    });
    post(&format!("servicePrincipals/{}/appRoleAssignments", text(&principal["id"])), &grant);
    let file = format!("/home/admin/state/certificates/{sha256}.pem");
    let pem = host.ports.disk.read(Path::new(&file)).expect("the certificate");
    let all = host.sandbox.show().applications;
    let row = all.iter().find(|own| own.id.to_string() == text(&made["id"])).expect("it");
    add_key(host, row, &String::from_utf8_lossy(&pem));
    settle();
    (text(&made["appId"]), text(&made["id"]))
}

/// The synchronization service's application.
const SERVICE: &str = "6bf85cfa-ac8a-4be5-b5de-425a0d0dc016";

/// The grant of the role for synchronizing, as arguments of `remove_app_role_assignment`.
pub fn grant(host: &Host, principal_id: &str) -> String {
    let rival = host.rival();
    let ask = |path: &str| rival.ask(Method::GET, path, &Value::Null).expect("an answer");
    let granted = ask(&format!("servicePrincipals/{principal_id}/appRoleAssignments"));
    for grant in granted["value"].as_array().expect("grants") {
        let text = |name: &str| grant[name].as_str().unwrap_or_default().to_owned();
        let (resource, role_id) = (text("resourceId"), text("appRoleId"));
        let offered = ask(&format!("servicePrincipals/{resource}"));
        let roles = offered["appRoles"].as_array().cloned().unwrap_or_default();
        let is_it = |role: &&Value| role["id"] == role_id.as_str() && role["value"] == ROLE;
        if roles.iter().any(|role| is_it(&role)) {
            return format!(
                "#{{ connector: \"default\", principal_id: \"{principal_id}\", \
                 resource_id: \"{resource}\", app_role_id: \"{role_id}\", role: \"{ROLE}\" }}"
            );
        }
    }
    panic!("{principal_id} has not the role {ROLE}");
}

const ROLE: &str = "ADSynchronization.ReadWrite.All";
