//! Properties that the tenant only keeps: which there are, of what type, and with what defaults.

use serde_json::{Map, Value, json};

use super::error::GraphError;
use crate::state::objects::Properties;

/// What a property may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text or null, of at most so many characters.
    Text(usize),
    /// True, false or null.
    Boolean,
    /// A list.
    List,
    /// An object or null; changes are merged into it.
    Object,
}

/// A property that clients may set.
pub(crate) type Known = (&'static str, Kind);

/// Settable properties of applications (facts 2.2 and 2.4).
pub(crate) const APPLICATION: &[Known] = &[
    ("addIns", Kind::List),
    ("api", Kind::Object),
    ("appRoles", Kind::List),
    ("applicationTemplateId", Kind::Text(36)),
    ("authenticationBehaviors", Kind::Object),
    ("defaultRedirectUri", Kind::Text(2048)),
    ("description", Kind::Text(1024)),
    ("displayName", Kind::Text(120)),
    ("groupMembershipClaims", Kind::Text(256)),
    ("identifierUris", Kind::List),
    ("info", Kind::Object),
    ("isDeviceOnlyAuthSupported", Kind::Boolean),
    ("isFallbackPublicClient", Kind::Boolean),
    ("notes", Kind::Text(1024)),
    ("optionalClaims", Kind::Object),
    ("parentalControlSettings", Kind::Object),
    ("publicClient", Kind::Object),
    ("requestSignatureVerification", Kind::Object),
    ("requiredResourceAccess", Kind::List),
    ("serviceManagementReference", Kind::Text(256)),
    ("servicePrincipalLockConfiguration", Kind::Object),
    ("signInAudience", Kind::Text(64)),
    ("spa", Kind::Object),
    ("tags", Kind::List),
    ("tokenEncryptionKeyId", Kind::Text(36)),
    ("web", Kind::Object),
];

/// Settable properties of service principals (facts 4.1).
pub(crate) const PRINCIPAL: &[Known] = &[
    ("alternativeNames", Kind::List),
    ("appRoleAssignmentRequired", Kind::Boolean),
    ("description", Kind::Text(1024)),
    ("displayName", Kind::Text(256)),
    ("homepage", Kind::Text(2048)),
    ("loginUrl", Kind::Text(2048)),
    ("notes", Kind::Text(1024)),
    ("notificationEmailAddresses", Kind::List),
    ("preferredSingleSignOnMode", Kind::Text(64)),
    ("replyUrls", Kind::List),
    ("servicePrincipalNames", Kind::List),
    ("tags", Kind::List),
];

/// Settable properties of users (facts 5).
pub(crate) const USER: &[Known] = &[
    ("businessPhones", Kind::List),
    ("companyName", Kind::Text(64)),
    ("department", Kind::Text(64)),
    ("displayName", Kind::Text(256)),
    ("givenName", Kind::Text(64)),
    ("jobTitle", Kind::Text(128)),
    ("mail", Kind::Text(256)),
    ("mailNickname", Kind::Text(64)),
    ("mobilePhone", Kind::Text(64)),
    ("officeLocation", Kind::Text(128)),
    ("onPremisesImmutableId", Kind::Text(256)),
    ("passwordPolicies", Kind::Text(256)),
    ("preferredLanguage", Kind::Text(32)),
    ("surname", Kind::Text(64)),
    ("usageLocation", Kind::Text(2)),
    ("userType", Kind::Text(32)),
];

/// Sets `changes` on `properties`. Names in `elsewhere` are handled by the caller and passed over.
///
/// # Errors
/// 400 for an unknown name, or a value of the wrong type or length.
pub(crate) fn set(
    properties: &mut Properties,
    changes: &Map<String, Value>,
    known: &[Known],
    elsewhere: &[&str],
) -> Result<(), GraphError> {
    for (name, value) in changes {
        // Annotations such as `@odata.type` say nothing here.
        if name.contains('@') || elsewhere.contains(&name.as_str()) {
            continue;
        }
        let (_, kind) = known.iter().find(|(known, _)| known == name).ok_or_else(|| {
            GraphError::bad_request(format!(
                "Property '{name}' does not exist as a declared property or extension property, \
                 or it is read-only and cannot be set."
            ))
        })?;
        fits(name, value, *kind)?;
        match (value, properties.get_mut(name)) {
            (Value::Object(change), Some(Value::Object(old))) => merge(old, change),
            _ => {
                properties.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(())
}

fn merge(old: &mut Map<String, Value>, change: &Map<String, Value>) {
    for (name, value) in change {
        match (old.get_mut(name), value) {
            (Some(Value::Object(old)), Value::Object(change)) => merge(old, change),
            _ => {
                old.insert(name.clone(), value.clone());
            }
        }
    }
}

fn fits(name: &str, value: &Value, kind: Kind) -> Result<(), GraphError> {
    let fits = match (kind, value) {
        (Kind::Text(limit), Value::String(text)) => {
            if text.chars().count() > limit {
                return Err(GraphError::bad_request(format!(
                    "Invalid value specified for property '{name}' of resource: it exceeds the \
                     maximum length of {limit}."
                ))
                .detail("InvalidLength", "The value is too long.", name));
            }
            true
        }
        (Kind::Text(_) | Kind::Boolean | Kind::Object, Value::Null)
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::List, Value::Array(_))
        | (Kind::Object, Value::Object(_)) => true,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(GraphError::bad_request(format!(
        "Invalid value specified for property '{name}' of resource."
    ))
    .detail("InvalidValue", "The value is of the wrong type.", name))
}

/// A text that is there and not blank.
pub(crate) fn required_text<'a>(
    body: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a str, GraphError> {
    body.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty()).ok_or_else(|| {
        GraphError::bad_request(format!("A value is required for property '{name}' of resource."))
            .detail("MissingValue", "A value is required.", name)
    })
}

/// What a new application has before the client's values are set (facts 2.2).
pub(crate) fn application_defaults(publisher_domain: &str) -> Properties {
    object(json!({
        "applicationTemplateId": null, "disabledByMicrosoftStatus": null, "displayName": null,
        "description": null, "groupMembershipClaims": null, "identifierUris": [],
        "isDeviceOnlyAuthSupported": null, "isFallbackPublicClient": null, "notes": null,
        "publisherDomain": publisher_domain, "serviceManagementReference": null,
        "signInAudience": "AzureADandPersonalMicrosoftAccount", "tags": [],
        "tokenEncryptionKeyId": null, "defaultRedirectUri": null, "certification": null,
        "optionalClaims": null, "addIns": [],
        "api": {
            "acceptMappedClaims": null, "knownClientApplications": [],
            "requestedAccessTokenVersion": null, "oauth2PermissionScopes": [],
            "preAuthorizedApplications": []
        },
        "appRoles": [],
        "info": {
            "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null,
            "termsOfServiceUrl": null
        },
        "parentalControlSettings":
            { "countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow" },
        "publicClient": { "redirectUris": [] }, "requiredResourceAccess": [],
        "verifiedPublisher":
            { "displayName": null, "verifiedPublisherId": null, "addedDateTime": null },
        "web": {
            "homePageUrl": null, "logoutUrl": null, "redirectUris": [],
            "implicitGrantSettings":
                { "enableAccessTokenIssuance": false, "enableIdTokenIssuance": false }
        },
        "spa": { "redirectUris": [] }
    }))
}

/// What a new service principal has (facts 4.1).
pub(crate) fn principal_defaults(app_id: &str, name: &str, owner_tenant: &str) -> Properties {
    object(json!({
        "alternativeNames": [], "appDisplayName": name, "appDescription": null,
        "applicationTemplateId": null, "appOwnerOrganizationId": owner_tenant,
        "appRoleAssignmentRequired": false, "description": null, "disabledByMicrosoftStatus": null,
        "displayName": name, "homepage": null, "loginUrl": null, "logoutUrl": null, "notes": null,
        "notificationEmailAddresses": [], "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null, "replyUrls": [],
        "servicePrincipalNames": [app_id], "servicePrincipalType": "Application",
        "signInAudience": "AzureADMyOrg", "tags": [], "tokenEncryptionKeyId": null,
        "samlSingleSignOnSettings": null,
        "verifiedPublisher":
            { "displayName": null, "verifiedPublisherId": null, "addedDateTime": null },
        "addIns": [], "appRoles": [],
        "info": {
            "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null,
            "termsOfServiceUrl": null
        },
        "oauth2PermissionScopes": [], "resourceSpecificApplicationPermissions": []
    }))
}

/// What a new user has (facts 5).
pub(crate) fn user_defaults() -> Properties {
    object(json!({
        "businessPhones": [], "displayName": null, "givenName": null, "jobTitle": null,
        "mail": null, "mobilePhone": null, "officeLocation": null, "preferredLanguage": null,
        "surname": null, "mailNickname": null, "passwordPolicies": null, "userType": "Member",
        "usageLocation": null, "department": null, "companyName": null,
        "onPremisesImmutableId": null, "onPremisesSyncEnabled": null,
        "creationType": null, "assignedLicenses": [], "assignedPlans": []
    }))
}

fn object(value: Value) -> Properties {
    match value {
        Value::Object(object) => object,
        _ => Properties::new(),
    }
}
