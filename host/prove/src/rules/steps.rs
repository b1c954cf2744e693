//! I6: nothing is done twice.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::Value;

use super::Look;
use super::objects::is_ours;
use crate::traffic::Exchange;

/// What was made twice, as the tenant's door saw it and as it lies in the tenant.
pub(super) fn twice(look: &mut Look<'_>) {
    let exchanges = look.host.common.traffic.exchanges();
    for what in made_twice(&exchanges).into_iter().chain(lying_twice(look)) {
        look.say("I6", what);
    }
}

/// Objects that were made again, by the same request, while the first ones were there.
fn made_twice(exchanges: &[Exchange]) -> Vec<String> {
    let mut twice = Vec::new();
    // Request and id of what it made.
    let mut standing: Vec<(String, String)> = Vec::new();
    for exchange in exchanges {
        if exchange.method == Method::DELETE && exchange.status.is_success() {
            standing.retain(|(_, id)| !exchange.path.contains(id.as_str()));
        }
        if exchange.status != StatusCode::CREATED {
            continue;
        }
        let (method, path) = (&exchange.method, &exchange.path);
        // An upsert is marked by its path, everything else by what it asks for.
        let marker = match *method {
            Method::PATCH => String::new(),
            _ => String::from_utf8_lossy(&exchange.body).into_owned(),
        };
        let request = format!("{method} {path} {marker}");
        if standing.iter().any(|(known, _)| *known == request) {
            twice.push(format!("done twice: {request}"));
        }
        let made: Value = serde_json::from_slice(&exchange.answer).unwrap_or_default();
        let id = made["id"].as_str().unwrap_or("?").to_owned();
        standing.push((request, id));
    }
    twice
}

/// Objects that lie in the tenant more than once.
fn lying_twice(look: &Look<'_>) -> Vec<String> {
    let tenant = &look.tenant;
    let applications = tenant.applications.iter().filter(|own| is_ours(&own.name));
    let mut all: Vec<String> =
        applications.clone().map(|own| format!("the application {}", own.name)).collect();
    all.extend(applications.flat_map(|own| {
        own.keys.iter().map(|key| format!("the key {} of {}", key.thumbprint, own.name))
    }));
    all.extend(
        tenant
            .principals
            .iter()
            .filter(|own| is_ours(&own.name))
            .map(|own| format!("the principal of {}", own.app_id)),
    );
    all.extend(
        tenant.grants.iter().filter(|own| is_ours(&own.principal)).map(|own| {
            format!("the grant of {} of {} to {}", own.role, own.resource, own.principal)
        }),
    );
    let mut seen = BTreeSet::new();
    all.into_iter()
        .filter(|what| !seen.insert(what.clone()))
        .map(|what| format!("{what} is there twice"))
        .collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn exchange(method: Method, path: &str, body: &str, status: StatusCode) -> Exchange {
        let answer = Bytes::from_static(br#"{"id":"one"}"#);
        let (path, body) = (path.to_owned(), Bytes::from(body.to_owned()));
        Exchange { method, path, body, status, answer }
    }

    #[test]
    fn the_same_request_makes_one_object_only_until_it_is_deleted() {
        let grant = |body| exchange(Method::POST, "/grants", body, StatusCode::CREATED);
        let refused = exchange(Method::POST, "/grants", "a", StatusCode::CONFLICT);
        let deleted = exchange(Method::DELETE, "/grants/one", "", StatusCode::NO_CONTENT);
        assert_eq!(made_twice(&[grant("a"), grant("b"), refused.clone()]), Vec::<String>::new());
        assert_eq!(made_twice(&[grant("a"), refused, grant("a")]).len(), 1);
        assert_eq!(made_twice(&[grant("a"), deleted, grant("a")]), Vec::<String>::new());
    }

    #[test]
    fn an_upsert_is_known_by_its_path() {
        let upsert = |body, status| exchange(Method::PATCH, "/applications(x)", body, status);
        let created = upsert("one key", StatusCode::CREATED);
        let changed = upsert("two keys", StatusCode::NO_CONTENT);
        assert_eq!(made_twice(&[created.clone(), changed]), Vec::<String>::new());
        assert_eq!(made_twice(&[created, upsert("two keys", StatusCode::CREATED)]).len(), 1);
    }
}
