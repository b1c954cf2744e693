//! What the tenant was asked and what it did, written down at its door.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, StatusCode};

/// A request that reached the tenant, with the answer that it gave, whoever heard it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The body of the request.
    pub body: Bytes,
    /// The status of the answer.
    pub status: StatusCode,
    /// The body of the answer.
    pub answer: Bytes,
}

/// All requests to one tenant since its world began: those of every process of the host, and those of
/// other administrators.
#[derive(Default)]
pub struct Traffic(Mutex<Vec<Exchange>>);

impl Traffic {
    pub(crate) fn note(&self, exchange: Exchange) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
    }

    /// The requests, in the order in which they were answered.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
