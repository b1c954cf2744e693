//! A prompt: lines that are evaluated one by one.

mod complete;

use std::collections::{BTreeMap, BTreeSet};

use base::Result;
use rhai::{AST, ASTNode, Dynamic, Expr, Scope, Stmt};
use serde_json::Value;

use crate::builtins::TAKE_FUNCTIONS;
use crate::check::{self, Words};
use crate::combinators;
use crate::engine::{Engine, Shared};
use crate::library::{Origin, Source};
use crate::machine;
use crate::program::{File, Import, Loader};
use crate::running::{Allowed, Parts, Running};
use crate::scan::scan;
use crate::script::{RunParts, settle};
use crate::source_map::SourceMap;
use crate::thread::on_script_thread;
use crate::value::to_shown;
pub use complete::{Candidate, Completion};

/// Whether a line can be evaluated as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It can; its errors, if any, come from [`Session::evaluate`].
    Complete,
    /// More lines must follow.
    Incomplete,
}

/// A prompt's session: functions, imports and variables of earlier lines stay, also after errors
/// and interruptions.
pub struct Session {
    engine: Engine,
    kept: Kept,
}

/// What stays from line to line.
#[derive(Default)]
struct Kept {
    scope: Scope<'static>,
    functions: AST,
    imports: Vec<Import>,
    modules: BTreeMap<String, File>,
    map: SourceMap,
    /// Keys of maps: a map can hold a function, called like a method.
    properties: BTreeSet<String>,
    /// Whether a function or a closure of an earlier line may change something.
    may_change: bool,
    lines: usize,
}

impl Session {
    pub(crate) fn new(engine: Engine) -> Self {
        let map = SourceMap::behind_one_line();
        Self { engine, kept: Kept { map, ..Kept::default() } }
    }

    /// Whether `text` can be evaluated as it stands.
    pub fn input(&self, text: &str) -> Input {
        let found = scan(text);
        let open = found.open_comment.is_some() || found.open_text.is_some();
        if open || !found.open.is_empty() {
            return Input::Incomplete;
        }
        let parsed = on_script_thread(|| {
            let mut loader = self.kept.loader(&self.engine.0);
            loader.parse(source(text, 0), &self.kept.scope, &self.kept.prelude())
        });
        let Ok(Err(error)) = parsed else { return Input::Complete };
        // What is missing lies behind the last letter.
        let lines = text.trim_end().lines().count().max(1);
        let last = text.trim_end().lines().last().unwrap_or_default().chars().count();
        let past_the_end = error
            .places
            .first()
            .is_none_or(|place| place.line > lines || (place.line == lines && place.column > last));
        let syntax = error.code == base::Code::ScriptSyntax;
        if syntax && past_the_end && !found.ends_in_words {
            Input::Incomplete
        } else {
            Input::Complete
        }
    }

    /// Whether evaluating `text` may change something outside: it calls a changing cmdlet, or a
    /// function that may. A text that does not parse changes nothing.
    pub fn may_change(&self, text: &str) -> bool {
        let shared = &self.engine.0;
        let parsed = on_script_thread(|| {
            let mut loader = self.kept.loader(shared);
            let file = loader.parse(source(text, 0), &self.kept.scope, &self.kept.prelude())?;
            loader.load_imports(&file)?;
            Ok::<bool, base::Diagnostic>(
                calls_change(shared, &file.ast)
                    || (self.kept.may_change && calls_functions(&file.ast))
                    || reaches_change(shared, &file, &loader.modules),
            )
        });
        matches!(parsed, Ok(Ok(true)))
    }

    /// Evaluates a line and gives its value. What is no data is shown as a text in angle brackets.
    ///
    /// # Errors
    /// As [`crate::Engine::compile`] and [`crate::Script::run`].
    pub fn evaluate(&mut self, text: &str, parts: &RunParts) -> Result<Value> {
        self.evaluate_with(text, &Parts::from(parts))
    }

    pub(crate) fn evaluate_with(&mut self, text: &str, parts: &Parts) -> Result<Value> {
        let hold = parts.hold();
        let Self { engine, kept } = self;
        let shared = &engine.0;
        on_script_thread(|| {
            let file = kept.read(shared, text)?;
            let running = Running::new(
                shared.cmdlets.clone(),
                Some(parts.clone()),
                Allowed::All,
                shared.limits.clone(),
                Some(hold),
            );
            kept.evaluate(shared, &file, running.into())
        })?
    }

    /// What could stand at byte `cursor` of `text`.
    pub fn complete(&self, text: &str, cursor: usize) -> Completion {
        complete::complete(&self.engine.0, &self.kept, text, cursor)
    }

    /// The variables, in the order of their definition. What is no data is shown as a text in
    /// angle brackets.
    pub fn variables(&self) -> Vec<(String, Value)> {
        let visible = self.kept.scope.iter_raw();
        visible.map(|(name, _, value)| (name.to_owned(), to_shown(value))).collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Values may nest too deep for the stack of the thread that happens to be here. Where no
        // thread can be had, nothing is left but to try.
        let kept = std::mem::take(&mut self.kept);
        let _ = on_script_thread(move || drop(kept));
    }
}

