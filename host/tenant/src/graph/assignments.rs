//! Application roles of a resource, granted to a service principal (facts 4.3).

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::GraphError;
use super::permissions::Need;
use super::query::Query;
use super::{Call, Outcome};
use crate::catalog;
use crate::state::State;
use crate::state::objects::{AppRoleAssignment, Principal};
use crate::wire::{Answer, iso, iso_fine};

/// The value of one of a resource's application roles; none where it has no such role.
pub(crate) fn role_value(resource: &Principal, role: Uuid) -> Option<String> {
    let id = role.to_string();
    let roles = resource.properties.get("appRoles")?.as_array()?;
    let found = roles.iter().find(|entry| entry.get("id").and_then(Value::as_str) == Some(&id))?;
    found.get("value")?.as_str().map(str::to_owned)
}

fn shown(state: &State, assignment: &AppRoleAssignment) -> Map<String, Value> {
    let name = |id: &Uuid| {
        state.principals.get(id).and_then(|found| found.properties.get("displayName")).cloned()
    };
    let object = json!({
        "id": assignment.id,
        "deletedDateTime": null,
        "appRoleId": assignment.role,
        "createdDateTime": iso(assignment.created),
        "principalDisplayName": name(&assignment.principal),
        "principalId": assignment.principal,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": name(&assignment.resource),
        "resourceId": assignment.resource,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn list(call: &Call<'_>, of: fn(&AppRoleAssignment) -> Uuid, set: &str) -> Outcome {
    let query = Query::read(call.request)?;
    let principal = call.principal()?;
    let delays = call.environment.delays;
    let entries = call
        .state
        .assignments
        .values()
        .filter(|entry| of(entry) == principal.id)
        .filter(|entry| delays.object_ready(entry.created, call.now()))
        .map(|entry| shown(call.state, entry));
    let set = format!("servicePrincipals('{}')/{set}", principal.id);
    Ok(query.list(call.request, &set, entries))
}

/// `GET /servicePrincipals/{id}/appRoleAssignments`: roles that it holds.
pub(crate) fn held(call: &mut Call<'_>) -> Outcome {
    list(call, |entry| entry.principal, "appRoleAssignments")
}

/// `GET /servicePrincipals/{id}/appRoleAssignedTo`: who holds its roles.
pub(crate) fn given(call: &mut Call<'_>) -> Outcome {
    list(call, |entry| entry.resource, "appRoleAssignedTo")
}

/// The assignment that the path names, of the service principal that it names.
fn named(call: &Call<'_>) -> Result<Arc<AppRoleAssignment>, GraphError> {
    let principal = call.principal()?;
    let id = call.target_text(1);
    call.state
        .assignments
        .get(&id)
        .filter(|entry| entry.principal == principal.id || entry.resource == principal.id)
        .cloned()
        .ok_or_else(|| GraphError::not_found(&id))
}

/// `GET …/appRoleAssignments/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let assignment = named(call)?;
    Ok(query.one(call.request, "appRoleAssignments", shown(call.state, &assignment)))
}

fn need_for(call: &Call<'_>, resource: Uuid) -> Need {
    let found = call.state.principals.get(&resource);
    match found.is_some_and(|principal| principal.app_id == catalog::GRAPH) {
        true => Need::GrantGraphRole,
        false => Need::GrantRole,
    }
}

/// `POST …/appRoleAssignments` and `POST …/appRoleAssignedTo`
pub(crate) fn grant(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let id = |name: &str| {
        let text = body.get(name).and_then(Value::as_str).unwrap_or_default();
        text.parse::<Uuid>().map_err(|_| {
            GraphError::bad_request(format!("Invalid value specified for property '{name}'."))
        })
    };
    let (principal, resource, role) = (id("principalId")?, id("resourceId")?, id("appRoleId")?);
    call.allow(need_for(call, resource), Some(&[]))?;
    let addressed = call.principal()?;
    let invalid = || GraphError::bad_request("Not a valid reference update.");
    if addressed.id != principal && addressed.id != resource {
        return Err(invalid());
    }
    let living = |id: &Uuid| {
        let found = call.state.principals.get(id).filter(|found| found.deleted.is_none());
        found.filter(|found| call.is_readable(found.as_ref()))
    };
    living(&principal).ok_or_else(invalid)?;
    let target = living(&resource).ok_or_else(invalid)?;
    if !role.is_nil() && role_value(target, role).is_none() {
        let text = "Permission being assigned was not found on application";
        return Err(GraphError::bad_request(format!("{text} '{}'.", target.app_id)));
    }
    let exists = call.state.assignments.values().any(|entry| {
        entry.principal == principal && entry.resource == resource && entry.role == role
    });
    if exists {
        let text = "Permission being assigned already exists on the object";
        return Err(GraphError::bad_request(text).detail("InvalidUpdate", text, ""));
    }
    let created = call.now();
    let assignment = AppRoleAssignment { id: call.opaque_id(), role, principal, resource, created };
    let mut object = Map::new();
    let context = format!("{}/v1.0/$metadata#appRoleAssignments/$entity", call.request.base);
    object.insert("@odata.context".to_owned(), context.into());
    object.extend(shown(call.state, &assignment));
    object.insert("createdDateTime".to_owned(), iso_fine(created).into());
    call.state.put_assignment(assignment);
    Ok(Answer::json(201, object))
}

/// `DELETE …/appRoleAssignments/{id}` and `DELETE …/appRoleAssignedTo/{id}`
pub(crate) fn revoke(call: &mut Call<'_>) -> Outcome {
    let assignment = named(call)?;
    call.allow(need_for(call, assignment.resource), Some(&[]))?;
    call.state.remove_assignment(&assignment.id);
    Ok(Answer::no_content())
}
