//! Faults of the tenant in the middle of the onboarding. After each of them the rules hold, and
//! another run ends well.

use base::Code;
use tenant::Fault;

use super::{assert_rules, host};

/// Requests that change something during the onboarding.
const CHANGES: [&str; 3] = [
    "PATCH /applications/{id}",
    "POST /servicePrincipals",
    "POST /servicePrincipals/{id}/appRoleAssignments",
];

/// Every operation that the onboarding asks for, with how often it does.
fn operations() -> Vec<(String, usize)> {
    let host = host(20);
    host.sandbox.faults().take_seen();
    assert_eq!(host.run("onboard", &[]).exit_code, 0);
    let mut counted: Vec<(String, usize)> = Vec::new();
    for operation in host.sandbox.faults().take_seen() {
        match counted.iter_mut().find(|(known, _)| *known == operation) {
            Some((_, count)) => *count += 1,
            None => counted.push((operation, 1)),
        }
    }
    counted
}

#[test]
fn the_operations_that_change_something_are_known() {
    let seen: Vec<String> = operations().into_iter().map(|(operation, _)| operation).collect();
    let changing: Vec<&String> = seen
        .iter()
        .filter(|operation| !operation.starts_with("GET ") && operation.contains(' '))
        .collect();
    assert_eq!(changing, CHANGES, "all: {seen:?}");
}

/// Ways that a request can fail in besides those of the crash matrix.
#[test]
fn every_operation_may_fail_once_in_every_way() {
    let faults = [
        Fault::Throttled { retry_after: None },
        Fault::Unavailable { retry_after: None },
        Fault::InternalError,
        Fault::Html,
        Fault::HalfBody,
        Fault::Garbage,
    ];
    let mut tried = 0;
    for (operation, count) in operations() {
        // The first, one in the middle, and the last of each operation.
        let mut places = vec![0, count / 2, count - 1];
        places.dedup();
        for skip in places {
            for fault in &faults {
                let label = format!("{operation} number {skip}: {fault:?}");
                let host = host(21);
                host.sandbox.faults().plan(&operation, skip, 1, fault.clone());
                let first = host.run("onboard", &[]);
                if let Err(error) = &first.result {
                    assert_ne!(error.code, Code::Internal, "{label}: {error:?}");
                    assert!(error.next.is_some(), "{label}: nothing to type next: {error:?}");
                    assert_ne!(first.exit_code, 0, "{label}");
                }
                host.sandbox.faults().clear();
                assert_rules_after(&host, &label);
                let again = host.run("onboard", &[]);
                assert_eq!(again.exit_code, 0, "{label}: again: {:?}", again.result);
                let after = host.credential("default").unwrap();
                assert_eq!(after["identity_type"], "Application", "{label}");
                assert_rules_after(&host, &label);
                tried += 1;
            }
        }
    }
    assert!(tried > 90, "only {tried} cases");
}

fn assert_rules_after(host: &prove::Host, label: &str) {
    let broken = prove::rules::broken(host).unwrap();
    assert!(broken.is_empty(), "{label}: {broken:#?}");
}

#[test]
fn a_lost_answer_of_a_change_is_found_and_not_repeated() {
    for operation in CHANGES {
        let host = host(22);
        host.sandbox.faults().next(operation, Fault::AnswerLost);
        let ended = host.run("onboard", &[]);
        assert_eq!(ended.exit_code, 0, "{operation}: {:?}", ended.result);
        assert_rules(&host);
    }
}

#[test]
fn a_tenant_that_is_away_is_told_as_such() {
    let host = host(23);
    host.sandbox.faults().plan("*", 0, usize::MAX, Fault::Reset);
    let ended = host.run("onboard", &[]);
    let error = ended.result.unwrap_err();
    assert_eq!((ended.exit_code, ended.changed), (6, false), "{error:?}");
    assert_eq!(error.code, Code::RemoteUnreachable);
    assert_rules(&host);
}

#[test]
fn throttling_without_end_is_not_waited_for_without_end() {
    let host = host(24);
    let throttled = Fault::Throttled { retry_after: Some(30) };
    host.sandbox.faults().plan("POST /servicePrincipals", 0, usize::MAX, throttled);
    let ended = host.run("onboard", &[]);
    // Everything was taken back: it is as if the tenant had not been there from the beginning.
    assert_eq!(ended.exit_code, 6, "{:?}", ended.result);
    let error = ended.result.unwrap_err();
    assert_eq!((error.code, error.left.len()), (Code::RemoteThrottled, 0), "{:?}", error.left);
    let undone = error.undone.join("\n");
    assert!(undone.contains("create the application ConnectSyncProvisioning_HOST_"), "{undone}");
    assert!(undone.contains("make the private key software:"), "{undone}");
    assert!(!undone.contains("pause"), "{undone}");
    let keys = host.ports.executor.block_on(host.keystores().preferred().unwrap().list());
    assert_eq!(keys.unwrap(), []);
    assert!(host.sandbox.show().applications.iter().all(|own| !own.name.contains("_HOST_")));
    assert_rules(&host);
}