impl Kept {
    fn loader<'a>(&self, shared: &'a Shared) -> Loader<'a> {
        let mut loader = Loader::new(shared, self.map.clone());
        loader.modules = self.modules.clone();
        loader
    }

    /// The imports of earlier lines: Rhai forgets them with each evaluation.
    fn prelude(&self) -> String {
        let imports = self.imports.iter();
        let mut text: String = imports
            .map(|import| format!("import \"{}\" as {};", import.module, import.alias))
            .collect();
        // Also where there are none: the line then knows that names may be imported again.
        text.push(' ');
        text
    }

    /// Parses and checks a line, and keeps what it defines.
    fn read(&mut self, shared: &Shared, text: &str) -> Result<File> {
        let mut loader = self.loader(shared);
        let file = loader.parse(source(text, self.lines + 1), &self.scope, &self.prelude())?;
        loader.load_imports(&file)?;
        let Loader { map, modules, .. } = loader;
        let mut words = Words::of_modules(shared, &modules);
        words.earlier = check::functions(&self.functions);
        words.properties.append(&mut self.properties.clone());
        words.add(&file);
        check::line(&words, &file, &map)?;

        self.properties = words.properties;
        self.lines += 1;
        self.map = map;
        self.modules = modules;
        self.imports.clear();
        for import in &file.imports {
            self.imports.retain(|known| known.alias != import.alias);
            self.imports.push(import.clone());
        }
        if file.ast.has_functions() {
            self.functions = self.functions.merge(&file.ast.clone_functions_only());
            self.may_change |=
                calls_change(shared, &file.ast) || reaches_change(shared, &file, &self.modules);
        }
        Ok(file)
    }

    fn evaluate(
        &mut self,
        shared: &Shared,
        file: &File,
        running: std::sync::Arc<Running>,
    ) -> Result<Value> {
        let engine = machine::build(shared, &running, &self.modules);
        let ast = self.functions.merge(&file.ast.clone_statements_only());
        let outcome = engine.eval_ast_with_scope::<Dynamic>(&mut self.scope, &ast);
        let settled = settle(&running, &self.map, outcome);
        if !file.ast.has_functions() {
            // Nothing refers to its lines any more: they are free for others.
            self.map.drop_last();
        }
        let mut names = BTreeSet::new();
        if !self.scope.iter_raw().all(|(name, _, _)| names.insert(name.to_owned())) {
            self.scope = self.scope.clone_visible();
        }
        settled.map(|value| to_shown(&value))
    }
}

fn source(text: &str, number: usize) -> Source {
    let name = if number == 0 { "prompt".to_owned() } else { format!("prompt[{number}]") };
    Source { name, text: text.to_owned(), origin: Origin::Text }
}

/// Whether a file itself calls a changing cmdlet or a combinator that changes something.
fn calls_change(shared: &Shared, ast: &AST) -> bool {
    any_call(ast, |name, qualified| {
        let cmdlet = shared
            .cmdlet(name)
            .is_some_and(|cmdlet| matches!(cmdlet.about().effect, effect::Effect::Change(_)));
        let combinator = combinators::find(name).is_some_and(|found| found.cmdlet.is_some());
        !qualified && (cmdlet || combinator)
    })
}

/// Whether a file calls anything that could be a function of an earlier line.
fn calls_functions(ast: &AST) -> bool {
    let defined = check::functions(ast);
    any_call(ast, |name, qualified| {
        let known = defined.iter().any(|(defined, _)| defined == name);
        !qualified && (name == "call" || TAKE_FUNCTIONS.contains(&name) || !known)
    })
}

/// Whether a file imports a module that changes something, directly or through another.
fn reaches_change(shared: &Shared, file: &File, modules: &BTreeMap<String, File>) -> bool {
    let used = |alias: &str| any_call_of_module(&file.ast, alias);
    file.imports.iter().filter(|import| used(&import.alias)).any(|import| {
        modules.get(&import.module).is_some_and(|module| {
            calls_change(shared, &module.ast) || reaches_change(shared, module, modules)
        })
    })
}

fn any_call_of_module(ast: &AST, alias: &str) -> bool {
    let mut found = false;
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _))) =
            path.last()
        {
            found |= call.is_qualified() && call.namespace.root() == alias;
        }
        !found
    });
    found
}

fn any_call(ast: &AST, wanted: impl Fn(&str, bool) -> bool) -> bool {
    let mut found = false;
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(
            ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
            | ASTNode::Stmt(Stmt::FnCall(call, _)),
        ) = path.last()
            && call.op_token.is_none()
        {
            found |= wanted(&call.name, call.is_qualified());
        }
        !found
    });
    found
}
