//! The bundled onboarding on the tenant in process.

use std::time::Duration;

use base::{Clock, Code};
use prove::Answers;
use serde_json::{Value, json};
use tenant::Delays;

use super::{assert_rules, host};

#[test]
fn it_moves_the_connector_and_then_has_nothing_to_do() {
    let host = host(1);
    let first = host.run("onboard", &[]);
    let after = first.result.unwrap();
    assert_eq!((first.exit_code, first.changed), (0, true));
    assert_eq!(after["identity_type"], "Application");
    assert_eq!(after["mode"], "managed");
    assert_eq!(after["days_left"], 89);

    let tenant = host.sandbox.show();
    let name = after["application_name"].as_str().unwrap();
    let made = tenant.applications.iter().find(|application| application.name == name).unwrap();
    assert_eq!(made.keys.len(), 1);
    assert_eq!(made.keys[0].thumbprint, after["thumbprint"].as_str().unwrap());
    assert_eq!(made.keys[0].key_id.to_string(), after["key_id"].as_str().unwrap());
    let grants: Vec<&str> = tenant
        .grants
        .iter()
        .filter(|grant| grant.principal == name)
        .map(|grant| grant.role.as_str())
        .collect();
    assert!(grants.contains(&"ADSynchronization.ReadWrite.All"), "{grants:?}");
    assert_eq!(grants.len(), 4, "{grants:?}");

    let events = host.run_body("find_events().map(|event| event.event_id)").result.unwrap();
    assert_eq!(events, json!([1014, 2622]));
    let cycles = host.run_body(r#"find_sync_runs(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(cycles[0]["roles"], json!(["ADSynchronization.ReadWrite.All"]));
    assert_rules(&host);

    let requests = host.sandbox.faults().take_seen().len();
    let second = host.run("onboard", &[]);
    assert_eq!((second.exit_code, second.changed), (0, false));
    assert_eq!(second.result.unwrap()["key_id"], after["key_id"]);
    assert_eq!(host.sandbox.faults().take_seen().len(), 0, "asked the tenant ({requests} before)");
    assert!(second.story.iter().any(|line| line.starts_with("said Nothing to do")));
}

#[test]
fn it_makes_the_key_before_the_pause_and_tests_before_it_resumes() {
    let host = host(2);
    let story = host.run("onboard", &[]).story;
    let order = [
        "call check_prerequisites",
        "call confirm",
        "call connect_tenant",
        "step generate_key",
        "step save_certificate",
        "step pause_scheduler",
        "step create_application",
        "step create_service_principal",
        "step grant_role",
        "waited for key accepted",
        "waited for role in token",
        "step link_application",
        "call test_credential",
        "step resume_scheduler",
        "step run_cycle",
    ];
    let mut rest = story.iter();
    for expected in order {
        assert!(rest.any(|line| line == expected), "no '{expected}' in order in {story:#?}");
    }
}

#[test]
fn it_waits_as_long_as_the_real_service_takes() {
    let host = host(3);
    host.sandbox.faults().set_delays(Delays::real());
    let before = host.world.clock.now();
    let ended = host.run("onboard", &[]);
    assert_eq!(ended.result.unwrap()["identity_type"], "Application");
    let took = host.world.clock.now().since(before);
    assert!(took > Duration::from_secs(60), "{took:?}");
    assert_rules(&host);
}

#[test]
fn without_an_admin_or_with_a_no_nothing_is_changed() {
    for answers in [Answers::Nothing, Answers::Absent] {
        let host = host(4);
        *host.answers.lock().unwrap() = answers;
        let ended = host.run("onboard", &[]);
        assert_eq!((ended.exit_code, ended.changed), (5, false), "{answers:?}: {ended:?}");
        assert_eq!(ended.result.unwrap_err().code, Code::EffectNotConfirmed);
        assert_rules(&host);
    }
}

#[test]
fn policy_stops_it_before_anything_is_registered() {
    let host = host(5);
    host.denied.lock().unwrap().push("application".to_owned());
    let ended = host.run("onboard", &[]);
    assert_eq!(ended.result.unwrap_err().code, Code::EffectDenied);
    assert!(!ended.story.contains(&"step create_application".to_owned()));
    assert_rules(&host);
    assert_eq!(host.credential("default").unwrap()["identity_type"], "ServiceAccount");
}

#[test]
fn prerequisites_fail_together_and_before_any_change() {
    let host = host(6);
    host.sandbox.faults().set_clock_skew(3600);
    host.forget_passwords(true);
    let username = host.sandbox.sign_ins().username;
    let ended = host.run_body(&format!(
        r#"check_prerequisites(#{{ connector: "default", username: "{username}" }})"#
    ));
    let error = ended.result.unwrap_err();
    assert_eq!((ended.exit_code, ended.changed), (2, false));
    assert_eq!(error.code, Code::PrerequisiteFailed);
    let told = error.causes.join("\n");
    assert!(told.contains("clock: ") && told.contains("1 h behind"), "{error:?}");
    assert!(told.contains("administrator: ") && told.contains("AADSTS50126"), "{error:?}");
}

#[test]
fn a_full_disk_stops_it_before_it_begins() {
    let host = host(9);
    host.world.disk.set_full(true);
    let ended = host.run("onboard", &[]);
    assert_eq!((ended.exit_code, ended.changed), (2, false));
    assert_eq!(ended.result.unwrap_err().code, Code::DiskFull);
    host.world.disk.set_full(false);
    assert_eq!(host.run("onboard", &[]).exit_code, 0);
    assert_rules(&host);
}

#[test]
fn the_scheduler_setting_of_the_admin_survives() {
    let host = host(8);
    let disabled = r#"set_scheduler(#{ connector: "default", sync_cycle_enabled: false })"#;
    host.run_body(disabled).result.unwrap();
    assert_eq!(host.run("onboard", &[]).exit_code, 0);
    let scheduler = host.run_body(r#"get_scheduler(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(scheduler["sync_cycle_enabled"], false);
    assert_eq!(scheduler["lease_run"], Value::Null);
}
