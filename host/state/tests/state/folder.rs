//! The state folder: whose it is, and what is wrong with it.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;

use base::{Code, Diagnostic};
use state::Store;

use crate::harness::{Bench, runtime};

fn on_bench<F: Future<Output = ()>>(case: impl FnOnce(Bench) -> F) {
    let runtime = runtime();
    let _entered = runtime.enter();
    runtime.block_on(case(Bench::new(None, 1)));
}

async fn refused(bench: &Bench) -> Diagnostic {
    let error = Store::open(&bench.ports, &bench.place).await.err().unwrap();
    assert!(error.next.is_some(), "{error:?}");
    error
}

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn folder_and_files_are_made_for_this_user_alone() {
    on_bench(|bench| async move {
        let store = bench.open().await;
        let _writer = bench.begin(&store).await;
        assert_eq!(mode(&bench.place.folder), 0o700);
        for entry in std::fs::read_dir(&bench.place.folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    });
}

#[test]
fn a_path_with_special_characters_is_no_problem() {
    on_bench(|mut bench| async move {
        bench.place.folder = bench.place.folder.join("a b%20?#&ü=;'\"");
        let id = bench.open().await.host().id.clone();
        assert_eq!(bench.open().await.host().id, id);
        assert!(bench.database_file().metadata().unwrap().len() > 0);
    });
}

#[test]
fn a_foreign_or_open_folder_is_refused() {
    on_bench(|bench| async move {
        drop(bench.open().await);
        for path in [bench.place.folder.clone(), bench.database_file()] {
            let before = mode(&path);
            set_mode(&path, before | 0o040);
            let error = refused(&bench).await;
            assert_eq!(error.code, Code::StateFolder);
            assert!(error.next.unwrap().contains("chmod"));
            set_mode(&path, before);
        }
        let me = *bench.process.user.lock().unwrap();
        *bench.process.user.lock().unwrap() = me + 1;
        let error = refused(&bench).await;
        assert_eq!(error.code, Code::StateFolder);
        assert!(error.message.contains(&format!("belongs to user {me}")), "{error}");
    });
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    on_bench(|bench| async move {
        std::fs::write(&bench.place.folder, "x").unwrap();
        assert_eq!(refused(&bench).await.code, Code::StateFolder);
        assert_eq!(std::fs::read(&bench.place.folder).unwrap(), b"x");
    });
}

#[test]
fn a_damaged_database_is_refused_with_the_way_out() {
    on_bench(|bench| async move {
        let garbage = b"this is not a database ".repeat(500);
        bench.open().await.close().await.unwrap();
        std::fs::write(bench.database_file(), &garbage).unwrap();
        let error = refused(&bench).await;
        assert_eq!(error.code, Code::StateCorrupt);
        assert!(error.next.unwrap().contains("backup"));
        assert_eq!(std::fs::read(bench.database_file()).unwrap(), garbage, "it was not touched");
    });
}

#[test]
fn a_database_damaged_inside_is_refused_when_it_is_read() {
    on_bench(|bench| async move {
        let store = bench.open().await;
        drop(bench.begin(&store).await);
        store.close().await.unwrap();
        let mut content = std::fs::read(bench.database_file()).unwrap();
        // Page 1 tells the schema; everything behind it is lost.
        content[4096..].fill(0x5a);
        std::fs::write(bench.database_file(), content).unwrap();
        let error = match Store::open(&bench.ports, &bench.place).await {
            Err(error) => error,
            Ok(store) => store.find_connectors().await.unwrap_err(),
        };
        assert_eq!(error.code, Code::StateCorrupt, "{error:?}");
    });
}

#[test]
fn a_record_that_makes_no_sense_is_refused() {
    on_bench(|bench| async move {
        let store = bench.open().await;
        let _writer = bench.begin(&store).await;
        bench.run_raw("UPDATE runs SET status = 'dancing'").await;
        let error = store.find_runs(1).await.unwrap_err();
        assert_eq!(error.code, Code::StateCorrupt);
        assert!(error.causes.concat().contains("dancing"), "{error:?}");
    });
}

#[test]
fn a_damaged_identity_is_refused() {
    on_bench(|bench| async move {
        drop(bench.open().await);
        std::fs::write(bench.place.folder.join("host.json"), "{").unwrap();
        assert_eq!(refused(&bench).await.code, Code::StateCorrupt);
    });
}

#[test]
fn a_database_that_is_gone_is_not_silently_made_anew() {
    on_bench(|bench| async move {
        bench.open().await.close().await.unwrap();
        std::fs::remove_file(bench.database_file()).unwrap();
        let error = refused(&bench).await;
        assert_eq!(error.code, Code::StateCorrupt);
        assert!(!bench.database_file().exists());
        // The way out that it names.
        assert!(error.next.unwrap().contains("install -m 600 /dev/null"));
        std::fs::write(bench.database_file(), "").unwrap();
        set_mode(&bench.database_file(), 0o600);
        bench.open().await;
    });
}

#[test]
fn a_clone_is_noticed() {
    on_bench(|bench| async move {
        let first = bench.open().await.host().clone();
        assert!(!first.machine_changed);
        "machine-2".clone_into(&mut bench.process.machine.lock().unwrap());
        let clone = bench.open().await.host().clone();
        assert_eq!(clone.id, first.id);
        assert!(clone.machine_changed);
        let file = std::fs::read_to_string(bench.place.folder.join("host.json")).unwrap();
        assert!(!file.contains("machine-1"), "the machine id itself is not kept");
    });
}
