//! A script with every module it imports: parsed, mapped, checked.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base::diagnostic::Place;
use base::{Code, Diagnostic, Result};
use rhai::{AST, Expr, OptimizationLevel, Position, Scope, Stmt};

use crate::check;
use crate::engine::Shared;
use crate::fault;
use crate::library::{Origin, Source};
use crate::limits::Limits;
use crate::scan::scan;
use crate::source_map::{SourceMap, functions};

/// How many links a chain of operators may have. Rhai's tree of it is as deep as it is long.
const CHAIN: usize = 1_000;

/// One parsed file.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) source: Arc<Source>,
    pub(crate) ast: AST,
    /// What it imports: the name in the file, the module, and where.
    pub(crate) imports: Vec<Import>,
}

/// One `import`.
#[derive(Clone, Debug)]
pub(crate) struct Import {
    pub(crate) alias: String,
    pub(crate) module: String,
    pub(crate) at: Position,
}

/// A script with every module it imports.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) map: SourceMap,
    pub(crate) entry: File,
    pub(crate) modules: BTreeMap<String, File>,
    /// In the order of their first import, the entry first.
    pub(crate) sources: Vec<Source>,
}

impl Program {
    /// Reads, parses and checks a script and its modules. Nothing of it runs.
    ///
    /// # Errors
    /// As [`crate::Engine::compile`].
    pub(crate) fn compile(shared: &Shared, name: &str, text: &str) -> Result<Self> {
        let source = Source { name: name.to_owned(), text: text.to_owned(), origin: Origin::Text };
        let mut loader = Loader::new(shared, SourceMap::default());
        let entry = loader.parse(source, &Scope::new(), "")?;
        loader.sources.push((*entry.source).clone());
        loader.load_imports(&entry)?;
        let Loader { map, modules, sources, .. } = loader;
        let program = Self { map, entry, modules, sources };
        check::program(shared, &program)?;
        Ok(program)
    }
}

/// Parses files and follows their imports.
pub(crate) struct Loader<'a> {
    shared: &'a Shared,
    parser: rhai::Engine,
    pub(crate) map: SourceMap,
    pub(crate) modules: BTreeMap<String, File>,
    pub(crate) sources: Vec<Source>,
    /// Modules whose imports are being loaded, to notice circles.
    loading: Vec<String>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(shared: &'a Shared, map: SourceMap) -> Self {
        let mut parser = rhai::Engine::new_raw();
        prepare(&mut parser, &shared.limits);
        let (modules, sources, loading) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { shared, parser, map, modules, sources, loading }
    }

    /// Parses one file. `scope` holds the variables it may use; `before` is code that is put on
    /// the line before it.
    ///
    /// # Errors
    /// [`Code::ScriptSyntax`], [`Code::ScriptLimit`], [`Code::ScriptRule`].
    pub(crate) fn parse(&mut self, source: Source, scope: &Scope, before: &str) -> Result<File> {
        look(&source, &self.shared.limits)?;
        let source = Arc::new(source);
        let lines = self.map.add(source.clone())?;
        let mut text = String::with_capacity(before.len() + lines + source.text.len() + 1);
        text.push_str(before);
        text.extend(std::iter::repeat_n('\n', lines));
        match source.text.strip_prefix("#!") {
            Some(rest) => text.extend(["// ", rest]),
            None => text.push_str(&source.text),
        }
        let parsed = self.parser.compile_with_scope(scope, &text);
        let ast = match parsed {
            Ok(ast) => ast,
            Err(error) => return Err(fault::of_parse(&error, &self.map)),
        };
        self.map.note_functions(functions(&ast));
        let imports = imports(&ast, &self.map, before.is_empty())?;
        Ok(File { source, ast, imports })
    }

    /// Loads what `file` imports, and what that imports.
    ///
    /// # Errors
    /// [`Code::ScriptModule`], and as [`Loader::parse`].
    pub(crate) fn load_imports(&mut self, file: &File) -> Result<()> {
        for import in &file.imports {
            if self.loading.contains(&import.module) {
                let circle = format!("{} → {}", self.loading.join(" → "), import.module);
                let message = format!("The modules import each other in a circle: {circle}");
                return Err(self.at(Diagnostic::new(Code::ScriptModule, message), import.at));
            }
            if self.modules.contains_key(&import.module) {
                continue;
            }
            if self.modules.len() >= self.shared.limits.modules {
                let message =
                    format!("More than {} modules are imported", self.shared.limits.modules);
                return Err(self.at(Diagnostic::new(Code::ScriptLimit, message), import.at));
            }
            let source = self.shared.library.module(&import.module);
            let source = source.map_err(|error| self.at(error, import.at))?;
            self.sources.push(source.clone());
            let module = self.parse(source, &Scope::new(), "")?;
            self.loading.push(import.module.clone());
            let loaded = self.load_imports(&module);
            self.loading.pop();
            loaded?;
            self.modules.insert(import.module.clone(), module);
        }
        Ok(())
    }

    fn at(&self, diagnostic: Diagnostic, position: Position) -> Diagnostic {
        at(diagnostic, position, &self.map)
    }
}

