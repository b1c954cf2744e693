//! Who calls: the access token of a request to Microsoft Graph.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::GraphError;
use crate::catalog;
use crate::core::Environment;
use crate::state::State;
use crate::token::jwt::{Jwt, Padding, decode_any};
use crate::wire::Request;

/// How far clocks may be apart, in seconds.
const SKEW: i64 = 300;

/// The caller of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Client id of the application that calls.
    pub(crate) app_id: Uuid,
    /// For whom it calls.
    pub(crate) identity: Identity,
}

/// For whom an application calls.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// For itself.
    Application {
        /// Its service principal; none where it is gone since.
        principal: Option<Uuid>,
        /// Application roles in the token.
        roles: Vec<String>,
    },
    /// For a user.
    User {
        /// Object id.
        id: Uuid,
        /// Delegated scopes in the token.
        scopes: Vec<String>,
        /// Templates of the directory roles that the user holds now.
        roles: Vec<Uuid>,
    },
}

impl Caller {
    /// Object id of who calls: the user, or the service principal.
    pub(crate) fn object_id(&self) -> Option<Uuid> {
        match &self.identity {
            Identity::Application { principal, .. } => *principal,
            Identity::User { id, .. } => Some(*id),
        }
    }
}

/// Reads and checks the access token.
///
/// # Errors
/// 401 as facts 6.1.
pub(crate) fn authenticate(
    state: &State,
    request: &Request,
    environment: &Environment<'_>,
) -> Result<Caller, GraphError> {
    let empty = || GraphError::token("Access token is empty.");
    let value = request.header("authorization").ok_or_else(empty)?;
    let (scheme, token) = value.split_once(' ').ok_or_else(empty)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(empty());
    }
    let malformed = || GraphError::token("CompactToken parsing failed with error code: 80049217");
    let jwt = Jwt::parse(token, Padding::Refused).ok_or_else(malformed)?;
    let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let signature = decode_any(signature).ok_or_else(malformed)?;
    let issuers = [
        format!("https://sts.windows.net/{}/", state.organization.id),
        crate::discovery::issuer_v2(&request.base, state.organization.id),
    ];
    let ours = jwt.text("iss").is_some_and(|issuer| issuers.iter().any(|known| known == issuer));
    if !environment.signer.verify(message.as_bytes(), &signature) || !ours {
        let text = "CompactToken validation failed with reason code: 80049228.";
        return Err(GraphError::token(text));
    }
    in_time(&jwt.claims, environment)?;
    let graph = catalog::GRAPH.to_string();
    let audience = jwt.text("aud").unwrap_or_default();
    if ![&graph, "https://graph.microsoft.com", &request.base].contains(&audience) {
        return Err(GraphError::token("Access token validation failure. Invalid audience."));
    }
    caller_of(state, &jwt.claims, environment).ok_or_else(malformed)
}

fn in_time(claims: &Map<String, Value>, environment: &Environment<'_>) -> Result<(), GraphError> {
    let now = environment.now.as_seconds();
    let moment = |name: &str| claims.get(name).and_then(Value::as_i64);
    let begun = moment("nbf").is_some_and(|nbf| nbf <= now + SKEW);
    let ended = moment("exp").is_none_or(|exp| exp + SKEW <= now);
    if begun && !ended {
        return Ok(());
    }
    Err(GraphError::token(
        "Lifetime validation failed, the token is expired. Access token has expired or is not yet \
         valid.",
    ))
}

fn caller_of(
    state: &State,
    claims: &Map<String, Value>,
    environment: &Environment<'_>,
) -> Option<Caller> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let app_id: Uuid = text("appid").or_else(|| text("azp"))?.parse().ok()?;
    let id: Uuid = text("oid")?.parse().ok()?;
    if let Some(scopes) = text("scp") {
        let user = state.users.get(&id).filter(|user| user.deleted.is_none())?;
        return Some(Caller {
            app_id,
            identity: Identity::User {
                id: user.id,
                scopes: scopes.split_whitespace().map(str::to_owned).collect(),
                roles: state.role_templates(id, environment.now, environment.delays),
            },
        });
    }
    let roles = claims.get("roles").and_then(Value::as_array);
    Some(Caller {
        app_id,
        identity: Identity::Application {
            principal: state
                .principals
                .get(&id)
                .filter(|principal| principal.deleted.is_none())
                .map(|principal| principal.id),
            roles: roles
                .into_iter()
                .flatten()
                .filter_map(|role| role.as_str().map(str::to_owned))
                .collect(),
        },
    })
}
