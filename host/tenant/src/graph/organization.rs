//! The tenant itself and its domains.

use serde_json::{Map, Value, json};

use super::error::GraphError;
use super::query::Query;
use super::{Call, Outcome};
use crate::wire::iso;

fn shown(call: &Call<'_>) -> Map<String, Value> {
    let organization = &call.state.organization;
    let domain = |name: &str, initial: bool| {
        json!({
            "capabilities": "Email, OfficeCommunicationsOnline", "isDefault": !initial,
            "isInitial": initial, "name": name, "type": "Managed",
        })
    };
    object(json!({
        "id": organization.id,
        "deletedDateTime": null,
        "assignedPlans": [],
        "businessPhones": [],
        "city": null,
        "country": null,
        "countryLetterCode": "CH",
        "createdDateTime": iso(organization.created),
        "displayName": organization.name,
        "marketingNotificationEmails": [],
        "onPremisesLastSyncDateTime": null,
        "onPremisesSyncEnabled": true,
        "preferredLanguage": "en",
        "provisionedPlans": [],
        "securityComplianceNotificationMails": [],
        "securityComplianceNotificationPhones": [],
        "technicalNotificationMails": [],
        "tenantType": "AAD",
        "verifiedDomains": [
            domain(&organization.initial_domain, true),
            domain(&organization.custom_domain, false),
        ],
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// `GET /organization`
pub(crate) fn list(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    Ok(query.list(call.request, "organization", std::iter::once(shown(call))))
}

fn entity(call: &Call<'_>, set: &str, shown: Map<String, Value>) -> Outcome {
    let query = Query::read(call.request)?;
    Ok(query.one(call.request, set, shown))
}

/// `GET /organization/{id}`
pub(crate) fn get(call: &mut Call<'_>) -> Outcome {
    if call.target_id(0)? != call.state.organization.id {
        return Err(GraphError::not_found(&call.target_text(0)));
    }
    entity(call, "organization", shown(call))
}

fn shown_domains(call: &Call<'_>) -> [Map<String, Value>; 2] {
    let organization = &call.state.organization;
    let domain = |name: &str, initial: bool| {
        object(json!({
            "authenticationType": "Managed",
            "availabilityStatus": null,
            "id": name,
            "isAdminManaged": true,
            "isDefault": !initial,
            "isInitial": initial,
            "isRoot": true,
            "isVerified": true,
            "passwordNotificationWindowInDays": null,
            "passwordValidityPeriodInDays": null,
            "state": null,
            "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        }))
    };
    [domain(&organization.initial_domain, true), domain(&organization.custom_domain, false)]
}

/// `GET /domains`
pub(crate) fn domains(call: &mut Call<'_>) -> Outcome {
    let query = Query::read(call.request)?;
    Ok(query.list(call.request, "domains", shown_domains(call).into_iter()))
}

/// `GET /domains/{id}`
pub(crate) fn domain(call: &mut Call<'_>) -> Outcome {
    let name = call.target_text(0);
    let found = shown_domains(call)
        .into_iter()
        .find(|domain| domain.get("id").and_then(Value::as_str) == Some(&name));
    entity(call, "domains", found.ok_or_else(|| GraphError::not_found(&name))?)
}
