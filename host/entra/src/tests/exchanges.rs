//! Retries, lost answers and answers that are none.

use std::time::Duration;

use base::{Applied, Code, Diagnostic, Repeat, Result};
use effect::{Removal, RemovalPermit};
use serde_json::json;

use super::fake::{APP, Reply, TENANT, World, password};
use super::permits::{permitted, permitted_removal};
use crate::graph::{ApplicationPatch, ApplicationRef, NewAppRoleAssignment};
use crate::{FaultKind, RetryPolicy};

const APPLICATION: ApplicationRef = ApplicationRef::Id(TENANT);

fn application() -> Reply {
    Reply::json(200, &json!({"id": TENANT, "appId": APP, "displayName": "A", "more": {"x": 1}}))
}

/// Reads an application.
fn read(world: &World) -> Result<()> {
    let admin = password();
    world
        .run(async { world.client.quiet().graph(&admin).application(&APPLICATION).await.map(drop) })
}

fn removal() -> Removal {
    Removal::Application { id: TENANT.to_string(), app_id: APP.to_string() }
}

/// Deletes an application: a change that must not be sent twice.
fn delete(world: &World) -> Result<()> {
    let admin = password();
    world.run(async {
        let graph = world.client.quiet().graph(&admin);
        let act =
            async |permit: RemovalPermit<'_>| graph.delete_application(permit, &APPLICATION).await;
        permitted_removal(&world.ports, &removal(), act).await
    })
}

/// Changes an application: a change that may be sent twice.
fn patch(world: &World) -> Result<()> {
    let admin = password();
    world.run(async {
        let graph = world.client.quiet().graph(&admin);
        let patch =
            ApplicationPatch { display_name: Some("B".to_owned()), ..ApplicationPatch::default() };
        permitted(&world.ports, async |permit| {
            graph.patch_application(permit, &APPLICATION, &patch).await
        })
        .await
    })
}

fn waited(world: &World) -> Vec<u64> {
    let seen = world.fake.seen();
    seen.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_millis() as u64).collect()
}

#[test]
fn a_tenant_that_asks_for_patience_gets_it() {
    for (asked, least) in [
        (Some("7"), 7_000),
        (Some("Sun, 22 Nov 2026 14:00:09 GMT"), 8_500),
        (Some("soon"), 500),
        (None, 500),
    ] {
        for act in [read, delete] {
            let world = World::new();
            let busy = Reply::graph(429, "TooManyRequests", "Too many requests.");
            let busy = match asked {
                Some(asked) => busy.header("retry-after", asked),
                None => busy,
            };
            world.fake.graph([busy, application()]);
            act(&world).unwrap();
            let pause = waited(&world)[0];
            assert!((least..least + 1_500).contains(&pause), "{asked:?}: {pause} ms");
            assert!(world.fake.is_done());
        }
    }
}

#[test]
fn patience_has_an_end() {
    let world = World::new();
    let busy = Reply::graph(429, "TooManyRequests", "Too many requests.");
    world.fake.graph([busy.header("retry-after", "3600")]);
    let error = read(&world).unwrap_err();
    assert_eq!((error.code, error.repeat), (Code::RemoteThrottled, Repeat::Later));
    assert_eq!(world.fake.seen().len(), 1);

    let world = World::new();
    let busy = || Reply::empty(429);
    world.fake.graph((0..50).map(|_| busy()));
    let began = world.ports.clock.now();
    let error = delete(&world).unwrap_err();
    assert_eq!((error.code, error.applied), (Code::RemoteThrottled, Applied::No));
    assert!(world.ports.clock.now().since(began) <= RetryPolicy::default().patience);
}