/// Puts a place on a diagnostic that has none.
pub(crate) fn at(mut diagnostic: Diagnostic, position: Position, map: &SourceMap) -> Diagnostic {
    if diagnostic.places.is_empty() {
        diagnostic.places = fault::places([position], map);
    }
    diagnostic
}

/// What every engine of this house, for parsing or for running, has set.
pub(crate) fn prepare(engine: &mut rhai::Engine, limits: &Limits) {
    engine
        .set_optimization_level(OptimizationLevel::None)
        .set_strict_variables(true)
        .set_fail_on_invalid_map_property(true)
        .set_max_call_levels(limits.call_levels)
        .set_max_expr_depths(limits.expression_depth, limits.expression_depth)
        // Operations are counted by `Running`: Rhai counts those of callbacks anew each time.
        .set_max_operations(0)
        .set_max_string_size(limits.text_size)
        .set_max_array_size(limits.list_size)
        .set_max_map_size(limits.map_size)
        .set_max_variables(limits.variables)
        .set_max_functions(limits.functions)
        .set_max_modules(limits.modules)
        .disable_symbol("eval");
}

/// Refuses a text that must not even be parsed.
fn look(source: &Source, limits: &Limits) -> Result<()> {
    let place = |at: usize| vec![SourceMap::place_of_byte(source, at)];
    let refuse = |code: Code, message: String, places: Vec<Place>| {
        let mut diagnostic = Diagnostic::new(code, message);
        diagnostic.places = places;
        Err(diagnostic)
    };
    if source.text.len() > limits.file_size {
        let message = format!("{} is larger than {} bytes", source.name, limits.file_size);
        return refuse(Code::ScriptLimit, message, Vec::new());
    }
    let found = scan(&source.text);
    if let Some(at) = found.open_comment {
        let message = "This comment has no end: '*/' is missing".to_owned();
        return refuse(Code::ScriptSyntax, message, place(at));
    }
    if found.depth > limits.expression_depth {
        let message = format!("Brackets nest deeper than {} levels", limits.expression_depth);
        return refuse(Code::ScriptLimit, message, place(found.deepest));
    }
    if found.chain > CHAIN {
        let message = format!("This expression has more than {CHAIN} parts");
        return refuse(Code::ScriptLimit, message, place(found.longest));
    }
    Ok(())
}

/// The imports at the top of a file. An import must name its module and its alias in the text.
/// `once`: no name is imported twice. At a prompt the last one counts.
fn imports(ast: &AST, map: &SourceMap, once: bool) -> Result<Vec<Import>> {
    let mut found = Vec::new();
    let mut aliases: HashMap<String, Position> = HashMap::new();
    for statement in ast.statements() {
        let Stmt::Import(import, position) = statement else { continue };
        let (Expr::StringConstant(module, at), alias) = (&import.0, &import.1) else {
            let message = "An import must name its module as a plain text";
            return Err(at_rule(message, *position, map)
                .next("Write it like this: import \"scheduler\" as scheduler;"));
        };
        if alias.name.is_empty() {
            let message = format!("The import of \"{module}\" has no name");
            return Err(at_rule(message, *at, map).next(format!(
                "Write it like this: import \"{module}\" as {};",
                module.rsplit('/').next().unwrap_or(module)
            )));
        }
        if aliases.insert(alias.name.to_string(), alias.pos).is_some() && once {
            let message = format!("'{}' is imported twice", alias.name);
            return Err(at_rule(message, alias.pos, map));
        }
        found.push(Import { alias: alias.name.to_string(), module: module.to_string(), at: *at });
    }
    Ok(found)
}

fn at_rule(message: impl Into<String>, position: Position, map: &SourceMap) -> Diagnostic {
    at(Diagnostic::new(Code::ScriptRule, message), position, map)
}
