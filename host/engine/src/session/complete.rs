//! What could stand at the cursor of a prompt.

use cmdlets::parameter::{Kind, Parameter};

use super::Kept;
use crate::check;
use crate::combinators;
use crate::engine::Shared;
use crate::library::FileKind;
use crate::scan::scan;
use crate::value::to_shown;

/// One thing that could stand at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is inserted.
    pub text: String,
    /// What it is, in a few words.
    pub help: String,
}

/// What could stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The byte of the line from which on the text is replaced.
    pub start: usize,
    /// The candidates, sorted.
    pub candidates: Vec<Candidate>,
}

/// Words of the language that begin something.
const KEYWORDS: &[&str] = &[
    "break", "catch", "const", "continue", "else", "false", "fn", "for", "if", "import", "in",
    "let", "loop", "return", "switch", "throw", "true", "try", "while",
];

fn candidate(text: impl Into<String>, help: impl Into<String>) -> Candidate {
    Candidate { text: text.into(), help: help.into() }
}

pub(super) fn complete(shared: &Shared, kept: &Kept, text: &str, cursor: usize) -> Completion {
    let before = text.get(..cursor).unwrap_or(text);
    let start = before
        .rfind(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let (lead, prefix) = before.split_at(start);
    let mut candidates = at(shared, kept, before, lead);
    candidates.retain(|candidate| candidate.text.starts_with(prefix));
    candidates.sort_by(|left, right| left.text.cmp(&right.text));
    candidates.dedup();
    Completion { start, candidates }
}

fn at(shared: &Shared, kept: &Kept, before: &str, lead: &str) -> Vec<Candidate> {
    if lead.trim_end().ends_with("import \"") {
        return modules(shared);
    }
    let found = scan(before);
    if found.ends_in_words {
        return Vec::new();
    }
    if let Some(path) = lead.strip_suffix("::") {
        return module_functions(kept, last_word(path));
    }
    if let Some(path) = lead.strip_suffix('.') {
        return entries(kept, last_word(path));
    }
    if let Some(&open) = found.open.last()
        && let Some(parameters) = parameters_of_call(shared, &before[..open])
        && before[open..].starts_with('{')
    {
        return in_map(shared, kept, &parameters, &before[open + 1..]);
    }
    names(shared, kept)
}

fn last_word(text: &str) -> &str {
    let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

/// The parameters of the cmdlet whose map begins behind `before`: `cmdlet(#`.
fn parameters_of_call(shared: &Shared, before: &str) -> Option<Vec<Parameter>> {
    let name = last_word(before.strip_suffix('#')?.trim_end().strip_suffix('(')?.trim_end());
    let cmdlet = combinators::find(name).and_then(|found| found.cmdlet).unwrap_or(name);
    shared.cmdlet(cmdlet).map(|cmdlet| cmdlet.parameters())
}

/// Inside the map of a cmdlet: a key, or a value for the key before the colon.
fn in_map(shared: &Shared, kept: &Kept, parameters: &[Parameter], inside: &str) -> Vec<Candidate> {
    let entry = inside.rsplit(',').next().unwrap_or_default();
    if let Some((key, _)) = entry.split_once(':') {
        let parameter = parameters.iter().find(|parameter| parameter.name == key.trim());
        return match parameter.map(|parameter| &parameter.kind) {
            Some(Kind::Choice(values)) => {
                values.iter().map(|value| candidate(format!("\"{value}\""), "")).collect()
            }
            Some(Kind::Bool) => vec![candidate("false", ""), candidate("true", "")],
            _ => names(shared, kept),
        };
    }
    let given: Vec<&str> = inside
        .split(',')
        .filter_map(|entry| entry.split_once(':'))
        .map(|(key, _)| key.trim())
        .collect();
    parameters
        .iter()
        .filter(|parameter| !given.contains(&parameter.name.as_str()))
        .map(|parameter| {
            let need = if parameter.required { "" } else { " (optional)" };
            let help = parameter.help.lines().next().unwrap_or_default();
            candidate(
                format!("{}: ", parameter.name),
                format!("{}{need}: {help}", parameter.kind.name()),
            )
        })
        .collect()
}

fn modules(shared: &Shared) -> Vec<Candidate> {
    let listed = shared.library.list(FileKind::Module).unwrap_or_default();
    listed.into_iter().map(|module| candidate(module.name, module.summary)).collect()
}

fn module_functions(kept: &Kept, alias: &str) -> Vec<Candidate> {
    let import = kept.imports.iter().find(|import| import.alias == alias);
    let module = import.and_then(|import| kept.modules.get(&import.module));
    let Some(module) = module else { return Vec::new() };
    let offered = check::offered(&module.ast);
    module
        .ast
        .iter_functions()
        .filter(|function| offered.contains(&(function.name.to_owned(), function.params.len())))
        .map(|function| {
            let comment = function.comments.first().copied().unwrap_or_default();
            let comment = comment.lines().next().unwrap_or_default().trim_start_matches('/').trim();
            let form = format!("{}({})", function.name, function.params.join(", "));
            let help = if comment.is_empty() { form } else { format!("{form}: {comment}") };
            candidate(function.name, help)
        })
        .collect()
}

/// The entries of a variable that is a map.
fn entries(kept: &Kept, variable: &str) -> Vec<Candidate> {
    let value = kept.scope.get(variable).map(to_shown);
    let Some(serde_json::Value::Object(entries)) = value else { return Vec::new() };
    entries.into_iter().map(|(name, value)| candidate(name, short(&value))).collect()
}

fn short(value: &serde_json::Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 {
        text
    } else {
        text.chars().take(40).collect::<String>() + "…"
    }
}

/// Everything that can begin an expression or a statement.
fn names(shared: &Shared, kept: &Kept) -> Vec<Candidate> {
    let mut names: Vec<Candidate> = Vec::new();
    names.extend(shared.cmdlets.iter().map(|cmdlet| {
        let about = cmdlet.about();
        candidate(about.name, about.summary)
    }));
    names.extend(combinators::ALL.iter().map(|combinator| {
        candidate(combinator.name, format!("{} {}", combinator.summary, combinator.form))
    }));
    let functions = kept.functions.iter_functions();
    names.extend(functions.filter(|function| !function.name.starts_with("anon$")).map(
        |function| {
            candidate(function.name, format!("{}({})", function.name, function.params.join(", ")))
        },
    ));
    names.extend(
        kept.scope.iter_raw().map(|(name, _, value)| candidate(name, short(&to_shown(value)))),
    );
    names.extend(kept.imports.iter().map(|import| {
        candidate(format!("{}::", import.alias), format!("the module \"{}\"", import.module))
    }));
    names.extend(KEYWORDS.iter().map(|word| candidate(*word, "")));
    names
}
