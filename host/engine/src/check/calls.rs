//! Every call of a file, against the names it can call.

use base::suggest::did_you_mean;
use base::{Code, Diagnostic};
use cmdlets::AnyCmdlet;
use cmdlets::parameter::{self, Parameter};
use rhai::{ASTNode, Dynamic, Expr, FnCallExpr, FnPtr, Position, Stmt};

use super::captured::Closure;
use super::words::{Functions, Words, functions};
use super::{Finding, calls_nothing};
use crate::builtins::TAKE_FUNCTIONS;
use crate::combinators::PARALLEL;
use crate::parallel::{NOT_SHARED, RETURN, takes_one_item};
use crate::program::File;
use crate::source_map::SourceMap;
use crate::value::to_json;

/// Checks the calls of one file.
pub(super) struct Calls<'a> {
    words: &'a Words<'a>,
    file: &'a File,
    map: &'a SourceMap,
    own: Functions,
}

impl<'a> Calls<'a> {
    pub(super) fn new(words: &'a Words<'a>, file: &'a File, map: &'a SourceMap) -> Self {
        let mut own = functions(&file.ast);
        own.extend(words.earlier.iter().cloned());
        Self { words, file, map, own }
    }

    pub(super) fn node(&mut self, node: &ASTNode, top: bool, findings: &mut Vec<Finding>) {
        match node {
            ASTNode::Stmt(Stmt::FnCall(call, at)) | ASTNode::Expr(Expr::FnCall(call, at)) => {
                self.call(call, *at, findings);
            }
            ASTNode::Expr(Expr::MethodCall(call, at)) => self.method(call, *at, findings),
            ASTNode::Stmt(Stmt::Import(_, at)) if !top || self.map.function_at(*at).is_some() => {
                findings.push(Finding::rule(*at, "An import can only stand at the top of a file"));
            }
            ASTNode::Stmt(Stmt::Var(variable, flags, at))
                if top
                    && flags.contains(rhai::ASTFlags::CONSTANT)
                    && self.map.function_at(*at).is_none()
                    && !calls_nothing(&variable.1) =>
            {
                findings.push(Finding::new(
                    *at,
                    Diagnostic::new(
                        Code::ScriptRule,
                        "A const at the top of a file may not call anything",
                    )
                    .next("Make it a function that returns the value."),
                ));
            }
            _ => {}
        }
    }

    fn call(&self, call: &FnCallExpr, at: Position, findings: &mut Vec<Finding>) {
        let name = call.name.as_str();
        let count = call.args.len();
        if call.op_token.is_some() || !rhai::is_valid_identifier(name) || is_capture(call) {
            return;
        }
        if call.is_qualified() {
            self.qualified(call, at, findings);
            return;
        }
        if let Some(instead) = self.words.refused(name) {
            findings.push(refused(name, instead, at));
            return;
        }
        if self.own.contains(&(name.to_owned(), count)) {
            self.closure_means_one(name, count, at, findings);
            return;
        }
        if let Some(cmdlet) = self.words.cmdlet(name) {
            self.cmdlet(cmdlet, call, at, findings);
            return;
        }
        if let Some(combinator) = self.words.combinator(name)
            && combinator.arguments.contains(&count)
        {
            let settings = combinator.cmdlet.and_then(|cmdlet| self.words.cmdlet(cmdlet));
            if let (Some(cmdlet), Some(first)) = (settings, call.args.first()) {
                self.arguments(cmdlet, first, at, findings);
            } else if combinator.cmdlet.is_some() {
                findings.push(Finding::rule(at, format!("'{name}' is not available here")));
            }
            if name == PARALLEL {
                self.parallel(call, findings);
            }
            return;
        }
        let by_name = TAKE_FUNCTIONS.contains(&name) && is_text(call.args.get(1));
        if by_name {
            findings.push(takes_a_function(name, at));
        }
        let keyword = name == "call" && count > 0;
        if keyword || self.words.builtin(name).is_some_and(|counts| counts.contains(&count)) {
            return;
        }
        findings.push(Finding::new(at, self.unknown(name, count)));
    }

    /// The function of `parallel`, as far as it is written out.
    fn parallel(&self, call: &FnCallExpr, findings: &mut Vec<Finding>) {
        let Some(last) = call.args.last() else { return };
        let Some(closure) = Closure::of(last) else { return };
        if closure.takes(&self.file.ast).is_some_and(|count| count != 1) {
            findings.push(Finding::new(last.start_position(), takes_one_item(Code::ScriptRule)));
        }
        for (name, at) in closure.changes(&self.file.ast) {
            let message = format!("'{name}' cannot be changed inside of {PARALLEL}");
            let rule = Diagnostic::new(Code::ScriptRule, message);
            findings.push(Finding::new(at, rule.meaning(NOT_SHARED).next(RETURN)));
        }
    }

