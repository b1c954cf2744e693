//! Directory roles and their members (facts 4.4).

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::GraphError;
use super::path::Target;
use super::query::Query;
use super::{Call, Outcome, principals, users};
use crate::catalog::{self, ROLE_TEMPLATES, RoleTemplate};
use crate::state::objects::{DirectoryRole, Member};
use crate::wire::Answer;

fn shown(role: &DirectoryRole) -> Map<String, Value> {
    let template = catalog::role_template(role.template);
    let object = json!({
        "id": role.id,
        "deletedDateTime": null,
        "description": template.map(|template| template.description),
        "displayName": template.map(|template| template.name),
        "roleTemplateId": role.template,
    });
    match object {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// `GET /directoryRoles`: those that were activated.
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let roles = call.state.roles.values().map(|role| shown(role));
    Ok(query.list(call.request, "directoryRoles", roles))
}

/// `GET /directoryRoleTemplates`
pub(crate) fn templates(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let templates = ROLE_TEMPLATES.iter().map(|template| {
        let object = json!({
            "id": template.id, "deletedDateTime": null,
            "description": template.description, "displayName": template.name,
        });
        match object {
            Value::Object(object) => object,
            _ => Map::new(),
        }
    });
    Ok(query.list(call.request, "directoryRoleTemplates", templates))
}

/// The activated role that the path names, by id or by template.
fn named(call: &Call<'_>) -> Result<Arc<DirectoryRole>, GraphError> {
    let text = call.target_text(0);
    let id = text.parse::<Uuid>().ok();
    let found = match call.targets.first() {
        Some(Target::Key { name, .. }) if name.eq_ignore_ascii_case("roleTemplateId") => {
            id.and_then(|id| call.state.role_of(id))
        }
        _ => id.and_then(|id| call.state.roles.get(&id)),
    };
    found.cloned().ok_or_else(|| GraphError::not_found(&text))
}

fn entity(call: &Call<'_>, status: u16, role: &DirectoryRole) -> Outcome {
    let query = Query::read(call.request)?;
    Ok(Answer { status, ..query.one(call.request, "directoryRoles", shown(role)) })
}

/// `GET /directoryRoles/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let role = named(call)?;
    entity(call, 200, &role)
}

/// `POST /directoryRoles`: activates a template.
pub(crate) fn activate(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let text = body.get("roleTemplateId").and_then(Value::as_str).unwrap_or_default();
    let template: Option<&RoleTemplate> = text.parse().ok().and_then(catalog::role_template);
    let template = template.ok_or_else(|| {
        GraphError::bad_request("Invalid value specified for property 'roleTemplateId'.")
    })?;
    if call.state.role_of(template.id).is_some() {
        let text = "A conflicting object with one or more of the specified property values is \
                    present in the directory.";
        return Err(GraphError::bad_request(text).detail(
            "ConflictingObjects",
            text,
            "roleTemplateId",
        ));
    }
    let role = DirectoryRole { id: call.new_id(), template: template.id, members: Vec::new() };
    let answer = entity(call, 201, &role)?;
    call.state.put_role(role);
    Ok(answer)
}

/// A member as clients see it; none where it was deleted.
fn member(call: &Call<'_>, id: Uuid) -> Option<Map<String, Value>> {
    let (kind, shown) = if let Some(user) = call.state.users.get(&id) {
        let living = user.deleted.is_none();
        living.then(|| ("#microsoft.graph.user", users::shown_by_default(users::shown(user))))?
    } else {
        let principal = call.state.principals.get(&id).filter(|found| found.deleted.is_none())?;
        ("#microsoft.graph.servicePrincipal", principals::shown(principal, false))
    };
    let mut object = Map::new();
    object.insert("@odata.type".to_owned(), kind.into());
    object.extend(shown);
    Some(object)
}

