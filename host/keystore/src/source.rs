//! Where new private keys come from.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base::{Clock, Code, Diagnostic, Result, SecretBytes};
use futures::channel::oneshot;
use futures::future::BoxFuture;

/// Makes private keys, in PKCS#8.
pub(crate) trait KeySource: Send + Sync {
    /// One key that was never handed out before.
    fn next_key(&self) -> BoxFuture<'_, Result<SecretBytes>>;
}

/// Makes every key anew. A key takes 40 to 170 ms of one core, so it is made on a thread of its
/// own and the caller's thread stays free.
pub(crate) struct FreshKeys {
    pub(crate) clock: Arc<dyn Clock>,
}

impl KeySource for FreshKeys {
    fn next_key(&self) -> BoxFuture<'_, Result<SecretBytes>> {
        Box::pin(async {
            let hold = self.clock.hold();
            let (sender, receiver) = oneshot::channel();
            std::thread::Builder::new()
                .name("key generation".to_owned())
                // The caller may have given up meanwhile; its key is wiped then.
                .spawn(move || drop(sender.send(generate())))
                .map_err(|error| failed().source(&error))?;
            let key = receiver.await.map_err(|_| failed())?;
            drop(hold);
            key
        })
    }
}

/// Keys made beforehand, shared by many virtual worlds: each world gets the first, second, … key
/// of the pool, so that no world has to wait for one that an earlier world made already. A store
/// that takes its keys from here can be built over a virtual world only.
#[derive(Default)]
pub struct KeyPool(Mutex<Vec<SecretBytes>>);

impl KeyPool {
    /// The keys that were made so far, in PKCS#8, for whoever looks where they must not be.
    pub fn made(&self) -> Vec<SecretBytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn key(&self, index: usize) -> Result<SecretBytes> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while keys.len() <= index {
            keys.push(generate()?);
        }
        Ok(keys[index].clone())
    }
}

/// One world's way through a pool.
pub(crate) struct PooledKeys {
    pub(crate) pool: Arc<KeyPool>,
    pub(crate) next: Mutex<usize>,
}

impl KeySource for PooledKeys {
    fn next_key(&self) -> BoxFuture<'_, Result<SecretBytes>> {
        let index = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next += 1;
            *next - 1
        };
        Box::pin(std::future::ready(self.pool.key(index)))
    }
}

fn generate() -> Result<SecretBytes> {
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(|_| failed())?;
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| failed())?;
    Ok(SecretBytes::new(der.as_ref()))
}

fn failed() -> Diagnostic {
    Diagnostic::new(Code::KeyStoreFailed, "An RSA key could not be made")
}
