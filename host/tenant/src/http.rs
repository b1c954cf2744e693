//! The axum router: reads requests, applies them, keeps the new state, and misbehaves when told to.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Extract;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;

use crate::core::{Endpoint, Environment, apply};
use crate::faults::{Fault, Lost};
use crate::sandbox::Shared;
use crate::wire::{Answer, Request, http_date};

/// Requests longer than this are refused.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).with_state(shared)
}

async fn handle(
    Extract(shared): Extract<Arc<Shared>>,
    request: axum::extract::Request,
) -> Response {
    let Some(request) = read(&shared, request).await else {
        let body = json!({ "error": { "code": "BadRequest", "message": "Unreadable request." } });
        return respond(&shared, Answer::json(400, body));
    };
    let endpoint = Endpoint::of(&request);
    let operation = endpoint.operation(&request.method);
    let fault = shared.faults.meet(&operation);
    tracing::debug!(operation, ?fault, "request");
    let is_graph = matches!(endpoint, Endpoint::Graph { .. });
    if let Some(instead) = fault.as_ref().and_then(|fault| instead(&shared, fault, is_graph)) {
        return instead;
    }
    let answer = applied(&shared, &endpoint, &request);
    match fault {
        None => respond(&shared, answer),
        Some(fault) => spoilt(&shared, answer, &fault).await,
    }
}

async fn read(shared: &Shared, request: axum::extract::Request) -> Option<Request> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LONGEST_BODY).await.ok()?;
    let host = parts
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
        .filter(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b)));
    let base = host.map_or_else(|| shared.authority.clone(), |host| format!("https://{host}"));
    let query = parts.uri.query().unwrap_or_default();
    Some(Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body,
        base,
    })
}

/// Applies a request, and keeps the state that it made: on disk first, then in memory.
fn applied(shared: &Shared, endpoint: &Endpoint, request: &Request) -> Answer {
    let delays = shared.faults.delays();
    let environment = Environment {
        now: shared.faults.now(&*shared.ports.clock),
        random: &*shared.ports.random,
        delays: &delays,
        signer: &shared.signer,
    };
    let before = shared.state();
    let (mut answer, mut after) = apply(&before, endpoint, request, &environment);
    if after.version == before.version {
        return answer;
    }
    let _writing = shared.writing();
    let current = shared.state();
    if current.version != before.version {
        // Another request came first: do this one again, on top of it.
        (answer, after) = apply(&current, endpoint, request, &environment);
        if after.version == current.version {
            return answer;
        }
    }
    match shared.keep(after) {
        Ok(()) => answer,
        Err(error) => {
            tracing::error!(%error, "the tenant's state could not be written");
            failed(503, "ServiceUnavailable", "The service is temporarily unavailable.")
        }
    }
}

fn failed(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "error": { "code": code, "message": message } }))
}

fn respond(shared: &Shared, answer: Answer) -> Response {
    let body = answer.body.as_ref().map(|body| Bytes::from(body.to_string()));
    response(shared, &answer, body.map_or_else(Body::empty, Body::from))
}

fn response(shared: &Shared, answer: &Answer, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if answer.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    let date = http_date(shared.faults.now(&*shared.ports.clock));
    let constant = [
        ("date", date.as_str()),
        ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-ms-ests-server", "2.1.0 - SANDBOX"),
    ];
    let own = answer.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in constant.into_iter().chain(own) {
        // A value echoed from the request may be no header; it is left out then.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
    response
}

/// The answer of a fault that keeps the request from being done; none for the other faults.
fn instead(shared: &Shared, fault: &Fault, is_graph: bool) -> Option<Response> {
    let (answer, retry_after) = match fault {
        Fault::Throttled { retry_after } => (refusal(429, is_graph), *retry_after),
        Fault::Unavailable { retry_after } => (refusal(503, is_graph), *retry_after),
        Fault::InternalError => (refusal(500, is_graph), None),
        Fault::Html => {
            let page = Answer { status: 200, headers: Vec::new(), body: None }
                .header("content-type", "text/html");
            let body = "<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>";
            return Some(response(shared, &page, Body::from(body)));
        }
        Fault::Reset => return Some(lost(shared, false)),
        _ => return None,
    };
    let answer = match retry_after {
        Some(seconds) => answer.header("retry-after", seconds.to_string()),
        None => answer,
    };
    Some(respond(shared, answer))
}

/// How each side of the tenant words a refusal for load or trouble (facts 1.9 and 6.1).
fn refusal(status: u16, is_graph: bool) -> Answer {
    if is_graph {
        return match status {
            429 => failed(429, "TooManyRequests", "Too many requests."),
            503 => failed(503, "ServiceUnavailable", "Service is temporarily unavailable."),
            _ => {
                failed(500, "Service_InternalServerError", "Encountered an internal server error.")
            }
        };
    }
    let (code, text) = match status {
        429 => (90055, "AADSTS90055: The tenant is throttled."),
        503 => (90033, "AADSTS90033: A transient error has occurred. Please try again."),
        _ => (90033, "AADSTS90033: An internal error has occurred."),
    };
    Answer::json(
        status,
        json!({
            "error": "temporarily_unavailable", "error_description": text, "error_codes": [code],
        }),
    )
}

fn lost(shared: &Shared, done: bool) -> Response {
    let nothing = Answer { status: 502, headers: Vec::new(), body: None };
    let mut response = response(shared, &nothing, Body::empty());
    response.extensions_mut().insert(Lost { done });
    response
}

/// Spoils the answer of a request that was done.
async fn spoilt(shared: &Shared, answer: Answer, fault: &Fault) -> Response {
    match fault {
        Fault::AnswerLost => lost(shared, true),
        Fault::Slow(span) => {
            shared.ports.clock.sleep(*span).await;
            respond(shared, answer)
        }
        Fault::HalfBody => {
            let whole = answer.body.as_ref().map_or_else(|| "{}".to_owned(), ToString::to_string);
            let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
            let parts = futures::stream::unfold(Some(half), async |half| match half {
                Some(half) => Some((Ok(half), None)),
                None => {
                    // A turn for the connection to send the half: else it would not even begin.
                    tokio::task::yield_now().await;
                    let kind = std::io::ErrorKind::UnexpectedEof;
                    Some((Err(std::io::Error::new(kind, "the body ended early")), None))
                }
            });
            // An answer without content has no half: it becomes one with a broken body.
            let status = if answer.status == 204 { 200 } else { answer.status };
            let answer = Answer { status, ..answer };
            let mut response = response(shared, &answer, Body::from_stream(parts));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
            response
        }
        Fault::Garbage => {
            let answer = Answer { status: 200, ..answer };
            response(shared, &answer, Body::from(&b"\x00\xff}{ not json"[..]))
        }
        _ => respond(shared, answer),
    }
}