#[test]
fn what_is_safe_to_repeat_is_repeated() {
    let faults = [
        Reply::empty(500),
        Reply::graph(503, "ServiceUnavailable", "Later."),
        Reply::text(504, "text/html", "<html>Gateway Timeout</html>"),
        Reply::empty(502),
        Reply::NotSent(FaultKind::Refused),
        Reply::Lost(FaultKind::Broken),
        Reply::Lost(FaultKind::TimedOut),
    ];
    for fault in faults {
        for (act, done) in [(read as fn(&World) -> _, application()), (patch, Reply::empty(204))] {
            let world = World::new();
            world.fake.graph([fault.clone(), fault.clone(), done]);
            act(&world).unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
            assert!(world.fake.is_done(), "{fault:?}");
            assert!(waited(&world).iter().all(|pause| *pause >= 500));
        }
    }
}

#[test]
fn a_change_that_may_have_happened_is_not_repeated() {
    let faults = [
        (Reply::empty(500), Code::RemoteFailed),
        (Reply::graph(503, "ServiceUnavailable", "Later."), Code::RemoteFailed),
        (Reply::text(504, "text/html", "<html>Gateway Timeout</html>"), Code::RemoteFailed),
        (Reply::Lost(FaultKind::Broken), Code::RemoteUnreachable),
        (Reply::Lost(FaultKind::TooLarge), Code::RemoteGarbage),
        (Reply::empty(302), Code::RemoteGarbage),
    ];
    for (fault, code) in faults {
        let world = World::new();
        // The gate of the test looks, finds nothing, and tries three times in all.
        world.fake.graph((0..3).map(|_| fault.clone()));
        let error = delete(&world).unwrap_err();
        assert_eq!(error.code, code, "{fault:?}");
        assert_eq!(world.fake.seen().len(), 3);
        assert!(waited(&world).iter().all(|pause| *pause == 0), "the client itself paused");
        assert_eq!(unknown_of(&fault), Applied::Unknown, "{fault:?}");
    }
}

/// What a single attempt at a change says of itself, without a gate that looks.
fn unknown_of(fault: &Reply) -> Applied {
    let world = World::new();
    world.fake.graph([fault.clone()]);
    let admin = password();
    let (said, hear) = std::sync::mpsc::channel();
    let _ = world.run(async {
        let graph = world.client.quiet().graph(&admin);
        permitted_removal(&world.ports, &removal(), async |permit| {
            let result = graph.delete_application(permit, &APPLICATION).await;
            said.send(result.as_ref().unwrap_err().applied).unwrap();
            result
        })
        .await
    });
    hear.recv().unwrap()
}

#[test]
fn what_was_never_sent_may_be_sent_again() {
    let world = World::new();
    world.fake.graph([Reply::NotSent(FaultKind::Refused), Reply::empty(204)]);
    delete(&world).unwrap();
    assert!(world.fake.is_done());

    // The tenant is gone: the script of the fake is empty.
    let world = World::new();
    let error = delete(&world).unwrap_err();
    assert_eq!((error.code, error.applied), (Code::RemoteUnreachable, Applied::No));
    assert!(error.message.contains("graph.test: nothing answers there"), "{error}");
    assert_eq!(world.fake.seen().len(), 5);
}

#[test]
fn a_tls_failure_is_not_repeated() {
    let world = World::new();
    world.fake.graph([Reply::NotSent(FaultKind::Tls), application()]);
    assert_eq!(read(&world).unwrap_err().code, Code::RemoteTls);
    assert_eq!(world.fake.seen().len(), 1);
}

