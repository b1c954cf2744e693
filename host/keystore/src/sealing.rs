//! Sealing: AES-256-GCM under a wrapping key that lies in an owner-only file.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base::disk::LockAttempt;
use base::{Code, Diagnostic, Random, Repeat, Result, SecretBytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::files::{PrivateFolder, disk_failed};

/// Length of an AES-256 key in bytes.
pub(crate) const KEY_LENGTH: usize = 32;
/// Length of a GCM nonce in bytes.
const NONCE_LENGTH: usize = 12;

/// A key that seals and opens.
pub(crate) struct SealingKey(LessSafeKey);

impl SealingKey {
    /// Takes 32 bytes; none where there are more or fewer.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, bytes).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// `plain` sealed together with `associated`, which must be given again to open it: nonce,
    /// then ciphertext and tag.
    pub(crate) fn seal(
        &self,
        random: &dyn Random,
        associated: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LENGTH];
        random.fill(&mut nonce);
        let mut body = plain.to_vec();
        let associated = Aad::from(associated.as_bytes());
        let sealed = self.0.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            associated,
            &mut body,
        );
        if sealed.is_err() {
            body.zeroize();
            return Err(Diagnostic::new(Code::Internal, "A secret could not be sealed"));
        }
        Ok([nonce.as_slice(), &body].concat())
    }

    /// What was sealed, or none where key, associated text or a single bit differs.
    pub(crate) fn open(&self, associated: &str, sealed: &[u8]) -> Option<SecretBytes> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LENGTH)?;
        let mut body = Zeroizing::new(body.to_vec());
        let associated = Aad::from(associated.as_bytes());
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.0.open_in_place(nonce, associated, &mut body).ok()?;
        Some(SecretBytes::new(&*plain))
    }
}

/// The file of the wrapping key.
#[derive(Serialize, Deserialize)]
struct WrappingFile {
    format: String,
    version: u32,
    /// Names the key in what it sealed, so that a wrong one is told from damage.
    id: String,
    key: String,
}

impl Drop for WrappingFile {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

const WRAPPING_FORMAT: &str = "credwright-wrapping-key";
const VERSION: u32 = 1;

/// A wrapping key, opened for one use.
pub(crate) struct WrappingKey {
    pub(crate) id: String,
    pub(crate) key: SealingKey,
}

/// Where the wrapping key lies.
pub(crate) struct Wrapping {
    pub(crate) folder: PrivateFolder,
    /// Held while the key is made, so that two threads do not make two.
    making: Mutex<()>,
}

impl Wrapping {
    pub(crate) fn new(folder: PrivateFolder) -> Self {
        Self { folder, making: Mutex::new(()) }
    }

    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path.join("wrapping.key")
    }

    /// The wrapping key.
    ///
    /// # Errors
    /// [`Code::KeyNotFound`] where there is none, [`Code::KeyCorrupt`] where it is damaged.
    pub(crate) fn key(&self) -> Result<WrappingKey> {
        self.look()?.ok_or_else(|| {
            let shown = self.file().display().to_string();
            Diagnostic::new(Code::KeyNotFound, format!("The wrapping key {shown} is not there"))
                .meaning("Everything in the software key store is sealed under it.")
                .next(format!("Restore {shown} from a backup (mode 600)."))
        })
    }

    /// The wrapping key, which is made where there is none yet and nothing was sealed under one.
    pub(crate) fn key_or_new(&self) -> Result<WrappingKey> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = self.look()? {
            return Ok(key);
        }
        self.folder.create()?;
        let lock_file = self.folder.path.join("wrapping.lock");
        let disk = &self.folder.ports.disk;
        let held = disk
            .lock(&lock_file, "making the wrapping key")
            .map_err(|error| disk_failed("lock", &lock_file, &error))?;
        let LockAttempt::Held(_guard) = held else {
            let busy = "Another process is making the wrapping key of this key store";
            return Err(Diagnostic::new(Code::StateLocked, busy).repeat(Repeat::Later));
        };
        if let Some(key) = self.look()? {
            return Ok(key);
        }
        // A new key beside files sealed under a lost one would bury the loss.
        if self.folder.list()?.iter().any(|file| file.extension().is_some_and(|e| e == "sealed")) {
            return self.key();
        }
        self.make()
    }

    fn make(&self) -> Result<WrappingKey> {
        let random = &*self.folder.ports.random;
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        random.fill(&mut *bytes);
        let file = WrappingFile {
            format: WRAPPING_FORMAT.to_owned(),
            version: VERSION,
            id: random.uuid().to_string(),
            key: STANDARD.encode(bytes.as_slice()),
        };
        let text = serde_json::to_vec_pretty(&file).map(Zeroizing::new).map_err(|error| {
            Diagnostic::new(Code::Internal, "The wrapping key cannot be written").source(&error)
        })?;
        self.folder.write(&self.file(), &text)?;
        self.key()
    }

    fn look(&self) -> Result<Option<WrappingKey>> {
        let path = self.file();
        let Some(content) = self.folder.read(&path)? else { return Ok(None) };
        let damaged = || {
            let shown = path.display();
            Diagnostic::new(Code::KeyCorrupt, format!("The wrapping key {shown} is damaged"))
                .next(format!("Restore {shown} from a backup (mode 600)."))
        };
        let header: Header = serde_json::from_slice(&content).map_err(|_| damaged())?;
        header
            .check(WRAPPING_FORMAT, &path.display().to_string())
            .map_err(|newer| newer.unwrap_or_else(damaged))?;
        let file: WrappingFile = serde_json::from_slice(&content).map_err(|_| damaged())?;
        let bytes = STANDARD.decode(&file.key).map(Zeroizing::new).map_err(|_| damaged())?;
        let key = SealingKey::new(&bytes).ok_or_else(damaged)?;
        Ok(Some(WrappingKey { id: file.id.clone(), key }))
    }
}

/// What every file of the store begins with.
#[derive(Deserialize)]
pub(crate) struct Header {
    format: String,
    version: u32,
}

impl Header {
    /// Whether this version of the program can read the file. Else the diagnostic of a file that
    /// a newer version wrote, or none where it is no such file at all.
    pub(crate) fn check(&self, format: &str, shown: &str) -> Result<(), Option<Diagnostic>> {
        if self.format != format {
            return Err(None);
        }
        if self.version > VERSION {
            let newer = format!("{shown} was written by a newer version of credwright");
            return Err(Some(
                Diagnostic::new(Code::StateNewer, newer)
                    .next("Use the newer version; this one leaves the file alone."),
            ));
        }
        Ok(())
    }
}
