//! The crash matrix: the process killed, the disk full or broken, and requests lost, at every
//! operation of a script.

use base::Process;
use base::process::SystemProcess;
use prove::Host;
use prove::crash::{Report, Scenario};
use serde_json::json;

use super::workshop;

/// How many pairs of fates are sampled.
const PAIRS: usize = 60;

/// The whole matrix, or the case that the environment names.
fn assert_recovers(scenario: &Scenario, seed: u64) {
    let report = match SystemProcess.environment("CREDWRIGHT_CASE") {
        Some(case) => scenario.case(workshop(), case.parse().unwrap()).unwrap(),
        None => {
            let report = scenario.matrix(workshop(), seed, PAIRS).unwrap();
            let Report { operations, cases, struck, .. } = report;
            assert!(operations > 50 && cases > 3 * operations, "{operations}, {cases}");
            assert!(cases - struck < PAIRS / 2, "{} pairs never struck", cases - struck);
            report
        }
    };
    assert!(report.failures.is_empty(), "{report}");
}

/// The connector signs in as its application, has synchronized since, and nothing is there twice.
fn moved(host: &Host) -> base::Result<Vec<String>> {
    let found = host.run_body(
        r#"[get_connector_credential(#{ connector: "default" }).identity_type,
            find_sync_runs(#{ connector: "default" }).some(|cycle| cycle.result == "success"),
            find_events(#{ event_id: 2622 }).len(), find_events(#{ event_id: 1014 }).len()]"#,
    );
    let found = found.result?;
    let expected = json!(["Application", true, 1, 1]);
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
    assert_recovers(&Scenario::new("onboard", &[], test).checked(moved), 80);
}
