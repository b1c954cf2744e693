//! Values of scripts and values of cmdlets, exactly.

use base::{Code, Diagnostic, Result};
use rhai::{Array, Dynamic, Map};
use serde_json::{Number, Value};

use crate::failure::Failure;

/// How deep values may nest on their way out of a script.
pub(crate) const DEPTH: usize = 128;

/// A script's value as data.
///
/// # Errors
/// [`Code::ScriptFailed`] where it holds what is no data (a function, a number that is none), or
/// nests too deep; `what` names the value.
pub(crate) fn to_json(value: &Dynamic, what: &str) -> Result<Value> {
    convert(value, 0).map_err(|reason| {
        Diagnostic::new(Code::ScriptFailed, format!("{what} {reason}"))
            .meaning("Only texts, numbers, true and false, lists, maps and () can be handed over.")
    })
}

fn convert(value: &Dynamic, depth: usize) -> Result<Value, String> {
    if depth > DEPTH {
        return Err(format!("nests deeper than {DEPTH} levels"));
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(Value::Bool(flag));
    }
    if let Ok(number) = value.as_int() {
        return Ok(Value::from(number));
    }
    if let Ok(number) = value.as_float() {
        return Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("holds {number}, which is no number"));
    }
    if let Ok(letter) = value.as_char() {
        return Ok(Value::String(letter.to_string()));
    }
    if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
        return Ok(Value::String(text.to_string()));
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().map(|item| convert(item, depth + 1)).collect();
    }
    if let Some(entries) = value.read_lock::<Map>() {
        return entries
            .iter()
            .map(|(name, entry)| Ok((name.to_string(), convert(entry, depth + 1)?)))
            .collect();
    }
    if let Some(failure) = value.read_lock::<Failure>() {
        return serde_json::to_value(&*failure.diagnostic).map_err(|error| error.to_string());
    }
    Err(format!("holds {}, which is no data", kind_of(value)))
}

/// A script's value for a person to look at: what is no data is named in angle brackets.
pub(crate) fn to_shown(value: &Dynamic) -> Value {
    shown(value, 0)
}

fn shown(value: &Dynamic, depth: usize) -> Value {
    if depth > DEPTH {
        return Value::from("<and so on>");
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().map(|item| shown(item, depth + 1)).collect();
    }
    if let Some(entries) = value.read_lock::<Map>() {
        let entries = entries.iter();
        return entries.map(|(name, entry)| (name.to_string(), shown(entry, depth + 1))).collect();
    }
    convert(value, depth).unwrap_or_else(|_| Value::from(format!("<{}>", kind_of(value))))
}

/// Data as a script's value.
///
/// # Errors
/// [`Code::Internal`] for a number that a script cannot hold without loss.
pub(crate) fn from_json(value: &Value) -> Result<Dynamic> {
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match (number.as_i64(), number.is_f64(), number.as_f64()) {
            (Some(whole), _, _) => whole.into(),
            (None, true, Some(fraction)) => fraction.into(),
            _ => {
                let message = format!("The number {number} is too large for a script");
                return Err(Diagnostic::new(Code::Internal, message));
            }
        },
        Value::String(text) => text.clone().into(),
        Value::Array(items) => {
            Dynamic::from_array(items.iter().map(from_json).collect::<Result<Array>>()?)
        }
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(name, entry)| Ok((name.as_str().into(), from_json(entry)?)))
                .collect::<Result<Map>>()?;
            Dynamic::from_map(entries)
        }
    })
}

/// What a value is, in the words of this house.
pub(crate) fn kind_of(value: &Dynamic) -> &'static str {
    kind_name(value.type_name())
}

/// A Rhai type, in the words of this house.
pub(crate) fn kind_name(name: &str) -> &'static str {
    match name.trim() {
        "()" => "()",
        "bool" => "a bool",
        "i64" => "an integer",
        "f64" => "a fraction",
        "char" => "a letter",
        "string" | "ImmutableString" | "&str" | "String" => "a text",
        "array" | "Vec<Dynamic>" => "a list",
        "map" | "Map" => "a map",
        "Fn" | "FnPtr" => "a function",
        "blob" => "a blob",
        "range" | "range=" => "a range",
        name if name.contains("Range") => "a range",
        name if name.contains("FnPtr") => "a function",
        name if name.contains("ImmutableString") => "a text",
        name if name.contains("Dynamic>") && name.contains("Vec") => "a list",
        name if name.contains("BTreeMap") => "a map",
        _ => "a value of another kind",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", |number| {
                Number::from_f64(number).map(Value::Number)
            }),
            "\\PC{0,12}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec(("\\PC{0,8}", inner), 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn data_survives_the_way_into_a_script_and_back(value in data()) {
            let inside = from_json(&value).unwrap();
            prop_assert_eq!(to_json(&inside, "It").unwrap(), value);
        }
    }

    #[test]
    fn nothing_is_lost_silently() {
        assert!(from_json(&Value::from(u64::MAX)).is_err());
        assert_eq!(from_json(&Value::from(2.0)).unwrap().as_float().unwrap(), 2.0);
        let function = Dynamic::from(rhai::FnPtr::new("f").unwrap());
        assert!(to_json(&function, "It").unwrap_err().message.contains("a function"));
        assert!(to_json(&f64::NAN.into(), "It").is_err());
        let mut deep = Dynamic::from_array(Array::new());
        for _ in 0..1_000 {
            deep = Dynamic::from_array(vec![deep]);
        }
        assert!(to_json(&deep, "It").unwrap_err().message.contains("nests"));
    }
}
