//! The way to a tenant in the same process.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base::Clock;
use base::clock::{Elapsed, timeout};
use bytes::Bytes;
use entra::{Fault, FaultKind, Transport, TransportError};
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use tenant::Lost;
use tower::ServiceExt;

/// Hands requests to a tenant's router, and what the router says of broken connections back as such.
pub struct RouterTransport {
    router: Router,
    clock: Arc<dyn Clock>,
}

impl RouterTransport {
    /// The way to the tenant behind `router`.
    pub fn new(router: Router, clock: Arc<dyn Clock>) -> Self {
        Self { router, clock }
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let response = match self.router.clone().oneshot(request.map(Body::from)).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        if let Some(lost) = parts.extensions.get::<Lost>() {
            let fault = Fault::new(FaultKind::Broken);
            return Err(match lost.done {
                // Whether it was done is just what a client cannot know; a reset before the first
                // byte of a request is the one case in which it can.
                true => TransportError::AnswerLost(fault),
                false => TransportError::NotSent(fault),
            });
        }
        match body.collect().await {
            Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
            Err(_) => Err(TransportError::AnswerLost(Fault::new(FaultKind::Broken))),
        }
    }
}

impl Transport for RouterTransport {
    fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            match timeout(&*self.clock, limit, self.answer(request)).await {
                Ok(answer) => answer,
                Err(Elapsed) => Err(TransportError::AnswerLost(Fault::new(FaultKind::TimedOut))),
            }
        })
    }
}
