//! Access, identity and refresh tokens (facts 1.10).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::Digest as _;
use uuid::Uuid;

use super::TokenCall;
use super::client::ClientProof;
use super::error::TokenError;
use super::scope::Resource;
use crate::catalog;
use crate::discovery::issuer_v2;
use crate::state::objects::{Principal, User};

/// What `expires_in` says.
pub(crate) const EXPIRES_IN: i64 = 3599;
/// Tokens are issued that many seconds in the past (facts 1.10).
const BACKDATED: i64 = 300;
const LIFE: i64 = 3600;
const REFRESH_LIFE: i64 = 90 * 24 * 60 * 60;

/// Signs `claims`.
///
/// # Errors
/// 90033 where the cryptographic library fails.
fn signed(call: &TokenCall<'_>, claims: &Value, x5t: bool) -> Result<String, TokenError> {
    let signer = call.environment.signer;
    let mut header = Map::new();
    header.insert("typ".to_owned(), "JWT".into());
    header.insert("alg".to_owned(), "RS256".into());
    if x5t {
        header.insert("x5t".to_owned(), signer.kid.clone().into());
    }
    header.insert("kid".to_owned(), signer.kid.clone().into());
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&Value::Object(header)), encode(claims));
    let signature = signer.sign(message.as_bytes()).map_err(|error| {
        TokenError::new(503, "temporarily_unavailable", 90033, error.to_string())
    })?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn opaque(call: &TokenCall<'_>, bytes: usize) -> String {
    let mut content = vec![0; bytes];
    call.environment.random.fill(&mut content);
    URL_SAFE_NO_PAD.encode(content)
}

/// Claims that every access token has.
fn common(call: &TokenCall<'_>, resource: &Resource<'_>) -> Map<String, Value> {
    let tenant = call.state.organization.id;
    let now = call.environment.now.as_seconds();
    let (audience, issuer, version) = if resource.wants_v2 {
        (resource.principal.app_id.to_string(), issuer_v2(&call.request.base, tenant), "2.0")
    } else {
        (resource.name.clone(), v1_issuer(tenant), "1.0")
    };
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("aud", audience.into());
    put("iss", issuer.into());
    put("iat", (now - BACKDATED).into());
    put("nbf", (now - BACKDATED).into());
    put("exp", (now + LIFE).into());
    put("aio", opaque(call, 32).into());
    put("rh", format!("1.{}.", opaque(call, 24)).into());
    put("tid", tenant.to_string().into());
    put("tenant_region_scope", "EU".into());
    put("uti", opaque(call, 16).into());
    put("ver", version.into());
    put("xms_tcdt", call.state.organization.created.as_seconds().into());
    claims
}

fn v1_issuer(tenant: Uuid) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

fn put_client(
    claims: &mut Map<String, Value>,
    client: &Principal,
    resource: &Resource<'_>,
    proof: ClientProof,
) {
    let (id, proof_name) =
        if resource.wants_v2 { ("azp", "azpacr") } else { ("appid", "appidacr") };
    claims.insert(id.to_owned(), client.app_id.to_string().into());
    claims.insert(proof_name.to_owned(), proof.claim().into());
    if !resource.wants_v2 {
        let name = client.properties.get("displayName").cloned().unwrap_or_default();
        claims.insert("app_displayname".to_owned(), name);
    }
}

/// An access token for an application itself.
///
/// # Errors
/// As [`signed`].
pub(crate) fn app_only(
    call: &TokenCall<'_>,
    client: &Principal,
    resource: &Resource<'_>,
    proof: ClientProof,
) -> Result<String, TokenError> {
    let mut claims = common(call, resource);
    put_client(&mut claims, client, resource, proof);
    let tenant = call.state.organization.id;
    let id = client.id.to_string();
    claims.insert("idp".to_owned(), v1_issuer(tenant).into());
    claims.insert("oid".to_owned(), id.clone().into());
    claims.insert("sub".to_owned(), id.into());
    if resource.principal.app_id == catalog::GRAPH {
        claims.insert("idtyp".to_owned(), "app".into());
    }
    let roles = roles_of(call, client, resource);
    if !roles.is_empty() {
        claims.insert("roles".to_owned(), roles.into());
    }
    let environment = call.environment;
    let mut wids = call.state.role_templates(client.id, environment.now, environment.delays);
    wids.push(catalog::APP_ONLY_WID);
    claims.insert("wids".to_owned(), texts(&wids));
    signed(call, &Value::Object(claims), !resource.wants_v2)
}

