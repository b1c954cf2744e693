//! Files that only their owner may touch.

use std::io;
use std::path::{Path, PathBuf};

use base::disk::{FileKind, FileStatus};
use base::{Code, Diagnostic, Ports, Result};
use zeroize::Zeroizing;

/// Mode of the folder.
const FOLDER_MODE: u32 = 0o700;
/// Mode of the files in it.
const FILE_MODE: u32 = 0o600;

/// A folder of files that only their owner may touch, checked at each use.
#[derive(Clone)]
pub(crate) struct PrivateFolder {
    pub(crate) ports: Ports,
    pub(crate) path: PathBuf,
}

impl PrivateFolder {
    /// Makes the folder where it is not there, and checks it.
    pub(crate) fn create(&self) -> Result<()> {
        self.ports
            .disk
            .create_folder(&self.path, FOLDER_MODE)
            .map_err(|error| disk_failed("create the folder", &self.path, &error))?;
        self.is_there().map(drop)
    }

    /// Whether the folder is there; where it is, it is checked.
    pub(crate) fn is_there(&self) -> Result<bool> {
        match self.status(&self.path)? {
            None => Ok(false),
            Some(status) => {
                self.check(&self.path, &status, FileKind::Folder)?;
                Ok(true)
            }
        }
    }

    /// Whether a file is there; where it is, it is checked.
    pub(crate) fn has(&self, file: &Path) -> Result<bool> {
        if !self.is_there()? {
            return Ok(false);
        }
        match self.status(file)? {
            None => Ok(false),
            Some(status) => {
                self.check(file, &status, FileKind::File)?;
                Ok(true)
            }
        }
    }

    /// A file's content, or none where it is not there.
    pub(crate) fn read(&self, file: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
        if !self.has(file)? {
            return Ok(None);
        }
        match self.ports.disk.read(file) {
            Ok(content) => Ok(Some(Zeroizing::new(content))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk_failed("read", file, &error)),
        }
    }

    /// Writes a file whole and durably.
    pub(crate) fn write(&self, file: &Path, content: &[u8]) -> Result<()> {
        self.create()?;
        self.ports
            .disk
            .write_atomic(file, content, FILE_MODE)
            .map_err(|error| disk_failed("write", file, &error))
    }

    /// Removes a file; one that is not there is no error.
    pub(crate) fn remove(&self, file: &Path) -> Result<()> {
        match self.ports.disk.remove_file(file) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(disk_failed("remove", file, &error)),
        }
    }

    /// The files of the folder, sorted; none where there is no folder.
    pub(crate) fn list(&self) -> Result<Vec<PathBuf>> {
        if !self.is_there()? {
            return Ok(Vec::new());
        }
        self.ports
            .disk
            .list(&self.path)
            .map_err(|error| disk_failed("list the folder", &self.path, &error))
    }

    fn status(&self, path: &Path) -> Result<Option<FileStatus>> {
        match self.ports.disk.status(path) {
            Ok(status) => Ok(Some(status)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(disk_failed("look at", path, &error)),
        }
    }

    /// Others could have read or replaced a key that they can reach, so it is refused, not mended.
    fn check(&self, path: &Path, status: &FileStatus, kind: FileKind) -> Result<()> {
        let shown = path.display();
        let refused = |what: String, next: String| {
            Err(Diagnostic::new(Code::KeyPermissions, what)
                .meaning("Private keys are used only where nobody else can read or replace them.")
                .next(next))
        };
        if status.kind != kind {
            return refused(
                format!("{shown} is a link or something else than expected"),
                format!("Look at it: ls -ld '{shown}'"),
            );
        }
        let user = self.ports.process.user();
        if status.owner != user.id {
            return refused(
                format!("{shown} belongs to user id {}, not to {}", status.owner, user.name),
                format!("chown {} '{shown}'", user.name),
            );
        }
        if status.mode & 0o077 != 0 {
            let mode = if kind == FileKind::Folder { FOLDER_MODE } else { FILE_MODE };
            return refused(
                format!("{shown} is open to other users (mode {:o})", status.mode),
                format!("chmod {mode:o} '{shown}'"),
            );
        }
        Ok(())
    }
}

/// A failed file operation as a diagnostic.
pub(crate) fn disk_failed(action: &str, path: &Path, error: &io::Error) -> Diagnostic {
    let shown = path.display();
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let (code, next) = if full {
        (Code::DiskFull, format!("Make room, then repeat: df -h '{shown}'"))
    } else {
        (Code::DiskFailed, format!("Look at it: ls -ld '{shown}'"))
    };
    Diagnostic::new(code, format!("Could not {action} {shown}")).next(next).source(error)
}
