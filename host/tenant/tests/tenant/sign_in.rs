//! Sign-in: every shape of assertion that is accepted, and every refusal with its number.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::openssl::{Credential, Signing};
use crate::world::{Answer, COMMAND_LINE, ENTRA_CONNECT, GRAPH, SYNCHRONIZATION, World, key};

const SCOPE: &str = "https://graph.microsoft.com/.default";

/// Status, `error` and number of a refusal, whose form is checked on the way.
fn refusal(answer: &Answer) -> (u16, String, u64) {
    let body = answer.json();
    let code = body["error_codes"][0].as_u64().unwrap_or_else(|| panic!("no refusal: {body}"));
    let text = body["error_description"].as_str().unwrap();
    assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
    for (name, label) in
        [("trace_id", "Trace ID"), ("correlation_id", "Correlation ID"), ("timestamp", "Timestamp")]
    {
        assert!(text.contains(&format!("{label}: {}", body[name].as_str().unwrap())), "{text}");
    }
    assert!(text.ends_with('Z') && answer.header("date").ends_with("GMT"));
    assert_eq!(answer.header("x-ms-request-id"), body["trace_id"].as_str().unwrap());
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    (answer.status, body["error"].as_str().unwrap().to_owned(), code)
}

fn assert_refused(answer: &Answer, status: u16, error: &str, code: u64) {
    assert_eq!(refusal(answer), (status, error.to_owned(), code), "{}", answer.json());
}

