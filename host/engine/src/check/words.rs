//! The names that a script can call.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use cmdlets::AnyCmdlet;
use cmdlets::parameter::Parameter;
use rhai::{AST, ASTNode, Expr, FnAccess};

use crate::builtins::REFUSED;
use crate::combinators::{self, Combinator};
use crate::engine::Shared;
use crate::program::{File, Program};

/// Functions of a file: name and number of parameters.
pub(crate) type Functions = BTreeSet<(String, usize)>;

/// The names that a script can call, gathered once per check.
pub(crate) struct Words<'a> {
    pub(crate) shared: &'a Shared,
    /// What modules offer, by the name of the module.
    pub(crate) modules: BTreeMap<String, Functions>,
    /// How many files define a function of that name and number of parameters.
    defined: HashMap<(String, usize), usize>,
    /// Keys of maps and properties, anywhere: a map can hold a function, called like a method.
    pub(crate) properties: BTreeSet<String>,
    parameters: RefCell<HashMap<&'static str, Rc<Vec<Parameter>>>>,
    /// Functions of earlier lines of a prompt.
    pub(crate) earlier: Functions,
}

impl<'a> Words<'a> {
    pub(crate) fn new(shared: &'a Shared, program: &Program) -> Self {
        let mut words = Self::of_modules(shared, &program.modules);
        words.add(&program.entry);
        words
    }

    /// The words of modules alone.
    pub(crate) fn of_modules(shared: &'a Shared, modules: &BTreeMap<String, File>) -> Self {
        let offers = modules.iter().map(|(name, file)| (name.clone(), offered(&file.ast)));
        let mut words = Self {
            shared,
            modules: offers.collect(),
            defined: HashMap::new(),
            properties: BTreeSet::new(),
            parameters: RefCell::default(),
            earlier: Functions::new(),
        };
        for file in modules.values() {
            words.add(file);
        }
        words
    }

    /// Adds what a file defines.
    pub(crate) fn add(&mut self, file: &File) {
        for function in functions(&file.ast) {
            *self.defined.entry(function).or_insert(0) += 1;
        }
        file.ast.walk(&mut |path: &[ASTNode]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    self.properties.extend(map.0.iter().map(|(key, _)| key.name.to_string()));
                }
                Some(ASTNode::Expr(Expr::Property(property, _))) => {
                    self.properties.insert(property.2.to_string());
                }
                _ => {}
            }
            true
        });
    }

    pub(crate) fn cmdlet(&self, name: &str) -> Option<&'static dyn AnyCmdlet> {
        self.shared.cmdlet(name)
    }

    /// A cmdlet's parameters; making them from their schema is dear, so it is done once.
    pub(crate) fn parameters(&self, cmdlet: &'static dyn AnyCmdlet) -> Rc<Vec<Parameter>> {
        let mut known = self.parameters.borrow_mut();
        known.entry(cmdlet.about().name).or_insert_with(|| Rc::new(cmdlet.parameters())).clone()
    }

    pub(crate) fn combinator(&self, name: &str) -> Option<&'static Combinator> {
        combinators::find(name)
    }

    /// Why a function of Rhai is refused, where it is.
    pub(crate) fn refused(&self, name: &str) -> Option<&'static str> {
        REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, instead)| *instead)
    }

    pub(crate) fn is_property(&self, name: &str) -> bool {
        self.properties.contains(name)
    }

    pub(crate) fn files_that_define(&self, name: &str, count: usize) -> usize {
        self.defined.get(&(name.to_owned(), count)).copied().unwrap_or(0)
    }

    /// The numbers of arguments that Rhai's own function of that name takes.
    pub(crate) fn builtin(&self, name: &str) -> Option<&BTreeSet<usize>> {
        self.shared.builtins.names().get(name)
    }

    /// Every name that can be called without a module, for near misses.
    pub(crate) fn all_names<'b>(&'b self, own: &'b Functions) -> impl Iterator<Item = &'b str> {
        let cmdlets = self.shared.cmdlets.iter().map(|cmdlet| cmdlet.about().name);
        let combinators = combinators::ALL.iter().map(|combinator| combinator.name);
        let own = own.iter().map(|(name, _)| name.as_str());
        let builtins = self.shared.builtins.names().keys().map(String::as_str);
        own.chain(cmdlets).chain(combinators).chain(builtins)
    }
}

/// The functions that a file defines, closures left out.
pub(crate) fn functions(ast: &AST) -> Functions {
    let all = ast.iter_functions().filter(|function| !function.name.starts_with("anon$"));
    all.map(|function| (function.name.to_owned(), function.params.len())).collect()
}

/// The functions that a module offers to others.
pub(crate) fn offered(ast: &AST) -> Functions {
    ast.iter_functions()
        .filter(|function| function.access == FnAccess::Public)
        .filter(|function| !function.name.starts_with("anon$"))
        .map(|function| (function.name.to_owned(), function.params.len()))
        .collect()
}
