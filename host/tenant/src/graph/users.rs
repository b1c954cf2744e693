//! Users (facts 5).

use serde_json::{Map, Value};
use uuid::Uuid;

use super::caller::Identity;
use super::error::GraphError;
use super::properties::{self, required_text};
use super::query::Query;
use super::{Call, Outcome};
use crate::catalog::role;
use crate::state::objects::{Hashed, User};
use crate::state::readable;
use crate::wire::{Answer, iso};

/// What is shown of a user without `$select` (facts 5).
const DEFAULT: &[&str] = &[
    "id",
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];
const ELSEWHERE: &[&str] = &["accountEnabled", "userPrincipalName", "passwordProfile"];

/// Everything that clients may see of a user.
pub(crate) fn shown(user: &User) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("id", user.id.to_string().into());
    put("deletedDateTime", user.deleted.map(iso).into());
    put("accountEnabled", user.enabled.into());
    put("createdDateTime", iso(user.created).into());
    put("userPrincipalName", user.upn.clone().into());
    put("lastPasswordChangeDateTime", iso(user.password_set).into());
    object.extend(user.properties.clone());
    object
}

/// What clients see of a user who asked for nothing particular.
pub(crate) fn shown_by_default(mut object: Map<String, Value>) -> Map<String, Value> {
    object.retain(|name, _| name.starts_with('@') || DEFAULT.contains(&name.as_str()));
    object
}

/// `GET /users`
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let users = readable(&call.state.users, call.now(), call.environment.delays);
    let mut answer = query.list(call.request, "users", users.map(|user| shown(user)));
    if query.select.is_empty()
        && let Some(Value::Array(page)) =
            answer.body.as_mut().and_then(|body| body.get_mut("value"))
    {
        for object in page.iter_mut() {
            if let Value::Object(object) = object {
                *object = shown_by_default(std::mem::take(object));
            }
        }
    }
    Ok(answer)
}

fn entity(call: &Call<'_>, user: &User) -> Outcome {
    let query = Query::read(call.request)?;
    let object = shown(user);
    let object = if query.select.is_empty() { shown_by_default(object) } else { object };
    Ok(query.one(call.request, "users", object))
}

/// `GET /users/{id}`, by id or by user principal name
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    entity(call, &call.user()?)
}

/// `GET /me`
pub(crate) fn me(call: &mut Call<'_>) -> Outcome {
    let Identity::User { id, .. } = &call.caller.identity else {
        return Err(GraphError::unparsed(
            "/me request is only valid with delegated authentication flow.",
        ));
    };
    let user = call.state.users.get(id).cloned();
    let user = user.ok_or_else(|| GraphError::not_found(&id.to_string()))?;
    entity(call, &user)
}

/// `POST /users`
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    required_text(&body, "displayName")?;
    required_text(&body, "mailNickname")?;
    let enabled = body.get("accountEnabled").and_then(Value::as_bool).ok_or_else(|| {
        GraphError::bad_request(
            "A value is required for property 'accountEnabled' of resource 'User'.",
        )
    })?;
    let upn = name(call, required_text(&body, "userPrincipalName")?, None)?;
    let (password, change) = password(&body)?.ok_or_else(|| {
        GraphError::bad_request("A password must be specified to create a new user.")
    })?;
    let mut kept = properties::user_defaults();
    properties::set(&mut kept, &body, properties::USER, ELSEWHERE)?;
    let user = User {
        id: call.new_id(),
        upn,
        created: call.now(),
        deleted: None,
        enabled,
        needs_mfa: false,
        must_change_password: change,
        password: Hashed::new(&password, call.environment.random),
        password_set: call.now(),
        properties: kept,
    };
    let mut object = Map::new();
    let context = format!("{}/v1.0/$metadata#users/$entity", call.request.base);
    object.insert("@odata.context".to_owned(), context.into());
    object.extend(shown_by_default(shown(&user)));
    let location = format!(
        "https://graph.microsoft.com/v2/{}/directoryObjects/{}/Microsoft.DirectoryServices.User",
        call.state.organization.id, user.id
    );
    call.state.put_user(user);
    Ok(Answer::json(201, object).header("location", location))
}

