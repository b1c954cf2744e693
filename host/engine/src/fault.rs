//! Rhai's errors as diagnostics with places.

use base::diagnostic::Place;
use base::suggest::did_you_mean;
use base::{Code, Diagnostic};
use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType, Position};

use crate::failure;
use crate::source_map::SourceMap;
use crate::value::kind_name;

/// What a script failed with while it ran, with the script's stack, innermost place first.
pub(crate) fn of_run(error: &EvalAltResult, map: &SourceMap) -> Diagnostic {
    let mut positions = Vec::new();
    let mut leaf = error;
    while let EvalAltResult::ErrorInFunctionCall(_, _, inner, position)
    | EvalAltResult::ErrorInModule(_, inner, position) = leaf
    {
        positions.push(*position);
        leaf = inner;
    }
    positions.push(leaf.position());
    let mut diagnostic = match leaf {
        EvalAltResult::ErrorRuntime(value, _) => match failure::original(value) {
            Some(original) => {
                positions.push(original.at);
                (*original.diagnostic).clone()
            }
            None => failure::of_throw(value),
        },
        leaf => describe(leaf),
    };
    if diagnostic.places.is_empty() {
        diagnostic.places = places(positions.into_iter().rev(), map);
    }
    diagnostic
}

/// Positions as places, without repetitions.
pub(crate) fn places(positions: impl IntoIterator<Item = Position>, map: &SourceMap) -> Vec<Place> {
    let mut places: Vec<Place> =
        positions.into_iter().filter_map(|position| map.place(position)).collect();
    places.dedup();
    places
}

fn describe(error: &EvalAltResult) -> Diagnostic {
    use EvalAltResult as E;
    let failed = |message: String| Diagnostic::new(Code::ScriptFailed, message);
    match error {
        E::ErrorFunctionNotFound(signature, _) => no_such_form(signature),
        E::ErrorVariableNotFound(name, _) => failed(format!("There is no variable '{name}'")),
        E::ErrorPropertyNotFound(name, _) => failed(format!("There is no entry '{name}' here"))
            .meaning("The value is a map without that entry, or no map at all."),
        E::ErrorIndexNotFound(index, _) => failed(format!("There is nothing at '{index}'")),
        E::ErrorArrayBounds(0, index, _) => {
            failed(format!("The list is empty, so it has no item {index}"))
        }
        E::ErrorArrayBounds(size, index, _) => {
            failed(format!("The list has {size} items, so none at {index}; the first is at 0"))
        }
        E::ErrorStringBounds(size, index, _) => {
            failed(format!("The text has {size} letters, so none at {index}; the first is at 0"))
        }
        E::ErrorMismatchDataType(expected, found, _)
        | E::ErrorMismatchOutputType(expected, found, _) => {
            let (expected, found) = (kind_name(expected), kind_name(found));
            failed(format!("Here must be {expected}, but it is {found}"))
        }
        E::ErrorIndexingType(name, _) => {
            failed(format!("{} has no entries to look at", kind_of_signature(name)))
        }
        E::ErrorFor(_) => {
            failed("A loop can only go over a list, a map's keys, a text or a range".to_owned())
        }
        E::ErrorAssignmentToConstant(name, _) => failed(format!("'{name}' cannot be changed")),
        E::ErrorModuleNotFound(name, _) => {
            Diagnostic::new(Code::ScriptModule, format!("There is no module '{name}'"))
        }
        E::ErrorParsing(kind, _) => parse(kind, ""),
        E::ErrorTooManyOperations(_) => {
            limit("runs for too long: it went past the limit of operations")
        }
        E::ErrorTooManyVariables(_) => limit("has too many variables"),
        E::ErrorTooManyModules(_) => limit("imports too many modules"),
        E::ErrorStackOverflow(_) => {
            limit("calls functions too deep: does one call itself for ever?")
        }
        E::ErrorDataTooLarge(what, _) => {
            limit(&format!("builds a value that is too large: {what}"))
        }
        E::ErrorTerminated(..) => limit("was stopped"),
        E::ErrorSystem(..) | E::LoopBreak(..) | E::Return(..) | E::Exit(..) => {
            Diagnostic::new(Code::Internal, "The script ended in a way it should not").cause(error)
        }
        other => failed(without_position(other)),
    }
}

