//! The engine: what all scripts of a host have in common.

use std::sync::Arc;

use base::Result;
use cmdlets::AnyCmdlet;

use crate::builtins::Builtins;
use crate::library::Library;
use crate::limits::Limits;
use crate::program::Program;
use crate::script::Script;
use crate::session::Session;
use crate::thread::on_script_thread;

/// What all scripts of a host have in common: where they are found, the cmdlets they may call, and
/// how far they may go. Cheap to clone.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) library: Library,
    pub(crate) cmdlets: Vec<&'static dyn AnyCmdlet>,
    pub(crate) limits: Limits,
    pub(crate) builtins: Builtins,
}

impl Shared {
    pub(crate) fn cmdlet(&self, name: &str) -> Option<&'static dyn AnyCmdlet> {
        self.cmdlets.iter().copied().find(|cmdlet| cmdlet.about().name == name)
    }
}

impl Engine {
    /// An engine with every cmdlet of the registry and the default limits.
    pub fn new(library: Library) -> Self {
        Self::with(library, cmdlets::registry::all().collect(), Limits::default())
    }

    /// An engine with these cmdlets and limits.
    pub fn with(library: Library, cmdlets: Vec<&'static dyn AnyCmdlet>, limits: Limits) -> Self {
        Self(Arc::new(Shared { library, cmdlets, limits, builtins: Builtins::new() }))
    }

    /// Where its scripts are found.
    pub fn library(&self) -> &Library {
        &self.0.library
    }

    /// Finds, compiles and checks a script with all its modules. Nothing of it runs.
    ///
    /// # Errors
    /// [`base::Code::ScriptUnknown`], and as [`Engine::compile`].
    pub fn script(&self, name: &str) -> Result<Script> {
        let source = self.0.library.script(name)?;
        self.compile(&source.name, &source.text)
    }

    /// Compiles and checks a script that is given as text, with all its modules.
    ///
    /// # Errors
    /// [`base::Code::ScriptSyntax`], [`base::Code::ScriptRule`], [`base::Code::ScriptFunctionUnknown`],
    /// [`base::Code::ScriptModule`], [`base::Code::ScriptLimit`], [`base::Code::CmdletParameter`].
    pub fn compile(&self, name: &str, text: &str) -> Result<Script> {
        let program = on_script_thread(|| Program::compile(&self.0, name, text))??;
        Ok(Script::new(self.clone(), program))
    }

    /// As [`Engine::script`], on this thread, which must have room for a script.
    pub(crate) fn script_here(&self, name: &str) -> Result<Script> {
        let source = self.0.library.script(name)?;
        let program = Program::compile(&self.0, &source.name, &source.text)?;
        Ok(Script::new(self.clone(), program))
    }

    /// A new prompt session.
    pub fn session(&self) -> Session {
        Session::new(self.clone())
    }
}
