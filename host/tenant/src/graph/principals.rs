//! Service principals (facts 4.1).

use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::GraphError;
use super::permissions::Need;
use super::properties::{self, required_text};
use super::query::Query;
use super::{Call, Outcome, credentials, passwords};
use crate::catalog;
use crate::state::objects::Principal;
use crate::state::readable;
use crate::wire::{Answer, iso, iso_fine};

/// The service principal as clients see it; certificates themselves only where `with_keys`.
pub(crate) fn shown(principal: &Principal, with_keys: bool) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("id", principal.id.to_string().into());
    put("deletedDateTime", principal.deleted.map(iso).into());
    put("accountEnabled", principal.enabled.into());
    put("appId", principal.app_id.to_string().into());
    put("createdDateTime", iso(principal.created).into());
    put("keyCredentials", credentials::shown_all(&principal.keys, with_keys));
    put("passwordCredentials", passwords::shown_all(&principal.passwords));
    object.extend(principal.properties.clone());
    object
}

/// `GET /servicePrincipals`
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let pinned = query.filter.as_ref().and_then(|filter| filter.pinned("appId"));
    let objects: Vec<_> = match pinned {
        Some(app_id) => {
            let found = app_id.parse().ok().and_then(|id: Uuid| call.state.principal_of(id));
            found.filter(|found| call.is_readable(found.as_ref())).into_iter().collect()
        }
        None => readable(&call.state.principals, call.now(), call.environment.delays).collect(),
    };
    let objects = objects.into_iter().map(|object| shown(object, false));
    Ok(query.list(call.request, "servicePrincipals", objects))
}

/// `GET /servicePrincipals/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let object = shown(&call.principal()?, query.selects("keyCredentials"));
    Ok(query.one(call.request, "servicePrincipals", object))
}

/// `POST /servicePrincipals`
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let text = required_text(&body, "appId")?;
    let invalid = || {
        let text = format!(
            "The appId '{text}' of the service principal does not reference a valid application \
             object."
        );
        GraphError::bad_request(text.clone()).detail("NoBackingApplicationObject", &text, "appId")
    };
    let app_id: Uuid = text.parse().map_err(|_| invalid())?;
    if call.state.principal_of(app_id).is_some() {
        return Err(exists(app_id));
    }
    let application = call
        .state
        .application_of(app_id)
        .filter(|found| call.is_readable(found.as_ref()))
        .ok_or_else(invalid)?;
    call.allow(Need::UpdatePrincipal, Some(&application.owners))?;
    let name = application.properties.get("displayName").and_then(Value::as_str);
    let tenant = call.state.organization.id.to_string();
    let mut kept =
        properties::principal_defaults(&app_id.to_string(), name.unwrap_or_default(), &tenant);
    // What the principal shows of its application at the time it is made.
    for same in ["appRoles", "info", "verifiedPublisher", "signInAudience"] {
        if let Some(value) = application.properties.get(same) {
            kept.insert(same.to_owned(), value.clone());
        }
    }
    let enabled = body.get("accountEnabled").and_then(Value::as_bool).unwrap_or(true);
    let elsewhere = ["appId", "accountEnabled", "keyCredentials"];
    properties::set(&mut kept, &body, properties::PRINCIPAL, &elsewhere)?;
    let mut principal = Principal {
        id: call.new_id(),
        app_id,
        created: call.now(),
        deleted: None,
        enabled,
        keys: Vec::new(),
        passwords: Vec::new(),
        owners: call.new_owners(),
        properties: kept,
    };
    if let Some(entries) = body.get("keyCredentials") {
        principal.keys = credentials::whole(call, entries, &[])?;
    }
    let mut object = Map::new();
    let context = format!("{}/v1.0/$metadata#servicePrincipals/$entity", call.request.base);
    object.insert("@odata.context".to_owned(), context.into());
    object.extend(shown(&principal, false));
    object.insert("createdDateTime".to_owned(), iso_fine(principal.created).into());
    let location = format!(
        "https://graph.microsoft.com/v2/{tenant}/directoryObjects/{}/Microsoft.DirectoryServices.ServicePrincipal",
        principal.id
    );
    call.state.put_principal(principal);
    Ok(Answer::json(201, object).header("location", location))
}

fn exists(app_id: Uuid) -> GraphError {
    let text = format!(
        "The service principal cannot be created, updated, or restored because the service \
         principal name {app_id} is already in use."
    );
    GraphError::new(409, "Request_MultipleObjectsWithSameKeyValue", text.clone()).detail(
        "ConflictingObjects",
        &text,
        "servicePrincipalNames",
    )
}

/// `PATCH /servicePrincipals/{id}`
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let mut principal = call.principal()?;
    if body.contains_key("keyCredentials") {
        call.allow(Need::UpdateCredentials, None)?;
    }
    let elsewhere = ["accountEnabled", "keyCredentials"];
    properties::set(&mut principal.properties, &body, properties::PRINCIPAL, &elsewhere)?;
    if let Some(enabled) = body.get("accountEnabled") {
        principal.enabled = enabled.as_bool().ok_or_else(|| {
            GraphError::bad_request("Invalid value specified for property 'accountEnabled'.")
        })?;
    }
    if let Some(entries) = body.get("keyCredentials") {
        principal.keys = credentials::whole(call, entries, &principal.keys)?;
    }
    call.state.put_principal(principal);
    Ok(Answer::no_content())
}

/// `DELETE /servicePrincipals/{id}`: for 30 days it can be restored.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let mut principal = call.principal()?;
    if catalog::first_party(principal.app_id).is_some() {
        return Err(GraphError::denied());
    }
    principal.deleted = Some(call.now());
    call.state.put_principal(principal);
    Ok(Answer::no_content())
}
