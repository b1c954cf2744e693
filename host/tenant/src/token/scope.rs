//! Scopes: which resource they name, and what of it.

use std::sync::Arc;

use uuid::Uuid;

use super::TokenCall;
use super::error::TokenError;
use crate::catalog;
use crate::state::objects::Principal;

/// A resource as a scope named it.
pub(crate) struct Resource<'a> {
    /// Its service principal in this tenant.
    pub(crate) principal: &'a Arc<Principal>,
    /// The name it was asked by: `aud` of v1 tokens.
    pub(crate) name: String,
    /// Whether its application wants v2 tokens (facts 1.10).
    pub(crate) wants_v2: bool,
}

/// The resource and the scopes of it that a user's client asked for.
pub(crate) struct Asked<'a> {
    pub(crate) resource: Resource<'a>,
    /// Names of scopes; empty where only `.default` was asked.
    pub(crate) scopes: Vec<String>,
    /// Whether `.default` was asked.
    pub(crate) default: bool,
    /// `openid`, `profile`, `email`, `offline_access`, as asked.
    pub(crate) openid: Vec<String>,
}

fn invalid_scope(scope: &str) -> TokenError {
    TokenError::new(
        400,
        "invalid_scope",
        70011,
        format!(
            "The provided request must include a 'scope' input parameter. The provided value \
                 for the input parameter 'scope' is not valid. The scope {scope} is not valid."
        ),
    )
}

/// Splits `https://resource/Scope` at its last stroke. A bare name is a scope of Microsoft Graph.
fn split(scope: &str) -> (String, &str) {
    match scope.rsplit_once('/') {
        // `api://id/` style resources may end in a stroke of their own: `https://host//.default`.
        Some((resource, name)) => (resource.to_owned(), name),
        None => ("https://graph.microsoft.com".to_owned(), scope),
    }
}

/// Reads the scope of the client credentials grant: one resource, with `.default`.
///
/// # Errors
/// 70011 without `.default`, 700022 for two resources, 500011 for an unknown one.
pub(crate) fn default_resource<'a>(
    call: &'a TokenCall<'_>,
    scope: &str,
) -> Result<Resource<'a>, TokenError> {
    let mut named: Option<String> = None;
    for part in scope.split_whitespace() {
        if catalog::OPENID_SCOPES.contains(&part) {
            continue;
        }
        let (resource, name) = split(part);
        if name != ".default" || !part.contains('/') {
            return Err(invalid_scope(part));
        }
        if named.replace(resource.clone()).is_some_and(|other| other != resource) {
            let text = "The provided value for the input parameter scope is not valid because it \
                        contains more than one resource.";
            return Err(TokenError::new(400, "invalid_scope", 700_022, text.to_owned()));
        }
    }
    resource(call, &named.ok_or_else(|| invalid_scope(scope))?)
}

/// Reads the scope of a user's grant.
///
/// # Errors
/// 70011 for one that is none, 70011 for two resources, 500011 for an unknown one.
pub(crate) fn asked<'a>(call: &'a TokenCall<'_>, scope: &str) -> Result<Asked<'a>, TokenError> {
    let mut openid = Vec::new();
    let mut scopes: Vec<String> = Vec::new();
    let mut named: Option<String> = None;
    let mut default = false;
    for part in scope.split_whitespace() {
        if catalog::OPENID_SCOPES.contains(&part) {
            openid.push(part.to_owned());
            continue;
        }
        let (resource, name) = split(part);
        if name.is_empty() {
            return Err(invalid_scope(part));
        }
        if named.replace(resource.clone()).is_some_and(|other| other != resource) {
            return Err(invalid_scope(scope));
        }
        if name == ".default" {
            default = true;
        } else {
            scopes.push(name.to_owned());
        }
    }
    if named.is_none() {
        if openid.is_empty() {
            return Err(invalid_scope(scope));
        }
        // OpenID scopes alone mean: just sign in.
        scopes.push("User.Read".to_owned());
    }
    let named = named.unwrap_or_else(|| "https://graph.microsoft.com".to_owned());
    Ok(Asked { resource: resource(call, &named)?, scopes, default, openid })
}

/// Finds the resource that is called `name`: a client id, an App ID URI, or a well-known address.
fn resource<'a>(call: &'a TokenCall<'_>, name: &str) -> Result<Resource<'a>, TokenError> {
    let trimmed = name.trim_end_matches('/');
    let app_id = trimmed
        .parse::<Uuid>()
        .ok()
        .or_else(|| first_party_named(call, trimmed))
        .or_else(|| by_identifier_uri(call, trimmed));
    let environment = call.environment;
    let principal = app_id
        .and_then(|id| call.state.principal_of(id))
        .filter(|found| environment.delays.object_ready(found.created, environment.now))
        .ok_or_else(|| {
            TokenError::new(
                400,
                "invalid_resource",
                500_011,
                format!(
                    "The resource principal named {name} was not found in the tenant named {}. \
                     This can happen if the application has not been installed by the \
                     administrator of the tenant or consented to by any user in the tenant.",
                    call.state.organization.name
                ),
            )
        })?;
    let wants_v2 = call.state.application_of(principal.app_id).is_some_and(|application| {
        let version = application.properties.get("api");
        version.and_then(|api| api.get("requestedAccessTokenVersion")).and_then(|v| v.as_u64())
            == Some(2)
    });
    Ok(Resource { principal, name: trimmed.to_owned(), wants_v2 })
}

/// Clients that are pointed at this tenant may name Microsoft Graph by this tenant's own address.
fn first_party_named(call: &TokenCall<'_>, name: &str) -> Option<Uuid> {
    if name == call.request.base {
        return Some(catalog::GRAPH);
    }
    catalog::FIRST_PARTY.iter().find(|party| party.names.contains(&name)).map(|party| party.app_id)
}

fn by_identifier_uri(call: &TokenCall<'_>, name: &str) -> Option<Uuid> {
    if let Some(id) = name.strip_prefix("api://").and_then(|rest| rest.parse().ok()) {
        return Some(id);
    }
    call.state
        .applications
        .values()
        .filter(|application| application.deleted.is_none())
        .find(|application| {
            let uris = application.properties.get("identifierUris").and_then(|v| v.as_array());
            uris.is_some_and(|uris| uris.iter().any(|uri| uri.as_str() == Some(name)))
        })
        .map(|application| application.app_id)
}
