//! What the software store does with files that are not as they should be.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use base::{Applied, Code, Diagnostic, Disk};

use super::{FOLDER, delete, generate, key_file, on_disk, virtual_store, world};
use crate::{KeyStore, KeyUri, SoftwareStore};

const WRAPPING: &str = "/state/keys/wrapping.key";

#[test]
fn files_are_their_owners_and_hold_no_key() {
    let world = world();
    let ports = on_disk(&world);
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("keys");
    let store = SoftwareStore::new(&ports, &folder);
    ports.executor.block_on(async {
        let uri = store.choose_uri();
        let public = generate(&ports, &store, &uri).await.unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&key_file(&folder, &uri)), 0o600);
        assert_eq!(mode(&folder.join("wrapping.key")), 0o600);
        let text = std::fs::read_to_string(key_file(&folder, &uri)).unwrap();
        assert!(text.contains("\"version\": 1"));
        assert!(!text.contains("BEGIN") && !text.contains("MII"), "a key in the clear: {text}");
        // Another process finds the same key.
        let again = SoftwareStore::new(&ports, &folder);
        assert_eq!(again.public_key(&uri).await.unwrap(), public);
    });
}

#[test]
fn what_others_can_touch_is_refused_with_the_command_that_mends_it() {
    let world = world();
    let ports = world.ports();
    let store = virtual_store(&world);
    ports.executor.block_on(async {
        let uri = store.choose_uri();
        generate(&ports, &store, &uri).await.unwrap();
        let file = key_file(Path::new(FOLDER), &uri);
        let file = file.to_str().unwrap();
        for (path, mode, next) in [
            (file, 0o640, format!("chmod 600 '{file}'")),
            (FOLDER, 0o750, format!("chmod 700 '{FOLDER}'")),
            (WRAPPING, 0o604, format!("chmod 600 '{WRAPPING}'")),
        ] {
            let before = ports.disk.status(Path::new(path)).unwrap().mode;
            world.disk.set_status(Path::new(path), |status| status.mode = mode);
            let error = store.public_key(&uri).await.unwrap_err();
            assert_eq!((error.code, error.next), (Code::KeyPermissions, Some(next)));
            world.disk.set_status(Path::new(path), |status| status.mode = before);
        }
        world.disk.set_status(Path::new(file), |status| status.owner = 1001);
        let error = delete(&ports, &store, &uri).await.unwrap_err();
        assert_eq!(error.next, Some(format!("chown admin '{file}'")));
        world.disk.set_status(Path::new(file), |status| {
            status.owner = 1000;
            status.kind = base::disk::FileKind::Other;
        });
        assert_eq!(store.exists(&uri).await.unwrap_err().code, Code::KeyPermissions);
    });
}

/// Alters the content of a file of a virtual store that holds one key, and tries to use the key.
fn after(alter: impl Fn(&dyn Disk, &KeyUri)) -> Diagnostic {
    let world = world();
    let ports = world.ports();
    let store = virtual_store(&world);
    ports.executor.block_on(async {
        let uri = store.choose_uri();
        generate(&ports, &store, &uri).await.unwrap();
        alter(&*ports.disk, &uri);
        store.public_key(&uri).await.unwrap_err()
    })
}

fn rewrite(disk: &dyn Disk, path: &Path, change: impl Fn(String) -> String) {
    let text = String::from_utf8(disk.read(path).unwrap()).unwrap();
    disk.write_atomic(path, change(text).as_bytes(), 0o600).unwrap();
}

#[test]
fn damage_is_named_as_such() {
    let of_key = |change: fn(String) -> String| {
        after(|disk, uri| rewrite(disk, &key_file(Path::new(FOLDER), uri), change))
    };
    assert_eq!(of_key(|_| String::new()).code, Code::KeyCorrupt);
    assert_eq!(of_key(|_| "{}".to_owned()).code, Code::KeyCorrupt);
    assert_eq!(of_key(|text| text[..text.len() / 2].to_owned()).code, Code::KeyCorrupt);
    assert_eq!(
        of_key(|text| text.replace("\"private_key\": \"", "\"private_key\": \"AAAA")).code,
        Code::KeyCorrupt
    );
    assert_eq!(
        of_key(|text| text.replace("\"version\": 1", "\"version\": 2")).code,
        Code::StateNewer
    );
    let of_wrapping =
        |change: fn(String) -> String| after(|disk, _| rewrite(disk, Path::new(WRAPPING), change));
    assert_eq!(of_wrapping(|_| "garbage".to_owned()).code, Code::KeyCorrupt);
    assert_eq!(
        of_wrapping(|text| text.replace("\"version\": 1", "\"version\": 9")).code,
        Code::StateNewer
    );
}

