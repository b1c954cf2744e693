//! Script values as a person reads them.

use serde_json::{Map, Value};

use super::table::{self, Form};

/// A value: lists of maps as a table, maps as names and values, the rest as text.
pub fn rendered(value: &Value, form: Form) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(map) if !map.is_empty() => {
            table::pairs(map.iter().map(|(name, value)| (name.clone(), cell(value))), form)
        }
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            list(items, form)
        }
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join("\n"),
        value => cell(value),
    }
}

fn list(items: &[Value], form: Form) -> String {
    let maps: Vec<&Map<String, Value>> = items.iter().filter_map(Value::as_object).collect();
    let mut headings: Vec<&str> = Vec::new();
    for name in maps.iter().flat_map(|map| map.keys()) {
        if !headings.contains(&name.as_str()) {
            headings.push(name);
        }
    }
    // What no row has only makes a table wide.
    headings.retain(|name| maps.iter().any(|map| map.get(*name).is_some_and(|v| !v.is_null())));
    let rows = maps.iter().map(|map| {
        headings.iter().map(|name| map.get(*name).map(cell).unwrap_or_default()).collect()
    });
    table::table(&headings, rows, form)
}

/// A value in one cell.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FORM: Form = Form { width: Some(60), drawn: false };

    #[test]
    fn lists_of_maps_are_tables() {
        let value = json!([{"a": 1, "b": "x", "n": null}, {"a": 2, "c": ["y", "z"]}]);
        insta::assert_snapshot!(rendered(&value, FORM), @r"
        +---+---+------+
        | a | b | c    |
        +==============+
        | 1 | x |      |
        | 2 |   | y, z |
        +---+---+------+
        ");
    }

    #[test]
    fn maps_are_pairs_and_the_rest_is_text() {
        let map = json!({"name": "default", "more": {"a": 1}});
        insta::assert_snapshot!(rendered(&map, FORM), @r#"
        +------+---------+
        | name | default |
        | more | {"a":1} |
        +------+---------+
        "#);
        assert_eq!(rendered(&json!("text"), FORM), "text");
        assert_eq!(rendered(&json!([1, "two"]), FORM), "1\ntwo");
        assert_eq!(rendered(&json!([]), FORM), "[]");
        assert_eq!(rendered(&json!(null), FORM), "");
    }
}
