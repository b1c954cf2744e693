//! Deleted objects, which can be restored for 30 days (facts 2.1).

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use imbl::OrdMap;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::GraphError;
use super::permissions::Need;
use super::query::Query;
use super::{Call, Outcome, applications, principals, users};
use crate::state::objects::{Application, DirectoryObject, Principal, User};
use crate::wire::Answer;

const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whether a deleted object can still be had.
fn is_kept(object: &impl DirectoryObject, now: Timestamp) -> bool {
    object.deleted().is_some_and(|deleted| now < deleted.plus(KEPT))
}

fn list<T: DirectoryObject>(
    call: &Call<'_>,
    objects: &OrdMap<Uuid, Arc<T>>,
    kind: &str,
    shown: fn(&T) -> Map<String, Value>,
) -> Outcome {
    let query = Query::read(call.request)?;
    let kept = objects.values().filter(|object| is_kept(object.as_ref(), call.now()));
    let set = format!("directory/deletedItems/microsoft.graph.{kind}");
    Ok(query.list(call.request, &set, kept.map(|object| shown(object))))
}

/// `GET /directory/deletedItems/microsoft.graph.application`
pub(crate) fn applications(call: &mut Call<'_>) -> Outcome {
    list(call, &call.state.applications, "application", |object| applications::shown(object, false))
}

/// `GET /directory/deletedItems/microsoft.graph.servicePrincipal`
pub(crate) fn principals(call: &mut Call<'_>) -> Outcome {
    list(call, &call.state.principals, "servicePrincipal", |object| {
        principals::shown(object, false)
    })
}

/// `GET /directory/deletedItems/microsoft.graph.user`
pub(crate) fn users(call: &mut Call<'_>) -> Outcome {
    list(call, &call.state.users, "user", |object| users::shown_by_default(users::shown(object)))
}

/// One deleted object.
enum Deleted {
    Application(Application),
    Principal(Principal),
    User(User),
}

impl Deleted {
    fn shown(&self) -> Map<String, Value> {
        let (kind, shown) = match self {
            Self::Application(object) => ("application", applications::shown(object, false)),
            Self::Principal(object) => ("servicePrincipal", principals::shown(object, false)),
            Self::User(object) => ("user", users::shown_by_default(users::shown(object))),
        };
        let mut object = Map::new();
        object.insert("@odata.type".to_owned(), format!("#microsoft.graph.{kind}").into());
        object.extend(shown);
        object
    }
}

/// The deleted object that the path names, once `application` or `user` allows it.
fn named(call: &Call<'_>, application: Need, user: Need) -> Result<Deleted, GraphError> {
    let id = call.target_id(0)?;
    let (state, now) = (&call.state, call.now());
    if let Some(found) = state.applications.get(&id).filter(|found| is_kept(found.as_ref(), now)) {
        call.allow(application, Some(&found.owners))?;
        return Ok(Deleted::Application(Application::clone(found)));
    }
    if let Some(found) = state.principals.get(&id).filter(|found| is_kept(found.as_ref(), now)) {
        call.allow(application, Some(&found.owners))?;
        return Ok(Deleted::Principal(Principal::clone(found)));
    }
    if let Some(found) = state.users.get(&id).filter(|found| is_kept(found.as_ref(), now)) {
        call.allow(user, Some(&[]))?;
        return Ok(Deleted::User(User::clone(found)));
    }
    Err(GraphError::not_found(&id.to_string()))
}

fn entity(call: &Call<'_>, deleted: &Deleted) -> Answer {
    let mut body = Map::new();
    let context = format!("{}/v1.0/$metadata#directoryObjects/$entity", call.request.base);
    body.insert("@odata.context".to_owned(), context.into());
    body.extend(deleted.shown());
    Answer::json(200, body)
}

/// `GET /directory/deletedItems/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    let deleted = named(call, Need::ReadApplications, Need::ReadUsers)?;
    Ok(entity(call, &deleted))
}

/// `DELETE /directory/deletedItems/{id}`: for good.
pub(crate) fn purge(call: &mut Call<'_>) -> Outcome {
    named(call, Need::DeleteApplication, Need::ManageUsers)?;
    let id = call.target_id(0)?;
    call.state.purge(id);
    Ok(Answer::no_content())
}

/// `POST /directory/deletedItems/{id}/restore`
pub(crate) fn restore(call: &mut Call<'_>) -> Outcome {
    let mut deleted = named(call, Need::DeleteApplication, Need::ManageUsers)?;
    let conflict = || {
        GraphError::new(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "The object cannot be restored because another one has the same key value.",
        )
    };
    match &mut deleted {
        Deleted::Application(object) => {
            let name = object.unique_name.as_deref();
            if name.is_some_and(|name| call.state.application_named(name).is_some()) {
                return Err(conflict());
            }
            object.deleted = None;
            call.state.put_application(object.clone());
        }
        Deleted::Principal(object) => {
            if call.state.principal_of(object.app_id).is_some() {
                return Err(conflict());
            }
            object.deleted = None;
            call.state.put_principal(object.clone());
        }
        Deleted::User(object) => {
            users::name(call, &object.upn, Some(object.id))?;
            object.deleted = None;
            call.state.put_user(object.clone());
        }
    }
    Ok(entity(call, &deleted))
}
