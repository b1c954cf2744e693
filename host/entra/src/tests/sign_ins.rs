//! Signing in.

use std::time::Duration;

use base::{Code, Repeat};
use keystore::Algorithm;
use serde_json::json;

use super::fake::{APP, PASSWORD, Reply, TENANT, World, configuration, password};
use crate::graph::ApplicationRef;
use crate::{Credential, FaultKind, Scope};

#[test]
fn tokens_are_remembered_until_they_end() {
    let world = World::new();
    world.run(async {
        let session = world.client.quiet();
        let admin = password();
        let token = session.token(&admin, &Scope::graph()).await.unwrap();
        assert_eq!(token.claims.tenant_id, Some(TENANT));
        session.token(&admin, &Scope::graph()).await.unwrap();
        assert_eq!(world.fake.seen_tokens().len(), 1, "asked for twice");
        session.token(&admin, &Scope::synchronization()).await.unwrap();
        session.fresh_token(&admin, &Scope::graph()).await.unwrap();
        assert_eq!(world.fake.seen_tokens().len(), 3);
        world.ports.clock.sleep(Duration::from_secs(3599 - 299)).await;
        session.token(&admin, &Scope::graph()).await.unwrap();
        assert_eq!(world.fake.seen_tokens().len(), 4, "used too close to its end");
        world.client.forget_tokens();
        session.token(&admin, &Scope::graph()).await.unwrap();
        assert_eq!(world.fake.seen_tokens().len(), 5);
    });
}

#[test]
fn another_password_is_another_credential() {
    let world = World::new();
    world.run(async {
        let session = world.client.quiet();
        session.token(&password(), &Scope::graph()).await.unwrap();
        let Credential::Password(mut other) = password() else { panic!() };
        other.password = base::SecretText::new("another");
        let other = Credential::Password(other);
        session.token(&other, &Scope::graph()).await.unwrap();
        assert_eq!(world.fake.seen_tokens().len(), 2);
    });
}

#[test]
fn a_wrong_password_is_named_and_never_shown() {
    let world = World::new();
    let text = "Error validating credentials due to invalid username or password.";
    world.fake.tokens([Reply::aadsts(400, "invalid_grant", 50126, text)]);
    let error = world
        .run(async { world.client.quiet().token(&password(), &Scope::graph()).await.unwrap_err() });
    assert_eq!((error.code, error.repeat), (Code::SignInWrongPassword, Repeat::Safe));
    assert_eq!(error.message, "Sign-in of admin@contoso.test was refused (AADSTS50126)");
    let remote = error.remote.clone().unwrap();
    assert_eq!((remote.aadsts, remote.status), (Some(50126), Some(400)));
    assert_eq!(remote.request_id.as_deref(), Some("t-1"));
    let shown = format!("{error:?} {} {:?}", serde_json::to_string(&error).unwrap(), password());
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert_eq!(world.fake.seen_tokens().len(), 1, "a wrong password must not be sent again");
}

#[test]
fn no_secret_is_in_any_output() {
    let world = World::new();
    world.run(async {
        let own = world.certificate(Algorithm::Ps256).await;
        let credential = Credential::Certificate(own);
        let token = world.client.quiet().token(&credential, &Scope::graph()).await.unwrap();
        let shown = format!("{token:?} {credential:?} {credential}");
        assert!(!shown.contains(token.secret.expose()));
        assert!(!shown.contains("signature"));
    });
}

/// As a proxy in between might, which repeats what it was sent.
#[test]
fn an_answer_that_repeats_the_request_tells_no_secret() {
    let world = World::new();
    let written: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    let text = format!("cannot forward password={written} ({PASSWORD})");
    world.fake.tokens([Reply::aadsts(400, "invalid_request", 1, &text)]);
    let error = world
        .run(async { world.client.quiet().token(&password(), &Scope::graph()).await.unwrap_err() });
    let said = error.remote.unwrap().message.unwrap();
    assert!(said.contains("password=(secret) ((secret))"), "{said}");

    let world = World::new();
    let token = "ZXkgdGhpcyBpcyBhIHRva2Vu";
    world.fake.tokens([Reply::json(200, &json!({"access_token": token, "expires_in": 3599}))]);
    world.fake.graph([Reply::graph(400, "Request_BadRequest", &format!("Bearer {token}"))]);
    let graph_error = world.run(async {
        let admin = password();
        let session = world.client.quiet();
        session.graph(&admin).application(&ApplicationRef::Id(TENANT)).await.unwrap_err()
    });
    let said = format!("{graph_error:?}");
    assert!(said.contains("Bearer (secret)") && !said.contains(token), "{said}");
}

