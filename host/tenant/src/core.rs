//! The tenant as a function: state and request in, answer and new state out.

use base::{Random, Timestamp};
use http::Method;

use crate::certificates::TokenSigner;
use crate::replication::Delays;
use crate::state::State;
use crate::wire::{Answer, Request};
use crate::{discovery, graph, token};

/// What an answer depends on besides state and request.
pub(crate) struct Environment<'a> {
    /// The tenant's clock.
    pub(crate) now: Timestamp,
    /// Where ids come from.
    pub(crate) random: &'a (dyn Random + 'static),
    /// How long changes take to show.
    pub(crate) delays: &'a Delays,
    /// Signs tokens.
    pub(crate) signer: &'a TokenSigner,
}

/// What a request asks for, by its path alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/{tenant}/oauth2/v2.0/token`
    Token { tenant: String },
    /// `/{tenant}[/v2.0]/.well-known/openid-configuration`
    Configuration { tenant: String, v2: bool },
    /// `/{tenant}/discovery[/v2.0]/keys`
    Keys { tenant: String },
    /// `/common/discovery/instance`
    Instance,
    /// `/common/userrealm/{user}`
    Realm { user: String },
    /// `/v1.0/…`, the segments after the version.
    Graph { segments: Vec<String> },
    /// Anything else.
    Unknown,
}

impl Endpoint {
    /// The endpoint that `request` addresses.
    pub(crate) fn of(request: &Request) -> Self {
        let segments = request.segments();
        let words: Vec<&str> = segments.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["v1.0", rest @ ..] => {
                Self::Graph { segments: rest.iter().map(ToString::to_string).collect() }
            }
            [_, "discovery", "instance"] => Self::Instance,
            ["common", realm, user] if realm.eq_ignore_ascii_case("userrealm") => {
                Self::Realm { user: (*user).to_owned() }
            }
            [tenant, "oauth2", "v2.0", "token"] => Self::Token { tenant: (*tenant).to_owned() },
            [tenant, "v2.0", ".well-known", "openid-configuration"] => {
                Self::Configuration { tenant: (*tenant).to_owned(), v2: true }
            }
            [tenant, ".well-known", "openid-configuration"] => {
                Self::Configuration { tenant: (*tenant).to_owned(), v2: false }
            }
            [tenant, "discovery", "keys"] | [tenant, "discovery", "v2.0", "keys"] => {
                Self::Keys { tenant: (*tenant).to_owned() }
            }
            _ => Self::Unknown,
        }
    }

    /// The name of the operation, for faults: `token`, `configuration`, `keys`, `instance`, `realm`, or
    /// method and path template for Graph (`POST /applications/{id}/addKey`).
    pub(crate) fn operation(&self, method: &Method) -> String {
        match self {
            Self::Token { .. } => "token".to_owned(),
            Self::Configuration { .. } => "configuration".to_owned(),
            Self::Keys { .. } => "keys".to_owned(),
            Self::Instance => "instance".to_owned(),
            Self::Realm { .. } => "realm".to_owned(),
            Self::Graph { segments } => {
                format!("{method} {}", graph::path::parse(segments).template)
            }
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// Answers one request. The state is only replaced by the one returned when its version differs.
pub(crate) fn apply(
    state: &State,
    endpoint: &Endpoint,
    request: &Request,
    environment: &Environment<'_>,
) -> (Answer, State) {
    let mut next = state.clone();
    let answer = match endpoint {
        Endpoint::Token { tenant } => token::answer(state, tenant, request, environment),
        Endpoint::Configuration { tenant, v2 } => {
            discovery::configuration(state, tenant, *v2, request, environment)
        }
        Endpoint::Keys { tenant } => discovery::keys(state, tenant, request, environment),
        Endpoint::Instance => discovery::instance(request, environment),
        Endpoint::Realm { user } => discovery::realm(state, user),
        Endpoint::Graph { segments } => graph::answer(&mut next, segments, request, environment),
        Endpoint::Unknown => Answer::json(404, serde_json::json!({"error": "not_found"})),
    };
    // A refused request leaves nothing behind, whatever its handler had begun.
    if answer.status >= 400 { (answer, state.clone()) } else { (answer, next) }
}
