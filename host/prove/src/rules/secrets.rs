//! I7: no secret is told.

use std::path::Path;

use base::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use effect::RunId;
use serde::Serialize;
use serde_json::Value;
use state::{EventFilter, EvidenceFilter, SyncRunFilter};

use super::Look;
use crate::view::ADMIN_PEM;

/// A part of an RSA key in PKCS#8 that lies inside its private exponent, and at whose ends base64
/// begins a new group and PEM a new line.
const PRIVATE_PART: std::ops::Range<usize> = 336..384;

/// How many letters of a token's signature are looked for.
const TAIL: usize = 40;

/// Looks for every secret of the world in everything that is shown or kept.
pub(super) fn told(look: &mut Look<'_>) -> Result<()> {
    let secrets = secrets(look);
    let mut leaks = Vec::new();
    for (place, text) in texts(look)? {
        for (name, secret) in &secrets {
            if text.contains(secret.as_str()) {
                leaks.push(format!("{place} holds {name}"));
            }
        }
    }
    leaks.sort();
    leaks.dedup();
    for leak in leaks {
        look.say("I7", leak);
    }
    Ok(())
}

/// The secrets by what they are.
fn secrets(look: &Look<'_>) -> Vec<(&'static str, String)> {
    let known = look.host.sandbox.sign_ins();
    let mut secrets = vec![
        ("the password of the service account", known.legacy_password.expose().to_owned()),
        ("the administrator's password", known.password.expose().to_owned()),
    ];
    let pem = known.certificate_pem.expose();
    let private = pem.split("-----END").next().unwrap_or_default();
    let lines = private.lines().filter(|line| !line.starts_with("-----"));
    secrets.extend(lines.skip(8).take(4).map(|line| ("the administrator's key", line.to_owned())));
    for key in look.host.common.keys.made() {
        let Some(part) = key.expose().get(PRIVATE_PART) else { continue };
        secrets.push(("a private key", STANDARD.encode(part)));
        secrets.push(("a private key", hex::encode(part)));
        secrets.push(("a private key", hex::encode_upper(part)));
    }
    for exchange in look.host.common.traffic.exchanges() {
        if !exchange.path.ends_with("/token") {
            continue;
        }
        let answer: Value = serde_json::from_slice(&exchange.answer).unwrap_or_default();
        let form = url::form_urlencoded::parse(&exchange.body);
        let assertion = form.into_owned().find(|(name, _)| name == "client_assertion");
        let token = answer["access_token"].as_str().map(|token| ("an access token", tail(token)));
        secrets.extend(token);
        secrets.extend(assertion.map(|(_, text)| ("a client assertion", tail(&text))));
    }
    // What is empty is in everything.
    secrets.retain(|(_, secret)| secret.len() >= 8);
    secrets.sort();
    secrets.dedup();
    secrets
}

/// The end of a token: without it the rest is worth nothing.
fn tail(token: &str) -> String {
    token.get(token.len().saturating_sub(TAIL)..).unwrap_or_default().to_owned()
}

/// Everything that is shown or kept, by where it is.
fn texts(look: &Look<'_>) -> Result<Vec<(String, String)>> {
    let host = look.host;
    let mut texts: Vec<(String, String)> = Vec::new();
    let told = host.common.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    texts.push(("what runs told".to_owned(), told.join("\n")));
    let store = &host.store;
    let mut keep = |place: &str, text: String| texts.push((place.to_owned(), text));
    host.ports.executor.block_on(async {
        let runs = store.find_runs(u32::MAX).await?;
        for run in &runs {
            keep("the journal", written(&store.journal(&RunId(run.id.clone())).await?));
        }
        keep("a run's record", written(&runs));
        keep("an event", written(&store.find_events(&EventFilter::default()).await?));
        keep("evidence", written(&store.find_evidence(&EvidenceFilter::default()).await?));
        keep("a sync run", written(&store.find_sync_runs(&SyncRunFilter::default()).await?));
        for connector in &look.connectors {
            keep("a lease", written(&store.live_leases(&connector.id).await?));
        }
        Ok::<(), base::Diagnostic>(())
    })?;
    // Sealed passwords are left out of what is serialised, so the fields are shown one by one.
    for connector in &look.connectors {
        let account = connector.service_account.as_ref();
        let sealed = account.and_then(|account| account.password.as_ref());
        let sealed = sealed.map(|sealed| sealed.0.clone()).unwrap_or_default();
        texts.push(("a connector's record".to_owned(), format!("{connector:?} {sealed}")));
    }
    texts.push(("a certificate's record".to_owned(), written(&look.certificates)));
    for (path, content) in host.world.disk.files() {
        if path != Path::new(ADMIN_PEM) {
            let text = String::from_utf8_lossy(&content).into_owned();
            texts.push((path.display().to_string(), text));
        }
    }
    Ok(texts)
}

fn written<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
