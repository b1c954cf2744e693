//! Where scripts and modules are found.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::disk::FileKind as DiskKind;
use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Disk, Result};

/// How the names of script files end.
const ENDING: &str = ".rhai";

/// How deep folders of scripts are listed.
const FOLDERS: usize = 4;

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
    /// Where this is not empty, nothing else is found.
    recorded: Arc<Vec<Source>>,
}

impl Library {
    /// A library of the embedded files alone.
    pub fn new(disk: Arc<dyn Disk>, embedded: &'static [Embedded]) -> Self {
        Self { disk, folders: Vec::new(), embedded, recorded: Arc::default() }
    }

    /// A library of what a run ran, and nothing else.
    pub(crate) fn recorded(disk: Arc<dyn Disk>, sources: Vec<Source>) -> Self {
        Self { disk, folders: Vec::new(), embedded: &[], recorded: Arc::new(sources) }
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
    pub fn list(&self, kind: FileKind) -> Result<Vec<Listed>> {
        let mut found: BTreeMap<String, Listed> = BTreeMap::new();
        for folder in &self.folders {
            let folder = folder.join(kind.folder());
            for (name, path) in self.names_in(&folder)? {
                if let Entry::Vacant(place) = found.entry(name) {
                    let summary = summary(&self.read(&path)?);
                    let name = place.key().clone();
                    place.insert(Listed { name, summary, origin: Origin::File(path) });
                }
            }
        }
        for file in self.embedded.iter().filter(|file| file.kind == kind) {
            found.entry(file.name.to_owned()).or_insert_with(|| Listed {
                name: file.name.to_owned(),
                summary: summary(file.text),
                origin: Origin::Embedded,
            });
        }
        Ok(found.into_values().collect())
    }

    /// The recorded script of that name. A path may have been written in another way then: what is no
    /// module is the script.
    fn recorded_script(&self, name: &str) -> Option<&Source> {
        let by_name = self.recorded.iter().find(|source| source.name == name);
        let modules = format!("{}/", FileKind::Module.folder());
        let mut others = self.recorded.iter().filter(|source| !source.name.contains(&modules));
        by_name.or_else(|| others.next().filter(|_| Self::is_path(name)))
    }

    /// Whether a script that is named so is a file at that path.
    pub fn is_path(name: &str) -> bool {
        name.contains('/') || name.ends_with(ENDING)
    }

    /// The script of that name, or the file at that path where it has a folder or ends in `.rhai`.
    ///
    /// # Errors
    /// [`Code::ScriptUnknown`] with the near miss, [`Code::ScriptSyntax`] for a file that is no
    /// text, [`Code::DiskFailed`].
    pub fn script(&self, name: &str) -> Result<Source> {
        if let Some(known) = self.recorded_script(name) {
            return Ok(known.clone());
        }
        if self.recorded.is_empty() && Self::is_path(name) {
            let path = Path::new(name);
            return self.file(path, name)?.ok_or_else(|| {
                let message = format!("There is no file '{name}'");
                Diagnostic::new(Code::ScriptUnknown, message)
                    .next("See the scripts that have a name: credwright scripts list")
            });
        }
        match self.find(FileKind::Script, name)? {
            Some(source) => Ok(source),
            None => {
                let listed = self.list(FileKind::Script)?;
                let names: Vec<&str> = listed.iter().map(|script| script.name.as_str()).collect();
                let hint = did_you_mean(name, names.iter().copied());
                Err(Diagnostic::new(
                    Code::ScriptUnknown,
                    format!("There is no script '{name}'{hint}"),
                )
                .next(format!("Scripts: {}. A path to a file works too.", names.join(", "))))
            }
        }
    }

    /// The module of that name.
    ///
    /// # Errors
    /// [`Code::ScriptModule`] with the near miss, [`Code::ScriptSyntax`] for a file that is no text,
    /// [`Code::DiskFailed`].
    pub fn module(&self, name: &str) -> Result<Source> {
        if !name.split('/').all(is_plain) {
            let message = format!("'{name}' is not the name of a module");
            return Err(Diagnostic::new(Code::ScriptModule, message)
                .meaning(
                    "A module is named by plain words, such as \"scheduler\" or \"team/naming\"; \
                          paths that lead elsewhere are refused.",
                )
                .next(
                    "Put the file into the folder stdlib of the project or of the configuration.",
                ));
        }
        match self.find(FileKind::Module, name)? {
            Some(source) => Ok(source),
            None => {
                let listed = self.list(FileKind::Module)?;
                let names: Vec<&str> = listed.iter().map(|module| module.name.as_str()).collect();
                let hint = did_you_mean(name, names.iter().copied());
                Err(Diagnostic::new(
                    Code::ScriptModule,
                    format!("There is no module '{name}'{hint}"),
                )
                .next(format!("Modules: {}", names.join(", "))))
            }
        }
    }

    fn find(&self, kind: FileKind, name: &str) -> Result<Option<Source>> {
        let shown = format!("{}/{name}{ENDING}", kind.folder());
        if !self.recorded.is_empty() {
            let mut known = self.recorded.iter();
            return Ok(known.find(|source| source.name.ends_with(&shown)).cloned());
        }
        if name.split('/').all(is_plain_file) {
            for folder in &self.folders {
                let path = folder.join(&shown);
                if let Some(source) = self.file(&path, &path.to_string_lossy())? {
                    return Ok(Some(source));
                }
            }
        }
        let embedded = self.embedded.iter().find(|file| file.kind == kind && file.name == name);
        Ok(embedded.map(|file| Source {
            name: shown,
            text: file.text.to_owned(),
            origin: Origin::Embedded,
        }))
    }

    fn file(&self, path: &Path, shown: &str) -> Result<Option<Source>> {
        match self.disk.status(path) {
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(unreadable(path, &error)),
            Ok(_) => {}
        }
        let text = self.read(path)?;
        Ok(Some(Source { name: shown.to_owned(), text, origin: Origin::File(path.to_owned()) }))
    }

    fn read(&self, path: &Path) -> Result<String> {
        let bytes = self.disk.read(path).map_err(|error| unreadable(path, &error))?;
        String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
                .iter()
                .filter(|byte| **byte == b'\n')
                .count()
                + 1;
            let message = format!("'{}' is no text: line {line} is not UTF-8", path.display());
            Diagnostic::new(Code::ScriptSyntax, message)
        })
    }

    /// The scripts or modules of one folder, with those of its folders.
    fn names_in(&self, folder: &Path) -> Result<Vec<(String, PathBuf)>> {
        let mut names = Vec::new();
        let mut waiting = vec![(String::new(), folder.to_owned())];
        while let Some((prefix, folder)) = waiting.pop() {
            let entries = match self.disk.list(&folder) {
                Ok(entries) => entries,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(unreadable(&folder, &error)),
            };
            for path in entries {
                let Some(file_name) = path.file_name().and_then(|name| name.to_str()) else {
                    continue;
                };
                let is_folder =
                    self.disk.status(&path).is_ok_and(|found| found.kind == DiskKind::Folder);
                if is_folder && prefix.matches('/').count() < FOLDERS && is_plain(file_name) {
                    waiting.push((format!("{prefix}{file_name}/"), path));
                } else if let Some(name) = file_name.strip_suffix(ENDING)
                    && is_plain_file(name)
                {
                    names.push((format!("{prefix}{name}"), path));
                }
            }
        }
        Ok(names)
    }
}

