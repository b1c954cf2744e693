//! Tests of the stores.

mod contract;
mod pem;
mod permits;
mod software;
mod vault;

use std::path::Path;
use std::sync::{Arc, LazyLock};

use base::disk::SystemDisk;
use base::process::SystemProcess;
use base::virtual_world::VirtualWorld;
use base::{Ports, Result, Timestamp};

use effect::Removal;

use self::permits::{permitted, permitted_removal};
use crate::{KeyPool, KeyStore, KeyUri, PublicKey, SoftwareStore};

/// Keys that all tests of this process share.
static POOL: LazyLock<Arc<KeyPool>> = LazyLock::new(Arc::default);

const FOLDER: &str = "/state/keys";

fn world() -> VirtualWorld {
    VirtualWorld::new(7, Timestamp::from_seconds(1_764_000_000)).unwrap()
}

fn virtual_store(world: &VirtualWorld) -> SoftwareStore {
    SoftwareStore::in_virtual_world(world, FOLDER, POOL.clone())
}

/// The ports of a world whose files lie on the real disk.
fn on_disk(world: &VirtualWorld) -> Ports {
    Ports { disk: Arc::new(SystemDisk), process: Arc::new(SystemProcess), ..world.ports() }
}

async fn generate(ports: &Ports, store: &dyn KeyStore, uri: &KeyUri) -> Result<PublicKey> {
    permitted(ports, async |permit| store.generate(permit, uri).await).await
}

async fn delete(ports: &Ports, store: &dyn KeyStore, uri: &KeyUri) -> Result<()> {
    let removal = Removal::PrivateKey { key_uri: uri.to_string() };
    permitted_removal(ports, &removal, async |permit| store.delete(permit, uri).await).await
}

fn key_file(folder: &Path, uri: &KeyUri) -> std::path::PathBuf {
    folder.join(format!("{}.sealed", uri.name()))
}
