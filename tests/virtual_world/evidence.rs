//! Rule I3: what may be removed, by what was seen to work.

use std::time::Duration;

use base::process::Finished;
use base::{Clock, Code, Result};
use effect::trial::permitted;
use effect::{Circumstance, Guard, Removal};
use http::Method;
use prove::Host;
use serde_json::{Value, json};
use state::{Connector, Link, Mode, NewConnector, SyncJob};

use super::{assert_rules, host};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const CYCLE: &str = r#"start_sync_cycle(#{ connector: "default" })"#;
const BACK: &str = r#"link_service_account(#{ connector: "default" })"#;

/// What the guard says of each kind of object that the connector's application consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    Refused,
}
use Verdict::{Allowed, Refused};

/// A connector that signs in as an application now, and has not synchronized since.
fn linked(seed: u64) -> (Host, Connector) {
    let host = host(seed);
    host.run_body(&super::undo::calls(super::undo::CALLS.len())).result.unwrap();
    let connector = connector(&host, "default");
    (host, connector)
}

fn connector(host: &Host, name: &str) -> Connector {
    host.ports.executor.block_on(host.store.get_connector(name)).unwrap()
}

fn run(host: &Host, body: &str) -> Value {
    host.run_body(body).result.expect(body)
}

/// Everything that such a connector relied on, as it was linked.
fn removals(linked: &Connector) -> Vec<(&'static str, Removal)> {
    let own = linked.application.clone().unwrap();
    let (app_id, object, principal) = (own.app_id, own.object_id, own.principal_id);
    let role = |role: &str| Removal::AppRoleAssignment {
        id: "grant".to_owned(),
        principal_id: principal.clone(),
        role: role.to_owned(),
    };
    vec![
        ("application", Removal::Application { id: object.clone(), app_id: app_id.clone() }),
        (
            "key credential",
            Removal::ApplicationKey {
                application_id: object,
                app_id: app_id.clone(),
                key_id: own.key_id,
            },
        ),
        ("principal", Removal::ServicePrincipal { id: principal.clone(), app_id }),
        ("role", role("ADSynchronization.ReadWrite.All")),
        ("private key", Removal::PrivateKey { key_uri: linked.key_uri.clone().unwrap() }),
        (
            "certificate",
            Removal::Certificate { certificate_sha256: linked.certificate_sha256.clone().unwrap() },
        ),
    ]
}