fn texts(ids: &[Uuid]) -> Value {
    ids.iter().map(Uuid::to_string).collect::<Vec<_>>().into()
}

/// Values of the resource's application roles that the client holds, once replicated.
fn roles_of(call: &TokenCall<'_>, client: &Principal, resource: &Resource<'_>) -> Vec<String> {
    let environment = call.environment;
    let mut roles: Vec<String> = call
        .state
        .assignments
        .values()
        .filter(|entry| entry.principal == client.id && entry.resource == resource.principal.id)
        .filter(|entry| environment.delays.role_ready(entry.created, environment.now))
        .filter_map(|entry| crate::graph::assignments::role_value(resource.principal, entry.role))
        .collect();
    roles.sort();
    roles.dedup();
    roles
}

/// An access token for a user, through a client.
///
/// # Errors
/// As [`signed`].
pub(crate) fn delegated(
    call: &TokenCall<'_>,
    user: &User,
    client: &Principal,
    resource: &Resource<'_>,
    scopes: &[String],
    proof: ClientProof,
) -> Result<String, TokenError> {
    let mut claims = common(call, resource);
    put_client(&mut claims, client, resource, proof);
    let name = user.properties.get("displayName").cloned().unwrap_or_default();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("name", name);
    put("oid", user.id.to_string().into());
    put("sub", pairwise(user.id, resource.principal.app_id).into());
    put("scp", scopes.join(" ").into());
    if resource.wants_v2 {
        put("preferred_username", user.upn.clone().into());
    } else {
        put("acr", "1".into());
        put("amr", json!(["pwd"]));
        put("idtyp", "user".into());
        put("unique_name", user.upn.clone().into());
        put("upn", user.upn.clone().into());
    }
    let environment = call.environment;
    let mut wids = call.state.role_templates(user.id, environment.now, environment.delays);
    wids.push(catalog::USER_WID);
    put("wids", texts(&wids));
    signed(call, &Value::Object(claims), !resource.wants_v2)
}

/// The subject of a user for one application: the same each time, and another for each application.
fn pairwise(user: Uuid, app_id: Uuid) -> String {
    let digest = sha2::Sha256::new().chain_update(user).chain_update(app_id).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

/// An identity token.
///
/// # Errors
/// As [`signed`].
pub(crate) fn identity(
    call: &TokenCall<'_>,
    user: &User,
    app_id: Uuid,
) -> Result<String, TokenError> {
    let tenant = call.state.organization.id;
    let now = call.environment.now.as_seconds();
    let claims = json!({
        "aud": app_id, "iss": issuer_v2(&call.request.base, tenant),
        "iat": now - BACKDATED, "nbf": now - BACKDATED, "exp": now + LIFE,
        "name": user.properties.get("displayName"), "oid": user.id,
        "preferred_username": user.upn, "rh": format!("1.{}.", opaque(call, 24)),
        "sub": pairwise(user.id, app_id), "tid": tenant, "uti": opaque(call, 16), "ver": "2.0",
    });
    signed(call, &claims, false)
}

/// A refresh token. To clients it is opaque; here it is a signed token, so that nothing is stored.
///
/// # Errors
/// As [`signed`].
pub(crate) fn refresh(
    call: &TokenCall<'_>,
    user: &User,
    app_id: Uuid,
) -> Result<String, TokenError> {
    let now = call.environment.now.as_seconds();
    let claims = json!({
        "use": "refresh", "oid": user.id, "client": app_id, "exp": now + REFRESH_LIFE,
        "password_set": user.password_set.as_millis(), "uti": opaque(call, 16),
    });
    Ok(format!("1.{}", signed(call, &claims, false)?))
}

/// `client_info`, from which MSAL makes account ids.
pub(crate) fn client_info(call: &TokenCall<'_>, user: &User) -> String {
    let info = json!({ "uid": user.id, "utid": call.state.organization.id });
    URL_SAFE_NO_PAD.encode(info.to_string())
}
