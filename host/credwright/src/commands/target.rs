//! A file that a command is told to write.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use base::disk::FileKind;
use base::{Code, Diagnostic, Result};

use crate::cli::quoted;
use crate::places::absolute;
use crate::world::World;

/// A file to write whole, for this user alone.
pub struct Target<'w> {
    world: &'w World,
    /// Where.
    pub path: PathBuf,
}

impl<'w> Target<'w> {
    /// Checks before any work is done that the file can be written, as far as that can be told.
    ///
    /// # Errors
    /// `UsageCommand` where there is such a file already, `DiskFailed` where its folder is missing.
    pub fn new(world: &'w World, path: &Path, force: bool) -> Result<Self> {
        let target = Self { world, path: absolute(path)? };
        let disk = &world.ports.disk;
        let shown = target.path.display();
        match disk.status(&target.path) {
            Ok(status) if status.kind == FileKind::Folder => {
                let what = format!("{shown} is a folder");
                return Err(Diagnostic::new(Code::UsageCommand, what).next("Name a file in it."));
            }
            Ok(_) if !force => {
                let what = format!("{shown} exists already and is left as it is");
                return Err(Diagnostic::new(Code::UsageCommand, what)
                    .next("Replace it with --force, or name another file"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(target.failed(&error)),
        }
        let folder = target.path.parent().unwrap_or(Path::new("/"));
        match disk.status(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let what = format!("The folder {} does not exist", folder.display());
                Err(Diagnostic::new(Code::DiskFailed, what)
                    .next(format!("mkdir -p {}", quoted(&folder.to_string_lossy()))))
            }
            Err(error) => Err(target.failed(&error)),
            Ok(_) => Ok(target),
        }
    }

    /// Writes it: afterwards there is the whole content or what was there before.
    ///
    /// # Errors
    /// `DiskFull`, `DiskFailed`.
    pub fn write(&self, content: &[u8]) -> Result<()> {
        let written = self.world.ports.disk.write_atomic(&self.path, content, 0o600);
        written.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &Error) -> Diagnostic {
        let shown = self.path.display();
        let what = format!("{shown} could not be written");
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Diagnostic::new(Code::DiskFull, what)
                    .next("Free some space on that disk, or name a file on another one.")
            }
            _ => Diagnostic::new(Code::DiskFailed, what)
                .next("Name a file in a folder that this user may write to."),
        }
        .source(error)
    }
}
