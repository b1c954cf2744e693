//! The rules that a script must keep, checked on its tree before anything of it runs.

mod calls;
mod captured;
mod words;

use base::{Code, Diagnostic, Result};
use rhai::{AST, ASTFlags, ASTNode, Expr, Position, Stmt};

use crate::combinators;
use crate::engine::Shared;
use crate::program::{self, File, Program};
use crate::source_map::SourceMap;
use calls::Calls;
pub(crate) use words::{Words, functions, offered};

/// How many findings are told at once.
const TOLD: usize = 10;

/// Something that breaks a rule, and where.
pub(crate) struct Finding {
    pub(crate) at: Position,
    pub(crate) diagnostic: Diagnostic,
}

impl Finding {
    pub(crate) fn new(at: Position, diagnostic: Diagnostic) -> Self {
        Self { at, diagnostic }
    }

    fn rule(at: Position, message: impl Into<String>) -> Self {
        Self::new(at, Diagnostic::new(Code::ScriptRule, message))
    }
}

/// Checks a script with its modules.
///
/// # Errors
/// The first finding, with the others among its causes.
pub(crate) fn program(shared: &Shared, program: &Program) -> Result<()> {
    let words = Words::new(shared, program);
    let mut findings = Vec::new();
    entry(&program.entry, &mut findings);
    let files = std::iter::once(&program.entry).chain(program.modules.values());
    for file in files {
        top_level(&file.ast, &mut findings);
        file_rules(&words, file, &program.map, &mut findings);
    }
    one_meaning(program, &mut findings);
    told(findings, &program.map)
}

/// Checks a line of a prompt: anything may stand at its top level.
///
/// # Errors
/// As [`program()`].
pub(crate) fn line(words: &Words<'_>, file: &File, map: &SourceMap) -> Result<()> {
    let mut findings = Vec::new();
    file_rules(words, file, map, &mut findings);
    told(findings, map)
}

fn file_rules(words: &Words<'_>, file: &File, map: &SourceMap, findings: &mut Vec<Finding>) {
    definitions(words, file, map, findings);
    let mut calls = Calls::new(words, file, map);
    file.ast.walk(&mut |path: &[ASTNode]| {
        if let Some(node) = path.last() {
            calls.node(node, path.len() == 1, findings);
        }
        true
    });
}

/// The first finding as the error, the others as its causes.
fn told(mut findings: Vec<Finding>, map: &SourceMap) -> Result<()> {
    findings.sort_by_key(|finding| finding.at);
    findings.dedup_by(|next, first| {
        next.at == first.at && next.diagnostic.message == first.diagnostic.message
    });
    let mut findings = findings.into_iter();
    let Some(first) = findings.next() else { return Ok(()) };
    let mut diagnostic = program::at(first.diagnostic, first.at, map);
    let others: Vec<Finding> = findings.collect();
    for other in others.iter().take(TOLD) {
        let place = map.place(other.at).map_or_else(String::new, |place| {
            format!("{}:{}:{}: ", place.file, place.line, place.column)
        });
        diagnostic.causes.push(format!("also {place}{}", other.diagnostic.message));
    }
    if others.len() > TOLD {
        diagnostic.causes.push(format!("and {} more", others.len() - TOLD));
    }
    Err(diagnostic)
}

/// An entry script has a `main`, with the parameters or without.
fn entry(file: &File, findings: &mut Vec<Finding>) {
    let arities = |name: &str| -> Vec<usize> {
        let functions = file.ast.iter_functions().filter(|function| function.name == name);
        functions.map(|function| function.params.len()).collect()
    };
    let top = Position::START;
    match arities("main")[..] {
        [0 | 1] => {}
        [] => findings.push(Finding::new(
            top,
            Diagnostic::new(Code::ScriptRule, format!("{} has no function main", file.source.name))
                .next("Put what the script does into: fn main(p) { … }"),
        )),
        _ => findings.push(Finding::rule(top, "main takes the parameters, main(p), or nothing")),
    }
    if arities("params").iter().any(|count| *count != 0) {
        findings.push(Finding::rule(top, "params takes nothing: fn params() { #{ … } }"));
    }
}

/// Only `import`, `const` and `fn` stand at the top of a file: its top level runs whenever one of
/// its functions is called from outside.
fn top_level(ast: &AST, findings: &mut Vec<Finding>) {
    for statement in ast.statements() {
        match statement {
            Stmt::Import(..) | Stmt::Noop(_) => {}
            Stmt::Var(_, flags, _) if flags.contains(ASTFlags::CONSTANT) => {}
            Stmt::Var(_, _, at) => findings.push(Finding::new(
                *at,
                Diagnostic::new(Code::ScriptRule, "A variable cannot stand at the top of a file")
                    .next("Use const, or move it into a function."),
            )),
            other => findings.push(Finding::new(
                other.position(),
                Diagnostic::new(
                    Code::ScriptRule,
                    "Only import, const and fn can stand at the top of a file",
                )
                .next("Move it into main: fn main(p) { … }"),
            )),
        }
    }
}

/// A function must not take the name of a cmdlet or a combinator away.
fn definitions(words: &Words<'_>, file: &File, map: &SourceMap, findings: &mut Vec<Finding>) {
    for function in file.ast.iter_fn_def() {
        let count = function.params.len();
        let taken = if words.cmdlet(&function.name).is_some() && count <= 1 {
            "a cmdlet"
        } else if combinators::find(&function.name)
            .is_some_and(|found| found.arguments.contains(&count))
        {
            "part of the engine"
        } else if words.refused(&function.name).is_some() {
            "reserved"
        } else {
            continue;
        };
        let message = format!("'{}' is the name of {taken}", function.name);
        let at = named_at(file, &function.name, function.body.start_position(), map);
        findings.push(Finding::new(
            at,
            Diagnostic::new(Code::ScriptRule, message).next("Choose another name."),
        ));
    }
}

/// The tree does not know where a function's name stands: it is looked for in front of its body.
fn named_at(file: &File, name: &str, body: Position, map: &SourceMap) -> Position {
    let found = map.place(body).and_then(|place| {
        let line = file.source.text.lines().nth(place.line - 1)?;
        let at = line.find(&format!("fn {name}"))? + "fn ".len();
        let column = u16::try_from(line[..at].chars().count() + 1).ok()?;
        let line = u16::try_from(body.line()?).ok()?;
        Some(Position::new(line, column))
    });
    found.unwrap_or(body)
}

/// Rhai looks up names where they are called, not where they are written. So that a closure means
/// the same wherever it runs, a name of an import means one module in all files of a run.
fn one_meaning(program: &Program, findings: &mut Vec<Finding>) {
    let mut meanings: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
    let files = std::iter::once(&program.entry).chain(program.modules.values());
    for import in files.flat_map(|file| &file.imports) {
        let module = *meanings.entry(&import.alias).or_insert(&import.module);
        if module != import.module {
            let message = format!(
                "'{}' means the module \"{}\" here, but \"{module}\" in another file of this run",
                import.alias, import.module
            );
            findings.push(Finding::rule(import.at, message));
        }
    }
}

/// Whether an expression is certain to call nothing but operators.
fn calls_nothing(expression: &Expr) -> bool {
    let mut nothing = true;
    expression.walk(&mut Vec::new(), &mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))) = path.last()
            && call.op_token.is_none()
        {
            nothing = false;
        }
        nothing
    });
    nothing
}
