//! Scripts that call the cmdlets in any order, forge values and swallow errors.

use std::path::Path;

use base::{Code, Disk};

use super::{assert_rules, host};

#[test]
fn no_order_of_calls_locks_the_connector_out() {
    let bodies = [
        r#"link_app_registration(#{ connector: "default", app_id: "14d82eec-204b-4c2f-b7e8-296a70dab67e", certificate_sha256: "AB" })"#,
        r#"connect_tenant(); let p = prepare_credential(#{ connector: "default" });
           link_app_registration(#{ connector: "default", app_id: "14d82eec-204b-4c2f-b7e8-296a70dab67e", certificate_sha256: p.certificate_sha256 })"#,
        r#"let p = prepare_credential(#{ connector: "default" }); p.certificate_sha256 = "00";
           connect_tenant(); add_app_registration(#{ connector: "default", certificate_sha256: p.certificate_sha256 })"#,
        r#"add_connector(#{ connector: "other" }); let p = prepare_credential(#{ connector: "other" });
           connect_tenant(); add_app_registration(#{ connector: "default", certificate_sha256: p.certificate_sha256 })"#,
        r#"resume_scheduler(#{ connector: "default" })"#,
    ];
    for body in bodies {
        let host = host(30);
        let ended = host.run_body(body);
        assert!(ended.result.is_err(), "{body}");
        let after = host.credential("default").unwrap();
        assert_eq!(after["identity_type"], "ServiceAccount", "{body}");
        let works = host.run_body(r#"test_credential(#{ connector: "default" }).works"#);
        assert_eq!(works.result.unwrap(), true, "{body}");
    }
}

#[test]
fn a_refusal_cannot_be_swallowed() {
    let host = host(31);
    host.denied.lock().unwrap().push("application".to_owned());
    let ended = host.run_body(
        r#"connect_tenant();
        let prepared = prepare_credential(#{ connector: "default" });
        let list = [3, 1, 2];
        list.sort(|a, b| {
            add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 });
            a - b
        });
        try { start_sync_cycle(#{ connector: "default" }); } catch { }
        "went on""#,
    );
    assert_eq!(ended.result.unwrap_err().code, Code::EffectDenied);
    let cycles = host.run_body(r#"find_sync_runs(#{ connector: "default" })"#).result.unwrap();
    assert_eq!(cycles.as_array().unwrap().len(), 0, "a cycle ran after the refusal");
    assert_rules(&host);
}

#[test]
fn the_scheduler_is_resumed_whatever_happens_in_the_pause() {
    let bodies = [
        r#"throw "out of the middle""#,
        r#"get_connector_credential(#{ connector: "nobody" })"#,
        r#"let x = []; x[7]"#,
        r#"loop { }"#,
    ];
    for body in bodies {
        let host = host(32);
        let ended = host.run_body(&format!(
            r#"paused(#{{ connector: "default", reason: "test" }}, || {{ {body} }});"#
        ));
        assert!(ended.result.is_err(), "{body}");
        assert_rules(&host);
    }
}

#[test]
fn two_runs_exclude_each_other_and_the_second_names_the_first() {
    let host = host(33);
    let first = host.begin("the first", serde_json::Value::Null, &[]).unwrap();
    let second = host.run("onboard", &[]);
    let error = second.result.unwrap_err();
    assert_eq!((second.exit_code, error.code), (6, Code::StateLocked));
    assert!(error.message.contains("the first"), "{error}");
    drop(first);
    assert_eq!(host.run("onboard", &[]).exit_code, 0);
}

#[test]
fn wrong_values_are_refused_before_anything_is_changed() {
    let host = host(34);
    let disk = &host.world.disk;
    let write = |name: &str, length: usize| {
        disk.write_atomic(Path::new(name), &vec![b'x'; length], 0o600).unwrap();
    };
    write("/home/admin/huge", 1 << 20);
    let bodies = [
        (r#"add_connector(#{ connector: "default" })"#, Code::ConnectorExists),
        (r#"add_connector(#{ connector: " blank" })"#, Code::CmdletParameter),
        (r#"add_connector(#{ connector: "a", client_id: "x" })"#, Code::ConfigurationInvalid),
        (r#"set_connector(#{ connector: "default", client_id: "x" })"#, Code::ConfigurationInvalid),
        (
            r#"add_connector(#{ connector: "a", service_account: "a@b", password_file: "/home/admin/huge" })"#,
            Code::ConfigurationInvalid,
        ),
        (
            r#"add_connector(#{ connector: "a", service_account: "a@b", password_file: "/home/admin" })"#,
            Code::ConfigurationInvalid,
        ),
        (
            r#"pause_scheduler(#{ connector: "default", reason: "x", deadline: "0s" })"#,
            Code::CmdletParameter,
        ),
        (
            r#"pause_scheduler(#{ connector: "default", reason: "x", deadline: "200000000d" })"#,
            Code::CmdletParameter,
        ),
        (r#"find_events(#{ limit: -1 })"#, Code::CmdletParameter),
        (r#"find_sync_runs(#{ connector: "default", limit: -1 })"#, Code::CmdletParameter),
    ];
    for (body, code) in bodies {
        let ended = host.run_body(body);
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, ended.changed), (code, false), "{body}: {error:?}");
        assert!(error.next.is_some(), "{body}: nothing to type next");
    }
}

/// The name is checked before anybody is asked for a password.
#[test]
fn nobody_types_a_password_for_a_name_that_is_taken() {
    let host = host(35);
    let ended =
        host.run_body(r#"add_connector(#{ connector: "default", service_account: "a@b" })"#);
    assert_eq!(ended.result.unwrap_err().code, Code::ConnectorExists);
    assert!(!ended.story.iter().any(|line| line.starts_with("step")), "{:?}", ended.story);
}
