//! Branches of `parallel`, over the real cmdlets, state and tenant.

use std::collections::BTreeSet;

use base::Code;
use effect::{Entry, RunId};
use prove::Host;

use super::{assert_rules, host};

/// Adds connectors called `c00`, `c01` … that sign in as the account of the first.
fn add_connectors(host: &Host, count: usize) {
    let account = host.sandbox.sign_ins().legacy_username;
    let ended = host.run_body(&format!(
        r#"for n in 0..{count} {{
            let name = if n < 10 {{ `c0${{n}}` }} else {{ `c${{n}}` }};
            add_connector(#{{ connector: name, service_account: "{account}" }});
        }}"#
    ));
    ended.result.unwrap();
}

/// The name of the runs whose journal is looked at.
const TESTED: &str = "tested";

fn run(host: &Host, body: &str) -> prove::Ended {
    host.run_text(TESTED, &format!("fn main(p) {{\n{body}\n}}"))
}

/// The journal of the run, sorted by branch and call, without the run's id.
fn journal(host: &Host) -> Vec<String> {
    let executor = &host.ports.executor;
    let mut runs = executor.block_on(host.store.find_runs(100)).unwrap();
    runs.retain(|run| run.script == TESTED);
    assert_eq!(runs.len(), 1);
    let run = RunId(runs[0].id.clone());
    let entries = executor.block_on(host.store.journal(&run)).unwrap();
    let place = |entry: &Entry| {
        let (call, step, turn) = match entry {
            Entry::CallBegan { key, .. } => (key, 0, 0),
            Entry::Chosen { key, .. } => (key, 0, 1),
            Entry::StepIntended { key, .. } => (&key.call, key.step, 1),
            Entry::StepEnded { key, .. } => (&key.call, key.step, 2),
            Entry::CallEnded { key, .. } => (key, u32::MAX, 3),
        };
        (call.branch.clone(), call.sequence, step, turn)
    };
    let mut entries: Vec<_> = entries.iter().map(|entry| (place(entry), entry)).collect();
    entries.sort_by(|(left, _), (right, _)| left.cmp(right));
    let texts = entries.into_iter().map(|(_, entry)| serde_json::to_string(entry).unwrap());
    texts.map(|text| text.replace(&run.0, "RUN")).collect()
}

