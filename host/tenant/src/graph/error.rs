//! The error envelope of Microsoft Graph (facts 6.1).

use serde_json::{Value, json};

use crate::core::Environment;
use crate::wire::{Answer, Request, iso_bare};

/// A refusal of Microsoft Graph.
#[derive(Clone, Debug)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    code: &'static str,
    message: String,
    details: Vec<Value>,
}

impl GraphError {
    /// `status` and `code` as facts 6.1 have them.
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: Vec::new() }
    }

    /// 400 `Request_BadRequest`.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "Request_BadRequest", message)
    }

    /// 400 `BadRequest`: refused before the directory saw it.
    pub(crate) fn unparsed(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 404 `Request_ResourceNotFound`.
    pub(crate) fn not_found(id: &str) -> Self {
        Self::new(
            404,
            "Request_ResourceNotFound",
            format!(
                "Resource '{id}' does not exist or one of its queried reference-property objects \
                 are not present."
            ),
        )
    }

    /// 403 `Authorization_RequestDenied`.
    pub(crate) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    /// 401 `InvalidAuthenticationToken`.
    pub(crate) fn token(message: impl Into<String>) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    /// 401 as every bad proof of possession gets it (facts 3).
    pub(crate) fn proof() -> Self {
        Self::new(401, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")
    }

    /// Adds a detail.
    #[must_use]
    pub(crate) fn detail(mut self, code: &str, message: &str, target: &str) -> Self {
        self.details.push(json!({ "code": code, "message": message, "target": target }));
        self
    }

    /// The answer that carries this error.
    pub(crate) fn answer(
        &self,
        request: &Request,
        environment: &Environment<'_>,
        request_id: &str,
    ) -> Answer {
        let client_id = request.header("client-request-id").unwrap_or(request_id);
        let mut error = json!({ "code": self.code, "message": self.message });
        if !self.details.is_empty() {
            error["details"] = Value::from(self.details.clone());
        }
        error["innerError"] = json!({
            "date": iso_bare(environment.now),
            "request-id": request_id,
            "client-request-id": client_id,
        });
        let answer = Answer::json(self.status, json!({ "error": error }));
        if self.status != 401 {
            return answer;
        }
        answer.header(
            "www-authenticate",
            format!(
                "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", \
                 client_id=\"{}\"",
                request.base,
                crate::catalog::GRAPH
            ),
        )
    }
}
