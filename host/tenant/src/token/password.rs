//! Sign-in of users: by password (ROPC, facts 1.4) and by refresh token (facts 1.7).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::client::{self, ClientProof};
use super::error::TokenError;
use super::jwt::{Jwt, Padding};
use super::scope::{self, Asked};
use super::{Form, TokenCall, issue};
use crate::catalog;
use crate::state::objects::{Principal, User};
use crate::wire::Answer;

/// The password grant.
///
/// # Errors
/// As facts 1.9: 7000218, 50034, 50126, 50057, 50055, 50076, 65001 and those of scopes.
pub(crate) fn by_password(call: &TokenCall<'_>, form: &Form) -> Result<Answer, TokenError> {
    let (principal, proof) = signing_in_client(call, form)?;
    let asked = scope::asked(call, form.required("scope")?)?;
    let username = form.required("username")?;
    let password = form.required("password")?;
    let user = call
        .state
        .user_named(username)
        .filter(|user| call.environment.delays.object_ready(user.created, call.environment.now))
        .ok_or_else(|| {
            TokenError::grant(
                50034,
                format!(
                    "The user account {username} does not exist in the {} directory. To sign into \
                     this application, the account must be added to the directory.",
                    call.state.organization.id
                ),
            )
        })?;
    if !user.password.matches(password) {
        let text = "Error validating credentials due to invalid username or password.";
        return Err(TokenError::grant(50126, text));
    }
    usable(user)?;
    answered(call, form, user, principal, &asked, proof)
}

/// The refresh token grant.
///
/// # Errors
/// 700082 for a token that is none or too old, 50173 after a new password, and those of scopes.
pub(crate) fn by_refresh_token(call: &TokenCall<'_>, form: &Form) -> Result<Answer, TokenError> {
    let (principal, proof) = signing_in_client(call, form)?;
    let asked = scope::asked(call, form.get("scope").unwrap_or("openid"))?;
    let refused = || {
        TokenError::grant(700_082, "The refresh token has expired due to inactivity.")
            .suberror("bad_token")
    };
    let token = form.required("refresh_token")?.strip_prefix("1.").ok_or_else(refused)?;
    let claims = verified(call, token).ok_or_else(refused)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let fresh = claims.get("exp").and_then(Value::as_i64);
    let id: Option<Uuid> = text("oid").and_then(|id| id.parse().ok());
    let ours = text("use") == Some("refresh")
        && text("client") == Some(&principal.app_id.to_string())
        && fresh.is_some_and(|exp| exp > call.environment.now.as_seconds());
    let user = id
        .and_then(|id| call.state.users.get(&id))
        .filter(|user| ours && user.deleted.is_none())
        .ok_or_else(refused)?;
    if claims.get("password_set").and_then(Value::as_i64) != Some(user.password_set.as_millis()) {
        let text = "The provided grant has expired due to it being revoked, a fresh auth token is \
                    needed. The user might have changed or reset their password.";
        return Err(TokenError::grant(50173, text).suberror("bad_token"));
    }
    usable(user)?;
    answered(call, form, user, principal, &asked, proof)
}

/// The claims of a token that this tenant signed; none for any other.
fn verified(call: &TokenCall<'_>, token: &str) -> Option<serde_json::Map<String, Value>> {
    let (message, signature) = token.rsplit_once('.')?;
    let signature = super::jwt::decode_any(signature)?;
    call.environment
        .signer
        .verify(message.as_bytes(), &signature)
        .then(|| Jwt::parse(token, Padding::Refused).map(|jwt| jwt.claims))
        .flatten()
}

/// The client that a user signs in with: a public one, or one with a credential.
fn signing_in_client<'a>(
    call: &'a TokenCall<'_>,
    form: &Form,
) -> Result<(&'a Arc<Principal>, ClientProof), TokenError> {
    let client_id = form.required("client_id")?;
    let sent = form.get("client_secret").is_some() || form.get("client_assertion").is_some();
    let app_id: Option<Uuid> = client_id.parse().ok();
    if let Some(party) = app_id.and_then(catalog::first_party) {
        let principal = client::principal(call, party.app_id)
            .map_err(|_| client::not_found(call, client_id))?;
        return match (party.public_client, sent) {
            (true, false) => Ok((principal, ClientProof::None)),
            (true, true) => Err(needs_no_credential()),
            (false, _) => Err(needs_credential()),
        };
    }
    let application = client::application(call, client_id)?;
    let flag = application.properties.get("isFallbackPublicClient").and_then(Value::as_bool);
    let proof = match (flag, sent) {
        (Some(true), false) => ClientProof::None,
        (Some(true), true) => return Err(needs_no_credential()),
        (_, true) => client::authenticate(call, form, application)?,
        (_, false) => return Err(needs_credential()),
    };
    Ok((client::principal(call, application.app_id)?, proof))
}

