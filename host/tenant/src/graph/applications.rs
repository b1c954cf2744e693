//! App registrations (facts 2).

use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::GraphError;
use super::path::Target;
use super::permissions::Need;
use super::properties::{self, required_text};
use super::query::Query;
use super::{Call, Outcome, credentials, passwords};
use crate::state::objects::{Application, Principal};
use crate::state::readable;
use crate::wire::{Answer, iso, iso_fine};

/// Properties that are not kept as they come.
const ELSEWHERE: &[&str] = &["keyCredentials", "passwordCredentials", "uniqueName"];
/// What Microsoft accounts may sign in to needs v2 tokens (facts 2.2).
const PERSONAL: &[&str] = &["AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];
const AUDIENCES: &[&str] = &[
    "AzureADMyOrg",
    "AzureADMultipleOrgs",
    "AzureADandPersonalMicrosoftAccount",
    "PersonalMicrosoftAccount",
];

/// The application as clients see it; certificates themselves only where `with_keys`.
pub(crate) fn shown(application: &Application, with_keys: bool) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("id", application.id.to_string().into());
    put("deletedDateTime", application.deleted.map(iso).into());
    put("appId", application.app_id.to_string().into());
    put("createdDateTime", iso(application.created).into());
    put("uniqueName", application.unique_name.clone().into());
    put("keyCredentials", credentials::shown_all(&application.keys, with_keys));
    put("passwordCredentials", passwords::shown_all(&application.passwords));
    object.extend(application.properties.clone());
    object
}

/// `GET /applications`
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    // The commonest question names one application: no need to show them all.
    let pinned = query.filter.as_ref().and_then(|filter| filter.pinned("appId"));
    let objects: Vec<_> = match pinned {
        Some(app_id) => {
            let found = app_id.parse().ok().and_then(|id: Uuid| call.state.application_of(id));
            found.filter(|found| call.is_readable(found.as_ref())).into_iter().collect()
        }
        None => readable(&call.state.applications, call.now(), call.environment.delays).collect(),
    };
    let objects = objects.into_iter().map(|object| shown(object, false));
    Ok(query.list(call.request, "applications", objects))
}

/// `GET /applications/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    let object = shown(&call.application()?, query.selects("keyCredentials"));
    Ok(query.one(call.request, "applications", object))
}

/// `POST /applications`
pub(crate) fn create(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    created(call, &body, None)
}

fn created(call: &mut Call<'_>, body: &Map<String, Value>, unique_name: Option<String>) -> Outcome {
    required_text(body, "displayName")?;
    let passwords = body.get("passwordCredentials").and_then(Value::as_array);
    if passwords.is_some_and(|entries| !entries.is_empty()) {
        return Err(GraphError::bad_request(
            "New password credentials must be generated with service actions.",
        )
        .detail("CannotSet", "Use addPassword.", "passwordCredentials"));
    }
    let named = body.get("uniqueName").and_then(Value::as_str).map(str::to_owned);
    let unique_name = unique_name.or(named);
    if unique_name.as_deref().is_some_and(|name| call.state.application_named(name).is_some()) {
        return Err(already_named());
    }
    let (id, app_id) = (call.new_id(), call.new_id());
    let mut properties = properties::application_defaults(&call.state.organization.initial_domain);
    properties::set(&mut properties, body, properties::APPLICATION, ELSEWHERE)?;
    let mut application = Application {
        id,
        app_id,
        created: call.now(),
        deleted: None,
        unique_name,
        keys: Vec::new(),
        passwords: Vec::new(),
        owners: call.new_owners(),
        properties,
    };
    if let Some(entries) = body.get("keyCredentials") {
        application.keys = credentials::whole(call, entries, &[])?;
    }
    default_token_version(&mut application, body);
    valid(&application)?;
    let mut object = Map::new();
    let context = format!("{}/v1.0/$metadata#applications/$entity", call.request.base);
    object.insert("@odata.context".to_owned(), context.into());
    object.extend(shown(&application, false));
    object.insert("createdDateTime".to_owned(), iso_fine(application.created).into());
    call.state.put_application(application);
    let location = format!(
        "https://graph.microsoft.com/v2/{}/directoryObjects/{id}/Microsoft.DirectoryServices.Application",
        call.state.organization.id
    );
    Ok(Answer::json(201, object).header("location", location))
}

fn already_named() -> GraphError {
    GraphError::new(
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "Another object with the same value for property uniqueName already exists.",
    )
}

fn audience(application: &Application) -> &str {
    application.properties.get("signInAudience").and_then(Value::as_str).unwrap_or_default()
}

