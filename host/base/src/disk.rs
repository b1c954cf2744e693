//! Files and folders.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, a device, a socket.
    Other,
}

/// What is known of a path without opening it. Links are not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// What it is.
    pub kind: FileKind,
    /// Length in bytes.
    pub length: u64,
    /// Permission bits (`0o600`).
    pub mode: u32,
    /// User id of its owner.
    pub owner: u32,
}

/// Which file it is, whatever it is called: a file that replaces another one differs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// The device that it is on.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

/// A held kernel lock; dropping it, or the death of the process, releases it.
pub trait LockGuard: Send + Sync {}

/// What came of trying to take a lock.
pub enum LockAttempt {
    /// The lock is ours until the guard is dropped.
    Held(Box<dyn LockGuard>),
    /// Another process holds it; this is what it wrote into the lock file.
    Taken(String),
}

/// The disk of a world. All paths are absolute or relative to the process's folder.
pub trait Disk: Send + Sync {
    /// The whole content of a file.
    ///
    /// # Errors
    /// As the operating system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Replaces a file: after a crash there is either the old or the new content, never a mixture.
    /// When this returns, content and name are on the disk.
    ///
    /// # Errors
    /// As the operating system says; the old content stands then.
    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()>;

    /// Makes a folder and its parents; an existing one is left as it is.
    ///
    /// # Errors
    /// As the operating system says.
    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()>;

    /// Removes a file, for good: when this returns the removal is on the disk.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder with all that is in it.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// The full paths of a folder's entries, sorted.
    ///
    /// # Errors
    /// As the operating system says.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// What a path is.
    ///
    /// # Errors
    /// As the operating system says; `NotFound` where there is nothing.
    fn status(&self, path: &Path) -> io::Result<FileStatus>;

    /// Which file a path is; none on a disk whose files are replaced in place. Links are not followed.
    ///
    /// # Errors
    /// As [`Disk::status`].
    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        self.status(path).map(|_| None)
    }

    /// Bytes that this user may still write to the file system of `path`.
    ///
    /// # Errors
    /// As the operating system says.
    fn free_space(&self, path: &Path) -> io::Result<u64>;

    /// Tries to take the exclusive kernel lock of a file, and writes `holder` into it.
    ///
    /// # Errors
    /// As the operating system says; a lock held by another process is no error.
    fn lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt>;
}

/// The file system of the machine.
#[derive(Debug, Default)]
pub struct SystemDisk;

struct FileLock(#[expect(dead_code, reason = "closing the file releases the lock")] File);

impl LockGuard for FileLock {}

impl Disk for SystemDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        let folder = parent(path);
        let temporary = temporary_beside(path);
        let written = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(mode)
                .open(&temporary)?;
            // The process's umask may have taken bits away.
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
            file.write_all(content)?;
            file.sync_all()?;
            std::fs::rename(&temporary, path)
        })();
        if let Err(error) = written {
            // The first error is the one to tell; a stray temporary file is only untidy.
            let _ = std::fs::remove_file(&temporary);
            return Err(error);
        }
        File::open(folder)?.sync_all()
    }

    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(mode).create(path)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)?;
        File::open(parent(path))?.sync_all()
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut entries = std::fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        Ok(entries)
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let found = std::fs::symlink_metadata(path)?;
        let kind = if found.is_file() {
            FileKind::File
        } else if found.is_dir() {
            FileKind::Folder
        } else {
            FileKind::Other
        };
        Ok(FileStatus {
            kind,
            length: found.len(),
            mode: found.mode() & 0o7777,
            owner: found.uid(),
        })
    }

    fn identity(&self, path: &Path) -> io::Result<Option<FileIdentity>> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Some(FileIdentity { device: found.dev(), inode: found.ino() }))
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                file.set_len(0)?;
                file.write_all(holder.as_bytes())?;
                Ok(LockAttempt::Held(Box::new(FileLock(file))))
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                file.read_to_string(&mut text)?;
                Ok(LockAttempt::Taken(text))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        SystemDisk.write_atomic(&path, b"one", 0o644).unwrap();
        SystemDisk.write_atomic(&path, b"two", 0o600).unwrap();
        assert_eq!(SystemDisk.read(&path).unwrap(), b"two");
        assert_eq!(SystemDisk.status(&path).unwrap().mode, 0o600);
        assert_eq!(SystemDisk.list(folder.path()).unwrap(), [path]);
    }

    #[test]
    fn a_replaced_file_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let identity = || SystemDisk.identity(&path).unwrap();
        SystemDisk.write_atomic(&path, b"one", 0o600).unwrap();
        let first = identity();
        std::fs::write(&path, "changed in place").unwrap();
        assert_eq!(identity(), first);
        // The old one still exists elsewhere, so that its inode is not given out again.
        std::fs::rename(&path, folder.path().join("old")).unwrap();
        SystemDisk.write_atomic(&path, b"two", 0o600).unwrap();
        assert_ne!(identity(), first);
    }

    #[test]
    fn a_failed_replacement_keeps_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        SystemDisk.write_atomic(&path, b"one", 0o600).unwrap_err();
        assert_eq!(SystemDisk.list(folder.path()).unwrap(), [path]);
    }

    #[test]
    fn a_lock_is_held_once_and_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let LockAttempt::Held(first) = SystemDisk.lock(&path, "run 1").unwrap() else {
            panic!("not held");
        };
        match SystemDisk.lock(&path, "run 2").unwrap() {
            LockAttempt::Taken(holder) => assert_eq!(holder, "run 1"),
            LockAttempt::Held(_) => panic!("held twice"),
        }
        drop(first);
        assert!(matches!(SystemDisk.lock(&path, "run 3").unwrap(), LockAttempt::Held(_)));
    }
}
