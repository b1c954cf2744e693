//! What every key store keeps, whatever its kind.

use std::sync::Arc;

use base::{Code, Ports};

use super::{delete, generate, on_disk, virtual_store, world};
use crate::{Algorithm, KeyStore, KeyStores, KeyUri, SIGNATURE_LENGTH, Signer, SoftwareStore};

async fn contract(ports: &Ports, store: Arc<dyn KeyStore>) {
    let stores = KeyStores::new(vec![store.clone()]);
    assert!(store.list().await.unwrap().is_empty());
    let (first, second) = (store.choose_uri(), store.choose_uri());
    assert_ne!(first, second);
    assert_eq!(first.scheme(), store.scheme());
    assert!(!store.exists(&first).await.unwrap());
    assert_eq!(store.public_key(&first).await.unwrap_err().code, Code::KeyNotFound);

    let public = generate(ports, &*store, &first).await.unwrap();
    let other = generate(ports, &*store, &second).await.unwrap();
    assert_ne!(public, other);
    assert_eq!(store.public_key(&first).await.unwrap(), public);
    assert!(store.exists(&first).await.unwrap());
    let mut all = vec![first.clone(), second.clone()];
    all.sort();
    assert_eq!(store.list().await.unwrap(), all);

    signs(&stores, &first).await;
    assert_eq!(stores.probe(&first).await.unwrap(), Algorithm::Ps256);
    let signer = stores.signer(&second).unwrap();
    assert_eq!(signer.public_key().await.unwrap(), other);

    let taken = generate(ports, &*store, &first).await.unwrap_err();
    assert_eq!(taken.code, Code::KeyStoreFailed);
    assert_eq!(store.public_key(&first).await.unwrap(), public, "a taken name keeps its key");

    delete(ports, &*store, &first).await.unwrap();
    delete(ports, &*store, &first).await.unwrap();
    assert!(!store.exists(&first).await.unwrap());
    assert_eq!(store.list().await.unwrap(), [second]);
    assert!(!store.describe().name.is_empty() && !store.describe().exportable);
}

async fn signs(stores: &KeyStores, uri: &KeyUri) {
    let public = stores.public_key(uri).await.unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
        let signature = stores.sign(uri, algorithm, b"message").await.unwrap();
        assert_eq!(signature.len(), SIGNATURE_LENGTH);
        assert!(public.verify(algorithm, b"message", &signature));
        assert!(!public.verify(algorithm, b"massage", &signature));
    }
    let signature = stores.sign(uri, Algorithm::Rs256, b"message").await.unwrap();
    assert!(!public.verify(Algorithm::Ps256, b"message", &signature));
}

#[test]
fn the_software_store_in_a_virtual_world() {
    let world = world();
    let ports = world.ports();
    let store = Arc::new(virtual_store(&world));
    ports.executor.block_on(contract(&ports, store));
}

#[test]
fn the_software_store_on_disk() {
    let world = world();
    let ports = on_disk(&world);
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SoftwareStore::new(&ports, folder.path().join("keys")));
    ports.executor.block_on(contract(&ports, store));
}

#[test]
fn a_store_that_this_build_lacks_says_so() {
    let stores = KeyStores::new(Vec::new());
    for (uri, says) in [
        ("tpm:one", "This build has no TPM support yet"),
        ("pkcs11:object=one", "This build has no PKCS#11 support yet"),
    ] {
        let error = stores.signer(&uri.parse().unwrap()).err().unwrap();
        assert_eq!((error.code, error.message.as_str()), (Code::KeyStoreFailed, says));
    }
    assert!(stores.preferred().is_err());
}
