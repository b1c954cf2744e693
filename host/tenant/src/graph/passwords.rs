//! Client secrets: `addPassword` and `removePassword` (facts 2.1).

use base::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::GraphError;
use super::{Call, Outcome};
use crate::state::objects::{Hashed, PasswordCredential};
use crate::wire::{Answer, iso};

const TWO_YEARS: std::time::Duration = std::time::Duration::from_secs(2 * 365 * 24 * 60 * 60);

fn shown(password: &PasswordCredential) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": password.display_name,
        "endDateTime": iso(password.end),
        "hint": password.hint,
        "keyId": password.key_id,
        "secretText": null,
        "startDateTime": iso(password.start),
    })
}

/// Client secrets as clients see them: never the secret.
pub(crate) fn shown_all(passwords: &[PasswordCredential]) -> Value {
    passwords.iter().map(shown).collect()
}

/// `POST /applications/{id}/addPassword`
pub(crate) fn add_to_application(call: &mut Call<'_>) -> Outcome {
    let mut application = call.application()?;
    let (password, answer) = added(call)?;
    application.passwords.push(password);
    call.state.put_application(application);
    Ok(answer)
}

/// `POST /servicePrincipals/{id}/addPassword`
pub(crate) fn add_to_principal(call: &mut Call<'_>) -> Outcome {
    let mut principal = call.principal()?;
    let (password, answer) = added(call)?;
    principal.passwords.push(password);
    call.state.put_principal(principal);
    Ok(answer)
}

/// `POST /applications/{id}/removePassword`
pub(crate) fn remove_from_application(call: &mut Call<'_>) -> Outcome {
    let mut application = call.application()?;
    removed(call, &mut application.passwords)?;
    call.state.put_application(application);
    Ok(Answer::no_content())
}

/// `POST /servicePrincipals/{id}/removePassword`
pub(crate) fn remove_from_principal(call: &mut Call<'_>) -> Outcome {
    let mut principal = call.principal()?;
    removed(call, &mut principal.passwords)?;
    call.state.put_principal(principal);
    Ok(Answer::no_content())
}

/// What a PATCH of the collection leaves: it may only leave out.
///
/// # Errors
/// 400 for an entry that is not there.
pub(crate) fn kept(
    entries: &Value,
    existing: &[PasswordCredential],
) -> Result<Vec<PasswordCredential>, GraphError> {
    let refused = || {
        GraphError::bad_request("New password credentials must be generated with service actions.")
    };
    let entries = entries.as_array().ok_or_else(refused)?;
    entries
        .iter()
        .map(|entry| {
            let id = entry.get("keyId").and_then(Value::as_str);
            let id: Option<Uuid> = id.and_then(|text| text.parse().ok());
            let found = existing.iter().find(|password| Some(password.key_id) == id);
            found.cloned().ok_or_else(refused)
        })
        .collect()
}

fn added(call: &Call<'_>) -> Result<(PasswordCredential, Answer), GraphError> {
    let body = if call.request.body.is_empty() { Map::new() } else { call.body()? };
    let asked = body.get("passwordCredential").and_then(Value::as_object);
    let text = |name: &str| asked.and_then(|asked| asked.get(name)).and_then(Value::as_str);
    let moment = |name: &str, default: Timestamp| match text(name) {
        Some(text) => text.parse::<Timestamp>().map_err(|_| {
            GraphError::bad_request(format!("Invalid value specified for property '{name}'."))
        }),
        None => Ok(default),
    };
    let start = moment("startDateTime", call.now())?;
    let end = moment("endDateTime", start.plus(TWO_YEARS))?;
    if end <= start {
        return Err(GraphError::bad_request("The end date is before the start date."));
    }
    let mut bytes = [0; 30];
    call.environment.random.fill(&mut bytes);
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let password = PasswordCredential {
        key_id: call.new_id(),
        display_name: text("displayName").map(str::to_owned),
        hint: secret.chars().take(3).collect(),
        secret: Hashed::new(&secret, call.environment.random),
        start,
        end,
        added: call.now(),
    };
    let mut body = Map::new();
    let context =
        format!("{}/v1.0/$metadata#microsoft.graph.passwordCredential", call.request.base);
    body.insert("@odata.context".to_owned(), context.into());
    if let Value::Object(shown) = shown(&password) {
        body.extend(shown);
    }
    body.insert("secretText".to_owned(), secret.into());
    Ok((password, Answer::json(200, body)))
}

fn removed(call: &Call<'_>, passwords: &mut Vec<PasswordCredential>) -> Result<(), GraphError> {
    let body = call.body()?;
    let text = body.get("keyId").and_then(Value::as_str).unwrap_or_default();
    let id: Option<Uuid> = text.parse().ok();
    // Not replicated is as good as not there (facts 6.4).
    let found = passwords.iter().position(|password| {
        Some(password.key_id) == id
            && call.environment.delays.object_ready(password.added, call.now())
    });
    let at = found.ok_or_else(|| {
        GraphError::bad_request(format!("No password credential found with keyId '{text}'."))
    })?;
    passwords.remove(at);
    Ok(())
}
