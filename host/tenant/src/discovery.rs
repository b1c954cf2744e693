//! What clients ask before they sign in: instance discovery, OpenID configuration, keys (facts 1.1).

use serde_json::json;
use uuid::Uuid;

use crate::core::Environment;
use crate::state::State;
use crate::token::error::{TokenError, answer_of};
use crate::wire::{Answer, Request};

/// What the tenant part of a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TenantName {
    /// This tenant, by id or by one of its domains.
    This,
    /// `common`, `organizations` or `consumers`: whichever tenant the account is of.
    AnyOf,
}

/// Finds out which tenant `name` means.
///
/// # Errors
/// 90002 for a tenant that is not this one, 900023 for something that can be no tenant.
pub(crate) fn tenant_named(state: &State, name: &str) -> Result<TenantName, TokenError> {
    if ["common", "organizations", "consumers"].contains(&name) {
        return Ok(TenantName::AnyOf);
    }
    let id = name.parse::<Uuid>().ok();
    if id == Some(state.organization.id) || state.organization.has_domain(name) {
        return Ok(TenantName::This);
    }
    if id.is_none() && !name.contains('.') {
        return Err(TokenError::new(
            400,
            "invalid_request",
            900_023,
            format!(
                "Specified tenant identifier '{name}' is neither a valid DNS name, nor a valid \
                 external domain."
            ),
        ));
    }
    Err(TokenError::new(
        400,
        "invalid_tenant",
        90002,
        format!(
            "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are \
             signing into the correct cloud."
        ),
    ))
}

/// The issuer of v2.0 tokens.
pub(crate) fn issuer_v2(base: &str, tenant: Uuid) -> String {
    format!("{base}/{tenant}/v2.0")
}

fn cached(answer: Answer) -> Answer {
    answer.header("cache-control", "max-age=86400, private")
}

/// The OpenID configuration document.
pub(crate) fn configuration(
    state: &State,
    tenant: &str,
    v2: bool,
    request: &Request,
    environment: &Environment<'_>,
) -> Answer {
    let named = match tenant_named(state, tenant) {
        Ok(named) => named,
        Err(error) => return answer_of(&error, request, environment),
    };
    let base = &request.base;
    // Documents of no particular tenant hold the literal (facts 1.1).
    let id = match named {
        TenantName::This => state.organization.id.to_string(),
        TenantName::AnyOf => "{tenantid}".to_owned(),
    };
    let (version, issuer) = if v2 {
        ("/v2.0", format!("{base}/{id}/v2.0"))
    } else {
        ("", format!("https://sts.windows.net/{id}/"))
    };
    let host = base.trim_start_matches("https://");
    cached(Answer::json(
        200,
        json!({
            "token_endpoint": format!("{base}/{tenant}/oauth2{version}/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/{tenant}/discovery{version}/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{base}/oidc/userinfo"),
            "authorization_endpoint": format!("{base}/{tenant}/oauth2{version}/authorize"),
            "device_authorization_endpoint": format!("{base}/{tenant}/oauth2{version}/devicecode"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{base}/{tenant}/oauth2{version}/logout"),
            "claims_supported": [
                "sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
                "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr",
                "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"
            ],
            "tenant_region_scope": "WW",
            "cloud_instance_name": host,
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": host,
            "rbac_url": "https://pas.windows.net",
        }),
    ))
}

/// The keys that verify this tenant's tokens.
pub(crate) fn keys(
    state: &State,
    tenant: &str,
    request: &Request,
    environment: &Environment<'_>,
) -> Answer {
    if let Err(error) = tenant_named(state, tenant) {
        return answer_of(&error, request, environment);
    }
    let issuer = issuer_v2(&request.base, state.organization.id);
    cached(Answer::json(200, json!({ "keys": [environment.signer.jwk(&issuer)] })))
}

/// Instance discovery: whether an authority is one, and by which names it goes.
pub(crate) fn instance(request: &Request, environment: &Environment<'_>) -> Answer {
    let asked = request.query.iter().find(|(name, _)| name == "authorization_endpoint");
    let Some(endpoint) = asked.and_then(|(_, value)| url::Url::parse(value).ok()) else {
        let error = TokenError::missing_parameter("authorization_endpoint");
        return answer_of(&error, request, environment);
    };
    let host = request.base.trim_start_matches("https://").to_owned();
    let known = request.base == origin(&endpoint)
        || endpoint.host_str().is_some_and(|name| GLOBAL_HOSTS.contains(&name));
    if !known {
        let error = TokenError::new(
            400,
            "invalid_instance",
            50049,
            "Unknown or invalid instance.".to_owned(),
        );
        return answer_of(&error, request, environment);
    }
    let tenant = endpoint.path_segments().and_then(|mut parts| parts.next()).unwrap_or("common");
    cached(Answer::json(
        200,
        json!({
            "tenant_discovery_endpoint":
                format!("{}/{tenant}/v2.0/.well-known/openid-configuration", request.base),
            "api-version": "1.1",
            "metadata": [
                { "preferred_network": host, "preferred_cache": host, "aliases": [host] },
                {
                    "preferred_network": "login.microsoftonline.com",
                    "preferred_cache": "login.windows.net",
                    "aliases": GLOBAL_HOSTS,
                },
            ],
        }),
    ))
}

/// Whether a user signs in here or at a federation service: MSAL asks before each sign-in by password.
pub(crate) fn realm(state: &State, user: &str) -> Answer {
    let domain = user.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
    if !state.organization.has_domain(domain) {
        return Answer::json(200, json!({ "ver": "1.0", "account_type": "Unknown" }));
    }
    Answer::json(
        200,
        json!({
            "ver": "1.0",
            "account_type": "Managed",
            "domain_name": domain,
            "cloud_instance_name": "microsoftonline.com",
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        }),
    )
}

const GLOBAL_HOSTS: &[&str] =
    &["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"];

fn origin(url: &url::Url) -> String {
    url.origin().ascii_serialization()
}
