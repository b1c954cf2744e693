//! Access tokens and what they say.

use std::collections::BTreeSet;
use std::fmt;

use base::{SecretText, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::well_known;

/// What a token is asked for: everything that was granted of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(String);

impl Scope {
    /// Everything that was granted of the resource with this application id.
    pub fn of(resource: Uuid) -> Self {
        Self(format!("{resource}/.default"))
    }

    /// Microsoft Graph. Its application id works in every cloud.
    pub fn graph() -> Self {
        Self::of(well_known::GRAPH)
    }

    /// The synchronization service.
    pub fn synchronization() -> Self {
        Self::of(well_known::SYNCHRONIZATION_SERVICE)
    }

    /// The scope as the token endpoint reads it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An access token. Neither `Debug` nor anything else shows its text.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token itself.
    pub secret: SecretText,
    /// When it expires, by this host's clock.
    pub expires_at: Timestamp,
    /// What it says. Nothing here has verified it: it is for looking, not for trusting.
    pub claims: Claims,
    /// The scopes that the token endpoint named beside it.
    pub scopes: BTreeSet<String>,
}

impl AccessToken {
    /// The application roles or delegated scopes that are not in the token, of those that are
    /// needed.
    pub fn missing<'n>(&self, needed: &[&'n str]) -> Vec<&'n str> {
        let has = |role: &str| {
            self.claims.roles.contains(role)
                || self.claims.scopes.contains(role)
                || self.scopes.iter().any(|scope| scope == role || last_part(scope) == role)
        };
        needed.iter().copied().filter(|role| !has(role)).collect()
    }
}

/// The permission in `https://graph.microsoft.com/User.Read`.
fn last_part(scope: &str) -> &str {
    scope.rsplit('/').next().unwrap_or(scope)
}

/// What an access token says (facts 1.10). What it does not say, or not in the expected shape, is
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The resource it is for.
    pub audience: Option<String>,
    /// The tenant.
    pub tenant_id: Option<Uuid>,
    /// The client (`appid` or `azp`).
    pub app_id: Option<Uuid>,
    /// The user, or the service principal.
    pub object_id: Option<Uuid>,
    /// Application roles.
    pub roles: BTreeSet<String>,
    /// Delegated scopes.
    pub scopes: BTreeSet<String>,
    /// Template ids of the caller's directory roles.
    pub directory_roles: BTreeSet<Uuid>,
    /// When it expires, by the tenant's clock.
    pub expires_at: Option<Timestamp>,
    /// The user principal name, in a user's token.
    pub username: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    tid: Value,
    #[serde(default)]
    appid: Value,
    #[serde(default)]
    azp: Value,
    #[serde(default)]
    oid: Value,
    #[serde(default)]
    roles: Value,
    #[serde(default)]
    scp: Value,
    #[serde(default)]
    wids: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    upn: Value,
    #[serde(default)]
    preferred_username: Value,
}

impl Claims {
    /// Reads a token's claims without verifying it. A token that is no JWT has none.
    pub fn of(token: &str) -> Self {
        Self::read(token).unwrap_or_default()
    }

    fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let payload: Payload = serde_json::from_slice(&payload).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let id = |value: &Value| value.as_str().and_then(|text| Uuid::try_parse(text).ok());
        Some(Self {
            audience: text(&payload.aud),
            tenant_id: id(&payload.tid),
            app_id: id(&payload.appid).or_else(|| id(&payload.azp)),
            object_id: id(&payload.oid),
            roles: texts(&payload.roles).map(str::to_owned).collect(),
            scopes: payload
                .scp
                .as_str()
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            directory_roles: texts(&payload.wids).filter_map(|t| Uuid::try_parse(t).ok()).collect(),
            expires_at: payload.exp.as_i64().map(Timestamp::from_seconds),
            username: text(&payload.upn).or_else(|| text(&payload.preferred_username)),
        })
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_never_panics(token in "\\PC*") {
            let _ = Claims::of(&token);
        }

        #[test]
        fn decoding_odd_payloads_never_panics(payload in "\\PC*") {
            let _ = Claims::of(&format!("e30.{}.", URL_SAFE_NO_PAD.encode(payload)));
        }
    }

    #[test]
    fn claims_of_odd_shapes_are_empty() {
        let payload = r#"{"roles":"one","scp":["a"],"wids":[1,"x"],"exp":"soon","tid":7}"#;
        let claims = Claims::of(&format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload)));
        assert_eq!(claims, Claims::default());
    }
}
