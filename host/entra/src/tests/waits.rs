//! Waiting for replication.

use std::sync::Mutex;
use std::time::Duration;

use base::{Applied, Code, Diagnostic};
use keystore::Algorithm;
use proptest::prelude::*;
use serde_json::json;

use super::fake::{APP, Reply, TENANT, World, password};
use crate::graph::{ApplicationRef, PrincipalRef};
use crate::{Credential, Look, Scope, WaitPolicy, WaitProgress, meaning};

const MISSING: &str = "Resource does not exist or one of its queried reference-property objects";

fn missing() -> Reply {
    Reply::graph(404, "Request_ResourceNotFound", MISSING)
}

fn principal() -> Reply {
    Reply::json(200, &json!({"id": TENANT, "appId": APP, "appRoles": []}))
}

#[test]
fn flapping_replicas_do_not_count() {
    let world = World::new();
    let (yes, no) = (principal, missing);
    world.fake.graph([no(), yes(), no(), yes(), yes(), no(), yes(), yes(), yes(), no()]);
    let shown = Mutex::new(Vec::new());
    let admin = password();
    world.run(async {
        let progress = |p: &WaitProgress<'_>| {
            assert_eq!(p.what, "principal readable");
            if !p.ended {
                assert_eq!((p.needed, p.limit), (3, Duration::from_secs(65)));
            }
            shown.lock().unwrap().push((p.seen, p.waited.as_secs(), p.ended));
        };
        let graph = world.client.session(&progress).graph(&admin);
        graph.principal_readable(PrincipalRef::AppId(APP)).await.unwrap();
    });
    assert_eq!(world.fake.seen().len(), 9, "three in a row are enough");
    let seen: Vec<_> = shown.into_inner().unwrap();
    let counts: Vec<_> = seen.iter().map(|(count, _, _)| *count).collect();
    assert_eq!(counts, [0, 1, 0, 1, 2, 0, 1, 2, 0]);
    assert_eq!(seen.last(), Some(&(0, 0, true)));
}

#[test]
fn patience_ends_with_what_was_seen_last() {
    let world = World::new();
    world.fake.graph((0..100).map(|_| missing()));
    let admin = password();
    let began = world.ports.clock.now();
    let error = world.run(async {
        let graph = world.client.quiet().graph(&admin);
        graph.application_readable(&ApplicationRef::AppId(APP)).await.unwrap_err()
    });
    assert_eq!(error.code, Code::ReplicationTimeout);
    assert!(error.message.contains("65 s: application readable"), "{error}");
    assert!(error.causes[0].contains("Request_ResourceNotFound"), "{error:?}");
    assert!(world.ports.clock.now().since(began) <= Duration::from_secs(65));
}

#[test]
fn what_does_not_pass_ends_a_wait_at_once() {
    let denied = || Reply::graph(403, "Authorization_RequestDenied", "Insufficient privileges.");
    let world = World::new();
    world.fake.graph([missing(), denied(), principal()]);
    let admin = password();
    let error = world.run(async {
        let graph = world.client.quiet().graph(&admin);
        graph.principal_readable(PrincipalRef::Id(APP)).await.unwrap_err()
    });
    assert_eq!(error.code, Code::GraphDenied);
    assert_eq!(world.fake.seen().len(), 2);
}

#[test]
fn a_tenant_that_stays_away_is_named_as_such() {
    let world = World::new();
    let error = world.run(async {
        let away = async || -> base::Result<Look<()>> {
            Err(Diagnostic::new(Code::RemoteUnreachable, "away"))
        };
        world.client.quiet().until("something", away).await.unwrap_err()
    });
    assert_eq!(error.code, Code::RemoteUnreachable);
}

#[test]
fn a_new_key_is_waited_for_and_an_expired_one_is_not() {
    let refused = |text: &str| Reply::aadsts(401, "invalid_client", 700027, text);
    let granted = || Reply::token(&json!({"roles": ["R"]}));
    let world = World::new();
    world.run(async {
        let credential = Credential::Certificate(world.certificate(Algorithm::Ps256).await);
        let session = world.client.quiet();
        world.fake.tokens([
            refused("The certificate is not registered on application."),
            Reply::aadsts(400, "unauthorized_client", 700016, "Application was not found."),
            Reply::aadsts(401, "invalid_client", 7000229, "No service principal."),
            granted(),
            refused("[Reason - The key was not found.]"),
            granted(),
            granted(),
            granted(),
        ]);
        session.key_accepted(&credential, &Scope::graph()).await.unwrap();
        assert!(world.fake.is_done());

        world.fake.tokens([refused("The certificate is expired on application."), granted()]);
        let error = session.key_accepted(&credential, &Scope::graph()).await.unwrap_err();
        assert_eq!(error.code, Code::SignInKeyUnknown);
    });
}

