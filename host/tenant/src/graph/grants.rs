//! Delegated scopes, granted to a client (facts 4.3).

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::GraphError;
use super::query::Query;
use super::{Call, Outcome};
use crate::state::objects::PermissionGrant;
use crate::wire::Answer;

fn shown(grant: &PermissionGrant) -> Map<String, Value> {
    let object = json!({
        "clientId": grant.client,
        "consentType": if grant.user.is_some() { "Principal" } else { "AllPrincipals" },
        "id": grant.id,
        "principalId": grant.user,
        "resourceId": grant.resource,
        "scope": grant.scope,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// `GET /oauth2PermissionGrants`
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let grants = call.state.grants.values().map(|grant| shown(grant));
    Ok(query.list(call.request, "oauth2PermissionGrants", grants))
}

fn named(call: &Call<'_>) -> Result<Arc<PermissionGrant>, GraphError> {
    let id = call.target_text(0);
    call.state.grants.get(&id).cloned().ok_or_else(|| GraphError::not_found(&id))
}

fn entity(call: &Call<'_>, status: u16, grant: &PermissionGrant) -> Answer {
    let mut body = Map::new();
    let context = format!("{}/v1.0/$metadata#oauth2PermissionGrants/$entity", call.request.base);
    body.insert("@odata.context".to_owned(), context.into());
    body.extend(shown(grant));
    Answer::json(status, body)
}

/// `GET /oauth2PermissionGrants/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let grant = named(call)?;
    Ok(entity(call, 200, &grant))
}

/// `POST /oauth2PermissionGrants`
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let invalid = |name: &str| {
        GraphError::bad_request(format!("Invalid value specified for property '{name}'."))
    };
    let id = |name: &str| -> Result<Uuid, GraphError> {
        text(name).and_then(|text| text.parse().ok()).ok_or_else(|| invalid(name))
    };
    let (client, resource) = (id("clientId")?, id("resourceId")?);
    let user = match text("consentType") {
        Some("AllPrincipals") => None,
        Some("Principal") => Some(id("principalId")?),
        _ => return Err(invalid("consentType")),
    };
    let known = |id: &Uuid| call.state.principals.get(id).is_some_and(|p| p.deleted.is_none());
    if !known(&client) || !known(&resource) {
        return Err(GraphError::bad_request("Not a valid reference update."));
    }
    let twice =
        call.state.grants.values().any(|grant| {
            grant.client == client && grant.resource == resource && grant.user == user
        });
    if twice {
        return Err(GraphError::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "Permission entry already exists.",
        ));
    }
    let grant = PermissionGrant {
        id: call.opaque_id(),
        client,
        resource,
        user,
        scope: text("scope").unwrap_or_default().trim().to_owned(),
        created: call.now(),
    };
    let answer = entity(call, 201, &grant);
    call.state.put_grant(grant);
    Ok(answer)
}

/// `PATCH /oauth2PermissionGrants/{id}`
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let mut grant = PermissionGrant::clone(&*named(call)?);
    let body = call.body()?;
    let scope = body.get("scope").and_then(Value::as_str);
    grant.scope = scope
        .map(|scope| scope.trim().to_owned())
        .ok_or_else(|| GraphError::bad_request("Only the property 'scope' can be updated."))?;
    call.state.put_grant(grant);
    Ok(Answer::no_content())
}

/// `DELETE /oauth2PermissionGrants/{id}`
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let grant = named(call)?;
    call.state.remove_grant(&grant.id);
    Ok(Answer::no_content())
}
