//! Faults, delays and a wrong clock.

use std::time::Duration;

use serde_json::json;
use tenant::{Delays, Fault, Lost};

use crate::openssl::Credential;
use crate::world::{GRAPH, SYNCHRONIZATION, World, key};

#[test]
fn each_fault_shows_once_and_does_or_does_not_what_was_asked() {
    let world = World::new();
    let graph = world.administrator();
    let faults = world.sandbox.faults();
    let count = || graph.get("/applications").expect(200)["value"].as_array().unwrap().len();
    let post = || graph.post("/applications", json!({ "displayName": "x" }));
    let mut expected = count();
    for (fault, done) in [
        (Fault::Throttled { retry_after: Some(7) }, false),
        (Fault::Throttled { retry_after: None }, false),
        (Fault::Unavailable { retry_after: Some(1) }, false),
        (Fault::InternalError, false),
        (Fault::Html, false),
        (Fault::Reset, false),
        (Fault::AnswerLost, true),
        (Fault::HalfBody, true),
        (Fault::Garbage, true),
        (Fault::Slow(Duration::from_secs(90)), true),
    ] {
        faults.next("POST /applications", fault.clone());
        let before = world.now();
        let answer = post();
        match &fault {
            Fault::Throttled { retry_after } => {
                assert_eq!(answer.expect(429)["error"]["code"], "TooManyRequests");
                let header = answer.header("retry-after");
                assert_eq!(
                    header,
                    retry_after.map_or(String::new(), |seconds| seconds.to_string())
                );
            }
            Fault::Unavailable { .. } => drop(answer.expect(503)),
            Fault::InternalError => drop(answer.expect(500)),
            Fault::Html => {
                assert_eq!((answer.status, answer.header("content-type")), (200, "text/html"));
            }
            Fault::Reset => assert_eq!(answer.lost, Some(Lost { done: false })),
            Fault::AnswerLost => assert_eq!(answer.lost, Some(Lost { done: true })),
            Fault::HalfBody => assert!(answer.bytes.is_err()),
            Fault::Garbage => {
                let bytes = answer.bytes.as_ref().unwrap();
                assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_err());
            }
            Fault::Slow(span) => {
                answer.expect(201);
                assert_eq!(world.now() - before, i64::try_from(span.as_secs()).unwrap());
            }
        }
        expected += usize::from(done);
        assert_eq!(count(), expected, "{fault:?}");
        post().expect(201);
        expected += 1;
    }
}

#[test]
fn the_token_endpoint_fails_in_its_own_words() {
    let world = World::new();
    world.sandbox.faults().next("token", Fault::Throttled { retry_after: Some(2) });
    let answer = world.token(&[]);
    assert_eq!(answer.expect(429)["error"], "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(world.token(&[]).status, 400);
}

#[test]
fn a_wrong_clock_shows_in_the_date_and_refuses_assertions() {
    let world = World::new();
    let client_id = world.sign_ins.client_id.to_string();
    let scope = format!("{GRAPH}/.default");
    world.sandbox.faults().set_clock_skew(3600);
    let answer = world.by_certificate(&client_id, &world.administrator, &scope);
    assert_eq!(answer.expect(401)["error_codes"], json!([700_024]));
    let date = answer.header("date").to_owned();
    world.sandbox.faults().set_clock_skew(0);
    let right = world.by_certificate(&client_id, &world.administrator, &scope);
    right.expect(200);
    assert_ne!(date, right.header("date"));
}

#[test]
fn each_effect_of_a_change_shows_after_its_own_delay() {
    let world = World::with_delays();
    let delays = Delays {
        object_readable: Duration::from_secs(10),
        key_accepted: Duration::from_secs(20),
        role_in_token: Duration::from_secs(30),
    };
    world.sandbox.faults().set_delays(delays);
    let graph = world.administrator();
    let (id, app_id) = graph.application("slow");
    let path = format!("/applications/{id}");
    let by_filter = format!("/applications?$filter=appId eq '{app_id}'");
    let listed = || graph.get(&by_filter).expect(200)["value"].as_array().unwrap().len();
    assert_eq!(graph.get(&path).error(), (404, "Request_ResourceNotFound".to_owned()));
    assert_eq!(graph.patch(&path, json!({ "notes": "x" })).status, 404);
    assert_eq!(listed(), 0);
    let early = graph.post("/servicePrincipals", json!({ "appId": app_id }));
    assert_eq!(early.error(), (400, "Request_BadRequest".to_owned()));
    let credential = Credential::new("slow", 2048, 30);
    let scope = format!("{SYNCHRONIZATION}/.default");
    let codes =
        || world.by_certificate(&app_id, &credential, &scope).json()["error_codes"][0].clone();
    assert_eq!(codes(), 700_016);
    world.pass(Duration::from_millis(9_999));
    assert_eq!(graph.get(&path).status, 404);
    world.pass(Duration::from_millis(1));
    graph.get(&path).expect(200);
    assert_eq!(listed(), 1);

    let principal = graph.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
    graph.patch(&path, json!({ "keyCredentials": [key(&credential)] })).expect(204);
    graph.get(&path).expect(200);
    assert_eq!(codes(), 700_027, "the key is seen, but not accepted yet");
    world.pass(Duration::from_secs(20));
    world.by_certificate(&app_id, &credential, &scope).expect(200);

    let principal = principal["id"].as_str().unwrap();
    let resource = graph.get(&format!("/servicePrincipals(appId='{SYNCHRONIZATION}')")).expect(200);
    let grant = json!({
        "principalId": principal, "resourceId": resource["id"], "appRoleId": resource["appRoles"][0]["id"],
    });
    graph.post(&format!("/servicePrincipals/{principal}/appRoleAssignments"), grant).expect(201);
    let has_roles = || {
        let body = world.by_certificate(&app_id, &credential, &scope).expect(200);
        let token = body["access_token"].as_str().unwrap().to_owned();
        jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(&token)
            .unwrap()
            .claims
            .get("roles")
            .is_some()
    };
    world.pass(Duration::from_secs(29));
    assert!(!has_roles());
    world.pass(Duration::from_secs(1));
    assert!(has_roles());
}

#[test]
fn what_happens_to_a_fork_does_not_happen_here() {
    let world = World::new();
    let graph = world.administrator();
    let before = world.sandbox.show();
    let mut twin = World::new();
    twin.sandbox = world.sandbox.fork(&world.ports);
    twin.graph(graph.token.clone()).application("only there");
    assert_eq!(world.sandbox.show(), before);
    assert_ne!(twin.sandbox.show(), before);
}

#[test]
fn no_change_is_lost_when_many_come_at_once() {
    let world = World::new();
    let token = format!("Bearer {}", world.administrator_token());
    let router = world.sandbox.router();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (router, token) = (router.clone(), &token);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                for n in 0..25 {
                    let body = json!({ "displayName": format!("{thread} {n}") }).to_string();
                    let request = http::Request::post("https://x.invalid/v1.0/applications")
                        .header("authorization", token)
                        .body(axum::body::Body::from(body));
                    let answer = tower::ServiceExt::oneshot(router.clone(), request.unwrap());
                    assert_eq!(runtime.block_on(answer).unwrap().status(), 201);
                }
            });
        }
    });
    assert_eq!(world.sandbox.show().applications.len(), 101);
}
