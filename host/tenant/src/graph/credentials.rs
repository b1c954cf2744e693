//! Key credentials of applications and service principals (facts 2.3 and 2.5).

use base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Call;
use super::error::GraphError;
use crate::certificates::read_certificate;
use crate::state::objects::KeyCredential;
use crate::wire::iso;

const TYPES: &[&str] = &["AsymmetricX509Cert", "X509CertAndPassword"];
const USAGES: &[&str] = &["Verify", "Sign", "Encrypt"];

/// A key credential as clients see it; the certificate itself only where `with_key`.
pub(crate) fn shown(key: &KeyCredential, with_key: bool) -> Value {
    json!({
        "customKeyIdentifier": key.custom_key_identifier,
        "displayName": key.display_name,
        "endDateTime": iso(key.end),
        "key": with_key.then_some(&key.certificate.der),
        "keyId": key.key_id,
        "startDateTime": iso(key.start),
        "type": key.kind,
        "usage": key.usage,
    })
}

/// All of them, as [`shown`].
pub(crate) fn shown_all(keys: &[KeyCredential], with_key: bool) -> Value {
    keys.iter().map(|key| shown(key, with_key)).collect()
}

fn invalid_end() -> GraphError {
    GraphError::new(400, "KeyCredentialsInvalidEndDate", "Key credential end date is invalid.")
        .detail(
            "InvalidKeyEndDate",
            "Key credential end date is invalid.",
            "keyCredentials.endDateTime",
        )
}

fn invalid_start() -> GraphError {
    GraphError::new(400, "KeyCredentialsInvalidStartDate", "Key credential start date is invalid.")
}

fn invalid_value() -> GraphError {
    GraphError::new(400, "KeyCredentialsInvalidValue", "Key credential value is invalid.").detail(
        "InvalidKeyValue",
        "Key credential value is invalid.",
        "keyCredentials.key",
    )
}

/// Reads a whole collection, which replaces `existing`: entries without `key` are kept by their id,
/// entries that are left out are gone.
///
/// # Errors
/// 400 as facts 2.5.
pub(crate) fn whole(
    call: &Call<'_>,
    entries: &Value,
    existing: &[KeyCredential],
) -> Result<Vec<KeyCredential>, GraphError> {
    let entries = entries.as_array().ok_or_else(|| {
        GraphError::bad_request("Invalid value specified for property 'keyCredentials'.")
    })?;
    let mut keys: Vec<KeyCredential> = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = entry.as_object().ok_or_else(invalid_value)?;
        let id = key_id(entry)?;
        let old = id.and_then(|id| existing.iter().find(|key| key.key_id == id));
        let key = match old {
            Some(old) => kept(call.now(), entry, old)?,
            None => added(call, entry)?,
        };
        if keys.iter().any(|other| other.key_id == key.key_id) {
            return Err(GraphError::bad_request("Key credentials must have unique key ids."));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn key_id(entry: &Map<String, Value>) -> Result<Option<Uuid>, GraphError> {
    match entry.get("keyId") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            value.as_str().and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| {
                GraphError::bad_request("Cannot convert the value of 'keyId' to a Guid.")
            })
        }
    }
}

/// An entry that stays. Nothing of it may change, and one that has expired may not be sent again.
fn kept(
    now: Timestamp,
    entry: &Map<String, Value>,
    old: &KeyCredential,
) -> Result<KeyCredential, GraphError> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let same_moment = |name: &str, moment: Timestamp| {
        text(name).is_none_or(|value| {
            value.parse::<Timestamp>().is_ok_and(|value| value.as_seconds() == moment.as_seconds())
        })
    };
    let same_text =
        |name: &str, value: Option<&str>| text(name).is_none_or(|sent| Some(sent) == value);
    let same_key = text("key").is_none_or(|sent| {
        decoded(sent).is_some_and(|der| STANDARD.encode(der) == old.certificate.der)
    });
    let same = same_key
        && same_text("type", Some(&old.kind))
        && same_text("usage", Some(&old.usage))
        && same_text("displayName", old.display_name.as_deref())
        && same_text("customKeyIdentifier", old.custom_key_identifier.as_deref())
        && same_moment("startDateTime", old.start)
        && same_moment("endDateTime", old.end);
    if !same {
        let text =
            format!("Update to existing credential with KeyId '{}' is not allowed.", old.key_id);
        return Err(GraphError::bad_request(text.clone()).detail(
            "KeyNotUpdatable",
            &text,
            "keyCredentials",
        ));
    }
    if old.end < now {
        return Err(invalid_end());
    }
    Ok(old.clone())
}

/// Base64 as clients write it, with line ends as PEM has them.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    STANDARD.decode(compact).ok()
}

/// Reads a new key credential.
///
/// # Errors
/// 400 as facts 2.5.
pub(crate) fn added(
    call: &Call<'_>,
    entry: &Map<String, Value>,
) -> Result<KeyCredential, GraphError> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let kind = one_of("type", text("type").unwrap_or_default(), TYPES)?;
    let usage = one_of("usage", text("usage").unwrap_or_default(), USAGES)?;
    let key = text("key").filter(|key| !key.trim().is_empty()).ok_or_else(invalid_value)?;
    let der = decoded(key).ok_or_else(|| {
        GraphError::bad_request("Invalid value specified for property 'key': it is not base64.")
    })?;
    let certificate = read_certificate(&der).map_err(|_| invalid_value())?;
    let start = moment(entry, "startDateTime", invalid_start)?.unwrap_or(certificate.not_before);
    let end = moment(entry, "endDateTime", invalid_end)?.unwrap_or(certificate.not_after);
    if end > certificate.not_after || end <= call.now() {
        return Err(invalid_end());
    }
    if start >= end || start < certificate.not_before {
        return Err(invalid_start());
    }
    let display_name =
        text("displayName").map_or_else(|| certificate.subject.clone(), str::to_owned);
    if display_name.chars().count() > 90 {
        return Err(GraphError::bad_request(
            "Invalid value specified for property 'displayName' of resource 'KeyCredential'.",
        ));
    }
    let identifier = text("customKeyIdentifier").map(str::to_owned);
    Ok(KeyCredential {
        key_id: key_id(entry)?.unwrap_or_else(|| call.new_id()),
        kind,
        usage,
        display_name: Some(display_name),
        custom_key_identifier: Some(identifier.unwrap_or_else(|| certificate.thumbprint.clone())),
        start,
        end,
        certificate,
        added: call.now(),
    })
}

fn one_of(name: &str, value: &str, accepted: &[&str]) -> Result<String, GraphError> {
    if accepted.contains(&value) {
        return Ok(value.to_owned());
    }
    let text = format!(
        "Credential {name} specified as '{value}' is invalid. Accepted values are: {}.",
        accepted.join(", ")
    );
    Err(GraphError::bad_request(text))
}

fn moment(
    entry: &Map<String, Value>,
    name: &str,
    invalid: fn() -> GraphError,
) -> Result<Option<Timestamp>, GraphError> {
    match entry.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|_| invalid()),
        Some(_) => Err(invalid()),
    }
}