fn needs_no_credential() -> TokenError {
    let text = "Client is public so neither 'client_assertion' nor 'client_secret' should be \
                presented.";
    TokenError::client(700_025, text)
}

fn needs_credential() -> TokenError {
    TokenError::client(
        7_000_218,
        "The request body must contain the following parameter: 'client_assertion' or \
         'client_secret'.",
    )
}

/// Whether the account may sign in with a password alone.
fn usable(user: &User) -> Result<(), TokenError> {
    if !user.enabled {
        let text = "The user account is disabled.";
        return Err(TokenError::grant(50057, text));
    }
    if user.must_change_password {
        return Err(
            TokenError::grant(50055, "The password is expired.").suberror("user_password_expired")
        );
    }
    if user.needs_mfa {
        let text = "Due to a configuration change made by your administrator, or because you \
                    moved to a new location, you must use multi-factor authentication to access \
                    the resource.";
        return Err(TokenError::grant(50076, text).suberror("basic_action"));
    }
    Ok(())
}

/// What `client` may do on the resource for `user`: preauthorised and granted scopes.
fn consented(
    call: &TokenCall<'_>,
    client: &Principal,
    asked: &Asked<'_>,
    user: Uuid,
) -> Vec<String> {
    let resource = asked.resource.principal;
    let preauthorised = catalog::PREAUTHORIZED
        .iter()
        .filter(|(app, on, _)| *app == client.app_id && *on == resource.app_id)
        .flat_map(|(_, _, scopes)| scopes.iter().map(|scope| (*scope).to_owned()));
    let granted = call
        .state
        .grants
        .values()
        .filter(|grant| grant.client == client.id && grant.resource == resource.id)
        .filter(|grant| grant.user.is_none_or(|only| only == user))
        .flat_map(|grant| grant.scope.split_whitespace().map(str::to_owned));
    preauthorised.chain(granted).collect::<BTreeSet<_>>().into_iter().collect()
}

fn answered(
    call: &TokenCall<'_>,
    form: &Form,
    user: &User,
    client: &Principal,
    asked: &Asked<'_>,
    proof: ClientProof,
) -> Result<Answer, TokenError> {
    let consented = consented(call, client, asked, user.id);
    let granted = if asked.default { consented.clone() } else { asked.scopes.clone() };
    let missing = granted.iter().any(|scope| !consented.contains(scope));
    if missing || granted.is_empty() {
        return Err(TokenError::grant(
            65001,
            format!(
                "The user or administrator has not consented to use the application with ID '{}' \
                 named '{}'. Send an interactive authorization request for this user and resource.",
                client.app_id,
                client.properties.get("displayName").and_then(Value::as_str).unwrap_or_default()
            ),
        )
        .suberror("consent_required"));
    }
    let resource = &asked.resource;
    let token = issue::delegated(call, user, client, resource, &granted, proof)?;
    let has = |name: &str| asked.openid.iter().any(|scope| scope == name);
    let mut body = json!({
        "token_type": "Bearer",
        "scope": scope_text(asked, &granted),
        "expires_in": issue::EXPIRES_IN,
        "ext_expires_in": issue::EXPIRES_IN,
        "access_token": token,
    });
    if has("offline_access") {
        body["refresh_token"] = issue::refresh(call, user, client.app_id)?.into();
    }
    if has("openid") {
        body["id_token"] = issue::identity(call, user, client.app_id)?.into();
    }
    if form.get("client_info") == Some("1") {
        body["client_info"] = issue::client_info(call, user).into();
    }
    Ok(Answer::json(200, body))
}

/// The granted scopes, each with its resource; clients look tokens up by what they asked for, so
/// `.default` and OpenID scopes are repeated.
fn scope_text(asked: &Asked<'_>, granted: &[String]) -> String {
    let name = &asked.resource.name;
    let mut all: Vec<String> = granted.iter().map(|scope| format!("{name}/{scope}")).collect();
    if asked.default {
        all.push(format!("{name}/.default"));
    }
    let shown = asked.openid.iter().filter(|scope| *scope != "offline_access");
    all.extend(shown.cloned());
    all.join(" ")
}