/// Checks a user principal name: a verified domain, and nobody else's.
pub(crate) fn name(call: &Call<'_>, upn: &str, own: Option<Uuid>) -> Result<String, GraphError> {
    let (alias, domain) = upn.split_once('@').unwrap_or_default();
    if alias.is_empty() || !call.state.organization.has_domain(domain) {
        return Err(GraphError::bad_request(
            "The domain portion of the userPrincipalName property is invalid. You must use one of \
             the verified domain names in your organization.",
        )
        .detail("InvalidValue", "The domain is not verified.", "userPrincipalName"));
    }
    let taken = call.state.user_named(upn).is_some_and(|other| Some(other.id) != own);
    if taken {
        let text =
            "Another object with the same value for property userPrincipalName already exists.";
        return Err(GraphError::bad_request(text).detail(
            "ObjectConflict",
            text,
            "userPrincipalName",
        ));
    }
    Ok(upn.to_owned())
}

/// Reads `passwordProfile`: the password, and whether it must be changed at the next sign-in.
fn password(body: &Map<String, Value>) -> Result<Option<(String, bool)>, GraphError> {
    let Some(profile) = body.get("passwordProfile").and_then(Value::as_object) else {
        return Ok(None);
    };
    let Some(password) = profile.get("password").and_then(Value::as_str) else { return Ok(None) };
    let has = |class: fn(char) -> bool| usize::from(password.chars().any(class));
    let classes = has(char::is_lowercase)
        + has(char::is_uppercase)
        + has(|c| c.is_ascii_digit())
        + has(|c| !c.is_alphanumeric());
    if !(8..=256).contains(&password.chars().count()) || classes < 3 {
        return Err(GraphError::bad_request(
            "The specified password does not comply with password complexity requirements. Please \
             provide a different password.",
        )
        .detail("InvalidPassword", "The password is too weak.", "password"));
    }
    // A new user must change it unless told otherwise.
    let change = profile.get("forceChangePasswordNextSignIn").and_then(Value::as_bool);
    Ok(Some((password.to_owned(), change.unwrap_or(true))))
}

/// Those who only manage users may not touch administrators (facts 5).
fn may_touch(call: &Call<'_>, user: &User) -> Result<(), GraphError> {
    let held = call.state.role_templates(user.id, call.now(), call.environment.delays);
    let synchronization = [role::DIRECTORY_SYNCHRONIZATION, role::ON_PREMISES_SYNC];
    let privileged = held.iter().any(|held| !synchronization.contains(held));
    let entitled = match &call.caller.identity {
        Identity::Application { principal, .. } => principal
            .map(|id| call.state.role_templates(id, call.now(), call.environment.delays))
            .is_some_and(|roles| roles.contains(&role::GLOBAL_ADMINISTRATOR)),
        Identity::User { roles, .. } => roles.contains(&role::GLOBAL_ADMINISTRATOR),
    };
    if privileged && !entitled { Err(GraphError::denied()) } else { Ok(()) }
}

/// `PATCH /users/{id}`
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let mut user = call.user()?;
    may_touch(call, &user)?;
    properties::set(&mut user.properties, &body, properties::USER, ELSEWHERE)?;
    if let Some(enabled) = body.get("accountEnabled") {
        user.enabled = enabled.as_bool().ok_or_else(|| {
            GraphError::bad_request("Invalid value specified for property 'accountEnabled'.")
        })?;
    }
    if body.contains_key("userPrincipalName") {
        user.upn = name(call, required_text(&body, "userPrincipalName")?, Some(user.id))?;
    }
    if let Some((password, change)) = password(&body)? {
        user.password = Hashed::new(&password, call.environment.random);
        user.password_set = call.now();
        user.must_change_password = change;
    }
    call.state.put_user(user);
    Ok(Answer::no_content())
}

/// `DELETE /users/{id}`: for 30 days it can be restored.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let mut user = call.user()?;
    may_touch(call, &user)?;
    user.deleted = Some(call.now());
    call.state.put_user(user);
    Ok(Answer::no_content())
}