#[test]
fn answers_that_are_none_are_named() {
    let json_kind = "application/json";
    let world_of = |reply: Reply| {
        let world = World::new();
        world.fake.graph((0..5).map(|_| reply.clone()));
        read(&world).unwrap_err()
    };
    let cut = Reply::text(200, json_kind, "{\"id\":\"1111").header("content-length", "500");
    let error = world_of(cut);
    assert_eq!(error.code, Code::RemoteUnreachable);
    for (reply, says) in [
        (Reply::text(200, "text/html", "<html>Sign in to the network</html>"), "text/html"),
        (Reply::text(200, json_kind, "{\"id\":\"1111"), "EOF while parsing"),
        (Reply::text(200, json_kind, "\u{0}\u{1}garbage"), "expected value"),
        (Reply::text(200, json_kind, "[]"), "invalid length"),
        (Reply::text(200, json_kind, "{\"id\":\"no uuid\",\"appId\":1}"), "UUID"),
        (Reply::empty(200), "no content type"),
        (Reply::empty(302).header("location", "https://elsewhere.test/"), "never answers so"),
        (Reply::text(403, "text/html", "<html>Blocked</html>"), "body cannot be read"),
    ] {
        let error = world_of(reply.clone());
        assert_eq!(error.code, Code::RemoteGarbage, "{reply:?}");
        assert!(error.causes.iter().any(|cause| cause.contains(says)), "{reply:?}: {error:?}");
        assert!(error.meaning.is_some() && error.next.is_some());
        let remote = error.remote.unwrap();
        assert!(remote.status.is_some() && remote.correlation_id.is_some());
    }
}

#[test]
fn a_garbled_answer_to_a_change_leaves_it_unknown() {
    let admin = password();
    let world = World::new();
    world.fake.graph((0..3).map(|_| Reply::text(201, "text/html", "<html>Honest</html>")));
    let new = NewAppRoleAssignment { principal_id: APP, resource_id: TENANT, app_role_id: APP };
    let error: Diagnostic = world.run(async {
        let graph = world.client.quiet().graph(&admin);
        permitted(&world.ports, async |permit| graph.create_app_role_assignment(permit, new).await)
            .await
            .unwrap_err()
    });
    assert_eq!(error.code, Code::RemoteGarbage);
    assert_eq!(world.fake.seen().len(), 3, "the gate looked and tried again, the client did not");
}

#[test]
fn a_concurrent_writer_is_waited_for() {
    let world = World::new();
    let rival = Reply::graph(409, "Directory_ConcurrencyViolation", "concurrent requests");
    world.fake.graph([rival.header("retry-after", "2"), Reply::empty(204)]);
    delete(&world).unwrap();
    assert!(world.fake.is_done() && waited(&world)[0] >= 2_000);
}

#[test]
fn every_request_has_an_id_of_its_own() {
    let world = World::new();
    world.fake.graph([Reply::empty(503), application()]);
    read(&world).unwrap();
    let ids: Vec<_> =
        world.fake.seen().iter().map(|seen| seen.headers["client-request-id"].clone()).collect();
    assert_ne!(ids[0], ids[1]);
    let refused = Reply::graph(403, "Authorization_RequestDenied", "Insufficient privileges.");
    world.fake.graph([refused]);
    let error = read(&world).unwrap_err();
    let remote = error.remote.unwrap();
    assert_eq!(remote.request_id.as_deref(), Some("r-1"));
    let sent = world.fake.seen().last().unwrap().headers["client-request-id"].clone();
    assert_eq!(remote.correlation_id.as_deref(), sent.to_str().ok());
}

#[test]
fn a_pause_is_shown() {
    let world = World::new();
    world.fake.graph([Reply::empty(503), application()]);
    let shown = std::sync::Mutex::new(Vec::new());
    let admin = password();
    world.run(async {
        let progress = |p: &crate::WaitProgress<'_>| {
            shown.lock().unwrap().push((p.what.to_owned(), p.ended));
        };
        let graph = world.client.session(&progress).graph(&admin);
        graph.application(&APPLICATION).await.unwrap();
    });
    let what = "the tenant failed (HTTP 503)".to_owned();
    assert_eq!(*shown.lock().unwrap(), [(what.clone(), false), (what, true)]);
}

#[test]
fn pauses_grow_with_jitter_and_stay_bounded() {
    let policy = RetryPolicy::default();
    let random = base::random::SeededRandom::new(1);
    for attempt in 1..40 {
        let whole = (1_u64 << (attempt - 1).min(10)).min(20) * 1000;
        let pause = policy.pause(attempt, &random);
        let range = Duration::from_millis(whole / 2)..=Duration::from_millis(whole);
        assert!(range.contains(&pause), "{attempt}: {pause:?}");
    }
}
