//! The crash matrix: the process killed, the disk full or broken, and requests lost, at every
//! operation of a script.

use std::path::Path;

use base::process::SystemProcess;
use base::{Disk, Process};
use prove::crash::{Case, Report, Scenario};
use prove::{Ended, Host};
use serde_json::{Value, json};
use state::IdentityType;

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

/// A script that does the whole onboarding and then fails by itself.
const FAILING: &str = "/home/admin/failing.rhai";

fn with_a_failing_script(host: &Host) -> base::Result<()> {
    let body = super::undo::calls(super::undo::CALLS.len());
    let text = format!("//! Fails.\nfn main(p) {{ {body}\nthrow \"at the end\" }}");
    let written = host.world.disk.write_atomic(Path::new(FAILING), text.as_bytes(), 0o600);
    written.map_err(|error| base::Diagnostic::new(base::Code::Internal, error.to_string()))
}

/// Goes on with what was interrupted until nothing of it is left; that it failed is as it should be.
fn taken_back(host: &Host) -> Ended {
    let ended = match host.interrupted(FAILING) {
        Ok(Some((id, attempt))) => host.resume(&id, attempt),
        _ => return host.take_back(FAILING),
    };
    match &ended.result {
        Err(error) if error.left.is_empty() && ended.exit_code == 1 => {
            Ended { result: Ok(Value::Null), exit_code: 0, ..ended }
        }
        Err(_) if ended.exit_code == 3 && host.is_alive() => host.take_back(FAILING),
        _ => ended,
    }
}

/// Nothing of the run is left.
fn nothing_left(host: &Host) -> base::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let keys = host.ports.executor.block_on(host.keystores().preferred()?.list())?;
    if !keys.is_empty() {
        wrong.push(format!("{} private keys are left", keys.len()));
    }
    let tenant = host.sandbox.show();
    let ours = |name: &str| name.starts_with("ConnectSync");
    wrong.extend(
        tenant
            .applications
            .iter()
            .filter(|own| ours(&own.name))
            .map(|own| format!("the application {} is left", own.name)),
    );
    wrong.extend(
        tenant
            .principals
            .iter()
            .filter(|own| ours(&own.name))
            .map(|own| format!("the principal {} is left", own.name)),
    );
    let connector = host.ports.executor.block_on(host.store.get_connector("default"))?;
    if connector.application.is_some() || connector.identity_type == IdentityType::Application {
        wrong.push(format!("the connector is {connector:?}"));
    }
    if host.interrupted(FAILING)?.is_some() {
        wrong.push("a run is still to be taken back".to_owned());
    }
    Ok(wrong)
}

#[test]
fn an_interrupted_unwinding_is_gone_on_with_until_nothing_is_left() {
    let test = "cargo nextest run -p credwright-tests an_interrupted_unwinding";
    let scenario = Scenario::new(FAILING, &[], test)
        .prepared(with_a_failing_script)
        .failing()
        .recovered(taken_back)
        .checked(nothing_left);
    if let Some(case) = case() {
        return assert_report(scenario.case(workshop(), case).unwrap());
    }
    let forward = {
        let host = Host::new(workshop(), 83).unwrap();
        host.run_body(&super::undo::calls(super::undo::CALLS.len())).result.unwrap();
        host.operations().len()
    };
    let report = scenario.matrix_after(workshop(), 83, forward - 2, PAIRS / 2).unwrap();
    let Report { operations, cases, .. } = report;
    assert!(operations > forward + 30, "{operations} operations, {forward} of them forward");
    assert!(cases > 2 * (operations - forward), "{cases} cases");
    assert_report(report);
}
