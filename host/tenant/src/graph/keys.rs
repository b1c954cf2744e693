//! `addKey` and `removeKey`: one key at a time, with proof of possession of another (facts 3).

use serde_json::{Map, Value};
use uuid::Uuid;

use super::error::GraphError;
use super::permissions::Need;
use super::{Call, Outcome, credentials};
use crate::catalog;
use crate::state::objects::KeyCredential;
use crate::token::jwt::{Algorithm, Jwt, Padding};
use crate::wire::Answer;

/// A proof lives at most ten minutes.
const LONGEST_LIFE: f64 = 600.0;
/// How far clocks may be apart, in seconds.
const SKEW: f64 = 300.0;

/// `POST /applications/{id}/addKey`
pub(crate) fn add_to_application(call: &mut Call<'_>) -> Outcome {
    let mut application = call.application()?;
    allowed(call, application.app_id, &application.owners)?;
    let key = add(call, application.id, &application.keys)?;
    let answer = added_answer(call, &key);
    application.keys.push(key);
    call.state.put_application(application);
    Ok(answer)
}

/// `POST /servicePrincipals/{id}/addKey`
pub(crate) fn add_to_principal(call: &mut Call<'_>) -> Outcome {
    let mut principal = call.principal()?;
    allowed(call, principal.app_id, &principal.owners)?;
    let key = add(call, principal.id, &principal.keys)?;
    let answer = added_answer(call, &key);
    principal.keys.push(key);
    call.state.put_principal(principal);
    Ok(answer)
}

/// `POST /applications/{id}/removeKey`
pub(crate) fn remove_from_application(call: &mut Call<'_>) -> Outcome {
    let mut application = call.application()?;
    allowed(call, application.app_id, &application.owners)?;
    remove(call, application.id, &mut application.keys)?;
    call.state.put_application(application);
    Ok(Answer::no_content())
}

/// `POST /servicePrincipals/{id}/removeKey`
pub(crate) fn remove_from_principal(call: &mut Call<'_>) -> Outcome {
    let mut principal = call.principal()?;
    allowed(call, principal.app_id, &principal.owners)?;
    remove(call, principal.id, &mut principal.keys)?;
    call.state.put_principal(principal);
    Ok(Answer::no_content())
}

/// An application needs no permission for its own keys.
fn allowed(call: &Call<'_>, app_id: Uuid, owners: &[Uuid]) -> Result<(), GraphError> {
    if call.caller.app_id == app_id {
        return Ok(());
    }
    call.allow(Need::AddKeyForOther, Some(owners))
}

fn add(call: &Call<'_>, id: Uuid, keys: &[KeyCredential]) -> Result<KeyCredential, GraphError> {
    let body = call.body()?;
    proven(call, &body, id, keys)?;
    let entry = body.get("keyCredential").and_then(Value::as_object).ok_or_else(|| {
        GraphError::bad_request("A value is required for property 'keyCredential'.")
    })?;
    let key = credentials::added(call, entry)?;
    if keys.iter().any(|other| other.key_id == key.key_id) {
        return Err(GraphError::bad_request("Key credentials must have unique key ids."));
    }
    Ok(key)
}

fn added_answer(call: &Call<'_>, key: &KeyCredential) -> Answer {
    let mut body = Map::new();
    let context = format!("{}/v1.0/$metadata#microsoft.graph.keyCredential", call.request.base);
    body.insert("@odata.context".to_owned(), context.into());
    if let Value::Object(shown) = credentials::shown(key, false) {
        body.extend(shown);
    }
    Answer::json(200, body)
}

fn remove(call: &Call<'_>, id: Uuid, keys: &mut Vec<KeyCredential>) -> Result<(), GraphError> {
    let body = call.body()?;
    proven(call, &body, id, keys)?;
    let text = body.get("keyId").and_then(Value::as_str).unwrap_or_default();
    let before = keys.len();
    if let Ok(key_id) = text.parse::<Uuid>() {
        keys.retain(|key| key.key_id != key_id);
    }
    if keys.len() == before {
        let text = format!("No credentials found to be removed. KeyId: '{text}'.");
        return Err(GraphError::bad_request(text));
    }
    Ok(())
}

/// Checks the proof. Whatever is wrong with it, the answer is the same (facts 3).
fn proven(
    call: &Call<'_>,
    body: &Map<String, Value>,
    id: Uuid,
    keys: &[KeyCredential],
) -> Result<(), GraphError> {
    let proof = body.get("proof").and_then(Value::as_str).unwrap_or_default();
    if holds(call, proof, id, keys) { Ok(()) } else { Err(GraphError::proof()) }
}

fn holds(call: &Call<'_>, proof: &str, id: Uuid, keys: &[KeyCredential]) -> bool {
    let Some(jwt) = Jwt::parse(proof, Padding::Refused) else { return false };
    if jwt.algorithm() != Some(Algorithm::Rs256) || proof.contains('=') {
        return false;
    }
    let named = |claim: &str, value: Uuid| {
        jwt.text(claim).and_then(|text| text.parse::<Uuid>().ok()) == Some(value)
    };
    if !named("aud", catalog::LEGACY_GRAPH) || !named("iss", id) {
        return false;
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit in 53 bits")]
    let now = call.now().as_seconds() as f64;
    let begins = jwt.seconds("nbf").unwrap_or(now);
    let in_time = jwt.seconds("exp").is_some_and(|exp| {
        now - SKEW < exp && begins <= now + SKEW && exp - begins <= LONGEST_LIFE
    });
    let named_key = jwt.thumbprint();
    in_time
        && keys
            .iter()
            .filter(|key| key.start <= call.now() && call.now() <= key.end)
            .filter(|key| call.environment.delays.key_ready(key.added, call.now()))
            .filter(|key| {
                let certificate = &key.certificate;
                named_key.as_ref().is_none_or(|name| {
                    *name == certificate.thumbprint || *name == certificate.sha256
                })
            })
            .any(|key| jwt.is_signed_by(&key.certificate, Algorithm::Rs256))
}
