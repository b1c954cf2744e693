//! The engine: what all scripts of a host have in common.

use std::sync::Arc;

use base::{Code, Diagnostic, Result};
use cmdlets::AnyCmdlet;

use crate::library::Library;
use crate::limits::Limits;
use crate::script::Script;
use crate::session::Session;

/// What all scripts of a host have in common: where they are found, the cmdlets they may call, and
/// how far they may go. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) library: Library,
    pub(crate) cmdlets: Vec<&'static dyn AnyCmdlet>,
    pub(crate) limits: Limits,
}

impl Engine {
    /// An engine with every cmdlet of the registry and the default limits.
    pub fn new(library: Library) -> Self {
        Self::with(library, cmdlets::registry::all().collect(), Limits::default())
    }

    /// An engine with these cmdlets and limits.
    pub fn with(library: Library, cmdlets: Vec<&'static dyn AnyCmdlet>, limits: Limits) -> Self {
        Self(Arc::new(Shared { library, cmdlets, limits }))
    }

    /// Where its scripts are found.
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// Finds, compiles and checks a script with all its modules. Nothing of it runs.
    ///
    /// # Errors
    /// [`Code::ScriptUnknown`], and as [`Engine::compile`].
    pub fn script(&self, name: &str) -> Result<Script> {
        let source = self.0.library.script(name)?;
        self.compile(&source.name, &source.text)
    }

    /// Compiles and checks a script that is given as text, with all its modules.
    ///
    /// # Errors
    /// [`Code::ScriptSyntax`], [`Code::ScriptRule`], [`Code::ScriptFunctionUnknown`],
    /// [`Code::ScriptModule`], [`Code::ScriptLimit`], [`Code::CmdletParameter`].
    pub fn compile(&self, _name: &str, _text: &str) -> Result<Script> {
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }

    /// A new prompt session.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }
}
