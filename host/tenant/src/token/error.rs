//! Errors of the token endpoint: `AADSTS…` (facts 1.8 and 1.9).

use serde_json::{Value, json};

use crate::core::Environment;
use crate::wire::{Answer, Request, aadsts_time};

/// A refusal of the token endpoint.
#[derive(Clone, Debug)]
pub(crate) struct TokenError {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
    suberror: Option<&'static str>,
}

impl TokenError {
    /// `status` and `error` as facts 1.9 have them for `code`.
    pub(crate) fn new(status: u16, error: &'static str, code: u32, text: String) -> Self {
        Self { status, error, code, text, suberror: None }
    }

    /// 401 `invalid_client`.
    pub(crate) fn client(code: u32, text: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, text.into())
    }

    /// 400 `invalid_grant`.
    pub(crate) fn grant(code: u32, text: impl Into<String>) -> Self {
        Self::new(400, "invalid_grant", code, text.into())
    }

    /// 400 `invalid_request`, 900144: a parameter is missing.
    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{name}'."),
        )
    }

    /// Adds the `suberror` of interaction cases.
    #[must_use]
    pub(crate) fn suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }
}

/// The answer that carries `error`.
pub(crate) fn answer_of(
    error: &TokenError,
    request: &Request,
    environment: &Environment<'_>,
) -> Answer {
    let trace = environment.random.uuid().to_string();
    let correlation = correlation_id(request, environment);
    let timestamp = aadsts_time(environment.now);
    let code = error.code;
    let mut body = json!({
        "error": error.error,
        "error_description": format!(
            "AADSTS{code}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            error.text
        ),
        "error_codes": [code],
        "timestamp": timestamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("{}/error?code={code}", request.base),
    });
    if let Some(suberror) = error.suberror {
        body["suberror"] = Value::from(suberror);
    }
    // Error number in the second field, as clients' telemetry expects it (facts 1.1).
    let answer = Answer::json(error.status, body)
        .header("x-ms-request-id", trace)
        .header("x-ms-clitelem", format!("1,{code},0,,"));
    uncached(answer, request)
}

/// The caller's own id of the request, or a new one.
pub(crate) fn correlation_id(request: &Request, environment: &Environment<'_>) -> String {
    request
        .header("client-request-id")
        .and_then(|id| id.parse::<uuid::Uuid>().ok())
        .unwrap_or_else(|| environment.random.uuid())
        .to_string()
}

/// Adds the headers that every token answer has.
pub(crate) fn uncached(answer: Answer, request: &Request) -> Answer {
    let answer = answer
        .header("cache-control", "no-store, no-cache")
        .header("pragma", "no-cache")
        .header("expires", "-1");
    match request.header("client-request-id") {
        Some(id) => answer.header("client-request-id", id),
        None => answer,
    }
}
