//! What a failing run did is taken back, as far as it can be; what is left is named.

use base::{Code, Diagnostic};
use effect::{RunId, Undo};
use http::Method;
use prove::{Attempt, Ended, Host, Snapshot};
use serde_json::{Value, json};
use tenant::Fault;

use super::{assert_rules, host};

/// The onboarding, call by call, and how many things each of them adds that are taken back.
pub const CALLS: [(&str, usize); 6] = [
    ("connect_tenant();", 0),
    (r#"let p = prepare_credential(#{ connector: "default" });"#, 2),
    (r#"pause_scheduler(#{ connector: "default", reason: "moving" });"#, 0),
    (
        r#"let r = add_app_registration(#{ connector: "default", certificate_sha256: p.certificate_sha256 });"#,
        6,
    ),
    (
        r#"link_app_registration(#{ connector: "default", app_id: r.app_id, certificate_sha256: r.certificate_sha256 });"#,
        1,
    ),
    (r#"resume_scheduler(#{ connector: "default" });"#, 0),
];

/// The first calls of the onboarding.
pub fn calls(count: usize) -> String {
    CALLS[..count].iter().map(|(call, _)| *call).collect::<Vec<_>>().join("\n")
}

fn failing(count: usize) -> String {
    format!("{}\nthrow \"out of the middle\"", calls(count))
}

#[track_caller]
fn assert_as_before(before: &Snapshot, host: &Host, label: &str) {
    let difference = before.difference(&Snapshot::of(host).unwrap());
    assert!(difference.is_empty(), "{label}: {difference:#?}");
}

/// A run that failed with what is told of it.
#[track_caller]
fn failed(ended: Ended, exit_code: u8, label: &str) -> Diagnostic {
    let error = ended.result.expect_err(label);
    assert_eq!(ended.exit_code, exit_code, "{label}: {error:?}");
    error
}

#[test]
fn after_each_call_a_failing_script_is_taken_back_to_nothing() {
    let mut expected = 0;
    for count in 1..=CALLS.len() {
        let label = format!("after {}", CALLS[count - 1].0);
        expected += CALLS[count - 1].1;
        let host = host(200);
        let (before, rules) =
            (Snapshot::of(&host).unwrap(), prove::rules::Before::of(&host).unwrap());
        let ended = host.run_body(&failing(count));
        let error = failed(ended, if expected == 0 { 2 } else { 1 }, &label);
        assert_eq!((error.code, error.left.len()), (Code::ScriptFailed, 0), "{label}: {error:?}");
        assert_eq!(error.undone.len(), expected, "{label}: {:#?}", error.undone);
        assert_as_before(&before, &host, &label);
        let broken = prove::rules::broken_since(&host, &rules).unwrap();
        assert!(broken.is_empty(), "{label}: {broken:#?}");
    }
}

#[test]
fn what_changes_this_host_alone_is_taken_back() {
    let cases = [
        r#"set_scheduler(#{ connector: "default", sync_cycle_enabled: false, customized_sync_cycle_interval: "2h" });"#,
        r#"set_scheduler(#{ connector: "default", purge_run_history_interval: "3d", maintenance_enabled: false });"#,
        r#"set_scheduler(#{ connector: "default", scheduler_suspended: true, next_sync_cycle_policy_type: "initial" });"#,
        r#"set_connector(#{ connector: "default", run_as: "nobody" });"#,
        r#"set_connector(#{ connector: "default", client_id: "cb1056e2-e479-49de-ae31-7812af012ed8" });"#,
        r#"set_connector(#{ connector: "default", sync_job: #{ kind: "command", words: ["/bin/true"] } });"#,
        r#"set_connector(#{ connector: "default", name: "other", run_as: "nobody" });
           set_connector(#{ connector: "other", name: "third", sync_job: #{ kind: "builtin" } });"#,
        // A pause is known by the name that the connector had then.
        r#"pause_scheduler(#{ connector: "default", reason: "r" }); set_connector(#{ connector: "default", name: "other" });"#,
        r#"add_connector(#{ connector: "new" }); pause_scheduler(#{ connector: "new", reason: "r" });
           set_scheduler(#{ connector: "new", sync_cycle_enabled: false });"#,
        r#"add_connector(#{ connector: "new" }); prepare_credential(#{ connector: "new" });
           set_connector(#{ connector: "new", name: "newer" });"#,
    ];
    for body in cases {
        let host = host(201);
        let before = Snapshot::of(&host).unwrap();
        let done = host.run_body(body);
        done.result.expect(body);
        assert_ne!(before, Snapshot::of(&host).unwrap(), "{body} changes nothing");

        let host = super::host(201);
        let error = failed(host.run_body(&format!("{body}\nthrow 1")), 1, body);
        assert!(error.left.is_empty() && !error.undone.is_empty(), "{body}: {error:?}");
        assert_as_before(&before, &host, body);
    }
}

/// The tenant refuses one operation for good, in different ways: what stands is taken back, and the
/// exit code tells whose fault it was.
#[test]
fn a_tenant_that_refuses_one_operation_leaves_nothing() {
    let operations = [
        "PATCH /applications/{id}",
        "POST /servicePrincipals",
        "POST /servicePrincipals/{id}/appRoleAssignments",
    ];
    let faults = [
        (Fault::Unavailable { retry_after: None }, 6),
        (Fault::InternalError, 6),
        (Fault::Reset, 6),
        (Fault::Throttled { retry_after: Some(30) }, 6),
    ];
    for operation in operations {
        for (fault, exit_code) in &faults {
            let label = format!("{operation}: {fault:?}");
            let host = host(202);
            let before = Snapshot::of(&host).unwrap();
            host.sandbox.faults().plan(operation, 0, usize::MAX, fault.clone());
            let error = failed(host.run("onboard", &[]), *exit_code, &label);
            assert!(error.left.is_empty() && error.undone.len() >= 2, "{label}: {error:?}");
            assert_as_before(&before, &host, &label);
            assert_rules(&host);
        }
    }
}

/// The tenant goes away for good at one request after another. Once it is back, the run is taken back.
#[test]
fn a_tenant_that_goes_away_is_waited_for() {
    let seen = {
        let host = host(203);
        host.sandbox.faults().take_seen();
        host.run_body(&calls(5)).result.unwrap();
        host.sandbox.faults().take_seen().len()
    };
    let mut stopped = 0;
    for skip in (0..seen).step_by(6) {
        let label = format!("from request {skip} of {seen} on");
        let host = host(203);
        let before = Snapshot::of(&host).unwrap();
        host.sandbox.faults().plan("*", skip, usize::MAX, Fault::Reset);
        let ended = host.run_text("moving", &format!("fn main(p) {{ {} }}", calls(5)));
        let error = ended.result.expect_err(&label);
        assert!([3, 4, 6].contains(&ended.exit_code), "{label}: {error:?}");
        assert!(error.next.is_some(), "{label}: {error:?}");
        if !error.left.is_empty() {
            assert!(ended.exit_code != 6, "{label}: {error:?}");
        }
        host.sandbox.faults().clear();
        if host.interrupted("moving").unwrap().is_some() {
            stopped += 1;
            let back = host.take_back("moving");
            assert_eq!(back.exit_code, 0, "{label}: {:?}", back.result);
        }
        assert_as_before(&before, &host, &label);
        assert_rules(&host);
    }
    assert!(stopped > 2, "only {stopped} runs had to be taken back later");
}

#[test]
fn what_was_done_before_a_cycle_stands() {
    let host = host(204);
    let body = format!(
        r#"{} start_sync_cycle(#{{ connector: "default" }});
        set_scheduler(#{{ connector: "default", sync_cycle_enabled: false }}); throw "after it""#,
        calls(2)
    );
    let error = failed(host.run_body(&body), 3, "a cycle");
    assert_eq!(error.undone.len(), 1, "{:?}", error.undone);
    assert!(error.undone[0].contains("scheduler settings"), "{:?}", error.undone);
    let expected = ["make the private key", "keep the certificate", "run a synchronization cycle"];
    assert_eq!(error.left.len(), expected.len(), "{:#?}", error.left);
    for (left, expected) in error.left.iter().zip(expected) {
        assert!(left.starts_with(expected), "{left} is not '{expected}'");
    }
    let scheduler = host.run_body(r#"get_scheduler(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(scheduler["sync_cycle_enabled"], true);
    assert_rules(&host);
}

/// A run of the whole onboarding that failed at its end and was kept.
fn kept(seed: u64, count: usize) -> (Host, Snapshot) {
    let host = host(seed);
    let before = Snapshot::of(&host).unwrap();
    host.keep_what_fails(true);
    let ended = host.run_text("moving", &format!("fn main(p) {{ {} }}", failing(count)));
    let error = failed(ended, 3, "kept");
    assert!(error.undone.is_empty(), "{:?}", error.undone);
    host.keep_what_fails(false);
    (host, before)
}

fn unwind(host: &Host) -> Ended {
    let (id, attempt) = host.interrupted("moving").unwrap().expect("a run that stopped");
    assert_eq!(attempt, Attempt::Unwind);
    host.resume(&id, attempt)
}

#[test]
fn what_is_to_be_kept_is_kept_and_named_until_it_is_taken_back() {
    let (host, before) = kept(205, CALLS.len());
    let made = host.sandbox.show().applications.iter().any(|own| own.name.contains("_HOST_"));
    assert!(made, "nothing was kept");
    assert_eq!(host.credential("default").unwrap()["identity_type"], "Application");
    assert_rules(&host);
    let error = failed(unwind(&host), 1, "taken back later");
    assert_eq!((error.left.len(), error.undone.len()), (0, 9), "{error:?}");
    assert_as_before(&before, &host, "taken back later");
    assert_eq!(host.interrupted("moving").unwrap(), None);
    assert_rules(&host);
}

/// The application as the tenant knows it.
fn application(host: &Host) -> tenant::ApplicationRow {
    let all = host.sandbox.show().applications;
    all.into_iter().find(|own| own.name.contains("_HOST_")).expect("an application")
}

#[test]
fn what_policy_denies_to_take_back_is_left_and_named() {
    let host = host(206);
    let before = Snapshot::of(&host).unwrap();
    host.denied.lock().unwrap().push("application.remove".to_owned());
    let ended = host.run_text("moving", &format!("fn main(p) {{ {} }}", failing(5)));
    let error = failed(ended, 3, "denied");
    let told = error.causes.join("\n");
    assert!(told.contains("the policy of this host denies 'application.remove'"), "{told}");
    assert_eq!(error.left.len(), 3, "{:#?}", error.left);
    assert!(error.left[2].starts_with("create the application"), "{:#?}", error.left);
    assert_rules(&host);
    host.denied.lock().unwrap().clear();
    assert_eq!(host.take_back("moving").exit_code, 0);
    assert_as_before(&before, &host, "once it is allowed");
}

#[test]
fn what_somebody_else_removed_meanwhile_is_no_obstacle() {
    for kind in ["applications", "servicePrincipals"] {
        let (host, before) = kept(207, 4);
        let made = application(&host);
        let tenant = host.sandbox.show();
        let principal = tenant.principals.iter().find(|own| own.app_id == made.app_id).unwrap();
        let id = if kind == "applications" { made.id } else { principal.id };
        host.rival().ask(Method::DELETE, &format!("{kind}/{id}"), &Value::Null).unwrap();
        let error = failed(unwind(&host), 1, kind);
        assert!(error.left.is_empty(), "{kind}: {error:?}");
        assert_as_before(&before, &host, kind);
        assert_rules(&host);
    }
}

/// What another administrator put there is not removed with what this host made (rule I5).
#[test]
fn an_application_that_somebody_else_uses_is_left_and_named() {
    let (host, _) = kept(208, 4);
    let made = application(&host);
    let foreign = super::add_foreign_key(&host, &made);
    let before = prove::rules::Before::of(&host).unwrap();
    let error = failed(unwind(&host), 3, "a foreign key");
    let told = error.causes.join("\n");
    assert!(told.contains(&foreign), "{foreign} is not named: {told}");
    assert!(error.left.iter().any(|left| left.starts_with("create the application")));
    assert_eq!(application(&host).keys.len(), 2);
    assert_eq!(prove::rules::broken_since(&host, &before).unwrap(), Vec::<String>::new());
}

/// The way back is proved before the connector is switched, and nothing is removed that it needs.
#[test]
fn a_connector_whose_account_does_not_work_is_not_switched_back() {
    let account = |host: &Host| format!("users/{}", host.sandbox.sign_ins().legacy_username);
    let reset = |host: &Host, password: &str| {
        let profile = json!({ "password": password, "forceChangePasswordNextSignIn": false });
        let body = json!({ "passwordProfile": profile });
        host.rival().ask(Method::PATCH, &account(host), &body).unwrap();
    };
    let enable = |host: &Host, enabled: bool| {
        let body = json!({ "accountEnabled": enabled });
        host.rival().ask(Method::PATCH, &account(host), &body).unwrap();
    };
    for by_password in [true, false] {
        let (host, before) = kept(209, 5);
        if by_password {
            reset(&host, "Another-password-1");
        } else {
            enable(&host, false);
        }
        let error = failed(unwind(&host), 3, "without a way back");
        assert!(error.undone.is_empty(), "{:?}", error.undone);
        assert_eq!(error.left.len(), 9, "{:#?}", error.left);
        let told = error.causes.join("\n");
        assert!(told.contains(if by_password { "50126" } else { "50057" }), "{told}");
        assert_eq!(host.credential("default").unwrap()["identity_type"], "Application");
        assert_rules(&host);
        if by_password {
            let right = host.sandbox.sign_ins().legacy_password;
            reset(&host, right.expose());
        } else {
            enable(&host, true);
        }
        assert_eq!(host.take_back("moving").exit_code, 0);
        assert_as_before(&before, &host, "once the account works");
    }
}

/// Each undo that is ever written names a cmdlet that takes its arguments.
#[test]
fn every_undo_that_is_written_can_be_called() {
    let mut wrong = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut look = |host: &Host, label: &str| {
        let executor = &host.ports.executor;
        for run in executor.block_on(host.store.find_runs(u32::MAX)).unwrap() {
            let journal = executor.block_on(host.store.journal(&RunId(run.id))).unwrap();
            let recording = effect::Recording::of(journal);
            for step in recording.calls().flat_map(|call| &call.steps) {
                let Undo::Cmdlet { name, arguments } = &step.intent.undo else { continue };
                seen.insert(name.clone());
                let checked = cmdlets::registry::find(name)
                    .ok_or_else(|| "no such cmdlet".to_owned())
                    .and_then(|cmdlet| {
                        let changes = matches!(cmdlet.about().effect, effect::Effect::Change(_));
                        let checked = cmdlet.check(arguments).map_err(|error| error.to_string());
                        checked.and(if changes { Ok(()) } else { Err("it only reads".to_owned()) })
                    });
                if let Err(reason) = checked {
                    wrong.push(format!(
                        "{label}: {}: {name}({arguments}): {reason}",
                        step.intent.name
                    ));
                }
            }
        }
    };
    for cmdlet in cmdlets::registry::all() {
        for example in cmdlet.about().examples {
            let host = host(7);
            let ended = host.run_body(example.script);
            drop(ended);
            look(&host, &format!("{}: {}", cmdlet.about().name, example.title));
        }
    }
    let host = host(210);
    host.run("onboard", &[]).result.unwrap();
    let back = r#"connect_tenant(); link_service_account(#{ connector: "default" });
        set_connector(#{ connector: "default", client_id: "cb1056e2-e479-49de-ae31-7812af012ed8", run_as: "nobody" });"#;
    host.run_body(back).result.unwrap();
    for file in std::fs::read_dir(credwright_tests::root().join("examples")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rhai") {
            let text = std::fs::read_to_string(&path).unwrap();
            host.run_text("example", &text).result.unwrap();
        }
    }
    look(&host, "bundled scripts and examples");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let expected = [
        "link_app_registration",
        "link_service_account",
        "remove_app_role_assignment",
        "remove_application",
        "remove_certificate",
        "remove_connector",
        "remove_private_key",
        "remove_service_principal",
        "set_connector",
        "set_scheduler",
    ];
    let missing: Vec<_> = expected.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(missing.is_empty(), "never written: {missing:?}");
}
