//! Failures as diagnostics.

use base::diagnostic::Remote;
use base::{Code, Diagnostic, Repeat};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use url::Position;

use crate::challenge;
use crate::exchange::{Answer, Outgoing, unknown};
use crate::meaning::{self, repeat_of};
use crate::retry::failed_inside;
use crate::secrets::hidden;
use crate::skew::Skew;
use crate::transport::{FaultKind, TransportError};

/// The longest message of a service that is passed on, in characters.
const LONGEST_MESSAGE: usize = 400;

/// The error body of the token endpoint (facts 1.8). Everything in it is optional here, since a
/// failing service keeps no promises.
#[derive(Deserialize)]
pub(crate) struct TokenError {
    pub(crate) error: String,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u32>,
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(default)]
    correlation_id: Option<String>,
}

/// The error body of Microsoft Graph (facts 6.1).
#[derive(Deserialize)]
struct GraphEnvelope {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    code: String,
    #[serde(default)]
    message: Option<String>,
    /// An object or an array of objects, each with a code of its own.
    #[serde(default)]
    details: Value,
    #[serde(default, rename = "innerError")]
    inner: Value,
}

impl GraphError {
    /// The codes of the error and its details, the details first: they say more.
    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        match &self.details {
            Value::Array(details) => {
                names.extend(details.iter().filter_map(|d| d.get("code")?.as_str()));
            }
            detail => names.extend(detail.get("code").and_then(Value::as_str)),
        }
        names.push(&self.code);
        names
    }
}

/// Host, and port where it is not the usual one.
fn host<'a>(request: &'a Outgoing<'_>) -> &'a str {
    &request.url[Position::BeforeHost..Position::AfterPort]
}

/// No answer, or not a whole one.
pub(crate) fn no_answer(request: &Outgoing<'_>, error: &TransportError) -> Diagnostic {
    let host = host(request);
    let fault = error.fault();
    let said = format!("Could not {}: {host}: {}", request.what, fault.kind.words());
    let diagnostic = match fault.kind {
        FaultKind::Tls => tls(said, fault.causes.join(" ")),
        FaultKind::TooLarge => Diagnostic::new(Code::RemoteGarbage, said)
            .meaning("No answer of the service is that large: something else answered."),
        _ => Diagnostic::new(Code::RemoteUnreachable, said)
            .next(format!("Check the way there: curl -v https://{host}/")),
    };
    let diagnostic = fault.causes.iter().fold(diagnostic, Diagnostic::cause);
    match error {
        TransportError::AnswerLost(_) => unknown(diagnostic, request),
        TransportError::NotSent(_) if fault.kind == FaultKind::Tls => diagnostic,
        TransportError::NotSent(_) => diagnostic.repeat(Repeat::Later),
    }
}

fn tls(said: String, causes: String) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::RemoteTls, said);
    let causes = causes.to_lowercase();
    if causes.contains("expired") || causes.contains("not valid yet") || causes.contains("notvalid")
    {
        return diagnostic
            .meaning("By this host's clock the server's certificate is not valid now.")
            .next("Check this host's clock: timedatectl");
    }
    if causes.contains("unknownissuer") || causes.contains("unknown issuer") {
        return diagnostic
            .meaning(
                "The server's certificate was issued by an authority that this host does not \
                 trust. A company's inspecting proxy looks like this too.",
            )
            .next("Install that authority's certificate, or name its CA file in the profile.");
    }
    diagnostic.next("Read the causes below; the server, or a proxy before it, must be mended.")
}

/// An answer that is not what the protocol promises.
pub(crate) fn garbage(request: &Outgoing<'_>, answer: &Answer, why: &str) -> Diagnostic {
    let host = host(request);
    let said = format!("Could not {}: {host} answered something unexpected", request.what);
    let diagnostic = Diagnostic::new(Code::RemoteGarbage, said)
        .meaning(
            "The answer is not what the service promises. A proxy or a sign-in page of the network \
             often answers in its place.",
        )
        .next(format!("Look at it: curl -v https://{host}/"))
        .remote(remote(answer))
        .cause(format!("HTTP {}: {why}", answer.status.as_u16()));
    // A refusal by something in between means that the request went no further.
    if answer.status.is_client_error() {
        return diagnostic.repeat(Repeat::Later);
    }
    unknown(diagnostic, request)
}

/// A refusal of the token endpoint. `said` is what happened: `Sign-in of … was refused`.
pub(crate) fn of_token(
    request: &Outgoing<'_>,
    answer: &Answer,
    said: &str,
    skew: Option<Skew>,
) -> Diagnostic {
    let Some(error) = answer.failure_json::<TokenError>() else {
        return without_words(request, answer);
    };
    let description = error.error_description.unwrap_or_default();
    let number = error.error_codes.first().copied().or_else(|| number_in(&description));
    let mut remote = remote(answer);
    remote.aadsts = number;
    remote.code = Some(error.error.clone());
    remote.request_id = error.trace_id.or(remote.request_id);
    remote.correlation_id = error.correlation_id.or(remote.correlation_id);
    remote.message = Some(shortened(&hidden(&description, request)));
    let shown = match number {
        Some(number) => format!("AADSTS{number}"),
        None => error.error,
    };
    let row = number.and_then(|number| meaning::of_aadsts(number, &description));
    let Some(row) = row else {
        let code = by_status(answer.status, Code::SignInRefused);
        let said = format!("{said} ({shown})");
        return Diagnostic::new(code, said)
            .next("Read the service's own words below.")
            .repeat(repeat_of(code, false))
            .remote(remote);
    };
    let mut said = format!("{said} ({shown})");
    if row.code == Code::ClockSkew
        && let Some(skew) = skew
    {
        said = format!("{said}: {skew}");
    }
    Diagnostic::new(row.code, said)
        .meaning(row.meaning)
        .next(row.next)
        .repeat(repeat_of(row.code, row.passes))
        .remote(remote)
}

