//! `credwright help`: topics, cmdlets, scripts, diagnostic codes, capabilities.

use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Result};
use cmdlets::parameter::Parameter;
use cmdlets::{AnyCmdlet, Shows, TOPICS, registry};
use effect::{Effect, Impact};
use engine::{FileKind, ScriptHelp};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::cli::quoted;
use crate::show::value::cell;
use crate::world::World;

/// `credwright help [TOPIC]`, also `help` at the prompt.
///
/// # Errors
/// [`Code::UsageCommand`] with the near miss.
pub fn help(world: &World, topic: Option<&str>) -> Result<Answer> {
    let Some(topic) = topic else { return overview(world) };
    if let Some(cmdlet) = registry::find(topic) {
        return Ok(Answer::new(described(cmdlet), of_cmdlet(cmdlet)));
    }
    if let Some(code) = Code::ALL.iter().find(|code| code.as_str() == topic) {
        let text = format!("{code}\n\n{}", code.explanation());
        return Ok(Answer::new(json!({ "code": code, "explanation": code.explanation() }), text));
    }
    if let Some((name, cmdlets)) = TOPICS.iter().find(|(name, _)| *name == topic) {
        let value = cmdlets.iter().map(|cmdlet| described(*cmdlet)).collect();
        return Ok(Answer::new(Value::Array(value), format!("{name}\n{}", list(cmdlets))));
    }
    match topic {
        "capabilities" => return Ok(capabilities()),
        "codes" => return Ok(codes()),
        _ => {}
    }
    let scripts = world.engine()?.library().list(FileKind::Script)?;
    if topic.ends_with(".rhai") || scripts.iter().any(|script| script.name == topic) {
        return of_script(world, topic);
    }
    found_by_word(topic)
        .ok_or_else(|| unknown(topic, scripts.iter().map(|script| script.name.as_str())))
}

fn overview(world: &World) -> Result<Answer> {
    let listed = world.engine()?.library().list(FileKind::Script)?;
    let mut text = String::from("Scripts (credwright run NAME)\n");
    for script in &listed {
        text += &format!("  {:<24} {}\n", script.name, script.summary);
    }
    for (topic, cmdlets) in TOPICS {
        text += &format!("\nCmdlets: {topic}\n{}", list(cmdlets));
    }
    text += "\nMore: credwright help CMDLET | SCRIPT | CODE | codes | capabilities\n";
    let value = json!({
        "scripts": listed.iter().map(|script| script.name.clone()).collect::<Vec<_>>(),
        "cmdlets": registry::all().map(|cmdlet| cmdlet.about().name).collect::<Vec<_>>(),
    });
    Ok(Answer::new(value, text))
}

fn list(cmdlets: &[&dyn AnyCmdlet]) -> String {
    cmdlets
        .iter()
        .map(|cmdlet| format!("  {:<24} {}\n", cmdlet.about().name, cmdlet.about().summary))
        .collect()
}

/// Cmdlets that know the word, such as the name of a PowerShell cmdlet.
fn found_by_word(word: &str) -> Option<Answer> {
    let word = word.to_lowercase();
    let found: Vec<&dyn AnyCmdlet> = registry::all()
        .filter(|cmdlet| {
            let about = cmdlet.about();
            about.search_terms.iter().any(|term| term.to_lowercase() == word)
                || about.name.split('_').any(|part| part == word)
        })
        .collect();
    match found.as_slice() {
        [] => None,
        [one] => Some(Answer::new(described(*one), of_cmdlet(*one))),
        many => {
            let value = many.iter().map(|cmdlet| described(*cmdlet)).collect();
            Some(Answer::new(Value::Array(value), list(many)))
        }
    }
}

fn unknown<'a>(topic: &str, scripts: impl Iterator<Item = &'a str>) -> Diagnostic {
    let names = registry::all()
        .map(|cmdlet| cmdlet.about().name)
        .chain(Code::ALL.iter().map(|code| code.as_str()))
        .chain(TOPICS.iter().map(|(name, _)| *name))
        .chain(scripts);
    let hint = did_you_mean(topic, names);
    Diagnostic::new(Code::UsageCommand, format!("There is no help on '{topic}'{hint}"))
        .next("See all there is: credwright help")
}

fn codes() -> Answer {
    let text = Code::ALL
        .iter()
        .map(|code| format!("{:<28} {}\n", code.as_str(), code.explanation().trim()))
        .collect::<String>();
    let value = Code::ALL
        .iter()
        .map(|code| json!({ "code": code, "explanation": code.explanation().trim() }))
        .collect();
    Answer::new(Value::Array(value), text)
}

fn capabilities() -> Answer {
    let all = registry::capabilities();
    let text = "What cmdlets can do, as `deny` in config.toml names it:\n".to_owned()
        + all.iter().map(|capability| format!("  {capability}\n")).collect::<String>().as_str();
    Answer::new(json!(all), text)
}