    fn method(&self, call: &FnCallExpr, at: Position, findings: &mut Vec<Finding>) {
        let (name, count) = (call.name.as_str(), call.args.len());
        if let Some(instead) = self.words.refused(name) {
            findings.push(refused(name, instead, at));
            return;
        }
        if TAKE_FUNCTIONS.contains(&name) && is_text(call.args.first()) {
            findings.push(takes_a_function(name, at));
            return;
        }
        let known = name == "call"
            || self.words.is_property(name)
            || self.own.contains(&(name.to_owned(), count))
            || self.words.cmdlet(name).is_some_and(|_| count == 0)
            || self.words.builtin(name).is_some_and(|counts| counts.contains(&(count + 1)));
        if !known {
            let diagnostic = match self.words.builtin(name) {
                Some(counts) => {
                    let counts = counts.iter().map(|count| count.saturating_sub(1)).collect();
                    arity(name, count, counts)
                }
                None => self.unknown(name, count),
            };
            findings.push(Finding::new(at, diagnostic));
        }
    }

    fn qualified(&self, call: &FnCallExpr, at: Position, findings: &mut Vec<Finding>) {
        let alias = call.namespace.root();
        let unknown = |message: String| Diagnostic::new(Code::ScriptFunctionUnknown, message);
        let import = self.file.imports.iter().find(|import| import.alias == alias);
        let module = import.and_then(|import| self.words.modules.get(&import.module));
        let (Some(module), 1) = (module, call.namespace.path.len()) else {
            let message = format!("There is no module '{}' in this file", call.namespace);
            findings.push(Finding::new(at, unknown(message)));
            return;
        };
        let (name, count) = (call.name.as_str(), call.args.len());
        if module.contains(&(name.to_owned(), count)) {
            return;
        }
        let counts: Vec<usize> =
            module.iter().filter(|(known, _)| known == name).map(|(_, count)| *count).collect();
        let full = format!("{alias}::{name}");
        let diagnostic = if counts.is_empty() {
            let names = module.iter().map(|(name, _)| name.as_str());
            let hint = did_you_mean(name, names.clone());
            let offered: Vec<&str> = names.collect();
            unknown(format!("The module '{alias}' has no function '{name}'{hint}"))
                .next(format!("It offers: {}", offered.join(", ")))
        } else {
            arity(&full, count, counts)
        };
        findings.push(Finding::new(at, diagnostic));
    }

    /// A closure may run in another module, and Rhai would look up its calls there.
    fn closure_means_one(
        &self,
        name: &str,
        count: usize,
        at: Position,
        findings: &mut Vec<Finding>,
    ) {
        let in_closure = self.map.function_at(at).is_some_and(|name| name.starts_with("anon$"));
        if in_closure && self.words.files_that_define(name, count) > 1 {
            let message = format!("A closure calls '{name}', which another module defines as well");
            findings.push(Finding::new(
                at,
                Diagnostic::new(Code::ScriptRule, message)
                    .meaning("A closure that is handed to that module would call its function.")
                    .next("Give one of the two another name."),
            ));
        }
    }

    fn cmdlet(
        &self,
        cmdlet: &'static dyn AnyCmdlet,
        call: &FnCallExpr,
        at: Position,
        findings: &mut Vec<Finding>,
    ) {
        let name = cmdlet.about().name;
        match &call.args[..] {
            [] => {
                let none = serde_json::Value::Object(serde_json::Map::new());
                self.whole(cmdlet, &none, at, findings);
            }
            [only] => self.arguments(cmdlet, only, at, findings),
            _ => {
                let names: Vec<String> = self
                    .words
                    .parameters(cmdlet)
                    .iter()
                    .map(|parameter| format!("{}: …", parameter.name))
                    .collect();
                let message = format!("{name} takes its parameters in one map");
                findings.push(Finding::new(
                    at,
                    Diagnostic::new(Code::CmdletParameter, message)
                        .next(format!("Write it like this: {name}(#{{ {} }})", names.join(", "))),
                ));
            }
        }
    }

    /// The argument of a cmdlet, as far as it is written out.
    fn arguments(
        &self,
        cmdlet: &'static dyn AnyCmdlet,
        argument: &Expr,
        at: Position,
        findings: &mut Vec<Finding>,
    ) {
        if let Expr::Map(map, at) = argument {
            self.map_literal(cmdlet, &map.0, *at, findings);
        } else if let Some(value) = literal(argument) {
            self.whole(cmdlet, &value, argument.start_position(), findings);
        } else if matches!(argument, Expr::FnCall(..) | Expr::Stmt(..)) || !is_function(argument) {
            // Known only when the script runs.
        } else {
            let message = format!("{} takes no function", cmdlet.about().name);
            findings.push(Finding::new(at, Diagnostic::new(Code::CmdletParameter, message)));
        }
    }

    fn whole(
        &self,
        cmdlet: &'static dyn AnyCmdlet,
        value: &serde_json::Value,
        at: Position,
        findings: &mut Vec<Finding>,
    ) {
        let parameters = self.words.parameters(cmdlet);
        if let Err(wrong) = parameter::check(cmdlet.about().name, &parameters, value) {
            findings.push(Finding::new(at, wrong));
        }
    }