impl FileKind {
    fn folder(self) -> &'static str {
        match self {
            Self::Script => "scripts",
            Self::Module => "stdlib",
        }
    }
}

/// The `//!` header of a script, without its marks.
pub(crate) fn header(text: &str) -> String {
    let lines = text.lines().skip_while(|line| line.starts_with("#!") || line.trim().is_empty());
    let header: Vec<&str> = lines
        .map_while(|line| line.trim_start().strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    header.join("\n").trim().to_owned()
}

fn summary(text: &str) -> String {
    header(text).lines().next().unwrap_or_default().to_owned()
}

/// A word that can be part of a module's name.
fn is_plain(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A word that can be part of a script's name: a dash is fine there.
fn is_plain_file(word: &str) -> bool {
    is_plain(&word.replace('-', "_"))
}

/// Whether a folder or a file is not there; below a file nothing is.
fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    let message = format!("'{}' cannot be read", path.display());
    Diagnostic::new(Code::DiskFailed, message).source(error)
}

#[cfg(test)]
mod tests {
    use base::virtual_world::MemoryDisk;

    use super::*;

    static EMBEDDED: &[Embedded] = &[
        Embedded { kind: FileKind::Script, name: "onboard", text: "//! Onboards.\n//! Well." },
        Embedded { kind: FileKind::Module, name: "scheduler", text: "//! Pauses." },
    ];

    fn library(files: &[(&str, &str)]) -> Library {
        let disk = MemoryDisk::default();
        for (path, text) in files {
            let path = Path::new(path);
            disk.create_folder(path.parent().unwrap(), 0o700).unwrap();
            disk.write_atomic(path, text.as_bytes(), 0o600).unwrap();
        }
        Library::new(Arc::new(disk), EMBEDDED).with_folder("/project").with_folder("/etc/c")
    }

    #[test]
    fn folders_come_before_embedded_files_and_in_their_order() {
        let library = library(&[
            ("/etc/c/scripts/onboard.rhai", "// system"),
            ("/project/scripts/onboard.rhai", "//! Mine."),
            ("/project/stdlib/team/names.rhai", "//! Names."),
        ]);
        assert_eq!(library.script("onboard").unwrap().text, "//! Mine.");
        assert_eq!(library.module("team/names").unwrap().text, "//! Names.");
        assert_eq!(library.module("scheduler").unwrap().origin, Origin::Embedded);
        let listed = library.list(FileKind::Script).unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].summary, "Mine.");
        let modules = library.list(FileKind::Module).unwrap();
        let modules: Vec<&str> = modules.iter().map(|module| module.name.as_str()).collect();
        assert_eq!(modules, ["scheduler", "team/names"]);
    }

    #[test]
    fn unknown_names_are_told_with_the_near_miss_and_the_list() {
        let error = library(&[]).script("onbord").unwrap_err();
        assert_eq!(error.code, Code::ScriptUnknown);
        assert!(error.message.contains("did you mean 'onboard'?"), "{error}");
        assert!(error.next.unwrap().contains("Scripts: onboard"));
        assert_eq!(library(&[]).script("./x.rhai").unwrap_err().code, Code::ScriptUnknown);
    }

    #[test]
    fn no_import_leads_out_of_the_folders() {
        let library = library(&[("/project/secret.rhai", "// x"), ("/project/stdlib/a.rhai", "")]);
        for name in
            ["../secret", "/project/secret", "a/../../secret", "a.b", "", "a//b", "a\\b", "~"]
        {
            let error = library.module(name).unwrap_err();
            assert_eq!(error.code, Code::ScriptModule, "{name}");
        }
        assert_eq!(library.script("/project/secret.rhai").unwrap().text, "// x");
    }

    #[test]
    fn a_header_ends_with_the_first_other_line() {
        assert_eq!(header("#!/usr/bin/x\n//! One.\n//!\n//!   two\n\n//! no"), "One.\n\n  two");
        assert_eq!(header("fn main() {}"), "");
    }
}
