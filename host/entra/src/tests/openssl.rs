//! The openssl program, as an independent judge.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of files for openssl.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs openssl in this folder; its output, where it succeeds.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output =
            Command::new("openssl").args(arguments).current_dir(self.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        Err(format!("openssl {arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr)))
    }
}