#[test]
fn odd_answers_of_the_token_endpoint() {
    for (reply, code) in [
        (Reply::text(200, "text/html", "<html>"), Code::RemoteGarbage),
        (Reply::json(200, &json!({"token_type": "Bearer"})), Code::RemoteGarbage),
        (Reply::json(400, &json!({"error": "invalid_client"})), Code::SignInRefused),
        (Reply::text(400, "text/html", "<html>"), Code::RemoteGarbage),
        (Reply::empty(401), Code::RemoteGarbage),
        (Reply::Lost(FaultKind::Broken), Code::RemoteUnreachable),
        (Reply::empty(503), Code::RemoteFailed),
        (Reply::json(503, &json!({"error": "temporarily_unavailable"})), Code::RemoteFailed),
    ] {
        let world = World::new();
        world.fake.tokens((0..5).map(|_| reply.clone()));
        let error = world.run(async {
            world.client.quiet().token(&password(), &Scope::graph()).await.unwrap_err()
        });
        assert_eq!(error.code, code, "{reply:?}");
    }
}

#[test]
fn lifetimes_may_be_numbers_or_texts() {
    let world = World::new();
    world.fake.tokens([Reply::json(
        200,
        &json!({"access_token": "opaque", "expires_in": "3599", "scope": "a https://x/User.Read"}),
    )]);
    world.run(async {
        let token = world.client.quiet().token(&password(), &Scope::graph()).await.unwrap();
        assert_eq!(token.expires_at.since(world.ports.clock.now()), Duration::from_secs(3599));
        assert_eq!(token.claims, crate::Claims::default(), "an opaque token says nothing");
        assert_eq!(token.missing(&["User.Read", "a", "User.Write"]), ["User.Write"]);
    });
}

#[test]
fn a_configuration_that_could_lead_astray_is_refused() {
    let altered = |name: &str, value: &str| {
        let mut document = configuration();
        document[name] = value.into();
        Reply::json(200, &document)
    };
    let other = format!("https://login.test/{APP}/v2.0");
    for (reply, code) in [
        (altered("issuer", &other), Code::ConfigurationInvalid),
        (altered("issuer", "https://login.test/contoso/v2.0"), Code::ConfigurationInvalid),
        (altered("token_endpoint", "https://evil.test/token"), Code::ConfigurationInvalid),
        (altered("token_endpoint", "http://login.test/token"), Code::ConfigurationInvalid),
        (altered("token_endpoint", "nothing"), Code::RemoteGarbage),
        (Reply::json(200, &json!([])), Code::RemoteGarbage),
        (Reply::text(200, "text/html", "<html>"), Code::RemoteGarbage),
        (Reply::aadsts(400, "invalid_tenant", 90002, "Tenant not found."), Code::SignInRefused),
    ] {
        let world = World::new();
        world.fake.configurations([reply.clone()]);
        let error = world.run(async { world.client.quiet().discover().await.unwrap_err() });
        assert_eq!(error.code, code, "{reply:?}: {error}");
        assert!(world.fake.seen_tokens().is_empty());
    }
}

#[test]
fn the_configuration_is_read_once() {
    let world = World::new();
    world.fake.configurations([Reply::json(200, &configuration())]);
    world.run(async {
        let found = world.client.quiet().discover().await.unwrap();
        assert_eq!(found.tenant_id, TENANT);
        assert_eq!(world.client.quiet().discover().await.unwrap(), found);
    });
    assert!(world.fake.is_done());
}
