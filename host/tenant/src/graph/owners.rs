//! Owners of applications.

use serde_json::{Map, Value, json};

use super::error::GraphError;
use super::{Call, Outcome, principals, roles, users};
use crate::wire::Answer;

/// `GET /applications/{id}/owners`
pub(crate) fn of_application(call: &mut Call<'_>) -> Outcome {
    let application = call.application()?;
    let owners: Vec<Value> = application
        .owners
        .iter()
        .filter_map(|id| {
            let (kind, shown) = match (call.state.users.get(id), call.state.principals.get(id)) {
                (Some(user), _) => ("user", users::shown_by_default(users::shown(user))),
                (_, Some(principal)) => ("servicePrincipal", principals::shown(principal, false)),
                _ => return None,
            };
            let mut object = Map::new();
            object.insert("@odata.type".to_owned(), format!("#microsoft.graph.{kind}").into());
            object.extend(shown);
            Some(Value::Object(object))
        })
        .collect();
    let context = format!("{}/v1.0/$metadata#directoryObjects", call.request.base);
    Ok(Answer::json(200, json!({ "@odata.context": context, "value": owners })))
}

/// `POST /applications/{id}/owners/$ref`
pub(crate) fn add_to_application(call: &mut Call<'_>) -> Outcome {
    let mut application = call.application()?;
    let id = roles::referenced(call)?;
    let living = call.state.users.get(&id).is_some_and(|user| user.deleted.is_none())
        || call.state.principals.get(&id).is_some_and(|found| found.deleted.is_none());
    if !living {
        return Err(GraphError::not_found(&id.to_string()));
    }
    if application.owners.contains(&id) {
        let text = "One or more added object references already exist for the following modified \
                    properties: 'owners'.";
        return Err(GraphError::bad_request(text));
    }
    application.owners.push(id);
    call.state.put_application(application);
    Ok(Answer::no_content())
}

/// `DELETE /applications/{id}/owners/{id}/$ref`
pub(crate) fn remove_from_application(call: &mut Call<'_>) -> Outcome {
    let mut application = call.application()?;
    let id = call.target_id(1)?;
    let before = application.owners.len();
    application.owners.retain(|owner| *owner != id);
    if application.owners.len() == before {
        return Err(GraphError::not_found(&id.to_string()));
    }
    call.state.put_application(application);
    Ok(Answer::no_content())
}
