//! Holds answers of Graph against Microsoft's description, where it is at hand. It is not part of the
//! project: without it the check says so, and in CI it fails.

use std::sync::OnceLock;

use serde_json::Value;

/// The description; none where it is not at hand.
fn description() -> Option<&'static Value> {
    static DESCRIPTION: OnceLock<Option<Value>> = OnceLock::new();
    DESCRIPTION
        .get_or_init(|| {
            let file =
                concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/contracts/graph-v1.0.json");
            match std::fs::read(file) {
                Ok(content) => Some(serde_json::from_slice(&content).unwrap()),
                Err(error) => {
                    #[expect(clippy::disallowed_methods, reason = "a test reads its own settings")]
                    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
                    assert!(!in_ci, "no description of Graph to check answers against: {error}");
                    eprintln!(
                        "WARNING: answers of Graph are NOT CHECKED against its description, \
                               which is not at hand: {error}"
                    );
                    None
                }
            }
        })
        .as_ref()
}

/// Paths that the description lacks though the service has them; checked as another path (README of
/// the contracts, "Asked for often").
fn described_as(path: &str) -> String {
    let mut path = path.replace("/directoryRoles/roleTemplateId=", "/directoryRoles/");
    for set in ["applications", "servicePrincipals"] {
        for key in ["appId", "uniqueName"] {
            if let Some(rest) = path.strip_prefix(&format!("/{set}({key}='"))
                && let Some((id, rest)) = rest.split_once("')")
                && (!rest.is_empty() || key == "uniqueName")
            {
                path = format!("/{set}/{id}{rest}");
            }
        }
    }
    path
}

/// Checks one answer.
///
/// # Panics
/// Where it does not fit.
pub fn check(method: &str, path: &str, status: u16, body: Option<&Value>) {
    let Some(description) = description() else { return };
    let path = described_as(path.strip_prefix("/v1.0").unwrap());
    let unknown = ["/organization/", "/domains/"].iter().any(|known| path.starts_with(known));
    if unknown
        || status == 405
        || (400..500).contains(&status) && template(description, &path).is_none()
    {
        return;
    }
    let template = template(description, &path).unwrap_or_else(|| panic!("not described: {path}"));
    let operation = &description["paths"][template][method.to_lowercase()];
    assert!(operation.is_object(), "not described: {method} {template}");
    let family = format!("{}XX", status / 100);
    let responses = &operation["responses"];
    let response = [status.to_string(), family, "default".to_owned()]
        .iter()
        .find_map(|name| responses.get(name))
        .unwrap_or_else(|| panic!("not described: status {status} of {method} {template}"));
    let response = resolved(description, response);
    let Some(body) = body else {
        assert!((200..300).contains(&status), "{method} {path}: {status} without a body");
        return;
    };
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_null() || template.ends_with("/$ref") {
        return;
    }
    if let Err(reason) = fits(description, schema, body, "") {
        panic!("{method} {path} {status} does not fit its description: {reason}\n{body:#}");
    }
}

fn template<'a>(description: &'a Value, path: &str) -> Option<&'a str> {
    let paths = description["paths"].as_object().unwrap();
    let matching = paths.keys().filter(|template| matches(template, path));
    matching.min_by_key(|template| template.matches('{').count()).map(String::as_str)
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(template, segment)| {
            let (Some(open), Some(close)) = (template.find('{'), template.find('}')) else {
                return template.eq_ignore_ascii_case(segment);
            };
            let (before, after) = (&template[..open], &template[close + 1..]);
            segment.len() > before.len() + after.len()
                && segment.starts_with(before)
                && segment.ends_with(after)
        })
}

fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => {
            let found = description.pointer(reference.trim_start_matches('#'));
            resolved(description, found.unwrap_or_else(|| panic!("no {reference}")))
        }
        None => schema,
    }
}

/// Null members are dropped first (relaxation 2), formats are not looked at (5, 8).
fn fits(description: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let named = schema.get("$ref").and_then(Value::as_str).unwrap_or_default();
    let schema = if named.ends_with("microsoft.graph.directoryObject") && !at.ends_with("/allOf") {
        typed(description, resolved(description, schema), value)
    } else {
        resolved(description, schema)
    };
    for part in schema["allOf"].as_array().into_iter().flatten() {
        fits(description, part, value, &format!("{at}/allOf"))?;
    }
    for name in ["anyOf", "oneOf"] {
        let Some(parts) = schema[name].as_array() else { continue };
        if !parts.iter().any(|part| fits(description, part, value, at).is_ok()) {
            return Err(format!("{at}: fits none of {name}"));
        }
    }
    if let Some(accepted) = schema["enum"].as_array()
        && !accepted.contains(value)
    {
        return Err(format!("{at}: {value} is none of {accepted:?}"));
    }
    let right = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !right {
        return Err(format!("{at}: {value} is no {}", schema["type"]));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !follows(pattern, text)
    {
        return Err(format!("{at}: {text} does not follow {pattern}"));
    }
    if let Some(object) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().unwrap();
            if !object.contains_key(name) {
                return Err(format!("{at}: {name} is missing"));
            }
        }
        for (name, member) in object.iter().filter(|(_, member)| !member.is_null()) {
            if let Some(schema) = schema["properties"].get(name) {
                fits(description, schema, member, &format!("{at}/{name}"))?;
            }
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            fits(description, &schema["items"], item, &format!("{at}/{index}"))?;
        }
    }
    Ok(())
}

/// The schema of the type that an object says it is of (rule 6).
fn typed<'a>(description: &'a Value, schema: &'a Value, value: &Value) -> &'a Value {
    let name = value.get("@odata.type").and_then(Value::as_str);
    let name = name.and_then(|name| name.strip_prefix('#'));
    name.and_then(|name| description["components"]["schemas"].get(name)).unwrap_or(schema)
}

/// The two patterns that matter here: GUIDs and moments.
fn follows(pattern: &str, text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|character| match character {
            character if character.is_ascii_hexdigit() && !character.is_ascii_digit() => 'h',
            character if character.is_ascii_digit() => '0',
            other => other,
        })
        .collect();
    if pattern.starts_with("^[0-9a-fA-F]{8}") {
        return shape.replace('h', "0") == "00000000-0000-0000-0000-000000000000";
    }
    if pattern.starts_with("^[0-9]{4,}-") {
        let whole =
            shape.strip_prefix("0000-00-00T00:00:00").and_then(|rest| rest.strip_suffix('Z'));
        return whole.is_some_and(|rest| {
            rest.is_empty()
                || rest.len() > 1 && rest.starts_with('.') && rest[1..].bytes().all(|b| b == b'0')
        });
    }
    true
}

#[test]
fn the_check_finds_wrong_answers() {
    if description().is_none() {
        return;
    }
    let wrong = |body: Value| {
        std::panic::catch_unwind(|| check("GET", "/v1.0/applications/1", 200, Some(&body))).is_err()
    };
    assert!(!wrong(serde_json::json!({ "id": "1", "displayName": null })));
    assert!(wrong(serde_json::json!({ "displayName": 7 })));
    assert!(wrong(serde_json::json!({ "createdDateTime": "yesterday" })));
    assert!(wrong(serde_json::json!({ "keyCredentials": [{ "keyId": "no GUID" }] })));
    assert!(std::panic::catch_unwind(|| check("GET", "/v1.0/nowhere", 200, None)).is_err());
}