/// A refusal of Microsoft Graph.
pub(crate) fn of_graph(request: &Outgoing<'_>, answer: &Answer) -> Diagnostic {
    let Some(GraphEnvelope { error }) = answer.failure_json() else {
        return without_words(request, answer);
    };
    let message = error.message.clone().unwrap_or_default();
    let status = answer.status.as_u16();
    let rows = error.names().into_iter().filter_map(|name| {
        meaning::of_graph(name, status, &message).map(|row| (name.to_owned(), row))
    });
    // A row that names its error says more than one that only goes by the status.
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(_, row)| row.name.is_empty());
    let mut remote = remote(answer);
    let inner = |name: &str| error.inner.get(name).and_then(Value::as_str).map(str::to_owned);
    remote.request_id = inner("request-id").or(remote.request_id);
    remote.message = Some(shortened(&hidden(&message, request)));
    remote.code = Some(rows.first().map_or_else(|| error.code.clone(), |(name, _)| name.clone()));
    let (code, passes) = match rows.first() {
        Some((_, row)) => (row.code, row.passes),
        None => (by_status(answer.status, Code::GraphBadRequest), false),
    };
    let shown = remote.code.clone().unwrap_or_default();
    let mut diagnostic = Diagnostic::new(code, format!("Could not {} ({shown})", request.what))
        .repeat(repeat_of(code, passes))
        .remote(remote);
    if let Some((_, row)) = rows.first() {
        diagnostic = diagnostic.meaning(row.meaning).next(row.next);
    }
    if challenge::wants_claims(answer.header("www-authenticate")) {
        diagnostic = diagnostic.meaning("The session was revoked or a policy changed.");
    }
    if failed_inside(answer.status) { unknown(diagnostic, request) } else { diagnostic }
}

/// Whether Graph refused a change because another one was in the middle of happening.
pub(crate) fn is_concurrency(answer: &Answer) -> bool {
    answer
        .failure_json::<GraphEnvelope>()
        .is_some_and(|body| body.error.code == "Directory_ConcurrencyViolation")
}

/// A failure whose body says nothing that can be read.
fn without_words(request: &Outgoing<'_>, answer: &Answer) -> Diagnostic {
    let status = answer.status;
    let code = by_status(status, Code::RemoteGarbage);
    if code == Code::RemoteGarbage {
        return garbage(request, answer, "the answer's body cannot be read");
    }
    let said = format!("Could not {} (HTTP {})", request.what, status.as_u16());
    let diagnostic = Diagnostic::new(code, said)
        .meaning(match code {
            Code::RemoteThrottled => "The tenant had too many requests, and wants a longer pause.",
            _ => "The service failed inside, or is not available for a moment.",
        })
        .next("Repeat the command in a few minutes.")
        .repeat(Repeat::Later)
        .remote(remote(answer));
    if code == Code::RemoteThrottled { diagnostic } else { unknown(diagnostic, request) }
}

fn by_status(status: StatusCode, otherwise: Code) -> Code {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Code::RemoteThrottled,
        status if failed_inside(status) => Code::RemoteFailed,
        _ => otherwise,
    }
}

fn remote(answer: &Answer) -> Remote {
    let id = answer.header("request-id").or_else(|| answer.header("x-ms-request-id"));
    Remote {
        status: Some(answer.status.as_u16()),
        request_id: id.map(shortened),
        correlation_id: Some(answer.correlation_id.clone()),
        ..Remote::default()
    }
}

/// The number in `AADSTS700027: …`.
fn number_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A service's words on one line, without the trailer of ids (they have fields of their own).
pub(crate) fn shortened(message: &str) -> String {
    let message = message.split("Trace ID:").next().unwrap_or_default();
    let words: Vec<&str> = message
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn error_bodies_never_panic(body in "\\PC*") {
            let _ = serde_json::from_str::<TokenError>(&body);
            let _ = serde_json::from_str::<GraphEnvelope>(&body).map(|b| b.error.names().len());
            let _ = number_in(&body);
            prop_assert!(shortened(&body).chars().count() <= LONGEST_MESSAGE + 1);
        }

        #[test]
        fn numbers_are_found(number in any::<u32>()) {
            prop_assert_eq!(number_in(&format!("AADSTS{number}: text")), Some(number));
        }
    }

    #[test]
    fn the_trailer_is_cut() {
        let text = "AADSTS50126: Error.\r\nTrace ID: 1 Correlation ID: 2";
        assert_eq!(shortened(text), "AADSTS50126: Error.");
    }
}