fn account(connector: &Connector) -> [(&'static str, Removal); 2] {
    let upn = connector.service_account.clone().unwrap().upn;
    let user_id = "00000000-0000-0000-0000-000000000001".to_owned();
    [
        ("user", Removal::User { id: user_id.clone(), upn: upn.to_uppercase() }),
        ("role of the user", Removal::DirectoryRoleMember { user_id, upn }),
    ]
}

/// Asks the guard of a run, as a step would.
fn judge(host: &Host, removal: &Removal, circumstance: Circumstance) -> Result<()> {
    let run = host.begin("judged", Value::Null, &[]).unwrap();
    let context = run.parts().context.clone();
    host.ports.executor.block_on(context.judge(removal, circumstance))
}

#[track_caller]
fn assert_judged(host: &Host, what: &str, removal: &Removal, expected: Verdict) {
    let judged = judge(host, removal, Circumstance::Asked);
    match (judged, expected) {
        (Ok(()), Allowed) => {}
        (Err(error), Refused) => {
            assert_eq!(error.code, Code::EffectNoEvidence, "{what}: {error:?}");
            assert!(error.next.is_some(), "{what}: {error:?}");
        }
        (judged, expected) => panic!("{what}: {judged:?} instead of {expected:?}"),
    }
}

#[track_caller]
fn assert_all(host: &Host, removals: &[(&str, Removal)], expected: Verdict, label: &str) {
    for (what, removal) in removals {
        assert_judged(host, &format!("{label}: {what}"), removal, expected);
    }
}

/// Every removal that a script can ask for of what the connector signs in with.
fn asked(host: &Host, linked: &Connector) -> Vec<String> {
    let own = linked.application.clone().unwrap();
    let (app_id, sha256) = (own.app_id, linked.certificate_sha256.clone().unwrap());
    let grant = super::grant(host, &own.principal_id);
    vec![
        r#"remove_application(#{ connector: "default" })"#.to_owned(),
        format!(r#"remove_app_key(#{{ connector: "default", certificate_sha256: "{sha256}" }})"#),
        format!(r#"remove_service_principal(#{{ connector: "default", app_id: "{app_id}" }})"#),
        format!("remove_app_role_assignment({grant})"),
        format!(r#"remove_certificate(#{{ certificate_sha256: "{sha256}" }})"#),
    ]
}

#[test]
fn what_a_connector_signs_in_with_is_never_removed() {
    let (host, linked) = linked(220);
    // Whatever is confirmed, and however often it synchronized.
    run(&host, CYCLE);
    for circumstance in [Circumstance::Asked, Circumstance::Undone] {
        for (what, removal) in removals(&linked) {
            let error = judge(&host, &removal, circumstance).unwrap_err();
            assert_eq!(error.code, Code::EffectNoEvidence, "{what}: {error:?}");
        }
    }
    for call in asked(&host, &linked) {
        let ended = host.run_body(&format!("connect_tenant(); {call}"));
        let error = ended.result.expect_err(&call);
        assert_eq!((error.code, ended.changed), (Code::EffectNoEvidence, false), "{call}");
        assert_eq!(ended.exit_code, 5, "{call}");
    }
    // Its address is refused before anybody is asked: a certificate names it.
    let uri = linked.key_uri.unwrap();
    let ended = host.run_body(&format!(r#"remove_private_key(#{{ key_uri: "{uri}" }})"#));
    assert_eq!(ended.result.unwrap_err().code, Code::CertificateUnusable);
    assert_rules(&host);
}

#[test]
fn a_token_is_enough_for_a_key_credential_and_a_cycle_for_the_rest() {
    let (host, linked) = linked(221);
    // Evidence of the credential before, and of the one before that.
    run(&host, CYCLE);
    run(&host, BACK);
    run(&host, r#"test_credential(#{ connector: "default" })"#);
    for (what, removal) in removals(&linked) {
        let expected = if what == "key credential" { Allowed } else { Refused };
        assert_judged(&host, &format!("tokens only: {what}"), &removal, expected);
    }
    run(&host, CYCLE);
    assert_all(&host, &removals(&linked), Allowed, "after a cycle");
    assert_all(&host, &account(&linked), Refused, "the account it signs in with");

    // What it signs in with now has not synchronized yet, though the one before has.
    let own = linked.application.clone().unwrap();
    let again = format!(
        r#"connect_tenant(); link_app_registration(#{{ connector: "default", app_id: "{}",
        certificate_sha256: "{}" }})"#,
        own.app_id,
        linked.certificate_sha256.clone().unwrap()
    );
    run(&host, &again);
    assert_all(&host, &removals(&linked), Refused, "linked again");
    assert_all(&host, &account(&linked), Refused, "its way back, without a cycle");
    run(&host, CYCLE);
    assert_all(&host, &account(&linked), Allowed, "its way back, after a cycle");
    assert_all(&host, &removals(&linked), Refused, "linked again, after a cycle");
}

/// A cycle long ago is worth nothing where the credential does not work now.
#[test]
fn evidence_is_renewed_by_a_token_here_and_now() {
    let (host, linked) = linked(222);
    run(&host, BACK);
    run(&host, CYCLE);
    let path = format!("users/{}", linked.service_account.clone().unwrap().upn);
    let enable = |enabled: bool| {
        let body = json!({ "accountEnabled": enabled });
        host.rival().ask(Method::PATCH, &path, &body).unwrap();
    };
    enable(false);
    assert_all(&host, &removals(&linked), Refused, "disabled");
    host.sandbox.faults().plan("token", 0, usize::MAX, tenant::Fault::Reset);
    let error = judge(&host, &removals(&linked)[0].1, Circumstance::Asked).unwrap_err();
    assert_eq!(error.code, Code::RemoteUnreachable, "an outage says nothing of the credential");
    host.sandbox.faults().clear();
    enable(true);
    assert_all(&host, &removals(&linked), Allowed, "enabled again");
}

/// Evidence is ordered by its sequence: setting the clock changes no verdict.
#[test]
fn a_clock_that_is_set_makes_no_evidence() {
    for forward in [true, false] {
        let (host, linked) = linked(223);
        let truth = host.world.clock.now();
        let away = if forward { truth.plus(YEAR) } else { truth.minus(YEAR) };
        run(&host, CYCLE);
        host.set_clock(away);
        run(&host, BACK);
        host.set_clock(truth);
        for (what, removal) in removals(&linked) {
            let expected = if what == "key credential" { Allowed } else { Refused };
            assert_judged(&host, &format!("forward {forward}: {what}"), &removal, expected);
        }
        run(&host, CYCLE);
        host.set_clock(away);
        assert_all(&host, &removals(&linked), Allowed, "a cycle after the switch");
    }
}

/// Adds a connector as no cmdlet would: of another tenant, or of a real one.
fn add(host: &Host, name: &str, edit: impl FnOnce(&mut NewConnector)) -> Connector {
    let known = connector(host, "default");
    let mut new = NewConnector {
        id: host.store.new_id(),
        name: name.to_owned(),
        tenant_id: known.tenant_id,
        tenant_name: known.tenant_name,
        sandbox: known.sandbox,
        service_account: known.service_account,
        client_id: None,
        sync_job: SyncJob::Builtin,
        run_as: None,
    };
    edit(&mut new);
    write(host, async |writer, permit| writer.add_connector(permit, new.clone()).await)
}

fn write<T>(host: &Host, act: impl AsyncFn(&state::Writer, effect::Permit<'_>) -> Result<T>) -> T {
    let run = host.begin("prepared", Value::Null, &[]).unwrap();
    let writer = run.parts().context.writer.clone();
    let clock = host.ports.clock.clone();
    let work = permitted(clock, async |permit| act(&writer, permit).await);
    host.ports.executor.block_on(work).unwrap()
}

fn link(host: &Host, to: &Connector, linked: &Connector) {
    let link = Link {
        mode: Mode::Managed,
        application: linked.application.clone().unwrap(),
        certificate_sha256: linked.certificate_sha256.clone().unwrap(),
        key_uri: linked.key_uri.clone().unwrap(),
        algorithm: linked.algorithm.unwrap(),
    };
    write(host, async |writer, permit| writer.link_application(permit, &to.id, link.clone()).await);
}

#[test]
fn a_connector_of_another_tenant_protects_what_it_uses() {
    let (host, linked) = linked(224);
    run(&host, BACK);
    run(&host, CYCLE);
    assert_all(&host, &removals(&linked)[..4], Allowed, "alone");
    let other = add(&host, "other", |new| {
        new.tenant_id = "9d2e3cbb-0b7c-4b1c-8d0f-3a4f0f7b9c11".to_owned();
        new.tenant_name = "Fabrikam".to_owned();
    });
    link(&host, &other, &linked);
    assert_all(&host, &removals(&linked)[..4], Refused, "another one signs in with it");
    // It signs in otherwise now, and nobody here can see whether that works.
    let account = other.service_account.clone().unwrap();
    write(&host, async |writer, permit| {
        writer.link_service_account(permit, &other.id, account.clone()).await
    });
    for (what, removal) in &removals(&linked)[..4] {
        let error = judge(&host, removal, Circumstance::Asked).unwrap_err();
        assert!(error.message.contains("Fabrikam is not in view"), "{what}: {error}");
    }
}

/// The built-in job synchronizes nothing: on a real tenant the account stays until a real job ran.
#[test]
fn on_a_real_tenant_proved_tokens_do_not_burn_the_bridge() {
    let (host, _) = linked(225);
    let real = add(&host, "real", |new| new.sandbox = false);
    let onboard = super::undo::calls(super::undo::CALLS.len()).replace("default", "real");
    run(&host, &onboard);
    let cycle = CYCLE.replace("default", "real");
    run(&host, &cycle);
    run(&host, CYCLE);
    assert_all(&host, &account(&real), Refused, "token-only");
    run(
        &host,
        r#"set_connector(#{ connector: "real", sync_job: #{ kind: "command", words: ["/bin/job"] } })"#,
    );
    assert_all(&host, &account(&real), Refused, "a job that did not run yet");
    host.world.process.programs.lock().unwrap().insert(
        "/bin/job".to_owned(),
        Box::new(|_| Ok(Finished { code: Some(0), output: Vec::new(), errors: Vec::new() })),
    );
    run(&host, &cycle);
    assert_all(&host, &account(&real), Allowed, "a job ran");
}

/// Each of two connectors that share an application protects it, and proves its own credential.
#[test]
fn two_connectors_that_share_an_application_protect_each_other() {
    let (host, linked) = linked(226);
    let account = host.sandbox.sign_ins().legacy_username;
    let prepared = run(
        &host,
        &format!(
            r#"add_connector(#{{ connector: "second", service_account: "{account}" }});
            prepare_credential(#{{ connector: "second" }})"#
        ),
    );
    let sha256 = prepared["certificate_sha256"].as_str().unwrap();
    let file = format!("/home/admin/state/certificates/{sha256}.pem");
    let pem = host.ports.disk.read(std::path::Path::new(&file)).unwrap();
    let own = linked.application.clone().unwrap();
    let tenant = host.sandbox.show();
    let row = tenant.applications.iter().find(|row| row.id.to_string() == own.object_id).unwrap();
    super::add_key(&host, row, &String::from_utf8(pem).unwrap());
    let app_id = &own.app_id;
    run(
        &host,
        &format!(
            r#"connect_tenant(); link_app_registration(#{{ connector: "second",
            app_id: "{app_id}", certificate_sha256: "{sha256}" }})"#
        ),
    );
    run(&host, BACK);
    run(&host, CYCLE);
    for (what, removal) in removals(&linked) {
        let shared = ["application", "principal", "role"].contains(&what);
        let expected = if shared { Refused } else { Allowed };
        assert_judged(&host, what, &removal, expected);
    }
    // The key of the first is no key of the second, which proves that it signs in without.
    let first = linked.certificate_sha256.unwrap();
    let removed = run(
        &host,
        &format!(
            r#"connect_tenant();
            remove_app_key(#{{ connector: "default", certificate_sha256: "{first}" }}).removed"#
        ),
    );
    assert_eq!(removed, true);
    assert_rules(&host);
}

/// Ids are the same ids however they are written.
#[test]
fn other_spellings_name_the_same_objects() {
    let (host, linked) = linked(227);
    run(&host, CYCLE);
    let own = linked.application.clone().unwrap();
    let (app_id, sha256) = (own.app_id.clone(), linked.certificate_sha256.clone().unwrap());
    let pairs: Vec<String> = sha256
        .as_bytes()
        .chunks(2)
        .map(|pair| String::from_utf8_lossy(pair).to_lowercase())
        .collect();
    let colons = pairs.join(":");
    let mut calls = Vec::new();
    for app_id in [app_id.to_uppercase(), format!("{{{app_id}}}"), app_id.replace('-', "")] {
        calls.push(format!(
            r#"remove_service_principal(#{{ connector: "default", app_id: "{app_id}" }})"#
        ));
    }
    let grant = super::grant(&host, &own.principal_id);
    let shouted = grant.replace(&own.principal_id, &own.principal_id.to_uppercase());
    calls.push(format!("remove_app_role_assignment({shouted})"));
    calls.push(format!(r#"remove_certificate(#{{ certificate_sha256: "{colons}" }})"#));
    calls.push(format!(
        r#"remove_app_key(#{{ connector: "default", certificate_sha256: "{colons}" }})"#
    ));
    for call in calls {
        let ended = host.run_body(&format!("connect_tenant(); {call}"));
        let error = ended.result.expect_err(&call);
        assert_eq!(error.code, Code::EffectNoEvidence, "{call}: {error:?}");
    }
    let shouted: Vec<_> = removals(&linked)
        .into_iter()
        .map(|(what, removal)| {
            let mut object = json!(removal);
            for (name, value) in object.as_object_mut().unwrap() {
                if name != "kind" && name != "role" {
                    *value = json!(value.as_str().unwrap().to_uppercase());
                }
            }
            (what, serde_json::from_value(object).unwrap())
        })
        .collect();
    assert_all(&host, &shouted, Refused, "in capitals");
    assert_rules(&host);
}