#[test]
fn keys_do_not_open_in_each_others_place() {
    let world = world();
    let ports = world.ports();
    let store = virtual_store(&world);
    ports.executor.block_on(async {
        let (one, two) = (store.choose_uri(), store.choose_uri());
        generate(&ports, &store, &one).await.unwrap();
        generate(&ports, &store, &two).await.unwrap();
        let folder = Path::new(FOLDER);
        let content = ports.disk.read(&key_file(folder, &one)).unwrap();
        ports.disk.write_atomic(&key_file(folder, &two), &content, 0o600).unwrap();
        assert_eq!(store.public_key(&two).await.unwrap_err().code, Code::KeyCorrupt);
    });
}

#[test]
fn a_lost_wrapping_key_is_not_replaced() {
    let world = world();
    let ports = world.ports();
    let store = virtual_store(&world);
    ports.executor.block_on(async {
        let uri = store.choose_uri();
        generate(&ports, &store, &uri).await.unwrap();
        let wrapping = ports.disk.read(Path::new(WRAPPING)).unwrap();
        ports.disk.remove_file(Path::new(WRAPPING)).unwrap();
        assert_eq!(store.public_key(&uri).await.unwrap_err().code, Code::KeyNotFound);
        let another = store.choose_uri();
        let error = generate(&ports, &store, &another).await.unwrap_err();
        assert_eq!(error.code, Code::KeyNotFound);
        ports.disk.write_atomic(Path::new(WRAPPING), &wrapping, 0o600).unwrap();
        store.public_key(&uri).await.unwrap();
    });
}

#[test]
fn a_key_sealed_under_another_wrapping_key_says_so() {
    let other = world();
    let elsewhere = virtual_store(&other);
    // Another seed would do as well: its wrapping key must differ.
    other.ports().random.fill(&mut [0; 64]);
    let other_ports = other.ports();
    other_ports.executor.block_on(async {
        let uri = elsewhere.choose_uri();
        generate(&other_ports, &elsewhere, &uri).await.unwrap();
    });
    let foreign = other_ports.disk.read(Path::new(WRAPPING)).unwrap();
    let error = after(|disk, _| disk.write_atomic(Path::new(WRAPPING), &foreign, 0o600).unwrap());
    assert_eq!(error.code, Code::KeyCorrupt);
    assert!(error.message.ends_with("it was sealed under another wrapping key"), "{error}");
}

#[test]
fn a_full_disk_leaves_no_key() {
    let world = world();
    let ports = world.ports();
    let store = virtual_store(&world);
    ports.executor.block_on(async {
        let first = store.choose_uri();
        generate(&ports, &store, &first).await.unwrap();
        world.disk.set_full(true);
        let uri = store.choose_uri();
        let error = generate(&ports, &store, &uri).await.unwrap_err();
        assert_eq!((error.code, error.applied), (Code::DiskFull, Applied::No));
        world.disk.set_full(false);
        assert!(!store.exists(&uri).await.unwrap());
        generate(&ports, &store, &uri).await.unwrap();
    });
}

#[test]
fn threads_share_one_wrapping_key() {
    let world = world();
    let ports = world.ports();
    let store = Arc::new(virtual_store(&world));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let context = "somebody's";
                let text = base::SecretText::new("secret");
                let sealed = store.vault().seal(&text, context).unwrap();
                assert_eq!(store.vault().unseal(&sealed, context).unwrap(), text);
            });
        }
    });
    assert_eq!(ports.disk.list(Path::new(FOLDER)).unwrap(), [Path::new(WRAPPING)]);
}
