//! A disk in memory.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::locked;
use crate::disk::{Disk, FileKind, FileStatus, LockAttempt, LockGuard};

/// Files in memory. Every file is owned by user 1000 unless a test says otherwise.
#[derive(Default)]
pub struct MemoryDisk {
    files: Mutex<BTreeMap<PathBuf, (Vec<u8>, FileStatus)>>,
    locks: Arc<Mutex<HashMap<PathBuf, String>>>,
    full: AtomicBool,
}

impl MemoryDisk {
    /// From now on every write fails for lack of space, or no longer does.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Changes the recorded status of a path, as another user or program might.
    pub fn set_status(&self, path: &Path, change: impl FnOnce(&mut FileStatus)) {
        if let Some((_, status)) = locked(&self.files).get_mut(path) {
            change(status);
        }
    }

    fn room(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        Ok(())
    }
}

fn entry(kind: FileKind, length: usize, mode: u32) -> FileStatus {
    FileStatus { kind, length: length as u64, mode, owner: 1000 }
}

fn not_found() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such file or folder")
}

impl Disk for MemoryDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let files = locked(&self.files);
        files.get(path).map(|(content, _)| content.clone()).ok_or_else(not_found)
    }

    fn write_atomic(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        self.room()?;
        let mut files = locked(&self.files);
        if path.parent().is_some_and(|folder| !files.contains_key(folder)) {
            return Err(not_found());
        }
        let status = entry(FileKind::File, content.len(), mode);
        files.insert(path.to_owned(), (content.to_vec(), status));
        Ok(())
    }

    fn create_folder(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.room()?;
        let mut files = locked(&self.files);
        for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
            files
                .entry(folder.to_owned())
                .or_insert_with(|| (Vec::new(), entry(FileKind::Folder, 0, mode)));
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        locked(&self.files).remove(path).map(drop).ok_or_else(not_found)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut files = locked(&self.files);
        let before = files.len();
        files.retain(|name, _| !name.starts_with(path));
        if files.len() == before { Err(not_found()) } else { Ok(()) }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let files = locked(&self.files);
        if !files.contains_key(path) {
            return Err(not_found());
        }
        Ok(files.keys().filter(|name| name.parent() == Some(path)).cloned().collect())
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        locked(&self.files).get(path).map(|(_, status)| status.clone()).ok_or_else(not_found)
    }

    fn free_space(&self, _path: &Path) -> io::Result<u64> {
        Ok(if self.full.load(Ordering::SeqCst) { 0 } else { 1 << 40 })
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<LockAttempt> {
        let mut locks = locked(&self.locks);
        if let Some(holder) = locks.get(path) {
            return Ok(LockAttempt::Taken(holder.clone()));
        }
        locks.insert(path.to_owned(), holder.to_owned());
        Ok(LockAttempt::Held(Box::new(MemoryLock {
            locks: self.locks.clone(),
            path: path.to_owned(),
        })))
    }
}

struct MemoryLock {
    locks: Arc<Mutex<HashMap<PathBuf, String>>>,
    path: PathBuf,
}

impl LockGuard for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        locked(&self.locks).remove(&self.path);
    }
}
