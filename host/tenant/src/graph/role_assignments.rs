//! The newer face of directory roles: `roleManagement/directory` (facts 4.4). It shows and changes the
//! same members as `directoryRoles`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::GraphError;
use super::query::Query;
use super::{Call, Outcome, roles};
use crate::catalog::{self, ROLE_TEMPLATES, RoleTemplate};
use crate::state::objects::DirectoryRole;
use crate::wire::Answer;

/// The id of an assignment says what it is, so that nothing more is stored.
fn id_of(template: Uuid, principal: Uuid) -> String {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(template.as_bytes());
    bytes[16..].copy_from_slice(principal.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_id(id: &str) -> Option<(Uuid, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(id).ok()?;
    let (template, principal) = bytes.split_at_checked(16)?;
    Some((Uuid::from_slice(template).ok()?, Uuid::from_slice(principal).ok()?))
}

fn shown(template: Uuid, principal: Uuid) -> Map<String, Value> {
    object(json!({
        "id": id_of(template, principal),
        "principalId": principal,
        "directoryScopeId": "/",
        "roleDefinitionId": template,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// `GET /roleManagement/directory/roleAssignments`
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let entries = call
        .state
        .roles
        .values()
        .flat_map(|role| role.members.iter().map(|member| shown(role.template, member.id)));
    Ok(query.list(call.request, "roleManagement/directory/roleAssignments", entries))
}

fn entity(call: &Call<'_>, status: u16, set: &str, shown: Map<String, Value>) -> Answer {
    let mut body = Map::new();
    let context =
        format!("{}/v1.0/$metadata#roleManagement/directory/{set}/$entity", call.request.base);
    body.insert("@odata.context".to_owned(), context.into());
    body.extend(shown);
    Answer::json(status, body)
}

/// The role and the member that the path's id names.
fn named(call: &Call<'_>) -> Result<(DirectoryRole, Uuid), GraphError> {
    let id = call.target_text(0);
    let found = read_id(&id).and_then(|(template, principal)| {
        let role = call.state.role_of(template)?;
        let is_member = role.members.iter().any(|member| member.id == principal);
        is_member.then(|| (DirectoryRole::clone(role), principal))
    });
    found.ok_or_else(|| GraphError::not_found(&id))
}

/// `GET /roleManagement/directory/roleAssignments/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let (role, principal) = named(call)?;
    Ok(entity(call, 200, "roleAssignments", shown(role.template, principal)))
}

/// `POST /roleManagement/directory/roleAssignments`; activates the role where needed.
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    let id = |name: &str| -> Result<Uuid, GraphError> {
        let text = body.get(name).and_then(Value::as_str).unwrap_or_default();
        text.parse().map_err(|_| {
            GraphError::bad_request(format!("Invalid value specified for property '{name}'."))
        })
    };
    let (principal, template) = (id("principalId")?, id("roleDefinitionId")?);
    if body.get("directoryScopeId").and_then(Value::as_str) != Some("/") {
        return Err(GraphError::bad_request("Only the directory scope '/' is supported."));
    }
    if catalog::role_template(template).is_none() {
        return Err(GraphError::not_found(&template.to_string()));
    }
    let role = call.state.role_of(template).map(|role| DirectoryRole::clone(role));
    let role =
        role.unwrap_or_else(|| DirectoryRole { id: call.new_id(), template, members: Vec::new() });
    roles::joined(call, &role, principal).map_err(|error| match error.status {
        400 => GraphError::bad_request(
            "A conflicting object with one or more of the specified property values is present in \
             the directory.",
        ),
        _ => error,
    })?;
    Ok(entity(call, 201, "roleAssignments", shown(template, principal)))
}

/// `DELETE /roleManagement/directory/roleAssignments/{id}`
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let (role, principal) = named(call)?;
    roles::left(call, &role, principal)?;
    Ok(Answer::no_content())
}

fn shown_definition(template: &RoleTemplate) -> Map<String, Value> {
    object(json!({
        "id": template.id,
        "description": template.description,
        "displayName": template.name,
        "isBuiltIn": true,
        "isEnabled": true,
        "resourceScopes": ["/"],
        "templateId": template.id,
        "version": "1",
        "rolePermissions": [],
    }))
}

/// `GET /roleManagement/directory/roleDefinitions`
pub(crate) fn definitions(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let definitions = ROLE_TEMPLATES.iter().map(shown_definition);
    Ok(query.list(call.request, "roleManagement/directory/roleDefinitions", definitions))
}

/// `GET /roleManagement/directory/roleDefinitions/{id}`
pub(crate) fn definition(call: &mut Call<'_>) -> Outcome {
    let id = call.target_id(0)?;
    let template = catalog::role_template(id);
    let template = template.ok_or_else(|| GraphError::not_found(&id.to_string()))?;
    Ok(entity(call, 200, "roleDefinitions", shown_definition(template)))
}