/// `GET /directoryRoles/{id}/members`: never paged.
pub(crate) fn members(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let role = named(call)?;
    let members = role.members.iter().filter_map(|entry| member(call, entry.id));
    let members: Vec<_> = members.map(|object| query.selected(object)).collect();
    let context = query.context(call.request, "directoryObjects", false);
    Ok(Answer::json(200, json!({ "@odata.context": context, "value": members })))
}

/// `GET /directoryRoles/{id}/members/$ref`
pub(crate) fn member_references(call: &mut Call<'_>) -> Outcome {
    let role = named(call)?;
    let base = &call.request.base;
    let living = role.members.iter().filter(|entry| member(call, entry.id).is_some());
    let value: Vec<_> = living
        .map(|entry| json!({ "@odata.id": format!("{base}/v1.0/directoryObjects/{}", entry.id) }))
        .collect();
    let context = format!("{base}/v1.0/$metadata#Collection($ref)");
    Ok(Answer::json(200, json!({ "@odata.context": context, "value": value })))
}

/// The object that `@odata.id` in the body refers to.
///
/// # Errors
/// 400 where it is none.
pub(crate) fn referenced(call: &Call<'_>) -> Result<Uuid, GraphError> {
    let body = call.body()?;
    let reference = body.get("@odata.id").and_then(Value::as_str).unwrap_or_default();
    let last = reference.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    last.parse().map_err(|_| {
        GraphError::bad_request("Invalid URL format specified in @odata.id for reference.")
    })
}

/// `POST /directoryRoles/{id}/members/$ref`
pub(crate) fn add_member(call: &mut Call<'_>) -> Outcome {
    let role = named(call)?;
    let id = referenced(call)?;
    joined(call, &role, id)?;
    Ok(Answer::no_content())
}

/// Puts an object into a role.
///
/// # Errors
/// 404 where there is no such object, 400 where it is a member already.
pub(crate) fn joined(
    call: &mut Call<'_>,
    role: &DirectoryRole,
    id: Uuid,
) -> Result<(), GraphError> {
    let user = call.state.users.get(&id).is_some_and(|user| call.is_readable(user.as_ref()));
    let principal =
        call.state.principals.get(&id).is_some_and(|found| call.is_readable(found.as_ref()));
    if !(user || principal) || member(call, id).is_none() {
        return Err(GraphError::not_found(&id.to_string()));
    }
    if role.members.iter().any(|entry| entry.id == id) {
        let text = "One or more added object references already exist for the following modified \
                    properties: 'members'.";
        return Err(GraphError::bad_request(text));
    }
    let mut role = role.clone();
    role.members.push(Member { id, since: call.now() });
    call.state.put_role(role);
    Ok(())
}

/// `DELETE /directoryRoles/{id}/members/{id}/$ref`
pub(crate) fn remove_member(call: &mut Call<'_>) -> Outcome {
    let role = named(call)?;
    let id = call.target_id(1)?;
    left(call, &role, id)?;
    Ok(Answer::no_content())
}

/// Takes an object out of a role.
///
/// # Errors
/// 404 where it is no member.
pub(crate) fn left(call: &mut Call<'_>, role: &DirectoryRole, id: Uuid) -> Result<(), GraphError> {
    let mut role = role.clone();
    let before = role.members.len();
    role.members.retain(|entry| entry.id != id);
    if role.members.len() == before {
        return Err(GraphError::not_found(&id.to_string()));
    }
    call.state.put_role(role);
    Ok(())
}

/// `GET /users/{id}/memberOf`
pub(crate) fn of_user(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let user = call.user()?;
    let roles = call.state.roles.values();
    let held = roles.filter(|role| role.members.iter().any(|entry| entry.id == user.id));
    let held = held.map(|role| {
        let mut object = Map::new();
        object.insert("@odata.type".to_owned(), "#microsoft.graph.directoryRole".into());
        object.extend(shown(role));
        object
    });
    Ok(query.list(call.request, "directoryObjects", held))
}