    fn map_literal(
        &self,
        cmdlet: &'static dyn AnyCmdlet,
        entries: &[(rhai::Ident, Expr)],
        at: Position,
        findings: &mut Vec<Finding>,
    ) {
        let name = cmdlet.about().name;
        let parameters = self.words.parameters(cmdlet);
        for (key, value) in entries {
            // One entry at a time, against its own parameter: the place is the entry's.
            let known: Vec<Parameter> = parameters
                .iter()
                .filter(|parameter| parameter.name == key.name.as_str())
                .cloned()
                .collect();
            let literal = literal(value);
            let checked = if known.is_empty() {
                let entry = [(key.name.to_string(), serde_json::Value::Null)];
                let optional: Vec<Parameter> = parameters
                    .iter()
                    .map(|parameter| Parameter { required: false, ..parameter.clone() })
                    .collect();
                parameter::check(
                    name,
                    &optional,
                    &serde_json::Value::Object(entry.into_iter().collect()),
                )
            } else if let Some(literal) = literal.filter(|literal| !literal.is_null()) {
                let entry = [(key.name.to_string(), literal)];
                parameter::check(
                    name,
                    &known,
                    &serde_json::Value::Object(entry.into_iter().collect()),
                )
            } else {
                continue;
            };
            if let Err(wrong) = checked {
                findings.push(Finding::new(key.pos, wrong));
            }
        }
        let all_known = entries
            .iter()
            .all(|(key, _)| parameters.iter().any(|known| known.name == key.name.as_str()));
        if !all_known {
            // What is missing is most likely the one that is misspelt.
            return;
        }
        for missing in parameters.iter().filter(|parameter| {
            parameter.required
                && !entries.iter().any(|(key, _)| key.name == parameter.name.as_str())
        }) {
            let message = format!("{name} needs the parameter '{}'", missing.name);
            findings.push(Finding::new(
                at,
                Diagnostic::new(Code::CmdletParameter, message)
                    .next(format!("See its parameters: credwright help {name}")),
            ));
        }
    }

    fn unknown(&self, name: &str, count: usize) -> Diagnostic {
        let own = self.own.iter().filter(|(known, _)| known == name).map(|(_, count)| *count);
        let mut counts: Vec<usize> = own.collect();
        if let Some(combinator) = self.words.combinator(name) {
            counts.extend(combinator.arguments);
        }
        if let Some(builtin) = self.words.builtin(name) {
            counts.extend(builtin);
        }
        if !counts.is_empty() {
            return arity(name, count, counts);
        }
        let modules = self.file.imports.iter().filter(|import| {
            self.words.modules.get(&import.module).is_some_and(|offered| {
                offered.iter().any(|(known, arguments)| known == name && *arguments == count)
            })
        });
        let unknown = |hint: String| {
            let message = format!("There is no function '{name}'{hint}");
            Diagnostic::new(Code::ScriptFunctionUnknown, message)
        };
        match modules.map(|import| &import.alias).next() {
            Some(alias) => {
                unknown(String::new()).next(format!("It is in a module: {alias}::{name}(…)"))
            }
            None => unknown(did_you_mean(name, self.words.all_names(&self.own)))
                .next("See the cmdlets: credwright help"),
        }
    }
}

fn refused(name: &str, instead: &str, at: Position) -> Finding {
    let message = format!("'{name}' is not available to scripts");
    Finding::new(at, Diagnostic::new(Code::ScriptRule, message).next(instead))
}

fn takes_a_function(name: &str, at: Position) -> Finding {
    let message = format!("'{name}' takes a function, not the name of one");
    let next = format!("Write a closure: {name}(|x| …)");
    Finding::new(at, Diagnostic::new(Code::ScriptRule, message).next(next))
}

fn arity(name: &str, count: usize, mut counts: Vec<usize>) -> Diagnostic {
    counts.sort_unstable();
    counts.dedup();
    let takes: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let message = format!("'{name}' takes {} arguments, not {count}", takes.join(" or "));
    Diagnostic::new(Code::ScriptFunctionUnknown, message)
}

/// A closure's capture of variables, which the parser writes as a call of `curry`.
fn is_capture(call: &FnCallExpr) -> bool {
    call.name == "curry" && call.args.first().is_some_and(is_function)
}

fn is_function(expression: &Expr) -> bool {
    matches!(expression, Expr::DynamicConstant(value, _) if value.is::<FnPtr>())
}

fn is_text(expression: Option<&Expr>) -> bool {
    matches!(expression, Some(Expr::StringConstant(..) | Expr::InterpolatedString(..)))
}

/// The value of an expression that is written out.
fn literal(expression: &Expr) -> Option<serde_json::Value> {
    if let Expr::FnCall(call, _) = expression
        && call.op_token.is_some()
        && call.name == "-"
        && let [Expr::IntegerConstant(number, _)] = call.args[..]
    {
        return number.checked_neg().map(serde_json::Value::from);
    }
    if is_function(expression) {
        return None;
    }
    expression
        .is_constant()
        .then(|| expression.get_literal_value(None))
        .flatten()
        .and_then(|value: Dynamic| to_json(&value, "It").ok())
}
