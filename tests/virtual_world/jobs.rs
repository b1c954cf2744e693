//! Sync jobs: a command, a script, and what they may not do.

use std::path::Path;

use base::process::Finished;
use base::{Code, Disk};
use serde_json::{Value, json};

use super::{assert_rules, host};

fn set_job(host: &prove::Host, job: &str) {
    let body = format!(r#"set_connector(#{{ connector: "default", sync_job: {job} }})"#);
    host.run_body(&body).result.unwrap();
}

#[test]
fn a_command_gets_the_token_on_its_input_and_nowhere_else() {
    let host = host(50);
    set_job(&host, r#"#{ kind: "command", words: ["/bin/job", "--now"] }"#);
    let mut programs = host.world.process.programs.lock().unwrap();
    programs.insert(
        "/bin/job".to_owned(),
        Box::new(|command| {
            assert_eq!(command.words, ["/bin/job", "--now"]);
            let input: Value = serde_json::from_slice(command.input.expose()).unwrap();
            let token = input["access_token"].as_str().unwrap();
            assert!(token.starts_with("ey") && token.matches('.').count() == 2);
            assert!(!format!("{:?}", command.environment).contains(token));
            let output = format!("3 changes with {token}\n").into_bytes();
            Ok(Finished { code: Some(0), output, errors: Vec::new() })
        }),
    );
    drop(programs);
    let cycle = host.run_body(r#"start_sync_cycle(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(cycle["result"], "success");
    assert_eq!(cycle["job"], "/bin/job");
    assert_eq!(cycle["message"], "3 changes with (token)", "a job cannot write the token down");
    assert_rules(&host);
}

#[test]
fn a_failing_command_is_a_failed_cycle_with_an_event() {
    let host = host(51);
    set_job(&host, r#"#{ kind: "command", words: ["/bin/job"] }"#);
    host.world.process.programs.lock().unwrap().insert(
        "/bin/job".to_owned(),
        Box::new(|_| {
            Ok(Finished { code: Some(9), output: Vec::new(), errors: b"no route\n".to_vec() })
        }),
    );
    let ended = host.run_body(r#"start_sync_cycle(#{ connector: "default" })"#);
    let error = ended.result.unwrap_err();
    assert_eq!(error.code, Code::SyncFailed);
    assert!(format!("{error:?}").contains("no route"), "{error:?}");
    assert!(ended.changed, "what it did before it failed stands");
    assert_eq!(ended.exit_code, 3);
    let runs = host.run_body(r#"find_sync_runs(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(runs[0]["result"], "failed");
    let events = host.run_body("find_events().map(|event| event.event_id)").result.unwrap();
    assert_eq!(events, json!([4010]));
    assert_rules(&host);
}

#[test]
fn a_command_that_prints_no_text_is_a_cycle_like_any_other() {
    let host = host(54);
    set_job(&host, r#"#{ kind: "command", words: ["/bin/job"] }"#);
    host.world.process.programs.lock().unwrap().insert(
        "/bin/job".to_owned(),
        Box::new(|_| {
            let output = b"done\0\x1b[2J\xff".to_vec();
            Ok(Finished { code: Some(0), output, errors: Vec::new() })
        }),
    );
    let cycle = host.run_body(r#"start_sync_cycle(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(cycle["message"], "done  [2J\u{fffd}");
    assert_rules(&host);
}

#[test]
fn a_script_job_may_read_and_nothing_else() {
    let host = host(52);
    let write = |text: &str| {
        let folder = Path::new("/etc/credwright");
        host.world.disk.create_folder(folder, 0o755).unwrap();
        host.world.disk.write_atomic(&folder.join("job.rhai"), text.as_bytes(), 0o644).unwrap();
    };
    set_job(&host, r#"#{ kind: "script", path: "/etc/credwright/job.rhai" }"#);
    write(
        r#"fn params() { #{ connector: #{ value: "", help: "Connector that is synchronized" } } }
           fn main(p) { get_connector_credential(#{ connector: p.connector }).identity_type }"#,
    );
    let cycle = host.run_body(r#"start_sync_cycle(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(cycle["message"], "\"ServiceAccount\"");

    write(r#"fn main(p) { set_connector(#{ connector: "default", name: "mine" }) }"#);
    let ended = host.run_body(r#"start_sync_cycle(#{ connector: "default" })"#);
    let error = ended.result.unwrap_err();
    assert!(format!("{error:?}").contains("cmdlet.not_allowed"), "{error:?}");
    assert_rules(&host);
}

#[test]
fn evidence_names_the_credential_that_worked() {
    let host = host(53);
    let evidence = || {
        let filter = state::EvidenceFilter::default();
        host.ports.executor.block_on(host.store.find_evidence(&filter)).unwrap()
    };
    host.run_body(r#"start_sync_cycle(#{ connector: "default" })"#).result.unwrap();
    let of_the_account = evidence();
    let kinds: Vec<&str> = of_the_account.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["token", "sync_cycle"]);
    let account = host.sandbox.sign_ins().legacy_username;
    assert!(of_the_account.iter().all(|one| one.principal_id == account && one.key_id.is_empty()));
    let after = host.run("onboard", &[]).result.unwrap();
    let found = evidence().split_off(of_the_account.len());
    let kinds: Vec<&str> = found.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["token", "token", "sync_cycle"]);
    let connector = host.ports.executor.block_on(host.store.get_connector("default")).unwrap();
    for one in &found {
        assert!(Some(one.at) >= connector.activated_at, "older than what it is evidence for");
        assert_eq!(one.key_id, after["key_id"].as_str().unwrap());
        assert_eq!(one.certificate_sha256, after["certificate_sha256"].as_str().unwrap());
    }
    assert_eq!(found.last().unwrap().detail, "token-only");
}
