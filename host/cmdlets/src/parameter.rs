//! Parameters: derived from the schema of a cmdlet's structs, and checked before anything runs.
//!
//! The closed list of types: `bool`, `i64`, `String`, [`crate::types::Span`],
//! [`crate::types::Moment`], unit enums, lists of those, flat structs of those, and `Option`.
//! Nothing flattened, untagged or aliased: what is declared is what a script may write.

use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Result};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

/// What a parameter holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A text.
    Text,
    /// A span of time, such as `30m`.
    Span,
    /// A moment, such as `2026-11-23T12:00:00Z`.
    Moment,
    /// One of these texts.
    Choice(Vec<String>),
    /// A list.
    List(Box<Kind>),
    /// A map with these entries.
    Record(Vec<Parameter>),
    /// Anything: only in outputs that carry a script's own data.
    Any,
}

impl Kind {
    /// The kind as help prints it.
    pub fn name(&self) -> String {
        match self {
            Self::Bool => "bool".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Span => "time span".to_owned(),
            Self::Moment => "moment".to_owned(),
            Self::Choice(values) => {
                values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(" | ")
            }
            Self::List(of) => format!("list of {}", of.name()),
            Self::Record(_) => "map".to_owned(),
            Self::Any => "any".to_owned(),
        }
    }

    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Integer => value.is_i64(),
            Self::Text | Self::Span | Self::Moment => value.is_string(),
            Self::Choice(values) => {
                value.as_str().is_some_and(|text| values.iter().any(|value| value == text))
            }
            Self::List(of) => {
                value.as_array().is_some_and(|items| items.iter().all(|item| of.fits(item)))
            }
            Self::Record(_) => value.is_object(),
            Self::Any => true,
        }
    }
}

/// One parameter of a cmdlet, or one field of its output.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is where it is not given.
    pub default: Option<Value>,
    /// What it is for.
    pub help: String,
}

/// The members of a struct.
pub fn of<T: JsonSchema>() -> Vec<Parameter> {
    members(&schema_of::<T>())
}

/// The doc comment of a struct.
pub fn description_of<T: JsonSchema>() -> String {
    text(schema_of::<T>().as_value(), "description")
}

fn schema_of<T: JsonSchema>() -> Schema {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>()
}

fn members(schema: &Schema) -> Vec<Parameter> {
    record(schema.as_value())
}

fn record(schema: &Value) -> Vec<Parameter> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, property)| Parameter {
            name: name.clone(),
            kind: kind(property),
            required: required.contains(&name.as_str()),
            default: property.get("default").filter(|value| !value.is_null()).cloned(),
            help: text(property, "description"),
        })
        .collect()
}

fn kind(schema: &Value) -> Kind {
    for alternatives in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema.get(alternatives).and_then(Value::as_array) {
            let real: Vec<&Value> =
                alternatives.iter().filter(|schema| text(schema, "type") != "null").collect();
            return match real.as_slice() {
                [one] => kind(one),
                many => Kind::Choice(many.iter().flat_map(|schema| choices(schema)).collect()),
            };
        }
    }
    let values = choices(schema);
    if !values.is_empty() {
        return Kind::Choice(values);
    }
    let name = match schema.get("type") {
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("")
        }
        Some(Value::String(name)) => name,
        _ => "",
    };
    match (name, text(schema, "format").as_str()) {
        ("boolean", _) => Kind::Bool,
        ("integer", _) => Kind::Integer,
        ("string", "span") => Kind::Span,
        ("string", "moment") => Kind::Moment,
        ("string", _) => Kind::Text,
        ("array", _) => Kind::List(Box::new(schema.get("items").map_or(Kind::Any, kind))),
        ("object", _) if schema.get("properties").is_some() => Kind::Record(record(schema)),
        _ => Kind::Any,
    }
}

fn choices(schema: &Value) -> Vec<String> {
    let single = schema.get("const").map(std::slice::from_ref);
    let many = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    single
        .or(many)
        .unwrap_or_default()
        .iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn text(schema: &Value, member: &str) -> String {
    schema.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Checks the arguments of `cmdlet` and answers them as one map.
///
/// Arguments are a map, nothing, or one plain value for the first parameter.
///
/// # Errors
/// [`Code::CmdletParameter`]: an unknown name (with the near miss), a missing one, or a wrong type.
pub fn check(cmdlet: &str, parameters: &[Parameter], arguments: &Value) -> Result<Value> {
    let given = match arguments {
        Value::Null => Map::new(),
        Value::Object(given) => given.clone(),
        value => match parameters.first() {
            Some(first) => Map::from_iter([(first.name.clone(), value.clone())]),
            None => {
                return Err(wrong(cmdlet, format!("{cmdlet} takes no parameters")));
            }
        },
    };
    check_members(cmdlet, "", parameters, &given)?;
    // An explicit `()` means "not given", so that scripts can hand optional values through.
    Ok(Value::Object(given.into_iter().filter(|(_, value)| !value.is_null()).collect()))
}

fn check_members(
    cmdlet: &str,
    within: &str,
    parameters: &[Parameter],
    given: &Map<String, Value>,
) -> Result<()> {
    for name in given.keys() {
        if !parameters.iter().any(|parameter| parameter.name == *name) {
            let names = parameters.iter().map(|parameter| parameter.name.as_str());
            let hint = did_you_mean(name, names);
            let message = format!("{cmdlet} has no parameter '{within}{name}'{hint}");
            return Err(wrong(cmdlet, message));
        }
    }
    for parameter in parameters {
        let name = format!("{within}{}", parameter.name);
        match given.get(&parameter.name) {
            None | Some(Value::Null) if parameter.required => {
                return Err(wrong(cmdlet, format!("{cmdlet} needs the parameter '{name}'")));
            }
            None | Some(Value::Null) => {}
            Some(value) if !parameter.kind.fits(value) => {
                let (expected, found) = (parameter.kind.name(), describe(value));
                let message =
                    format!("{cmdlet}: the parameter '{name}' must be {expected}, but is {found}");
                return Err(wrong(cmdlet, message));
            }
            Some(Value::Object(members)) => {
                if let Kind::Record(parameters) = &parameter.kind {
                    check_members(cmdlet, &format!("{name}."), parameters, members)?;
                }
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn wrong(cmdlet: &str, message: String) -> Diagnostic {
    Diagnostic::new(Code::CmdletParameter, message)
        .next(format!("See its parameters: credwright help {cmdlet}"))
}

/// A value as an error shows it: its type, and itself where it is short.
pub fn describe(value: &Value) -> String {
    let kind = match value {
        Value::Null => return "nothing".to_owned(),
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "integer",
        Value::Number(_) => "fraction",
        Value::String(_) => "text",
        Value::Array(items) => return format!("a list of {}", items.len()),
        Value::Object(_) => return "a map".to_owned(),
    };
    let shown = value.to_string();
    if shown.len() <= 40 { format!("the {kind} {shown}") } else { format!("a long {kind}") }
}
