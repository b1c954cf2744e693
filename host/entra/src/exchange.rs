//! One request with its repetitions.

use std::time::Duration;

use base::{Applied, Code, Diagnostic, Repeat, Result};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use crate::client::Session;
use crate::failure;
use crate::retry::{Repeatable, asked_pause, failed_inside};
use crate::transport::{FaultKind, TransportError};
use crate::wait::WaitProgress;

/// A request that is about to be sent.
pub(crate) struct Outgoing<'a> {
    /// What it is for, as an infinitive: `read the application …`.
    pub(crate) what: &'a str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    pub(crate) repeatable: Repeatable,
}

/// An answer of whatever status, whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The id that this host gave the request.
    pub(crate) correlation_id: String,
}

impl Answer {
    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the body says that it is JSON.
    fn says_json(&self) -> bool {
        self.header(CONTENT_TYPE.as_str()).is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json")
        })
    }

    /// Reads the body, where it is what the protocol promises.
    pub(crate) fn json<T: DeserializeOwned>(&self, request: &Outgoing<'_>) -> Result<T> {
        if !self.says_json() {
            let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or("no content type");
            return Err(failure::garbage(request, self, &format!("the answer is {kind}")));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| failure::garbage(request, self, &error.to_string()))
    }

    /// Reads the body of a failure, or none where it is not what the protocol promises.
    pub(crate) fn failure_json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Whether fewer bytes came than the answer announces.
    fn is_cut(&self) -> bool {
        self.header(CONTENT_LENGTH.as_str())
            .and_then(|text| text.trim().parse::<usize>().ok())
            .is_some_and(|announced| announced > self.body.len())
    }
}

/// What to do with the outcome of one attempt.
enum Reaction {
    /// It stands.
    Take,
    /// Send it again after this pause.
    Again(Duration),
}

impl Session<'_> {
    /// Sends a request, again where that is safe and may help, and gives the last answer.
    ///
    /// # Errors
    /// Where no whole answer came: `remote.unreachable`, `remote.tls`, `remote.garbage`. A change
    /// that may have happened is [`Applied::Unknown`].
    pub(crate) async fn exchange(&self, request: &Outgoing<'_>) -> Result<Answer> {
        let policy = self.retry_policy();
        let began = self.boot_millis();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let outcome = self.attempt(request).await;
            note(request, attempt, &outcome);
            let again = match &outcome {
                Ok(answer) => self.react(request, answer, attempt),
                Err(error) => self.react_to_fault(request, error, attempt),
            };
            let waited = self.millis_since(began);
            if let Reaction::Again(pause) = again
                && waited.saturating_add(pause) <= policy.patience
            {
                let why = describe(&outcome);
                self.pause(&why, attempt, pause, waited).await;
                continue;
            }
            return outcome.map_err(|error| failure::no_answer(request, &error));
        }
    }

    async fn attempt(&self, request: &Outgoing<'_>) -> Result<Answer, TransportError> {
        let correlation_id = self.random().uuid().to_string();
        let sent = self.local_now();
        let outgoing = build(request, &correlation_id)?;
        let limit = self.request_limit();
        let answer = self.transport().send(outgoing, limit).await?;
        let (parts, body) = answer.into_parts();
        self.server_clock().learn(&parts.headers, sent, self.local_now());
        let answer = Answer { status: parts.status, headers: parts.headers, body, correlation_id };
        if answer.is_cut() {
            let fault = crate::Fault::new(FaultKind::Broken);
            return Err(TransportError::AnswerLost(fault));
        }
        Ok(answer)
    }

    fn react(&self, request: &Outgoing<'_>, answer: &Answer, attempt: u32) -> Reaction {
        let policy = self.retry_policy();
        let random = self.random();
        let asked = asked_pause(&answer.headers, self.now(), random);
        let pause = asked.unwrap_or_else(|| policy.pause(attempt, random));
        // Refused before anything was done, so even a change may be sent again.
        let refused = answer.status == StatusCode::TOO_MANY_REQUESTS
            || (answer.status == StatusCode::CONFLICT && failure::is_concurrency(answer));
        if refused {
            // A tenant that names no pause could keep this host waiting on ever longer ones.
            let bounded = asked.is_some() || attempt < policy.attempts.saturating_mul(2);
            return if bounded { Reaction::Again(pause) } else { Reaction::Take };
        }
        let harmless = request.repeatable != Repeatable::Once;
        if failed_inside(answer.status) && harmless && attempt < policy.attempts {
            return Reaction::Again(pause);
        }
        Reaction::Take
    }

    fn react_to_fault(
        &self,
        request: &Outgoing<'_>,
        error: &TransportError,
        attempt: u32,
    ) -> Reaction {
        let policy = self.retry_policy();
        let harmless = match error {
            TransportError::NotSent(_) => true,
            TransportError::AnswerLost(_) => request.repeatable != Repeatable::Once,
        };
        // What is wrong with TLS or the size of an answer is still wrong a moment later.
        let passes = !matches!(error.fault().kind, FaultKind::Tls | FaultKind::TooLarge);
        if harmless && passes && attempt < policy.attempts {
            return Reaction::Again(policy.pause(attempt, self.random()));
        }
        Reaction::Take
    }

    async fn pause(&self, why: &str, attempt: u32, pause: Duration, waited: Duration) {
        let policy = self.retry_policy();
        let progress = WaitProgress {
            what: why,
            seen: attempt,
            needed: policy.attempts.max(attempt),
            waited,
            limit: policy.patience,
            ended: false,
        };
        self.show(&progress);
        self.sleep(pause).await;
        self.show(&WaitProgress { ended: true, ..progress });
    }
}

/// Logs one attempt: never a header or a body, since both hold secrets.
fn note(request: &Outgoing<'_>, attempt: u32, outcome: &Result<Answer, TransportError>) {
    let (method, path) = (&request.method, request.url.path());
    match outcome {
        Ok(answer) => {
            let (status, id) = (answer.status.as_u16(), &answer.correlation_id);
            tracing::debug!(%method, path, attempt, status, correlation_id = %id, "answered");
        }
        Err(error) => {
            tracing::debug!(%method, path, attempt, fault = ?error, "no answer");
        }
    }
}

fn describe(outcome: &Result<Answer, TransportError>) -> String {
    match outcome {
        Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
            "the tenant asks for patience".to_owned()
        }
        Ok(answer) => format!("the tenant failed (HTTP {})", answer.status.as_u16()),
        Err(error) => format!("the tenant gave no answer: {error}"),
    }
}

fn build(request: &Outgoing<'_>, correlation_id: &str) -> Result<Request<Bytes>, TransportError> {
    let mut outgoing = Request::builder()
        .method(request.method.clone())
        .uri(request.url.as_str())
        .header("accept", "application/json")
        .header("client-request-id", correlation_id)
        .header("return-client-request-id", "true");
    for (name, value) in &request.headers {
        outgoing = outgoing.header(name, value);
    }
    outgoing.body(request.body.clone()).map_err(|error| {
        let causes = vec![error.to_string()];
        TransportError::NotSent(crate::Fault { kind: FaultKind::Other, causes })
    })
}

/// Says of a failed request whether its change may have happened.
pub(crate) fn unknown(diagnostic: Diagnostic, request: &Outgoing<'_>) -> Diagnostic {
    if request.repeatable.changes() {
        return diagnostic.applied(Applied::Unknown).repeat(Repeat::LookFirst);
    }
    let later = diagnostic.code != Code::RemoteTls;
    if later { diagnostic.repeat(Repeat::Later) } else { diagnostic }
}
