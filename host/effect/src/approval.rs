//! Confirmation by a person.

use base::Result;
use futures::future::BoxFuture;

use crate::change::Impact;

/// What somebody is asked to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The question, as one sentence.
    pub question: String,
    /// How much is at stake. `High` wants [`ApprovalRequest::name`] typed.
    pub impact: Impact,
    /// The name to type for a high impact: the connector's.
    pub name: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Yes.
    Granted,
    /// No.
    Refused,
    /// There is no terminal, and no answer was given beforehand. Holds what to type instead.
    NobodyThere(String),
}

/// Asks for confirmation.
pub trait Approver: Send + Sync {
    /// Asks, and waits for the answer.
    fn approve<'a>(&'a self, request: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>>;
}