#[test]
fn every_shape_of_assertion_that_libraries_send_is_accepted() {
    let world = World::new();
    let client_id = world.sign_ins.client_id.to_string();
    let credential = &world.administrator;
    let claims = world.assertion_claims(&client_id);
    let with = |change: Value| {
        let mut claims = claims.clone();
        for (name, value) in change.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    };
    let (sha1, sha256) = (credential.sha1(), credential.sha256());
    let mut assertions = Vec::new();
    for (header, digest, algorithm, signing) in [
        ("x5t", &sha1, "RS256", Signing::Rs256),
        ("x5t#S256", &sha256, "PS256", Signing::Pss(32)),
        ("x5t#S256", &sha256, "RS256", Signing::Rs256),
        ("x5t", &sha1, "PS256", Signing::Pss(32)),
    ] {
        for encoded in [
            URL_SAFE_NO_PAD.encode(digest),
            URL_SAFE.encode(digest),
            STANDARD.encode(digest),
            STANDARD_NO_PAD.encode(digest),
        ] {
            let header = json!({ "alg": algorithm, "typ": "JWT", header: encoded });
            assertions.push(credential.jwt(&header, &claims, signing));
        }
    }
    let now = world.now();
    let tenant = world.sign_ins.tenant_id;
    for claims in [
        with(json!({ "nbf": null })),
        with(json!({ "nbf": null, "iat": now })),
        with(json!({ "iat": now })),
        with(json!({ "exp": now as f64 + 599.75, "nbf": now as f64 - 0.25 })),
        with(json!({ "jti": null })),
        with(json!({ "aud": "https://login.sandbox.invalid/contoso.com/oauth2/v2.0/token" })),
        with(
            json!({ "aud": format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token") }),
        ),
        with(json!({ "aud": format!("https://login.sandbox.invalid/{tenant}/v2.0") })),
    ] {
        assertions.push(credential.usual_jwt(&claims, Signing::Pss(32)));
    }
    for assertion in &assertions {
        world.by_assertion(&client_id, assertion, SCOPE).expect(200);
        // The same one again: MSAL Python reuses them.
        world.by_assertion(&client_id, assertion, SCOPE).expect(200);
    }
    let domain = world.token_of(
        "contoso.onmicrosoft.com",
        &[
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("scope", "https://graph.microsoft.com//.default openid profile offline_access"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertions[0]),
        ],
    );
    domain.expect(200);
}

#[test]
fn a_bad_assertion_is_refused_by_its_number() {
    let world = World::new();
    let client_id = world.sign_ins.client_id.to_string();
    let credential = &world.administrator;
    let claims = world.assertion_claims(&client_id);
    let now = world.now();
    let by = |assertion: &str| world.by_assertion(&client_id, assertion, SCOPE);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        by(&credential.usual_jwt(&claims, Signing::Pss(32)))
    };

    assert_refused(&by("no.token"), 401, "invalid_client", 50027);
    let none = json!({ "alg": "none" });
    assert_refused(
        &by(&credential.jwt(&none, &claims, Signing::Rs256)),
        401,
        "invalid_client",
        5_002_738,
    );
    for salt in [0, 20, 222] {
        let assertion = credential.usual_jwt(&claims, Signing::Pss(salt));
        assert_refused(&by(&assertion), 401, "invalid_client", 700_027);
    }
    let stranger = Credential::new("stranger", 2048, 30);
    let answer = by(&stranger.usual_jwt(&claims, Signing::Pss(32)));
    assert_refused(&answer, 401, "invalid_client", 700_027);
    let text = answer.json()["error_description"].as_str().unwrap().to_owned();
    assert!(text.contains("The key was not found") && text.contains(&client_id), "{text}");
    // Signed by another key than the one it names.
    let header = json!({ "alg": "PS256", "x5t#S256": URL_SAFE_NO_PAD.encode(credential.sha256()) });
    let answer = by(&stranger.jwt(&header, &claims, Signing::Pss(32)));
    assert_refused(&answer, 401, "invalid_client", 700_027);
    assert!(answer.json()["error_description"].as_str().unwrap().contains("did not match"));

    assert_refused(&with("exp", json!(now - 301)), 401, "invalid_client", 700_024);
    assert_refused(&with("nbf", json!(now + 3600)), 401, "invalid_client", 700_024);
    with("exp", json!(now - 200)).expect(200);
    assert_refused(&with("iss", json!(ENTRA_CONNECT)), 401, "invalid_client", 700_021);
    assert_refused(&with("sub", json!(ENTRA_CONNECT)), 400, "invalid_request", 50048);
    let elsewhere = json!("https://login.sandbox.invalid/elsewhere.example/oauth2/v2.0/token");
    assert_refused(&with("aud", elsewhere), 401, "invalid_client", 700_023);
    assert_refused(&with("aud", json!("https://evil.example/x")), 401, "invalid_client", 700_023);
}

#[test]
fn a_bad_request_is_refused_by_its_number() {
    let world = World::new();
    let client_id = world.sign_ins.client_id.to_string();
    let assertion =
        world.administrator.usual_jwt(&world.assertion_claims(&client_id), Signing::Rs256);
    let scoped = |scope: &str| world.by_assertion(&client_id, &assertion, scope);
    assert_refused(&scoped("User.Read"), 400, "invalid_scope", 70011);
    assert_refused(&scoped(".default"), 400, "invalid_scope", 70011);
    let two = format!("{SCOPE} {SYNCHRONIZATION}/.default");
    assert_refused(&scoped(&two), 400, "invalid_scope", 700_022);
    assert_refused(&scoped("https://nowhere.example/.default"), 400, "invalid_resource", 500_011);

    assert_refused(&world.token(&[]), 400, "invalid_request", 900_144);
    let unknown = world.token(&[("grant_type", "telepathy")]);
    assert_refused(&unknown, 400, "unsupported_grant_type", 70003);
    let nobody = "12345678-0000-4000-8000-000000000000";
    let answer = world.by_assertion(nobody, &assertion, SCOPE);
    assert_refused(&answer, 400, "unauthorized_client", 700_016);
    let form = [("grant_type", "client_credentials"), ("client_id", &client_id), ("scope", SCOPE)];
    assert_refused(&world.token(&form), 401, "invalid_client", 7_000_218);
    assert_refused(&world.token_of("organizations", &form), 400, "invalid_request", 50059);
    assert_refused(&world.token_of("elsewhere.example", &form), 400, "invalid_tenant", 90002);
    assert_refused(&world.token_of("x", &form), 400, "invalid_request", 900_023);

    let get = world.send("GET", "/contoso.com/oauth2/v2.0/token", &[], "");
    assert_refused(&get, 400, "invalid_request", 900_561);
    let id = "11111111-2222-4333-8444-555555555555";
    let answer = world.send(
        "POST",
        "/contoso.com/oauth2/v2.0/token",
        &[("client-request-id", id)],
        "grant_type=client_credentials",
    );
    assert_refused(&answer, 400, "invalid_request", 900_144);
    assert_eq!(answer.json()["correlation_id"], id);
}

#[test]
fn a_key_works_only_while_it_is_valid() {
    let world = World::new();
    let graph = world.administrator();
    let credential = Credential::new("short", 2048, 2);
    let (id, app_id, _) = graph.connector("short", &credential);
    world.by_certificate(&app_id, &credential, SCOPE).expect(200);

    world.pass(Duration::from_secs(3 * 24 * 60 * 60));
    let answer = world.by_certificate(&app_id, &credential, SCOPE);
    assert_refused(&answer, 401, "invalid_client", 700_027);
    assert!(answer.json()["error_description"].as_str().unwrap().contains("Found key 'Start="));

    // A start in the future, within the certificate's life.
    let later = Credential::new("later", 2048, 30);
    let mut entry = key(&later);
    entry["startDateTime"] = json!(iso(world.now() + 86_400));
    let graph = world.administrator();
    graph.patch(&format!("/applications/{id}"), json!({ "keyCredentials": [entry] })).expect(204);
    let answer = world.by_certificate(&app_id, &later, SCOPE);
    assert_refused(&answer, 401, "invalid_client", 1_000_502);

    let weak = Credential::new("weak", 1024, 30);
    let keys = json!({ "keyCredentials": [key(&weak)] });
    graph.patch(&format!("/applications/{id}"), keys).expect(204);
    let answer = world.by_certificate(&app_id, &weak, SCOPE);
    assert_refused(&answer, 401, "invalid_client", 700_027);
    assert!(answer.json()["error_description"].as_str().unwrap().contains("RSA key size 1024"));
}

fn iso(seconds: i64) -> String {
    base::Timestamp::from_seconds(seconds).to_string()
}

#[test]
fn an_application_signs_in_only_with_an_enabled_principal() {
    let world = World::new();
    let graph = world.administrator();
    let credential = Credential::new("principal", 2048, 30);
    let (id, app_id, principal) = graph.connector("principal", &credential);
    let path = format!("/servicePrincipals/{principal}");
    graph.patch(&path, json!({ "accountEnabled": false })).expect(204);
    let answer = world.by_certificate(&app_id, &credential, SCOPE);
    assert_refused(&answer, 400, "unauthorized_client", 7_000_112);
    graph.delete(&path).expect(204);
    let answer = world.by_certificate(&app_id, &credential, SCOPE);
    assert_refused(&answer, 401, "invalid_client", 7_000_229);
    graph.delete(&format!("/applications/{id}")).expect(204);
    let answer = world.by_certificate(&app_id, &credential, SCOPE);
    assert_refused(&answer, 400, "unauthorized_client", 700_016);
}

#[test]
fn a_client_secret_works_until_it_is_removed_or_expires() {
    let world = World::new();
    let graph = world.administrator();
    let (id, app_id) = graph.application("secret");
    graph.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
    let made = json!({ "passwordCredential": { "displayName": "one", "endDateTime": iso(world.now() + 3600) } });
    let made = graph.post(&format!("/applications/{id}/addPassword"), made).expect(200);
    let secret = made["secretText"].as_str().unwrap().to_owned();
    assert!(secret.starts_with(made["hint"].as_str().unwrap()));
    let shown = graph.get(&format!("/applications/{id}")).expect(200);
    assert_eq!(shown["passwordCredentials"][0]["secretText"], Value::Null);
    let by = |secret: &str| {
        world.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", &app_id),
            ("scope", SCOPE),
            ("client_secret", secret),
        ])
    };
    by(&secret).expect(200);
    assert_refused(&by("wrong"), 401, "invalid_client", 7_000_215);
    world.pass(Duration::from_secs(3601));
    assert_refused(&by(&secret), 401, "invalid_client", 7_000_222);
    let graph = world.administrator();
    let path = format!("/applications/{id}/removePassword");
    graph.post(&path, json!({ "keyId": made["keyId"] })).expect(204);
    let again = graph.post(&path, json!({ "keyId": made["keyId"] }));
    assert_eq!(again.error(), (400, "Request_BadRequest".to_owned()));
    assert!(
        again.json()["error"]["message"]
            .as_str()
            .unwrap()
            .starts_with("No password credential found")
    );
}