/// Applications for Microsoft accounts are born with v2 tokens (facts 2.2).
fn default_token_version(application: &mut Application, body: &Map<String, Value>) {
    let asked = body.get("api").and_then(|api| api.get("requestedAccessTokenVersion"));
    if asked.is_none()
        && PERSONAL.contains(&audience(application))
        && let Some(Value::Object(api)) = application.properties.get_mut("api")
    {
        api.insert("requestedAccessTokenVersion".to_owned(), 2.into());
    }
}

/// What holds of every application whatever was set.
fn valid(application: &Application) -> Result<(), GraphError> {
    if !AUDIENCES.contains(&audience(application)) {
        return Err(GraphError::bad_request(
            "Invalid value specified for property 'signInAudience' of resource 'Application'.",
        )
        .detail("InvalidValue", "Not an audience.", "signInAudience"));
    }
    let access = application.properties.get("requiredResourceAccess").and_then(Value::as_array);
    let (resources, permissions) = access.map_or((0, 0), |entries| {
        let permissions =
            entries.iter().filter_map(|entry| entry.get("resourceAccess")?.as_array());
        (entries.len(), permissions.map(Vec::len).sum())
    });
    // Limits of facts 2.4.
    if resources > 50 || permissions > 400 {
        return Err(GraphError::bad_request(
            "The number of entries of property 'requiredResourceAccess' exceeds its limit.",
        ));
    }
    let collections = ["appRoles", "identifierUris", "tags"];
    let listed =
        collections.iter().filter_map(|name| application.properties.get(*name)?.as_array());
    let entries = application.keys.len() + permissions + listed.map(Vec::len).sum::<usize>();
    if entries > 1200 {
        return Err(GraphError::new(
            400,
            "Directory_ResourceSizeExceeded",
            "The size of the manifest has exceeded its limit. Reduce the number of values and \
             retry your request.",
        ));
    }
    Ok(())
}

/// `PATCH /applications/{id}`; with `uniqueName` as key and `Prefer: create-if-missing` it creates.
pub(crate) fn update(call: &mut Call<'_>) -> Outcome {
    let body = call.body()?;
    if let Some(Target::Key { name, value }) = call.targets.first()
        && name.eq_ignore_ascii_case("uniqueName")
        && call.state.application_named(value).is_none()
    {
        let value = value.clone();
        let prefer = call.request.header("prefer").unwrap_or_default();
        if !prefer.split(',').any(|part| part.trim().eq_ignore_ascii_case("create-if-missing")) {
            return Err(GraphError::not_found(&value));
        }
        call.allow(Need::CreateApplication, None)?;
        return created(call, &body, Some(value));
    }
    let found = call.find_application(0);
    let owners = found.map(|found| found.owners.clone()).unwrap_or_default();
    let touches = |name: &str| body.contains_key(name);
    if touches("keyCredentials") || touches("passwordCredentials") {
        call.allow(Need::UpdateCredentials, Some(&owners))?;
    }
    call.allow(Need::UpdateApplication, Some(&owners))?;
    let mut application = match call.targets.first() {
        // By its unique name the master answers, not a replica: that is what makes it idempotent.
        Some(Target::Key { name, .. }) if name.eq_ignore_ascii_case("uniqueName") => found
            .map(|found| Application::clone(found))
            .ok_or_else(|| GraphError::not_found(&call.target_text(0)))?,
        _ => call.application()?,
    };
    properties::set(&mut application.properties, &body, properties::APPLICATION, ELSEWHERE)?;
    if touches("displayName") {
        required_text(&body, "displayName")?;
    }
    if let Some(entries) = body.get("keyCredentials") {
        application.keys = credentials::whole(call, entries, &application.keys)?;
    }
    if let Some(entries) = body.get("passwordCredentials") {
        application.passwords = passwords::kept(entries, &application.passwords)?;
    }
    if let Some(name) = body.get("uniqueName").and_then(Value::as_str) {
        let other = call.state.application_named(name).is_some_and(|o| o.id != application.id);
        if other || application.unique_name.as_deref().is_some_and(|old| old != name) {
            return Err(already_named());
        }
        application.unique_name = Some(name.to_owned());
    }
    valid(&application)?;
    call.state.put_application(application);
    Ok(Answer::no_content())
}

/// `DELETE /applications/{id}`: for 30 days it can be restored. Its service principal goes with it.
pub(crate) fn delete(call: &mut Call<'_>) -> Outcome {
    let mut application = call.application()?;
    let now = call.now();
    application.deleted = Some(now);
    if let Some(principal) = call.state.principal_of(application.app_id) {
        let principal = Principal { deleted: Some(now), ..Principal::clone(principal) };
        call.state.put_principal(principal);
    }
    call.state.put_application(application);
    Ok(Answer::no_content())
}
