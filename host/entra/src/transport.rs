//! One request in, one answer out.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};

/// Carries requests to a tenant: over HTTPS in real worlds, to a router in process in virtual ones.
pub trait Transport: Send + Sync {
    /// Sends a request with an absolute URI and gives its whole answer, of whatever status.
    /// Redirects are answers too. It gives up after `limit`.
    fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// Why there is no answer, and whether the request can have had an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// The request was never sent: repeating it is safe.
    NotSent(Fault),
    /// The request was sent, or a part of it, and no whole answer came: it may have had its effect.
    AnswerLost(Fault),
}

impl TransportError {
    /// What went wrong.
    pub fn fault(&self) -> &Fault {
        match self {
            TransportError::NotSent(fault) | TransportError::AnswerLost(fault) => fault,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.fault().kind.words())
    }
}

impl std::error::Error for TransportError {}

/// What went wrong on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of what kind it is.
    pub kind: FaultKind,
    /// The causes in the words of the libraries, outermost first.
    pub causes: Vec<String>,
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: FaultKind) -> Self {
        Self { kind, causes: Vec::new() }
    }
}

/// The kinds of faults on the way to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The host's name is not known.
    Name,
    /// Nothing listens there, or the way there is closed.
    Refused,
    /// TLS failed: the certificate is not trusted, or the versions do not fit.
    Tls,
    /// It took too long.
    TimedOut,
    /// The connection broke in the middle.
    Broken,
    /// The answer is larger than any answer should be.
    TooLarge,
    /// Something else.
    Other,
}

impl FaultKind {
    /// The kind in plain words, to follow a colon.
    pub const fn words(self) -> &'static str {
        match self {
            FaultKind::Name => "the host name is not known",
            FaultKind::Refused => "nothing answers there",
            FaultKind::Tls => "TLS failed",
            FaultKind::TimedOut => "it took too long",
            FaultKind::Broken => "the connection broke",
            FaultKind::TooLarge => "the answer is too large",
            FaultKind::Other => "the request failed on its way",
        }
    }
}
