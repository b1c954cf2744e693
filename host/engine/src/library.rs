//! Where scripts and modules are found.

use std::path::PathBuf;
use std::sync::Arc;

use base::{Code, Diagnostic, Disk, Result};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// An entry script, of the folder `scripts`.
    Script,
    /// A module, of the folder `stdlib`.
    Module,
}

/// A file that the binary carries.
#[derive(Clone, Copy, Debug)]
pub struct Embedded {
    /// What it is for.
    pub kind: FileKind,
    /// Its name without folder and ending.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// Where a file came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The binary carries it.
    Embedded,
    /// It was read from this path.
    File(PathBuf),
    /// It was handed in as text.
    Text,
}

/// The text of a script or a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as diagnostics show it: `onboard.rhai`, `stdlib/scheduler.rhai`, or a path.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where it came from.
    pub origin: Origin,
}

/// One script or module of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, as `run` and `import` take it.
    pub name: String,
    /// The first line of its `//!` header.
    pub summary: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Finds scripts and modules: in its folders, in their order, then among the embedded ones.
#[derive(Clone)]
pub struct Library {
    disk: Arc<dyn Disk>,
    folders: Vec<PathBuf>,
    embedded: &'static [Embedded],
}

impl Library {
    /// A library of the embedded files alone.
    pub fn new(disk: Arc<dyn Disk>, embedded: &'static [Embedded]) -> Self {
        Self { disk, folders: Vec::new(), embedded }
    }

    /// Searches `folder`, which holds the folders `scripts` and `stdlib`, after those added before.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.push(folder.into());
        self
    }

    /// Every script or module, sorted by name; of several with one name the one that is found first.
    ///
    /// # Errors
    /// [`Code::DiskFailed`].
    pub fn list(&self, _kind: FileKind) -> Result<Vec<Listed>> {
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }

    /// The script of that name, or the file at that path where it ends in `.rhai`.
    ///
    /// # Errors
    /// [`Code::ScriptUnknown`] with the near miss, [`Code::DiskFailed`].
    pub fn script(&self, _name: &str) -> Result<Source> {
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }

    /// The module of that name.
    ///
    /// # Errors
    /// [`Code::ScriptModule`], [`Code::DiskFailed`].
    pub fn module(&self, _name: &str) -> Result<Source> {
        let _ = (&self.disk, self.embedded);
        Err(Diagnostic::new(Code::Internal, "not written yet"))
    }
}
