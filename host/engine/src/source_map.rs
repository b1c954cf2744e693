//! From positions back to files.
//!
//! Rhai cannot tell which file a position belongs to: inside a closure that was handed to a module
//! it names the wrong one. So every file is compiled with lines of its own, by putting it behind as
//! many empty lines as other files have taken before.

use std::sync::Arc;

use base::diagnostic::Place;
use base::{Code, Diagnostic, Result};
use rhai::{AST, ASTNode, Position};

use crate::library::Source;

/// Rhai counts lines in 16 bits; the rest of them is spare.
const LINES: usize = 65_000;

/// The widest excerpt of a line.
const EXCERPT: usize = 160;

/// The files of a run and their lines.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceMap {
    files: Vec<Mapped>,
    taken: usize,
}

#[derive(Clone, Debug)]
struct Mapped {
    before: usize,
    lines: usize,
    source: Arc<Source>,
    functions: Vec<Function>,
}

/// A function and where its body is.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) from: Position,
    pub(crate) to: Position,
}

impl SourceMap {
    /// A map that leaves the first line to code that is put before a prompt's lines.
    pub(crate) fn behind_one_line() -> Self {
        Self { taken: 1, ..Self::default() }
    }

    /// Takes lines for a file and answers how many stand before it.
    ///
    /// # Errors
    /// [`Code::ScriptLimit`].
    pub(crate) fn add(&mut self, source: Arc<Source>) -> Result<usize> {
        let lines = source.text.lines().count() + 1;
        let before = self.taken;
        if before + lines > LINES {
            let message =
                format!("{} and what it imports are longer than {LINES} lines", source.name);
            return Err(Diagnostic::new(Code::ScriptLimit, message)
                .next("Split the work into several scripts; at a prompt, begin a new one."));
        }
        self.taken += lines;
        self.files.push(Mapped { before, lines, source, functions: Vec::new() });
        Ok(before)
    }

    /// Forgets the file that was added last.
    pub(crate) fn drop_last(&mut self) {
        if let Some(last) = self.files.pop() {
            self.taken = last.before;
        }
    }

    /// Notes the functions of the file that was added last.
    pub(crate) fn note_functions(&mut self, functions: Vec<Function>) {
        if let Some(last) = self.files.last_mut() {
            last.functions = functions;
        }
    }

    /// The file of a position.
    pub(crate) fn file(&self, position: Position) -> Option<&Source> {
        self.mapped(position).map(|file| &*file.source)
    }

    fn mapped(&self, position: Position) -> Option<&Mapped> {
        let line = position.line()?;
        self.files.iter().find(|file| line > file.before && line <= file.before + file.lines)
    }

    /// A position as its file, line and column, with the line itself.
    pub(crate) fn place(&self, position: Position) -> Option<Place> {
        let file = self.mapped(position)?;
        let line = position.line()? - file.before;
        let column = position.position().unwrap_or(1);
        let text = file.source.text.lines().nth(line - 1).unwrap_or("");
        let function = match file.function_at(position) {
            Some(name) if name.starts_with("anon$") => "a closure",
            Some(name) => name,
            None => "",
        };
        Some(place(&file.source.name, text, line, column, function))
    }

    /// The innermost function around a position, under the name that Rhai knows it by.
    pub(crate) fn function_at(&self, position: Position) -> Option<&str> {
        self.mapped(position)?.function_at(position)
    }

    /// A byte of a file that is not mapped.
    pub(crate) fn place_of_byte(source: &Source, at: usize) -> Place {
        let before = source.text.get(..at).unwrap_or(&source.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before[start..].chars().count() + 1;
        let text = source.text.lines().nth(line - 1).unwrap_or("");
        place(&source.name, text, line, column, "")
    }
}

impl Mapped {
    fn function_at(&self, position: Position) -> Option<&str> {
        self.functions
            .iter()
            .filter(|function| function.from <= position && position <= function.to)
            .max_by_key(|function| function.from)
            .map(|function| function.name.as_str())
    }
}

/// The functions of a file with their extents.
pub(crate) fn functions(ast: &AST) -> Vec<Function> {
    ast.iter_fn_def()
        .map(|function| {
            let (from, to) = (function.body.start_position(), function.body.end_position());
            let name = function.name.to_string();
            if to.is_none() { extent(ast, name) } else { Function { name, from, to } }
        })
        .collect()
}

/// A closure without braces has no end of its own: it reaches as far as what it holds.
fn extent(ast: &AST, name: String) -> Function {
    let mut alone = ast.clone_functions_only();
    alone.retain_functions(|_, _, other, _| other == name);
    let (mut from, mut to) = (Position::NONE, Position::NONE);
    alone.walk(&mut |path: &[ASTNode]| {
        if let Some(node) = path.last() {
            let at = node.position();
            to = to.max(at);
            if from.is_none() || (!at.is_none() && at < from) {
                from = at;
            }
        }
        true
    });
    Function { name, from, to }
}

fn place(file: &str, text: &str, line: usize, column: usize, function: &str) -> Place {
    let (excerpt, shown_column) = cut(text, column);
    Place {
        file: file.to_owned(),
        line,
        column,
        width: width(&excerpt, shown_column),
        excerpt,
        function: function.to_owned(),
    }
}

/// A very long line is shown from its beginning only where the column is in there.
fn cut(text: &str, column: usize) -> (String, usize) {
    let text = text.trim_end();
    if text.chars().count() <= EXCERPT || column > EXCERPT {
        let kept = text.chars().take(EXCERPT).collect::<String>();
        let shown = if text.chars().count() > EXCERPT { kept + "…" } else { kept };
        return (shown, column);
    }
    (text.chars().take(EXCERPT).collect::<String>() + "…", column)
}

/// Positions are points: the caret goes under the whole word or text that begins there.
fn width(excerpt: &str, column: usize) -> usize {
    let rest: Vec<char> = excerpt.chars().skip(column.saturating_sub(1)).collect();
    let Some(first) = rest.first() else { return 1 };
    if first.is_alphanumeric() || *first == '_' {
        return rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
    }
    if *first == '"' || *first == '`' {
        return rest.iter().skip(1).position(|c| c == first).map_or(1, |end| end + 2);
    }
    1
}
