//! The parameters that a script declares in `params()`.

use std::collections::BTreeMap;

use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Result};
use cmdlets::parameter::describe;
use serde_json::{Map, Value};

/// What a script's parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Bool,
    /// A list of texts; on the command line separated by commas.
    List,
}

/// One parameter of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptParameter {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: ParameterKind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is where it is not given; none also where it is optional without a default.
    pub default: Option<Value>,
    /// The values it may have; empty where any will do.
    pub one_of: Vec<Value>,
    /// What it is for.
    pub help: String,
}

/// What a script says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptHelp {
    /// Its name.
    pub name: String,
    /// Its `//!` header, without the marks.
    pub header: String,
    /// Its parameters, sorted by name.
    pub parameters: Vec<ScriptParameter>,
}

/// The entries of a parameter's declaration.
const ENTRIES: &[&str] = &["value", "optional", "type", "one_of", "help"];

/// The kinds, as a declaration spells them.
const KINDS: &[(&str, ParameterKind)] = &[
    ("text", ParameterKind::Text),
    ("integer", ParameterKind::Integer),
    ("bool", ParameterKind::Bool),
    ("list", ParameterKind::List),
];

impl ParameterKind {
    /// The kind as declarations and help spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Bool => "bool",
            Self::List => "list",
        }
    }

    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(_) => Some(Self::Text),
            Value::Bool(_) => Some(Self::Bool),
            Value::Number(number) if number.is_i64() => Some(Self::Integer),
            Value::Array(_) => Some(Self::List),
            _ => None,
        }
    }

    fn article(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Integer => "an integer",
            Self::Bool => "true or false",
            Self::List => "a list",
        }
    }
}

/// Reads what `params()` returned.
///
/// # Errors
/// [`Code::ScriptRule`].
pub(crate) fn declared(value: &Value) -> Result<BTreeMap<String, ScriptParameter>> {
    let Value::Object(entries) = value else {
        return Err(rule("params must return a map: the name of each parameter with what it is"));
    };
    entries.iter().map(|(name, entry)| Ok((name.clone(), parameter(name, entry)?))).collect()
}

fn parameter(name: &str, entry: &Value) -> Result<ScriptParameter> {
    let Value::Object(entry) = entry else {
        return Err(rule(format!("The declaration of the parameter '{name}' must be a map"))
            .next(format!("Write it like this: {name}: #{{ value: \"…\", help: \"…\" }}")));
    };
    if let Some(unknown) = entry.keys().find(|key| !ENTRIES.contains(&key.as_str())) {
        let hint = did_you_mean(unknown, ENTRIES.iter().copied());
        let message = format!("The declaration of the parameter '{name}' has no '{unknown}'{hint}");
        return Err(rule(message).next(format!("It may have: {}", ENTRIES.join(", "))));
    }
    let default = entry.get("value").filter(|value| !value.is_null()).cloned();
    let optional = flag(name, "optional", entry.get("optional"))?;
    let one_of = match entry.get("one_of") {
        None => Vec::new(),
        Some(Value::Array(values)) if !values.is_empty() => values.clone(),
        Some(_) => return Err(rule(format!("'one_of' of the parameter '{name}' must be a list"))),
    };
    let kind = kind(name, entry.get("type"), default.as_ref().or(one_of.first()))?;
    let help = match entry.get("help") {
        None => String::new(),
        Some(Value::String(help)) => help.clone(),
        Some(_) => return Err(rule(format!("'help' of the parameter '{name}' must be a text"))),
    };
    let required = default.is_none() && !optional;
    let parameter =
        ScriptParameter { name: name.to_owned(), kind, required, default, one_of, help };
    for value in parameter.one_of.iter().chain(&parameter.default) {
        check(&parameter, value).map_err(|error| {
            rule(format!("The declaration of '{name}' contradicts itself: {}", error.message))
        })?;
    }
    Ok(parameter)
}

fn flag(name: &str, what: &str, value: Option<&Value>) -> Result<bool> {
    match value {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(rule(format!("'{what}' of the parameter '{name}' must be true or false"))),
    }
}

