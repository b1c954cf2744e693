//! The software key store: key files encrypted at rest.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base::virtual_world::VirtualWorld;
use base::{Applied, Code, Diagnostic, Ports, Repeat, Result, SecretBytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use effect::{Permit, Removal, RemovalPermit};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::files::PrivateFolder;
use crate::key::{Algorithm, PrivateKey, PublicKey};
use crate::sealing::{Header, KEY_LENGTH, SealingKey, Wrapping};
use crate::source::{FreshKeys, KeyPool, KeySource, PooledKeys};
use crate::store::{KeyStore, Provider};
use crate::uri::{KeyUri, Scheme};
use crate::vault::Vault;

/// Private keys as files of one folder (mode 0700): each sealed under a data key of its own, and
/// that under the wrapping key, which lies in the same folder. Every use checks who owns the files
/// and who else could touch them.
pub struct SoftwareStore {
    folder: PrivateFolder,
    wrapping: Arc<Wrapping>,
    source: Arc<dyn KeySource>,
}

/// A key file.
#[derive(Serialize, Deserialize)]
struct KeyFile {
    format: String,
    version: u32,
    uri: KeyUri,
    /// The id of the wrapping key that sealed `data_key`.
    wrapping_key: String,
    data_key: String,
    private_key: String,
}

const FORMAT: &str = "credwright-private-key";
const VERSION: u32 = 1;

impl SoftwareStore {
    /// The store in `folder`, which is made with the first key.
    pub fn new(ports: &Ports, folder: impl Into<PathBuf>) -> Self {
        Self::build(ports, folder.into(), Arc::new(FreshKeys { clock: ports.clock.clone() }))
    }

    /// A store of a virtual world, whose keys come from `pool`. It takes the virtual world itself,
    /// so that no store of a real one can ever hand out a pooled key.
    pub fn in_virtual_world(
        world: &VirtualWorld,
        folder: impl Into<PathBuf>,
        pool: Arc<KeyPool>,
    ) -> Self {
        let source = PooledKeys { pool, next: Mutex::new(0) };
        Self::build(&world.ports(), folder.into(), Arc::new(source))
    }

    /// The same store as another process of its virtual world sees it: no key is given twice.
    #[must_use]
    pub fn in_process(&self, world: &VirtualWorld) -> Self {
        Self::build(&world.ports(), self.folder.path.clone(), self.source.clone())
    }

    fn build(ports: &Ports, path: PathBuf, source: Arc<dyn KeySource>) -> Self {
        let folder = PrivateFolder { ports: ports.clone(), path };
        Self { wrapping: Arc::new(Wrapping::new(folder.clone())), folder, source }
    }

    /// Seals texts under this store's wrapping key.
    pub fn vault(&self) -> Vault {
        Vault::new(self.wrapping.clone())
    }

    fn file(&self, uri: &KeyUri) -> Result<PathBuf> {
        if uri.scheme() != Scheme::Software {
            let wrong = format!("The key {uri} is not one of the software key store");
            return Err(Diagnostic::new(Code::Internal, wrong));
        }
        Ok(self.folder.path.join(format!("{}.sealed", uri.name())))
    }

    async fn make(&self, uri: &KeyUri) -> Result<PublicKey> {
        let file = self.file(uri)?;
        if self.folder.has(&file)? {
            let taken = format!("There is a key {uri} already");
            return Err(Diagnostic::new(Code::KeyStoreFailed, taken));
        }
        let wrapping = self.wrapping.key_or_new()?;
        let pkcs8 = self.source.next_key().await?;
        let Some(key) = PrivateKey::from_pkcs8(&pkcs8) else {
            return Err(Diagnostic::new(Code::Internal, "A new key cannot be read back"));
        };

        let random = &*self.folder.ports.random;
        let mut data_key = Zeroizing::new([0; KEY_LENGTH]);
        random.fill(&mut *data_key);
        let sealing = SealingKey::new(data_key.as_slice())
            .ok_or_else(|| Diagnostic::new(Code::Internal, "A data key has a wrong length"))?;
        let content = KeyFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            uri: uri.clone(),
            wrapping_key: wrapping.id.clone(),
            data_key: STANDARD.encode(wrapping.key.seal(
                random,
                &data_text(uri),
                data_key.as_slice(),
            )?),
            private_key: STANDARD.encode(sealing.seal(random, &key_text(uri), pkcs8.expose())?),
        };
        let text = serde_json::to_vec_pretty(&content).map_err(|error| {
            Diagnostic::new(Code::Internal, "A key file cannot be written").source(&error)
        })?;
        self.folder.write(&file, &text).map_err(|error| {
            // Writing can fail after the file got its name.
            match self.folder.ports.disk.status(&file) {
                Ok(_) => error.applied(Applied::Unknown).repeat(Repeat::LookFirst),
                Err(_) => error,
            }
        })?;
        Ok(key.public_key())
    }

    fn open(&self, uri: &KeyUri) -> Result<PrivateKey> {
        let path = self.file(uri)?;
        let Some(content) = self.folder.read(&path)? else { return Err(not_found(uri)) };
        let shown = path.display().to_string();
        let damaged = |reason: &str| {
            Diagnostic::new(Code::KeyCorrupt, format!("The key file {shown} is damaged: {reason}"))
                .meaning("The private key cannot be used, and nothing can restore it but a backup.")
                .next(format!("Restore {shown} from a backup, or make a new key."))
        };
        let header: Header =
            serde_json::from_slice(&content).map_err(|_| damaged("it is no key file"))?;
        header
            .check(FORMAT, &shown)
            .map_err(|newer| newer.unwrap_or_else(|| damaged("it is no key file")))?;
        let file: KeyFile =
            serde_json::from_slice(&content).map_err(|_| damaged("a part is missing"))?;
        let wrapping = self.wrapping.key()?;
        if file.wrapping_key != wrapping.id {
            return Err(damaged("it was sealed under another wrapping key"));
        }
        unseal(&file, uri, &wrapping.key)
            .ok_or_else(|| damaged("it does not open under the wrapping key"))
    }

    fn uri_of(&self, file: &std::path::Path) -> Option<KeyUri> {
        let name = file.file_name()?.to_str()?.strip_suffix(".sealed")?;
        Uuid::try_parse(name).ok().map(KeyUri::software)
    }
}

