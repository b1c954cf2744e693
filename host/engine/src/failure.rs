//! A cmdlet's failure on its way through a script: a map that `catch` can read, with the original
//! inside it.

use std::sync::Arc;

use base::{Code, Diagnostic};
use rhai::{Array, Dynamic, EvalAltResult, Map, Position};
use serde_json::Value;

use crate::fault;
use crate::source_map::SourceMap;
use crate::value::from_json;

/// The entry of a thrown map that carries the original diagnostic.
const ORIGINAL: &str = "details";

/// The original diagnostic of a thrown map. No script can make one.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) diagnostic: Arc<Diagnostic>,
    pub(crate) at: Position,
}

/// The error that a script sees of a diagnostic: `e.code`, `e.message`, `e.applied`, `e.repeat`,
/// `e.meaning`, `e.next`, `e.causes`, `e.left`, `e.remote`. What there is not is `()`.
pub(crate) fn thrown(diagnostic: Diagnostic, at: Position) -> Box<EvalAltResult> {
    let mut map = Map::new();
    let text = |text: &Option<String>| text.clone().map_or(Dynamic::UNIT, Dynamic::from);
    let list = |items: &[String]| {
        Dynamic::from_array(items.iter().cloned().map(Dynamic::from).collect::<Array>())
    };
    let data = |value: serde_json::Result<Value>| {
        value.ok().and_then(|value| from_json(&value).ok()).unwrap_or(Dynamic::UNIT)
    };
    map.insert("code".into(), diagnostic.code.as_str().into());
    map.insert("message".into(), diagnostic.message.clone().into());
    map.insert("applied".into(), data(serde_json::to_value(diagnostic.applied)));
    map.insert("repeat".into(), data(serde_json::to_value(diagnostic.repeat)));
    map.insert("meaning".into(), text(&diagnostic.meaning));
    map.insert("next".into(), text(&diagnostic.next));
    map.insert("causes".into(), list(&diagnostic.causes));
    map.insert("left".into(), list(&diagnostic.left));
    map.insert("remote".into(), data(serde_json::to_value(&diagnostic.remote)));
    let original = Failure { diagnostic: Arc::new(diagnostic), at };
    map.insert(ORIGINAL.into(), Dynamic::from(original));
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from_map(map), at))
}

/// The original diagnostic of a thrown value, where it carries one.
pub(crate) fn original(value: &Dynamic) -> Option<Failure> {
    let map = value.read_lock::<Map>()?;
    map.get(ORIGINAL)?.read_lock::<Failure>().map(|failure| failure.clone())
}

/// What an error says, without its places.
pub(crate) fn message(error: &EvalAltResult) -> Diagnostic {
    fault::of_run(error, &SourceMap::default())
}

/// The innermost error of a stack of them.
fn leaf(error: &mut EvalAltResult) -> &mut EvalAltResult {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
        | EvalAltResult::ErrorInModule(_, inner, _) => leaf(inner),
        innermost => innermost,
    }
}

/// Says an error in better words, where there are any. Its places stay.
pub(crate) fn explain(
    mut error: Box<EvalAltResult>,
    words: impl FnOnce(&EvalAltResult) -> Option<Diagnostic>,
) -> Box<EvalAltResult> {
    let leaf = leaf(&mut error);
    if let Some(better) = words(leaf) {
        *leaf = *thrown(better, leaf.position());
    }
    error
}

/// Adds causes, and what is left to do by hand, to an error. Its places stay, and so does a map that
/// the script threw.
pub(crate) fn amend(
    mut error: Box<EvalAltResult>,
    causes: Vec<String>,
    left: Vec<String>,
) -> Box<EvalAltResult> {
    let mut diagnostic = message(&error);
    let leaf = leaf(&mut error);
    let mut at = leaf.position();
    if let EvalAltResult::ErrorRuntime(value, _) = leaf {
        let map = value.read_lock::<Map>().map(|map| map.clone());
        match (original(value), map) {
            (Some(original), _) => at = original.at,
            (None, Some(map)) => {
                *value = Dynamic::from_map(with_more(map, [("causes", causes), ("left", left)]));
                return error;
            }
            (None, None) => {}
        }
    }
    diagnostic.causes.extend(causes);
    diagnostic.left.extend(left);
    *leaf = *thrown(diagnostic, at);
    error
}

/// A map with more texts in its lists of those names.
fn with_more(mut map: Map, more: [(&str, Vec<String>); 2]) -> Map {
    for (name, added) in more {
        let known =
            map.get(name).and_then(|entry| entry.read_lock::<Array>().map(|list| list.clone()));
        let mut list = known.unwrap_or_default();
        list.extend(added.into_iter().map(Dynamic::from));
        map.insert(name.into(), Dynamic::from_array(list));
    }
    map
}

/// What a script threw by itself, as a diagnostic: a text, or a map with `message`, and if it likes
/// `code`, `meaning`, `next`, `causes` and `left`.
pub(crate) fn of_throw(value: &Dynamic) -> Diagnostic {
    if value.is_unit() {
        return Diagnostic::new(Code::ScriptFailed, "The script gave up without saying why");
    }
    let Some(map) = value.read_lock::<Map>() else {
        return Diagnostic::new(Code::ScriptFailed, value.to_string());
    };
    let text = |name: &str| {
        let entry = map.get(name).filter(|entry| !entry.is_unit());
        entry.map(|entry| entry.clone().into_string().unwrap_or_else(|_| entry.to_string()))
    };
    let list = |name: &str| {
        let items = map.get(name).and_then(|entry| entry.read_lock::<Array>());
        items.map_or_else(Vec::new, |items| items.iter().map(ToString::to_string).collect())
    };
    let code = text("code").and_then(|code| code_of(&code)).unwrap_or(Code::ScriptFailed);
    let message = text("message").unwrap_or_else(|| value.to_string());
    let mut diagnostic = Diagnostic::new(code, message);
    diagnostic.meaning = text("meaning");
    diagnostic.next = text("next");
    diagnostic.causes = list("causes");
    diagnostic.left = list("left");
    diagnostic
}

/// The code that a script may claim. An interruption and a mistake of this program it may not.
fn code_of(text: &str) -> Option<Code> {
    use base::codes::Kind;
    Code::ALL.iter().copied().find(|code| {
        code.as_str() == text && !matches!(code.kind(), Kind::Interrupted | Kind::Internal)
    })
}