#[test]
fn a_password_sign_in_is_refused_by_its_number() {
    let world = World::new();
    let graph = world.administrator();
    let (user, password) = (world.sign_ins.username.clone(), world.sign_ins.password.clone());
    let by = |client: &str, scope: &str, user: &str, password: &str| {
        world.by_password(client, scope, user, password)
    };
    let password = password.expose();
    by(COMMAND_LINE, SCOPE, &user.to_uppercase(), password).expect(200);
    assert_refused(&by(COMMAND_LINE, SCOPE, &user, "wrong"), 400, "invalid_grant", 50126);
    assert_refused(&by(COMMAND_LINE, SCOPE, "x@contoso.com", "y"), 400, "invalid_grant", 50034);
    let scope = format!("{SYNCHRONIZATION}/.default");
    assert_refused(&by(COMMAND_LINE, &scope, &user, password), 400, "invalid_grant", 65001);
    assert_refused(&by(COMMAND_LINE, "Mail.Read", &user, password), 400, "invalid_grant", 65001);
    assert_refused(&by(GRAPH, SCOPE, &user, password), 400, "unauthorized_client", 700_016);
    let form = [("grant_type", "password"), ("client_id", COMMAND_LINE), ("scope", SCOPE)];
    assert_refused(&world.token(&form), 400, "invalid_request", 900_144);
    let with_secret = [&form[..], &[("client_secret", "none of a public client")]].concat();
    assert_refused(&world.token(&with_secret), 401, "invalid_client", 700_025);
    assert_refused(&world.token_of("common", &form), 400, "invalid_request", 9_001_023);

    // A confidential client without its credential, and then as a public one.
    let (id, app_id) = graph.application("public");
    graph.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
    assert_refused(&by(&app_id, "User.Read", &user, password), 401, "invalid_client", 7_000_218);
    let public = json!({ "isFallbackPublicClient": true });
    graph.patch(&format!("/applications/{id}"), public).expect(204);
    assert_refused(&by(&app_id, "User.Read", &user, password), 400, "invalid_grant", 65001);

    let made = graph.post("/users", new_user("someone", "Correct-horse-1")).expect(201);
    let path = format!("/users/{}", made["id"].as_str().unwrap());
    let someone = |password: &str| by(COMMAND_LINE, SCOPE, "someone@contoso.com", password);
    someone("Correct-horse-1").expect(200);
    graph.patch(&path, json!({ "accountEnabled": false })).expect(204);
    assert_refused(&someone("Correct-horse-1"), 400, "invalid_grant", 50057);
    let profile =
        json!({ "accountEnabled": true, "passwordProfile": { "password": "Another-horse-2" } });
    graph.patch(&path, profile).expect(204);
    assert_refused(&someone("Another-horse-2"), 400, "invalid_grant", 50055);
    graph.delete(&path).expect(204);
    assert_refused(&someone("Another-horse-2"), 400, "invalid_grant", 50034);
}