/// What the data key of `uri` is sealed together with.
fn data_text(uri: &KeyUri) -> String {
    format!("{FORMAT} {VERSION} data-key {uri}")
}

/// What the private key of `uri` is sealed together with.
fn key_text(uri: &KeyUri) -> String {
    format!("{FORMAT} {VERSION} private-key {uri}")
}

fn unseal(file: &KeyFile, uri: &KeyUri, wrapping: &SealingKey) -> Option<PrivateKey> {
    let data_key = wrapping.open(&data_text(uri), &STANDARD.decode(&file.data_key).ok()?)?;
    let sealed = STANDARD.decode(&file.private_key).ok()?;
    let pkcs8: SecretBytes = SealingKey::new(data_key.expose())?.open(&key_text(uri), &sealed)?;
    PrivateKey::from_pkcs8(&pkcs8)
}

fn not_found(uri: &KeyUri) -> Diagnostic {
    Diagnostic::new(Code::KeyNotFound, format!("The private key {uri} is not there"))
        .meaning("Its file was removed, or this is not the host or the home that made it.")
        .next("Restore the key folder from a backup, or rotate to a new key.")
}

impl KeyStore for SoftwareStore {
    fn scheme(&self) -> Scheme {
        Scheme::Software
    }

    fn describe(&self) -> Provider {
        Provider {
            name: "credwright Software Key Storage Provider".to_owned(),
            hardware: false,
            exportable: false,
        }
    }

    fn choose_uri(&self) -> KeyUri {
        KeyUri::software(self.folder.ports.random.uuid())
    }

    fn generate<'a>(
        &'a self,
        _permit: Permit<'a>,
        uri: &'a KeyUri,
    ) -> BoxFuture<'a, Result<PublicKey>> {
        Box::pin(self.make(uri))
    }

    fn public_key<'a>(&'a self, uri: &'a KeyUri) -> BoxFuture<'a, Result<PublicKey>> {
        Box::pin(async move { Ok(self.open(uri)?.public_key()) })
    }

    fn sign<'a>(
        &'a self,
        uri: &'a KeyUri,
        algorithm: Algorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>>> {
        Box::pin(async move { self.open(uri)?.sign(algorithm, message) })
    }

    fn delete<'a>(
        &'a self,
        permit: RemovalPermit<'a>,
        uri: &'a KeyUri,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let judged = uri.to_string();
            permit
                .covers(|it| matches!(it, Removal::PrivateKey { key_uri } if *key_uri == judged))?;
            let file = self.file(uri)?;
            if self.folder.has(&file)? { self.folder.remove(&file) } else { Ok(()) }
        })
    }

    fn exists<'a>(&'a self, uri: &'a KeyUri) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move { self.folder.has(&self.file(uri)?) })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<KeyUri>>> {
        Box::pin(async {
            Ok(self.folder.list()?.iter().filter_map(|file| self.uri_of(file)).collect())
        })
    }
}