#[test]
fn roles_are_looked_for_in_fresh_tokens() {
    let token = |roles: &[&str]| Reply::token(&json!({"roles": roles, "scp": "S T"}));
    let world = World::new();
    let needed = ["R", "S"];
    world.fake.tokens([token(&[]), token(&["Q"]), token(&["R"]), token(&["R"]), token(&["R"])]);
    world.run(async {
        let session = world.client.quiet();
        let token = session.role_in_token(&password(), &Scope::graph(), &needed).await.unwrap();
        assert!(token.missing(&needed).is_empty());
        assert!(world.fake.is_done());
        // Tokens of the fake hold no such role from here on.
        let error = session.role_in_token(&password(), &Scope::graph(), &["X"]).await.unwrap_err();
        assert_eq!(error.causes, ["seen last (0 in a row): the token lacks X"]);
    });
}

#[test]
fn an_unknown_change_is_never_waited_over() {
    let world = World::new();
    let looks = Mutex::new(0);
    let error = world.run(async {
        let lost = async || -> base::Result<Look<()>> {
            *looks.lock().unwrap() += 1;
            let lost = Diagnostic::new(Code::RemoteUnreachable, "lost");
            Err(lost.applied(Applied::Unknown))
        };
        world.client.quiet().until("something", lost).await.unwrap_err()
    });
    assert_eq!((error.applied, *looks.lock().unwrap()), (Applied::Unknown, 1));
}

#[test]
fn absence_is_believed_after_several_looks_only() {
    let world = World::new();
    world.fake.graph([missing(), missing(), principal()]);
    let admin = password();
    world.run(async {
        let session = world.client.quiet();
        let graph = session.graph(&admin);
        let look = async || graph.find_principal(PrincipalRef::AppId(APP)).await;
        assert!(session.look_for("the principal", look).await.unwrap().is_some());
        assert_eq!(world.fake.seen().len(), 3);

        world.fake.graph((0..10).map(|_| missing()));
        let began = world.ports.clock.now();
        assert!(session.look_for("the principal", look).await.unwrap().is_none());
        assert!(world.ports.clock.now().since(began) >= session.wait_policy().absence);
    });
}

#[test]
fn every_row_of_the_tables_is_reachable() {
    for row in meaning::AADSTS {
        let found = meaning::of_aadsts(row.number, row.says).unwrap();
        assert!(std::ptr::eq(found, row), "{row:?} is hidden by {found:?}");
    }
    for row in meaning::GRAPH {
        let name = if row.name.is_empty() { "Unheard_Of" } else { row.name };
        let found = meaning::of_graph(name, row.status, row.says).unwrap();
        assert!(std::ptr::eq(found, row), "{row:?} is hidden by {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However looks come out, a wait that succeeds ends with the demanded row of successes, and
    /// one that fails never had such a row.
    #[test]
    fn successes_are_in_a_row(looks in proptest::collection::vec(any::<bool>(), 250), needed in 1_u32..6) {
        let world = World::new();
        let made = Mutex::new(0_usize);
        let policy = WaitPolicy { successes: needed, ..WaitPolicy::default() };
        let look = async || {
            let mut made = made.lock().unwrap();
            *made += 1;
            Ok(if looks[*made - 1] { Look::Seen(()) } else { Look::NotYet("no".to_owned()) })
        };
        let outcome = world.run(world.client.quiet().with_wait(policy).until("it", look));
        let made = *made.lock().unwrap();
        let row = looks[..made].iter().rev().take_while(|seen| **seen).count();
        let longest = looks[..made].split(|seen| !seen).map(<[bool]>::len).max().unwrap_or(0);
        prop_assert_eq!(outcome.is_ok(), longest == needed as usize);
        prop_assert_eq!(outcome.is_ok(), row == needed as usize);
    }
}