/// A user as clients make one.
pub fn new_user(name: &str, password: &str) -> Value {
    json!({
        "accountEnabled": true, "displayName": name, "mailNickname": name,
        "userPrincipalName": format!("{name}@contoso.com"),
        "passwordProfile": { "password": password, "forceChangePasswordNextSignIn": false },
    })
}

#[test]
fn a_new_password_ends_refresh_tokens() {
    let world = World::new();
    let graph = world.administrator();
    graph.post("/users", new_user("someone", "Correct-horse-1")).expect(201);
    let scope = "User.Read offline_access";
    let body = world.by_password(COMMAND_LINE, scope, "someone@contoso.com", "Correct-horse-1");
    let refresh = body.expect(200)["refresh_token"].as_str().unwrap().to_owned();
    let form =
        [("grant_type", "refresh_token"), ("client_id", COMMAND_LINE), ("refresh_token", &refresh)];
    world.token(&form).expect(200);
    world.pass(Duration::from_secs(1));
    let profile = json!({ "passwordProfile": {
        "password": "Another-horse-2", "forceChangePasswordNextSignIn": false } });
    graph.patch("/users/someone@contoso.com", profile).expect(204);
    assert_refused(&world.token(&form), 400, "invalid_grant", 50173);
    let forged = refresh.replace("1.e", "1.f");
    let form =
        [("grant_type", "refresh_token"), ("client_id", COMMAND_LINE), ("refresh_token", &forged)];
    assert_refused(&world.token(&form), 400, "invalid_grant", 700_082);
}