fn described(cmdlet: &dyn AnyCmdlet) -> Value {
    let about = cmdlet.about();
    let members = |members: Vec<Parameter>| {
        members
            .into_iter()
            .map(|member| {
                json!({
                    "name": member.name,
                    "type": member.kind.name(),
                    "required": member.required,
                    "default": member.default,
                    "help": member.help,
                })
            })
            .collect::<Vec<Value>>()
    };
    json!({
        "name": about.name,
        "summary": about.summary,
        "description": cmdlet.description(),
        "parameters": members(cmdlet.parameters()),
        "output": members(cmdlet.output()),
        "capability": capability(about.effect),
        "errors": about.errors.iter().map(|(code, when)| json!({ "code": code, "when": when })).collect::<Vec<_>>(),
        "see_also": about.see_also,
    })
}

fn capability(effect: Effect) -> Option<String> {
    match effect {
        Effect::Read => None,
        Effect::Change(change) => Some(change.capability()),
    }
}

fn of_cmdlet(cmdlet: &dyn AnyCmdlet) -> String {
    let about = cmdlet.about();
    let mut text = format!("{}: {}\n", about.name, about.summary);
    let description = cmdlet.description();
    if !description.is_empty() {
        text += &format!("\n{description}\n");
    }
    text += &members("Parameters", &cmdlet.parameters());
    text += &members("Answers", &cmdlet.output());
    text += &match about.effect {
        Effect::Read => "\nIt only looks.\n".to_owned(),
        Effect::Change(change) => format!(
            "\nIt changes something: {} ({} impact).\n",
            change.capability(),
            match change.impact {
                Impact::Low => "low",
                Impact::Medium => "medium",
                Impact::High => "high",
            }
        ),
    };
    if !about.errors.is_empty() {
        text += "\nErrors\n";
        for (code, when) in about.errors {
            text += &format!("  {:<24} {when}\n", code.as_str());
        }
    }
    for example in about.examples {
        text += &format!("\n{}\n", example.title);
        for line in example.script.lines() {
            text += &format!("    {line}\n");
        }
        text += &match example.shows {
            Shows::Value("null") | Shows::Success => String::new(),
            Shows::Value(value) => format!("  gives {value}\n"),
            Shows::Failure(code) => format!("  fails with {code}\n"),
        };
    }
    if !about.see_also.is_empty() {
        text += &format!("\nSee also: {}\n", about.see_also.join(", "));
    }
    text
}

fn members(title: &str, members: &[Parameter]) -> String {
    if members.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n");
    for member in members {
        let note = match (&member.default, member.required) {
            (Some(default), _) => format!(", default {default}"),
            (None, true) if title == "Parameters" => ", required".to_owned(),
            _ => String::new(),
        };
        text += &format!("  {} ({}{note})\n", member.name, member.kind.name());
        for line in member.help.lines() {
            text += &format!("      {line}\n");
        }
    }
    text
}

/// What a script says of itself and its parameters.
///
/// # Errors
/// As [`engine::Engine::script`] and [`engine::Script::help`].
pub fn of_script(world: &World, name: &str) -> Result<Answer> {
    let help = world.engine()?.script(name)?.help()?;
    let value = json!({
        "name": name,
        "header": help.header,
        "parameters": help.parameters.iter().map(|parameter| json!({
            "name": parameter.name,
            "type": kind(parameter.kind),
            "required": parameter.required,
            "default": parameter.default,
            "one_of": parameter.one_of,
            "help": parameter.help,
        })).collect::<Vec<_>>(),
    });
    Ok(Answer::new(value, script_text(name, &help)))
}

fn script_text(name: &str, help: &ScriptHelp) -> String {
    let mut text = format!("{}\n", help.header.trim_end());
    text += &format!("\nUsage: credwright run {} [--param NAME=VALUE …]\n", quoted(name));
    if !help.parameters.is_empty() {
        text += "\nParameters\n";
    }
    for parameter in &help.parameters {
        let mut notes = vec![kind(parameter.kind).to_owned()];
        if !parameter.one_of.is_empty() {
            let values: Vec<String> = parameter.one_of.iter().map(cell).collect();
            notes.push(format!("one of {}", values.join(", ")));
        }
        match &parameter.default {
            Some(default) => notes.push(format!("default {}", cell(default))),
            None if parameter.required => notes.push("required".to_owned()),
            None => notes.push("optional".to_owned()),
        }
        text += &format!("  {} ({})\n", parameter.name, notes.join("; "));
        for line in parameter.help.lines() {
            text += &format!("      {line}\n");
        }
    }
    text
}

fn kind(kind: engine::ParameterKind) -> &'static str {
    match kind {
        engine::ParameterKind::Text => "text",
        engine::ParameterKind::Integer => "integer",
        engine::ParameterKind::Bool => "bool",
        engine::ParameterKind::List => "list, separated by commas",
    }
}
