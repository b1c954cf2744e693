//! What a function that is written out in a call of `parallel` does with variables from outside.
//!
//! A branch cannot change them; most who try have forgotten it, and should hear of it before anything
//! runs. What is not seen here is refused when it runs.

use rhai::{AST, ASTNode, Expr, FnPtr, Position, Stmt};

/// Functions that change what they are called on.
const CHANGE: &[&str] = &[
    "append",
    "chop",
    "clear",
    "crop",
    "dedup",
    "drain",
    "fill_with",
    "insert",
    "make_lower",
    "make_upper",
    "mixin",
    "pad",
    "pop",
    "push",
    "remove",
    "replace",
    "retain",
    "reverse",
    "set",
    "shift",
    "sort",
    "sort_by",
    "splice",
    "trim",
    "truncate",
];

/// A function that is written out: its name in the tree, and the variables that it captures.
pub(super) struct Closure {
    name: String,
    captured: Vec<String>,
}

impl Closure {
    /// The function that an expression is, where it is written out.
    pub(super) fn of(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::DynamicConstant(value, _) => {
                let name = value.read_lock::<FnPtr>()?.fn_name().to_owned();
                Some(Self { name, captured: Vec::new() })
            }
            // The parser writes a capture as a call of `curry` behind the sharing of the variables.
            Expr::Stmt(block) => match block.iter().last()? {
                Stmt::Expr(last) => Self::of(last),
                Stmt::FnCall(call, _) => Self::of_capture(&call.name, &call.args),
                _ => None,
            },
            Expr::FnCall(call, _) => Self::of_capture(&call.name, &call.args),
            _ => None,
        }
    }

    fn of_capture(name: &str, arguments: &[Expr]) -> Option<Self> {
        let (function, captured) = arguments.split_first().filter(|_| name == "curry")?;
        let captured = captured.iter().filter_map(variable).map(str::to_owned).collect();
        Some(Self { captured, ..Self::of(function)? })
    }

    /// How many arguments it takes.
    pub(super) fn takes(&self, ast: &AST) -> Option<usize> {
        let mut functions = ast.iter_functions().filter(|function| function.name == self.name);
        functions.next().map(|function| function.params.len().saturating_sub(self.captured.len()))
    }

    /// The captured variables that it changes, and where.
    pub(super) fn changes(&self, ast: &AST) -> Vec<(String, Position)> {
        let mut found = Vec::new();
        if self.captured.is_empty() {
            return found;
        }
        let mut body = ast.clone_functions_only();
        body.retain_functions(|_, _, name, _| name == self.name);
        let own = declared(&body);
        let outside = |name: &str| {
            self.captured.iter().any(|captured| captured == name)
                && !own.iter().any(|own| own == name)
        };
        body.walk(&mut |path: &[ASTNode]| {
            let changed = match path.last() {
                Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => root(&assignment.1.lhs),
                Some(ASTNode::Expr(Expr::Dot(..) | Expr::Index(..))) => {
                    path.last().and_then(changed_by_method)
                }
                _ => None,
            };
            if let Some((name, at)) = changed.filter(|(name, _)| outside(name)) {
                found.push((name.to_owned(), at));
            }
            if let Some(ASTNode::Expr(inner)) = path.last()
                && let Some(mut inner) = Self::of(inner).filter(|inner| inner.name != self.name)
            {
                inner.captured.retain(|name| outside(name));
                found.extend(inner.changes(ast));
            }
            true
        });
        found
    }
}

/// The names that a function declares itself.
fn declared(body: &AST) -> Vec<String> {
    let mut names = Vec::new();
    body.walk(&mut |path: &[ASTNode]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => names.push(variable.0.name.to_string()),
            Some(ASTNode::Stmt(Stmt::For(header, _))) => {
                names.push(header.0.name.to_string());
                names.extend(header.1.as_ref().map(|counter| counter.name.to_string()));
            }
            Some(ASTNode::Stmt(Stmt::TryCatch(parts, _))) => {
                names.extend(variable(&parts.expr).map(str::to_owned));
            }
            _ => {}
        }
        true
    });
    names
}

fn variable(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(parts, ..) if parts.2.is_empty() => Some(parts.1.as_str()),
        _ => None,
    }
}

/// The variable that a chain of entries begins with.
fn root(chain: &Expr) -> Option<(&str, Position)> {
    match chain {
        Expr::Dot(parts, ..) | Expr::Index(parts, ..) => root(&parts.lhs),
        start => variable(start).map(|name| (name, start.start_position())),
    }
}

/// The variable of `variable.entry[0].push(…)`: nothing but entries stands before the call.
fn changed_by_method<'a>(node: &'a ASTNode<'a>) -> Option<(&'a str, Position)> {
    let ASTNode::Expr(Expr::Dot(parts, ..) | Expr::Index(parts, ..)) = node else { return None };
    let changed = variable(&parts.lhs).map(|name| (name, parts.lhs.start_position()));
    let mut rest = &parts.rhs;
    loop {
        match rest {
            Expr::MethodCall(call, _) => {
                return changed.filter(|_| CHANGE.contains(&call.name.as_str()));
            }
            Expr::Dot(parts, ..) if !matches!(parts.lhs, Expr::MethodCall(..)) => rest = &parts.rhs,
            Expr::Index(parts, ..) if !matches!(parts.lhs, Expr::MethodCall(..)) => {
                rest = &parts.rhs;
            }
            _ => return None,
        }
    }
}
