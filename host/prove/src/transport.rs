//! The way to a tenant in the same process.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base::Clock;
use base::clock::{Elapsed, timeout};
use base::virtual_world::{Fate, Kind, VirtualProcess, VirtualWorld};
use bytes::Bytes;
use entra::{Fault, FaultKind, Transport, TransportError};
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use tenant::{Faults, Lost, Sandbox};
use tower::ServiceExt;

use crate::traffic::{Exchange, Traffic};

/// How long a tenant asks for patience where the plan says that it throttles.
const RETRY_AFTER: u32 = 3;

/// Hands requests to a tenant's router, and what the router says of broken connections back as such.
pub struct RouterTransport {
    router: Router,
    faults: Faults,
    clock: Arc<dyn Clock>,
    /// Where requests are written down.
    traffic: Arc<Traffic>,
    /// The process that sends; none for somebody outside.
    process: Option<Arc<VirtualProcess>>,
}

impl RouterTransport {
    /// The way to a tenant from outside of every process of its world.
    pub fn new(sandbox: &Sandbox, clock: Arc<dyn Clock>, traffic: Arc<Traffic>) -> Self {
        let (router, faults) = (sandbox.router(), sandbox.faults());
        Self { router, faults, clock, traffic, process: None }
    }

    /// The way to a tenant from a process: once that is dead, it sends nothing and hears nothing.
    pub fn of_process(sandbox: &Sandbox, world: &VirtualWorld, traffic: Arc<Traffic>) -> Self {
        let process = Some(world.process.clone());
        Self { process, ..Self::new(sandbox, world.ports().clock, traffic) }
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let asked = request.body().clone();
        let response = match self.router.clone().oneshot(request.map(Body::from)).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        if let Some(lost) = parts.extensions.get::<Lost>() {
            // Whether it was done is just what a client cannot know; a reset before the first
            // byte of a request is the one case in which it can.
            return Err(if lost.done { answer_lost() } else { not_sent() });
        }
        let Ok(body) = body.collect().await else { return Err(answer_lost()) };
        let answer = body.to_bytes();
        let (status, body) = (parts.status, asked);
        self.traffic.note(Exchange { method, path, body, status, answer: answer.clone() });
        Ok(Response::from_parts(parts, answer))
    }

    async fn answer_in_time(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        match timeout(&*self.clock, limit, self.answer(request)).await {
            Ok(answer) => answer,
            Err(Elapsed) => Err(TransportError::AnswerLost(Fault::new(FaultKind::TimedOut))),
        }
    }

    /// Sends as the plan of the process says.
    async fn answer_to(
        &self,
        process: &VirtualProcess,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let text = format!("{} {}", request.method(), without_ids(request.uri().path()));
        let Ok(moment) = process.begin(Kind::Request, text) else { return Err(not_sent()) };
        let fate = moment.fate();
        if fate == Some(Fate::NotSent) {
            return Err(not_sent());
        }
        if fate == Some(Fate::Throttled) {
            let retry_after = Some(RETRY_AFTER);
            self.faults.next("*", tenant::Fault::Throttled { retry_after });
        }
        let answer = self.answer_in_time(request, limit).await;
        if moment.end().is_err() || fate == Some(Fate::AnswerLost) {
            return Err(answer_lost());
        }
        answer
    }
}

fn not_sent() -> TransportError {
    TransportError::NotSent(Fault::new(FaultKind::Broken))
}

fn answer_lost() -> TransportError {
    TransportError::AnswerLost(Fault::new(FaultKind::Broken))
}

/// A path with `{id}` in the place of every id, so that the same request reads the same in every
/// world.
fn without_ids(path: &str) -> String {
    let word = |text: &str| {
        let is_id = text.len() == 36
            && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
            && text.matches('-').count() == 4;
        if is_id { "{id}".to_owned() } else { text.to_owned() }
    };
    path.split('/').map(word).collect::<Vec<_>>().join("/")
}

impl Transport for RouterTransport {
    fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            match &self.process {
                Some(process) => self.answer_to(process, request, limit).await,
                None => self.answer_in_time(request, limit).await,
            }
        })
    }
}
