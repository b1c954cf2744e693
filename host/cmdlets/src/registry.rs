//! What is asked of all cmdlets together. The list itself stands in `lib.rs`.

use std::collections::BTreeSet;

use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Result};
use effect::Effect;

use crate::TOPICS;
use crate::cmdlet::AnyCmdlet;

/// Every cmdlet, in the order of the registry.
pub fn all() -> impl Iterator<Item = &'static dyn AnyCmdlet> {
    TOPICS.iter().flat_map(|(_, cmdlets)| cmdlets.iter().copied())
}

/// The cmdlet of that name.
pub fn find(name: &str) -> Option<&'static dyn AnyCmdlet> {
    all().find(|cmdlet| cmdlet.about().name == name)
}

/// The cmdlet of that name.
///
/// # Errors
/// [`Code::UsageCommand`] with the near miss.
pub fn get(name: &str) -> Result<&'static dyn AnyCmdlet> {
    find(name).ok_or_else(|| {
        let hint = did_you_mean(name, all().map(|cmdlet| cmdlet.about().name));
        Diagnostic::new(Code::UsageCommand, format!("There is no cmdlet '{name}'{hint}"))
            .next("See all of them: credwright help")
    })
}

/// What the cmdlets of this version can do: target and action of each change.
pub fn capabilities() -> BTreeSet<String> {
    all()
        .filter_map(|cmdlet| match cmdlet.about().effect {
            Effect::Read => None,
            Effect::Change(change) => Some(change.capability()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::parameter::{Kind, Parameter};

    /// Words that Rhai keeps for itself, also as keys of maps.
    const RESERVED: &[&str] = &[
        "do", "go", "new", "with", "match", "use", "is", "default", "case", "static", "public",
        "shared", "module", "package", "thread", "spawn", "call", "eval", "print", "debug", "sync",
        "async", "await", "yield", "var", "void", "null", "nil", "super", "goto",
    ];

    /// The approved verbs, and whether a cmdlet that begins with one changes something.
    const VERBS: &[(&str, bool)] = &[
        ("get", false),
        ("find", false),
        ("test", false),
        ("check", false),
        ("connect", false),
        ("disconnect", false),
        ("add", true),
        ("set", true),
        ("remove", true),
        ("link", true),
        ("pause", true),
        ("resume", true),
        ("prepare", true),
        ("start", true),
    ];

    #[test]
    fn names_are_unique_and_say_what_they_do() {
        let mut seen = BTreeSet::new();
        for (topic, cmdlets) in TOPICS {
            for cmdlet in *cmdlets {
                let about = cmdlet.about();
                assert!(seen.insert(about.name), "{} twice", about.name);
                if *topic == "script" {
                    continue;
                }
                let (verb, _) = about.name.split_once('_').expect("verb_noun");
                let known = VERBS.iter().find(|(known, _)| *known == verb);
                let (_, changes) = known.unwrap_or_else(|| panic!("{}: the verb", about.name));
                let declared = matches!(about.effect, Effect::Change(_));
                assert_eq!(declared, *changes, "{}: its verb and its effect differ", about.name);
            }
        }
    }

    #[test]
    fn every_declaration_is_complete() {
        let names: BTreeSet<&str> = all().map(|cmdlet| cmdlet.about().name).collect();
        for cmdlet in all() {
            let about = cmdlet.about();
            let name = about.name;
            assert!(!about.summary.is_empty() && !about.summary.ends_with('.'), "{name}: summary");
            assert!(!cmdlet.description().is_empty(), "{name}: the doc comment of Parameters");
            assert!(!about.examples.is_empty(), "{name}: no example");
            for example in about.examples {
                assert!(example.script.contains(name), "{name}: '{}' is without it", example.title);
            }
            for other in about.see_also {
                assert!(names.contains(other), "{name}: see also '{other}', which is not there");
            }
            for parameter in cmdlet.parameters() {
                let label = format!("{name}.{}", parameter.name);
                assert!(!parameter.help.is_empty(), "{label}: no doc comment");
                assert!(!RESERVED.contains(&parameter.name.as_str()), "{label}: reserved in Rhai");
                assert_ne!(parameter.kind, Kind::Any, "{label}: a type outside the closed list");
            }
        }
    }

    fn good(kind: &Kind) -> Value {
        match kind {
            Kind::Bool => json!(true),
            Kind::Integer => json!(7),
            Kind::Text | Kind::Any => json!("text"),
            Kind::Span => json!("30m"),
            Kind::Moment => json!("2026-11-23T12:00:00Z"),
            Kind::Choice(values) => json!(values[0]),
            Kind::List(of) => json!([good(of)]),
            Kind::Record(members) => Value::Object(whole(members)),
        }
    }

    fn bad(kind: &Kind) -> Value {
        match kind {
            Kind::Bool => json!("yes"),
            Kind::Integer => json!(1.5),
            Kind::Choice(_) => json!("none of these"),
            Kind::Span => json!("soon"),
            Kind::Moment => json!("yesterday"),
            _ => json!(true),
        }
    }

    fn whole(parameters: &[Parameter]) -> Map<String, Value> {
        let member = |parameter: &Parameter| (parameter.name.clone(), good(&parameter.kind));
        parameters.iter().map(member).collect()
    }

    #[test]
    fn good_values_pass_and_bad_ones_are_named() {
        for cmdlet in all() {
            let name = cmdlet.about().name;
            let parameters = cmdlet.parameters();
            let arguments = whole(&parameters);
            cmdlet.check(&Value::Object(arguments.clone())).unwrap_or_else(|error| {
                panic!("{name} refuses {arguments:?}: {error}");
            });
            let mut unknown = arguments.clone();
            unknown.insert("no_such_thing".to_owned(), json!(1));
            let error = cmdlet.check(&Value::Object(unknown)).unwrap_err();
            assert!(error.message.contains("no_such_thing"), "{error}");
            for parameter in &parameters {
                let mut wrong = arguments.clone();
                wrong.insert(parameter.name.clone(), bad(&parameter.kind));
                let error = cmdlet.check(&Value::Object(wrong)).unwrap_err();
                assert_eq!(error.code, Code::CmdletParameter, "{name}.{}", parameter.name);
                let mut missing = arguments.clone();
                missing.remove(&parameter.name);
                let result = cmdlet.check(&Value::Object(missing));
                assert_eq!(result.is_err(), parameter.required, "{name} without {parameter:?}");
            }
        }
    }

    #[test]
    fn a_misspelt_parameter_gets_its_near_miss() {
        let error = get("say").unwrap().check(&json!({ "txet": "hello" })).unwrap_err();
        assert_eq!(error.message, "say has no parameter 'txet'; did you mean 'text'?");
        let error = get("sya").err().unwrap();
        assert_eq!(error.message, "There is no cmdlet 'sya'; did you mean 'say'?");
    }
}