fn kind(name: &str, declared: Option<&Value>, sample: Option<&Value>) -> Result<ParameterKind> {
    if let Some(declared) = declared {
        let spelled = declared.as_str().unwrap_or_default();
        let found = KINDS.iter().find(|(kind, _)| *kind == spelled);
        return found.map(|(_, kind)| *kind).ok_or_else(|| {
            let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
            rule(format!("The parameter '{name}' has no known type"))
                .next(format!("Types: {}", kinds.join(", ")))
        });
    }
    match sample {
        None => Ok(ParameterKind::Text),
        Some(sample) => ParameterKind::of(sample).ok_or_else(|| {
            rule(format!("The parameter '{name}' cannot hold {}", describe(sample)))
        }),
    }
}

/// Turns the texts of a command line into values.
///
/// # Errors
/// [`Code::ScriptParameter`].
pub(crate) fn from_texts(help: &ScriptHelp, given: &[(String, String)]) -> Result<Value> {
    let mut values = Map::new();
    for (name, text) in given {
        let parameter = find(help, name)?;
        if values.insert(name.clone(), read(parameter, text)?).is_some() {
            return Err(wrong(help, format!("The parameter '{name}' is given twice")));
        }
    }
    complete(help, Value::Object(values))
}

fn read(parameter: &ScriptParameter, text: &str) -> Result<Value> {
    let value = match parameter.kind {
        ParameterKind::Text => Some(Value::from(text)),
        ParameterKind::Integer => text.trim().parse::<i64>().ok().map(Value::from),
        ParameterKind::Bool => match text.trim() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        ParameterKind::List => Some(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(Value::from)
                .collect(),
        )),
    };
    value.ok_or_else(|| {
        let message = format!(
            "The parameter '{}' must be {}, but is '{text}'",
            parameter.name,
            parameter.kind.article()
        );
        Diagnostic::new(Code::ScriptParameter, message)
    })
}

/// Checks given parameters and adds the defaults. Optional ones that are not given become `()`.
///
/// # Errors
/// [`Code::ScriptParameter`].
pub(crate) fn complete(help: &ScriptHelp, given: Value) -> Result<Value> {
    let mut given = match given {
        Value::Null => Map::new(),
        Value::Object(given) => given,
        other => {
            return Err(wrong(
                help,
                format!("The parameters must be a map, not {}", describe(&other)),
            ));
        }
    };
    for name in given.keys() {
        find(help, name)?;
    }
    for parameter in &help.parameters {
        let value = given.entry(parameter.name.clone()).or_insert(Value::Null);
        if value.is_null() {
            if parameter.required {
                let message = format!("The parameter '{}' must be given", parameter.name);
                return Err(wrong(help, message).next(
                    format!("Add it: --param {}=…  {}", parameter.name, parameter.help).trim_end(),
                ));
            }
            *value = parameter.default.clone().unwrap_or(Value::Null);
        } else {
            check(parameter, value)?;
        }
    }
    Ok(Value::Object(given))
}

fn check(parameter: &ScriptParameter, value: &Value) -> Result<()> {
    let name = &parameter.name;
    let refuse = |message: String| Err(Diagnostic::new(Code::ScriptParameter, message));
    if ParameterKind::of(value) != Some(parameter.kind) {
        let kind = parameter.kind.article();
        return refuse(format!(
            "The parameter '{name}' must be {kind}, but is {}",
            describe(value)
        ));
    }
    if parameter.one_of.is_empty() || parameter.one_of.contains(value) {
        return Ok(());
    }
    let allowed: Vec<String> = parameter.one_of.iter().map(shown).collect();
    let hint = did_you_mean(&shown(value), allowed.iter().map(String::as_str));
    refuse(format!(
        "The parameter '{name}' must be one of {}, but is '{}'{hint}",
        allowed.join(", "),
        shown(value)
    ))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn find<'a>(help: &'a ScriptHelp, name: &str) -> Result<&'a ScriptParameter> {
    help.parameters.iter().find(|parameter| parameter.name == name).ok_or_else(|| {
        let names = help.parameters.iter().map(|parameter| parameter.name.as_str());
        let hint = did_you_mean(name, names);
        wrong(help, format!("The script has no parameter '{name}'{hint}"))
    })
}

fn wrong(help: &ScriptHelp, message: String) -> Diagnostic {
    let names: Vec<&str> =
        help.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let next = if names.is_empty() {
        "The script takes no parameters.".to_owned()
    } else {
        format!("Its parameters: {}", names.join(", "))
    };
    Diagnostic::new(Code::ScriptParameter, message).next(next)
}

fn rule(message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::ScriptRule, message)
}
