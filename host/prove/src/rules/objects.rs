//! I2: no object of ours without a record, and no record without its object.

use state::{Application, CertificateStatus, CertificateStore, Connector, IdentityType};
use tenant::ApplicationRow;

use super::{Before, Look};

/// The role without which a connector cannot synchronize.
const ROLE: &str = "ADSynchronization.ReadWrite.All";

/// Whether an application or principal of that name was made for a connector.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with("ConnectSyncProvisioning_")
}

/// From the tenant to the records: applications, principals and keys.
pub(super) fn in_tenant(look: &mut Look<'_>, before: Option<&Before>) {
    let made: Vec<ApplicationRow> =
        look.tenant.applications.iter().filter(|own| is_ours(&own.name)).cloned().collect();
    // A connector that was forgotten leaves its application where it is, with the step that made it.
    let count = look.connectors.len() + look.forgotten;
    if made.len() > count {
        look.say("I2", format!("{} applications for {count} connectors", made.len()));
    }
    for application in &made {
        if !is_recorded(look, "create_application", "appId", &application.app_id.to_string()) {
            look.say("I2", format!("the application {} has no record", application.name));
        }
        for key in &application.keys {
            let recorded = look.certificates.iter().any(|own| own.thumbprint == key.thumbprint);
            // A certificate may be gone whose connector was forgotten before.
            let noted = look.done.iter().any(|step| {
                step.name == "record_key" && step.marker["key_id"] == key.key_id.to_string()
            });
            if !recorded && !noted && !was_there(before, application, &key.thumbprint) {
                look.say("I2", format!("the key {} has no record", key.key_id));
            }
        }
    }
    let principals: Vec<_> =
        look.tenant.principals.iter().filter(|own| is_ours(&own.name)).cloned().collect();
    for principal in &principals {
        if !made.iter().any(|own| own.app_id == principal.app_id) {
            look.say("I2", format!("the principal {} has no application", principal.name));
        }
    }
}

/// Whether a connector names the application, or a step that was done made it.
fn is_recorded(look: &Look<'_>, step: &str, field: &str, id: &str) -> bool {
    let of_connector = |connector: &Connector| {
        connector.application.as_ref().is_some_and(|application| application.app_id == id)
    };
    look.connectors.iter().any(of_connector)
        || look.done.iter().any(|done| done.name == step && done.value[field] == id)
}

/// A key that was registered before the run, by somebody else.
fn was_there(before: Option<&Before>, application: &ApplicationRow, thumbprint: &str) -> bool {
    let Some(before) = before else { return false };
    let then = before.tenant.applications.iter().find(|then| then.id == application.id);
    then.is_some_and(|then| then.keys.iter().any(|key| key.thumbprint == thumbprint))
}

/// From the records of connectors to what they name.
pub(super) fn recorded(look: &mut Look<'_>) {
    for connector in look.connectors.clone() {
        if connector.identity_type != IdentityType::Application {
            continue;
        }
        match &connector.application {
            Some(application) => of_application(look, &connector, application),
            None => look.say("I2", format!("'{}' has no application", connector.name)),
        }
    }
}

fn of_application(look: &mut Look<'_>, connector: &Connector, application: &Application) {
    let name = &connector.name;
    let (tenant, mut missing) = (look.tenant.clone(), Vec::new());
    let there = tenant.applications.iter().find(|own| {
        own.app_id.to_string() == application.app_id && own.id.to_string() == application.object_id
    });
    let certificate = look
        .certificates
        .iter()
        .find(|own| Some(&own.certificate_sha256) == connector.certificate_sha256.as_ref());
    match there {
        None => missing.push(format!("the application of '{name}' is not there")),
        Some(there) => {
            let key = there.keys.iter().find(|key| key.key_id.to_string() == application.key_id);
            if key.is_none_or(|key| certificate.is_none_or(|own| own.thumbprint != key.thumbprint))
            {
                missing.push(format!("the key of '{name}' is not the one in its record"));
            }
        }
    }
    let principal = tenant.principals.iter().find(|own| {
        own.id.to_string() == application.principal_id
            && own.app_id.to_string() == application.app_id
    });
    let granted = |principal: &String| {
        tenant.grants.iter().any(|grant| grant.principal == *principal && grant.role == ROLE)
    };
    match principal {
        None => missing.push(format!("the principal of '{name}' is not there")),
        Some(principal) if !granted(&principal.name) => {
            missing.push(format!("the principal of '{name}' has not the role {ROLE}"));
        }
        Some(_) => {}
    }
    match certificate {
        None => missing.push(format!("the certificate of '{name}' has no record")),
        Some(own) => {
            let agrees = own.status == CertificateStatus::Active
                && own.key_id.as_deref() == Some(&application.key_id)
                && own.key_uri == connector.key_uri
                && own.connector_id.as_deref() == Some(&connector.id);
            if !agrees {
                missing.push(format!("the certificate of '{name}' is recorded otherwise: {own:?}"));
            }
        }
    }
    for what in missing {
        look.say("I2", what);
    }
}

/// Private keys and certificate files, in both directions. What belongs to no connector any more may
/// have been taken away by somebody else, unless `alone`.
pub(super) fn on_host(look: &mut Look<'_>, alone: bool) {
    let folder = look.host.store.folder().join("certificates");
    let mut missing = Vec::new();
    for own in &look.certificates {
        if own.status != CertificateStatus::Active && !alone {
            continue;
        }
        let key = own.key_uri.as_ref();
        if key.is_some_and(|key| !look.keys.iter().any(|there| there.to_string() == *key)) {
            missing.push(format!("the private key of {} is not there", own.thumbprint));
        }
        let file = folder.join(format!("{}.pem", own.certificate_sha256));
        if own.store == CertificateStore::User && look.host.ports.disk.status(&file).is_err() {
            missing.push(format!("the file {} is not there", file.display()));
        }
    }
    for uri in &look.keys {
        let uri = uri.to_string();
        // A key that an interrupted run made is known by the journal; the next run goes on with it.
        let recorded = look.certificates.iter().any(|own| own.key_uri.as_deref() == Some(&uri))
            || (!alone && look.done.iter().any(|step| step.marker["key_uri"] == uri.as_str()));
        if !recorded {
            missing.push(format!("the private key {uri} has no record"));
        }
    }
    if alone {
        let files = look.host.ports.disk.list(&folder).unwrap_or_default();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            if !look.certificates.iter().any(|own| own.certificate_sha256 == name) {
                missing.push(format!("the file {} has no record", file.display()));
            }
        }
    }
    for what in missing {
        look.say("I2", what);
    }
}
