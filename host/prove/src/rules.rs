//! The rules that always hold, looked at from outside the run.

use base::Result;
use state::{CertificateFilter, Connector, IdentityType};

use crate::host::Host;

/// Which rules do not hold in this world, in words; none where all do.
///
/// # Errors
/// Where the world cannot be looked at.
pub fn broken(host: &Host) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let connectors = host.ports.executor.block_on(host.store.find_connectors())?;
    for connector in &connectors {
        credential(host, connector, &mut broken)?;
        scheduler(host, connector, &mut broken)?;
    }
    objects(host, &connectors, &mut broken)?;
    Ok(broken)
}

/// I1: what the connector signs in with works.
fn credential(host: &Host, connector: &Connector, broken: &mut Vec<String>) -> Result<()> {
    let body = format!("test_credential(#{{ connector: \"{}\" }})", connector.name);
    let tested = host.run_body(&body).result?;
    if tested["works"] != true {
        broken.push(format!("I1: '{}' is locked out: {}", connector.name, tested["reason"]));
    }
    Ok(())
}

/// I4: no pause outlives its run.
fn scheduler(host: &Host, connector: &Connector, broken: &mut Vec<String>) -> Result<()> {
    let state = host.ports.executor.block_on(host.store.scheduler_state(&connector.id))?;
    if state.is_paused() {
        broken.push(format!("I4: the scheduler of '{}' is still paused", connector.name));
    }
    if state.in_progress.is_some() {
        broken.push(format!("I4: a cycle of '{}' never ended", connector.name));
    }
    Ok(())
}

/// I2: one application a connector at most, and every key of it has a record here.
fn objects(host: &Host, connectors: &[Connector], broken: &mut Vec<String>) -> Result<()> {
    let executor = &host.ports.executor;
    let certificates =
        executor.block_on(host.store.find_certificates(&CertificateFilter::default()))?;
    let made: Vec<_> = host
        .sandbox
        .show()
        .applications
        .into_iter()
        .filter(|application| application.name.starts_with("ConnectSyncProvisioning_"))
        .collect();
    if made.len() > connectors.len() {
        broken.push(format!("I2: {} applications for {} connectors", made.len(), connectors.len()));
    }
    for application in &made {
        for key in &application.keys {
            if !certificates.iter().any(|known| known.thumbprint == key.thumbprint) {
                broken.push(format!("I2: the key {} has no record", key.key_id));
            }
        }
    }
    for connector in connectors {
        let Some(application) = &connector.application else { continue };
        let there = made.iter().any(|own| own.app_id.to_string() == application.app_id);
        if connector.identity_type == IdentityType::Application && !there {
            broken.push(format!("I2: the application of '{}' is not there", connector.name));
        }
    }
    // A key that an interrupted run made is known by the journal; the next run goes on with it.
    let journalled = executor.block_on(host.store.done_steps("certificate.prepare"))?;
    let stored = executor.block_on(host.keystores().preferred()?.list())?;
    for uri in stored {
        let uri = uri.to_string();
        let recorded = certificates.iter().any(|known| known.key_uri.as_deref() == Some(&uri))
            || journalled.iter().any(|step| step.marker["key_uri"] == uri.as_str());
        if !recorded {
            broken.push(format!("I2: the private key {uri} has no record"));
        }
    }
    Ok(())
}
