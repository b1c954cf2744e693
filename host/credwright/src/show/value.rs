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
    let text = |map: &Map<String, Value>, name: &str| map.get(name).map(cell).unwrap_or_default();
    let rows = maps.iter().map(|map| headings.iter().map(|name| text(map, name)).collect());
    let rows: Vec<Vec<String>> = rows.collect();
    if fits(&headings, &rows, form) {
        return table::table(&headings, rows, form);
    }
    // A table of many broken cells is read by nobody: each map becomes one of its own.
    let one = |map: &&Map<String, Value>| {
        let pairs = headings.iter().map(|name| ((*name).to_owned(), text(map, name)));
        table::pairs(pairs.filter(|(_, value)| !value.is_empty()), form)
    };
    maps.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// Whether a table can be shown with few of its cells broken: it is not much wider than the screen,
/// or has few columns.
fn fits(headings: &[&str], rows: &[Vec<String>], form: Form) -> bool {
    let Some(width) = form.width else { return true };
    let column = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([headings[at].chars().count()]).max().unwrap_or(0) + 3
    };
    let natural: usize = (0..headings.len()).map(column).sum();
    headings.len() <= 5 || natural <= usize::from(width) * 5 / 4
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
    fn a_list_that_is_far_too_wide_becomes_one_table_for_each_map() {
        let wide: Map<String, Value> =
            (0..8).map(|at| (format!("column_{at}"), json!("some text"))).collect();
        let shown = rendered(&json!([wide, wide]), FORM);
        assert_eq!(shown.matches("| column_0 | some text |").count(), 2, "{shown}");
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