fn limit(what: &str) -> Diagnostic {
    Diagnostic::new(Code::ScriptLimit, format!("The script {what}"))
}

/// `name (type, type)`: the function exists, or the checker would have said so, but not for these.
fn no_such_form(signature: &str) -> Diagnostic {
    let (name, rest) = signature.split_once(" (").unwrap_or((signature, ""));
    let kinds: Vec<&str> = split_types(rest.trim_end_matches(')')).map(kind_name).collect();
    let message = if kinds.is_empty() {
        format!("'{name}' cannot be called without anything")
    } else {
        format!("'{name}' cannot be applied to {}", kinds.join(" and "))
    };
    Diagnostic::new(Code::ScriptFailed, message)
}

fn split_types(list: &str) -> impl Iterator<Item = &str> {
    // Rhai writes all spellings of a text's type.
    list.split(", ")
        .map(|name| name.split(" | ").next().unwrap_or(name))
        .filter(|name| !name.is_empty())
}

fn kind_of_signature(name: &str) -> &'static str {
    kind_name(name.split(" [").next().unwrap_or(name))
}

fn without_position(error: &EvalAltResult) -> String {
    let text = error.to_string();
    match text.rfind(" (line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// Why a text does not parse. `text` is searched for near misses.
pub(crate) fn of_parse(error: &ParseError, map: &SourceMap) -> Diagnostic {
    let text = map.file(error.position()).map_or("", |source| &source.text);
    let mut diagnostic = parse(error.err_type(), text);
    diagnostic.places = places([error.position()], map);
    diagnostic
}

fn parse(kind: &ParseErrorType, text: &str) -> Diagnostic {
    use ParseErrorType as P;
    let syntax = |message: String| Diagnostic::new(Code::ScriptSyntax, message);
    match kind {
        P::VariableUndefined(name) => {
            let words = identifiers(text).filter(|word| word != name);
            let hint = did_you_mean(name, words);
            syntax(format!("There is no variable '{name}'{hint}"))
        }
        P::ModuleUndefined(name) => syntax(format!("There is no module '{name}' in this file"))
            .next(format!("Import it at the top of the file: import \"{name}\" as {name};")),
        P::BadInput(LexError::ImproperSymbol(word, _)) if word == "eval" => {
            Diagnostic::new(Code::ScriptRule, "'eval' is not available to scripts")
                .meaning("The checker must see everything that a script may do before it runs.")
        }
        P::Reserved(word) => syntax(format!("'{word}' is a reserved word")).next(format!(
            "Choose another name; as the key of a map write it in quotes: \"{word}\""
        )),
        P::ExprTooDeep => Diagnostic::new(Code::ScriptLimit, "This expression nests too deep")
            .next("Give its parts names with let."),
        P::TooManyFunctions => {
            Diagnostic::new(Code::ScriptLimit, "The file has too many functions")
        }
        P::LiteralTooLarge(what, most) => {
            Diagnostic::new(Code::ScriptLimit, format!("{what} is larger than {most}"))
        }
        P::BadInput(LexError::UnterminatedString) => syntax("This text has no end".to_owned()),
        P::UnexpectedEOF => syntax("The script ends too early".to_owned()),
        P::WrongFnDefinition => {
            Diagnostic::new(Code::ScriptRule, "A function can only be defined at the top of a file")
        }
        P::WrongDocComment => syntax("A comment with /// must stand before a function".to_owned())
            .next("Use // for other comments."),
        other => syntax(other.to_string()),
    }
}

/// The words of a text that could be names.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}
