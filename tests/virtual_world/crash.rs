//! The crash matrix: the process killed, the disk full or broken, and requests lost, at every
//! operation of a script.

use base::Process;
use base::process::SystemProcess;
use prove::Host;
use prove::crash::{Case, Report, Scenario};
use serde_json::json;

use super::workshop;

/// How many pairs of fates are sampled.
const PAIRS: usize = 60;

/// The one case that the environment names, where it names one.
fn case() -> Option<Case> {
    SystemProcess.environment("CREDWRIGHT_CASE").map(|text| text.parse().unwrap())
}

#[track_caller]
fn assert_report(report: Report) {
    assert!(report.failures.is_empty(), "{report}");
}

/// The connector signs in as its application, has synchronized since, and nothing is there twice.
fn moved(host: &Host) -> base::Result<Vec<String>> {
    let found = host.run_body(
        r#"[get_connector_credential(#{ connector: "default" }).identity_type,
            find_sync_runs(#{ connector: "default" }).some(|cycle| cycle.result == "success"),
            find_events(#{ event_id: 2622 }).len() > 0, find_events(#{ event_id: 1014 }).len() > 0]"#,
    );
    let found = found.result?;
    let expected = json!(["Application", true, true, true]);
    let mut wrong = Vec::new();
    if found != expected {
        wrong.push(format!("identity type, cycle, events: {found} instead of {expected}"));
    }
    let keys = host.ports.executor.block_on(host.keystores().preferred()?.list())?;
    if keys.len() != 1 {
        wrong.push(format!("{} private keys instead of one", keys.len()));
    }
    let tenant = host.sandbox.show();
    let made = tenant.applications.iter().filter(|own| own.name.starts_with("ConnectSync"));
    let keys: Vec<usize> = made.map(|own| own.keys.len()).collect();
    if keys != [1] {
        wrong.push(format!("applications have {keys:?} keys instead of one has one"));
    }
    Ok(wrong)
}

#[test]
fn onboard_again_recovers_from_everything() {
    let test = "cargo nextest run -p credwright-tests onboard_again_recovers_from_everything";
    let scenario = Scenario::new("onboard", &[], test).checked(moved);
    if let Some(case) = case() {
        return assert_report(scenario.case(workshop(), case).unwrap());
    }
    let report = scenario.matrix(workshop(), 80, PAIRS).unwrap();
    let Report { operations, cases, struck, .. } = report;
    assert!(operations > 50 && cases > 4 * operations, "{operations} operations, {cases} cases");
    assert!(cases - struck < PAIRS / 2, "{} pairs never struck", cases - struck);
    assert_report(report);
}

#[test]
fn a_resumed_onboarding_recovers_from_everything() {
    let test = "cargo nextest run -p credwright-tests a_resumed_onboarding_recovers";
    let scenario = Scenario::new("onboard", &[], test)
        .recovered(|host| host.recover("onboard", &[]))
        .checked(moved);
    if let Some(case) = case() {
        return assert_report(scenario.case(workshop(), case).unwrap());
    }
    let report = scenario.matrix(workshop(), 82, PAIRS).unwrap();
    let Report { operations, cases, .. } = report;
    assert!(operations > 50 && cases > 4 * operations, "{operations} operations, {cases} cases");
    assert_report(report);
}

/// An application that an earlier run made, and whose key another administrator replaced.
fn with_a_foreign_key(host: &Host) -> base::Result<()> {
    let made = host.run_body(
        r#"connect_tenant(); let p = prepare_credential(#{ connector: "default" });
        add_app_registration(#{ connector: "default", certificate_sha256: p.certificate_sha256 })"#,
    );
    let made = made.result?;
    let pem = host.sandbox.sign_ins().certificate_pem;
    let certificate = pem.expose().split("-----BEGIN CERTIFICATE-----").nth(1).unwrap_or_default();
    let key: String = certificate.lines().take_while(|line| !line.starts_with("--")).collect();
    let foreign = json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": key });
    let path = format!("applications/{}", made["application_id"].as_str().unwrap_or_default());
    let keys = json!({ "keyCredentials": [foreign] });
    host.rival().ask(http::Method::PATCH, &path, &keys).map(drop)
}

#[test]
fn onboard_again_recovers_beside_a_foreign_key() {
    let test = "cargo nextest run -p credwright-tests onboard_again_recovers_beside_a_foreign_key";
    let scenario = Scenario::new("onboard", &[], test).prepared(with_a_foreign_key);
    let scenario = scenario.checked(|host| {
        let after = host.credential("default")?;
        let moved = after["identity_type"] == "Application";
        Ok(if moved { Vec::new() } else { vec![format!("not moved: {after}")] })
    });
    assert_report(match case() {
        Some(case) => scenario.case(workshop(), case).unwrap(),
        None => scenario.sample(workshop(), 81, PAIRS).unwrap(),
    });
}
