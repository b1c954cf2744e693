//! Scripts that try to get past the guard of rule I3: none breaks a rule, whatever they catch.

use base::{Code, Disk};
use prove::rules::{Before, broken_since};
use prove::{Ended, Host};

use super::host;

/// A host whose connector signs in as an application and has synchronized, and what scripts that mean
/// no good know of it.
struct Target {
    host: Host,
    before: Before,
    known: String,
}

fn target(seed: u64) -> Target {
    let host = host(seed);
    let after = host.run("onboard", &[]).result.unwrap();
    let text = |name: &str| after[name].as_str().unwrap().to_owned();
    let (app_id, sha256, uri) = (text("app_id"), text("certificate_sha256"), text("key_uri"));
    let grant = super::grant(&host, &text("principal_id"));
    let wrong = std::path::Path::new("/home/admin/wrong");
    host.world.disk.write_atomic(wrong, b"not the password\n", 0o600).unwrap();
    let known = format!(
        r#"connect_tenant();
        let app_id = "{app_id}"; let sha256 = "{sha256}"; let uri = "{uri}"; let grant = {grant};
        let removals = [
            || remove_application(#{{ connector: "default" }}),
            || remove_app_key(#{{ connector: "default", certificate_sha256: sha256 }}),
            || remove_service_principal(#{{ connector: "default", app_id: app_id }}),
            || remove_app_role_assignment(grant),
            || remove_certificate(#{{ certificate_sha256: sha256 }}),
            || remove_private_key(#{{ key_uri: uri }}),
        ];
        "#
    );
    let before = Before::of(&host).unwrap();
    Target { host, before, known }
}

impl Target {
    fn run(&self, body: &str) -> Ended {
        self.host.run_body(&format!("{}\n{body}", self.known))
    }

    #[track_caller]
    fn assert_unbroken(&self, body: &str, ended: &Ended) {
        let broken = broken_since(&self.host, &self.before).unwrap();
        assert!(broken.is_empty(), "{body}: {broken:#?}\n{:?}", ended.result);
        if let Err(error) = &ended.result {
            assert_ne!(error.code, Code::Internal, "{body}: {error:?}");
        }
    }
}

/// What these scripts do fails, or does no harm.
#[test]
fn no_order_and_no_callback_gets_past_the_guard() {
    let bodies = [
        // Callbacks that swallow errors, and loops that do not give up.
        "removals.map(|remove| { try { remove.call() } catch { () } })",
        "removals.filter(|remove| { try { remove.call(); true } catch { false } })",
        "let list = [0, 1, 2, 3, 4, 5]; list.sort(|a, b| { removals[a].call(); a - b });",
        "for turn in 0..3 { for remove in removals { try { remove.call(); } catch { } } }",
        "removals.some(|remove| { try { remove.call(); } catch { } false })",
        "parallel([0, 1, 2, 3, 4, 5], |n| { try { removals[n].call() } catch { } })",
        // Its account is replaced by one that does not work; then the way back is taken.
        r#"set_connector(#{ connector: "default", password_file: "/home/admin/wrong" });
           try { link_service_account(#{ connector: "default" }); } catch { }
           for remove in removals { try { remove.call(); } catch { } }"#,
        r#"try { set_connector(#{ connector: "default", service_account: "nobody@nowhere.invalid", password_file: "/home/admin/wrong" }); } catch { }
           try { link_service_account(#{ connector: "default" }); } catch { }
           try { remove_application(#{ connector: "default" }); } catch { }"#,
        // Switched back without a cycle, which is no evidence; then all at once.
        r#"link_service_account(#{ connector: "default" });
           for remove in removals { try { remove.call(); } catch { } }"#,
        r#"link_service_account(#{ connector: "default" });
           try { set_connector(#{ connector: "default", password_file: "/home/admin/wrong" }); } catch { }
           for remove in removals { try { remove.call(); } catch { } }"#,
        // Values that are forged.
        r#"grant.role = "PasswordWriteback.OffboardClient.All"; try { remove_app_role_assignment(grant); } catch { }"#,
        r#"grant.role = "nothing"; try { remove_app_role_assignment(grant); } catch { }"#,
        r#"add_connector(#{ connector: "other" }); grant.connector = "other";
           try { remove_app_role_assignment(grant); } catch { }"#,
        r#"add_connector(#{ connector: "other" });
           try { remove_service_principal(#{ connector: "other", app_id: app_id }); } catch { }
           try { remove_app_key(#{ connector: "other", certificate_sha256: sha256 }); } catch { }
           try { link_app_registration(#{ connector: "other", app_id: app_id, certificate_sha256: sha256 }); } catch { }"#,
        r#"try { remove_service_principal(#{ connector: "default", app_id: "00000003-0000-0000-c000-000000000000" }); } catch { }"#,
        r#"try { remove_private_key(#{ key_uri: uri.to_upper() }); } catch { }
           try { remove_private_key(#{ key_uri: "software:../../etc/passwd" }); } catch { }"#,
        // Another key beside it, and then the first one.
        r#"let next = prepare_credential(#{ connector: "default" });
           add_app_registration(#{ connector: "default", certificate_sha256: next.certificate_sha256 });
           for remove in removals { try { remove.call(); } catch { } }"#,
        // Pauses: nested, in one branch while another one removes, and of somebody who gives up.
        r#"paused(#{ connector: "default", reason: "a" }, || paused(#{ connector: "default", reason: "b" }, || {
               for remove in removals { try { remove.call(); } catch { } }
           }))"#,
        r#"parallel([0, 1], |n| if n == 0 {
               paused(#{ connector: "default", reason: "a" }, || sleep("1m"));
           } else { for remove in removals { try { remove.call(); } catch { } } })"#,
        r#"pause_scheduler(#{ connector: "default", reason: "a" }); resume_scheduler(#{ connector: "default" });
           try { resume_scheduler(#{ connector: "default" }); } catch { } removals[0].call()"#,
    ];
    for body in bodies {
        let target = target(230);
        let ended = target.run(body);
        let tried = ended.story.iter().any(|line| line.starts_with("call remove_"));
        assert!(tried, "{body} removes nothing: {:?}", ended.result);
        target.assert_unbroken(body, &ended);
    }
}

/// A role is what the tenant says it is, whatever the caller says.
#[test]
fn a_forged_role_takes_nothing_away() {
    let target = target(231);
    let ended = target.run(r#"grant.role = "PasswordWriteback.RegisterClientVersion.All"; remove_app_role_assignment(grant)"#);
    let error = ended.result.as_ref().unwrap_err();
    assert_eq!((error.code, ended.changed), (Code::CmdletParameter, false), "{error:?}");
    target.assert_unbroken("a forged role", &ended);
}

/// One branch links what another one takes away, while tokens are long under way: whoever comes
/// first, the connector signs in.
#[test]
fn what_one_branch_links_no_other_branch_removes() {
    let (mut linked, mut refused) = (0, 0);
    for removal in [
        "remove_application",
        "remove_app_key",
        "remove_service_principal",
        "remove_app_role_assignment",
    ] {
        for wait in (0..20).map(|turn| turn * 700) {
            let host = host(232);
            let made = format!("{} {} r", super::undo::calls(2), super::undo::CALLS[3].0);
            let made = host.run_body(&made).result.unwrap();
            host.run_body(r#"sleep("1m")"#).result.unwrap();
            let text = |name: &str| made[name].as_str().unwrap();
            let (app_id, sha256) = (text("app_id"), text("certificate_sha256"));
            let arguments = match removal {
                "remove_application" => r#"#{ connector: "default" }"#.to_owned(),
                "remove_app_key" => {
                    format!(r#"#{{ connector: "default", certificate_sha256: "{sha256}" }}"#)
                }
                "remove_service_principal" => {
                    format!(r#"#{{ connector: "default", app_id: "{app_id}" }}"#)
                }
                _ => super::grant(&host, text("principal_id")),
            };
            let slow = tenant::Fault::Slow(std::time::Duration::from_secs(2));
            host.sandbox.faults().plan("token", 1, usize::MAX, slow);
            let body = format!(
                r#"connect_tenant();
                let caught = parallel([0, 1], |n| {{ try {{
                    if n == 0 {{
                        link_app_registration(#{{ connector: "default", app_id: "{app_id}", certificate_sha256: "{sha256}" }});
                    }} else {{
                        sleep("{wait}ms");
                        {removal}({arguments});
                    }}
                    return "";
                }} catch (error) {{ return error.code; }} }});
                [get_connector_credential(#{{ connector: "default" }}).identity_type, caught[0]]"#
            );
            let ended = host.run_body(&body);
            host.sandbox.faults().clear();
            if let Ok(value) = &ended.result {
                linked += usize::from(value[0] == "Application");
                refused += usize::from(value[1] == "connector.state");
            }
            let works = host.run_body(r#"test_credential(#{ connector: "default" })"#);
            let works = works.result.unwrap();
            assert_eq!(works["works"], true, "{body}: {works} {:?}", ended.result);
        }
    }
    assert!(linked > 4 && refused > 2, "{linked} linked, {refused} refused");
}

/// The account that a connector signs in with is replaced only by one that works.
#[test]
fn a_password_that_is_wrong_replaces_none_that_is_right() {
    let host = host(233);
    let wrong = std::path::Path::new("/home/admin/wrong");
    host.world.disk.write_atomic(wrong, b"not the password\n", 0o600).unwrap();
    for change in [
        r#"password_file: "/home/admin/wrong""#,
        r#"service_account: "nobody@nowhere.invalid", password_file: "/home/admin/wrong""#,
        r#"client_id: "14d82eec-204b-4c2f-b7e8-000000000000""#,
    ] {
        let body = format!(r#"set_connector(#{{ connector: "default", {change} }})"#);
        let ended = host.run_body(&body);
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, ended.changed), (Code::CredentialTest, false), "{body}: {error:?}");
        assert!(error.next.is_some() && error.remote.is_some(), "{body}: {error:?}");
        super::assert_rules(&host);
    }
    host.sandbox.faults().plan("token", 0, usize::MAX, tenant::Fault::Reset);
    let ended = host.run_body(
        r#"set_connector(#{ connector: "default", password_file: "/home/admin/wrong" })"#,
    );
    assert_eq!((ended.exit_code, ended.result.unwrap_err().code), (6, Code::RemoteUnreachable));
    super::assert_rules(&host);
}

/// What is registered in the tenant keeps its record here.
#[test]
fn a_certificate_is_kept_while_its_key_is_registered() {
    let host = host(234);
    let body = r#"connect_tenant(); let p = prepare_credential(#{ connector: "default" });
        let sha256 = p.certificate_sha256;
        add_app_registration(#{ connector: "default", certificate_sha256: sha256 });"#;
    let early = format!(
        "{body} try {{ remove_certificate(#{{ certificate_sha256: sha256 }}) }} catch (error) {{ return error.code; }}"
    );
    assert_eq!(host.run_body(&early).result.unwrap(), "certificate.unusable");
    super::assert_rules(&host);
    let late = format!(
        r#"{body} remove_app_key(#{{ connector: "default", certificate_sha256: sha256 }});
        remove_certificate(#{{ certificate_sha256: sha256 }}).removed"#
    );
    assert_eq!(host.run_body(&late).result.unwrap(), true);
    super::assert_rules(&host);
}

/// An application that somebody else made is linked, and is not removed (rule I5).
#[test]
fn a_foreign_application_that_is_linked_is_not_removed() {
    let host = host(235);
    let made = host.run_body(
        r#"connect_tenant(); let p = prepare_credential(#{ connector: "default" });
        add_app_registration(#{ connector: "default", certificate_sha256: p.certificate_sha256 })"#,
    );
    let sha256 = made.result.unwrap()["certificate_sha256"].as_str().unwrap().to_owned();
    let (app_id, object_id) = super::foreign_application(&host, &sha256);
    let back = format!(
        r#"connect_tenant();
        link_app_registration(#{{ connector: "default", app_id: "{app_id}", certificate_sha256: "{sha256}" }});
        link_service_account(#{{ connector: "default" }});
        start_sync_cycle(#{{ connector: "default" }});"#
    );
    host.run_body(&back).result.unwrap();
    let ended = host.run_body(r#"connect_tenant(); remove_application(#{ connector: "default" })"#);
    let error = ended.result.unwrap_err();
    assert_eq!((error.code, ended.changed), (Code::ConnectorState, false), "{error:?}");
    let there = host.sandbox.show().applications;
    assert!(
        there.iter().any(|own| own.id.to_string() == object_id),
        "the foreign application is gone"
    );
}