#[test]
fn twenty_connectors_take_as_long_as_the_slowest_and_leave_the_same_journal_each_time() {
    let once = || {
        let host = host(60);
        add_connectors(&host, 20);
        let before = host.ports.clock.now();
        let ended = run(
            &host,
            r#"let connectors = find_connectors().filter(|connector| connector.name != "default");
            parallel(connectors, |connector| {
                let n = connector.name.sub_string(1).parse_int();
                sleep(if n == 0 { "90s" } else { `${n}s` });
                set_connector(#{ connector: connector.name, client_id: `14d82eec-204b-4c2f-b7e8-296a70dab6${n + 10}` });
                parallel(["one", "two"], |turn| sleep("1s"));
                #{ name: get_connector_credential(#{ connector: connector.name }).connector, at: now() }
            })"#,
        );
        assert_eq!(host.ports.clock.now().since(before).as_secs(), 91);
        (ended.result.unwrap(), journal(&host))
    };
    let (value, first) = once();
    for (index, answer) in value.as_array().unwrap().iter().enumerate() {
        assert_eq!(answer["name"], format!("c{index:02}"));
    }
    let calls = |branch: &str| {
        let branch = format!("\"branch\":\"{branch}\"");
        first.iter().filter(|entry| entry.contains(&branch)).count()
    };
    // Two records of each of four calls, and two of the step; two of the wait in each inner branch.
    assert_eq!((calls("1.7 c07"), calls("1.7 c07/1.1 two")), (11, 2));
    for _ in 0..4 {
        let (again, same) = once();
        assert_eq!(again, value);
        for (one, other) in first.iter().zip(&same) {
            assert_eq!(one, other);
        }
        assert_eq!(first.len(), same.len());
    }
}

#[test]
fn connectors_are_onboarded_side_by_side() {
    let host = host(61);
    add_connectors(&host, 4);
    let ended = run(
        &host,
        r#"connect_tenant();
        parallel(find_connectors(), |connector| {
            let name = connector.name;
            let prepared = prepare_credential(#{ connector: name });
            paused(#{ connector: name, reason: "moving" }, || {
                let registration = add_app_registration(#{
                    connector: name, certificate_sha256: prepared.certificate_sha256,
                });
                link_app_registration(#{
                    connector: name, app_id: registration.app_id,
                    certificate_sha256: prepared.certificate_sha256,
                });
            });
            start_sync_cycle(#{ connector: name });
            test_credential(#{ connector: name }).works
        })"#,
    );
    assert_eq!(ended.result.unwrap(), serde_json::json!([true, true, true, true, true]));
    for name in ["default", "c00", "c01", "c02", "c03"] {
        assert_eq!(host.credential(name).unwrap()["identity_type"], "Application");
    }
    let branches: BTreeSet<String> = journal(&host)
        .iter()
        .filter_map(|entry| {
            Some(entry.split_once("\"branch\":\"")?.1.split_once('"')?.0.to_owned())
        })
        .collect();
    let expected = ["", "1.0 c00", "1.1 c01", "1.2 c02", "1.3 c03", "1.4 default"];
    assert_eq!(branches, expected.map(str::to_owned).into());
    assert_rules(&host);
}

#[test]
fn an_interruption_at_any_moment_of_several_branches_locks_nobody_out() {
    let body = r#"connect_tenant();
        parallel(find_connectors(), |connector| paused(#{ connector: connector.name, reason: "r" }, || {
            let prepared = prepare_credential(#{ connector: connector.name });
            add_app_registration(#{
                connector: connector.name, certificate_sha256: prepared.certificate_sha256,
            });
        }))"#;
    for line in (1..60).step_by(4) {
        let host = host(62);
        add_connectors(&host, 2);
        host.interrupt_after(line);
        let ended = run(&host, body);
        if let Err(error) = &ended.result {
            assert_eq!((error.code, ended.exit_code), (Code::RunInterrupted, 4), "{error:?}");
        }
        assert_rules(&host);
    }
}

#[test]
fn branches_that_mean_no_good_gain_nothing() {
    let (denied, exists) = (Code::EffectDenied, Code::ConnectorExists);
    for (body, code, exit) in [
        // A refusal in one branch ends all the others, whatever they catch.
        (
            r#"parallel([1, 2, 3], |n| loop { try {
                sleep(`${n}s`);
                if n == 2 { add_app_registration(#{ connector: "default", certificate_sha256: "AB" }); }
            } catch { } })"#,
            denied,
            5,
        ),
        // Branches that go for the same connector at once.
        (
            r#"let account = get_connector_credential(#{ connector: "default" }).service_account;
            parallel([1, 2, 3, 4, 5, 6], |n| add_connector(#{ connector: "same", service_account: account }))"#,
            exists,
            1,
        ),
        (r#"parallel([1, 2], |n| { let x = []; x[n] })"#, Code::ScriptFailed, 2),
        (
            r#"let f = |n| n; for turn in 0..200 { let g = f; f = |n| [g, g]; } parallel([1, 2], f)"#,
            Code::ScriptLimit,
            2,
        ),
    ] {
        let host = host(63);
        host.denied.lock().unwrap().push("application".to_owned());
        let ended = run(&host, body);
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, ended.exit_code), (code, exit), "{body}: {error:?}");
        assert_eq!(host.credential("default").unwrap()["identity_type"], "ServiceAccount");
        assert_rules(&host);
    }
    // A pause of each branch ends, whichever of them fails.
    let host = host(64);
    add_connectors(&host, 3);
    let ended = run(
        &host,
        r#"parallel(find_connectors(), |connector| paused(#{ connector: connector.name, reason: "r" }, || {
            sleep("3s");
            if connector.name != "c01" { throw `not ${connector.name}`; }
        }))"#,
    );
    let error = ended.result.unwrap_err();
    assert_eq!(error.message, "not c00");
    assert!(error.causes.iter().any(|cause| cause.contains("not default")), "{error:?}");
    assert_rules(&host);
}
