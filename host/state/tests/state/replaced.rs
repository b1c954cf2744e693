//! A state that is replaced or copied while a run works on it. With real files.

use base::Code;
use effect::Journal;
use state::{Place, Store};

use crate::audit::assert_intact;
use crate::harness::Bench;
use crate::history::live;
use crate::journal::done_call;
use crate::records::new_event;

/// A server's files are its own affair; with SQLite they are ours.
fn is_server(bench: &Bench) -> bool {
    bench.place.database.is_some()
}

pub async fn a_database_replaced_underneath_takes_no_write(bench: &Bench) {
    if is_server(bench) {
        return;
    }
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    let (file, aside) = (bench.database_file(), bench.place.folder.join("aside.db"));
    let copy = bench.place.folder.join("copy.db");
    store.copy_database(&copy).await.unwrap();
    let before = std::fs::read(&copy).unwrap();

    // Removed, and then replaced by a copy that has the same epoch, run and owner.
    std::fs::rename(&file, &aside).unwrap();
    let lost = async || {
        let event = writer.record_event(new_event(4000, None)).await.unwrap_err();
        let commit = writer.commit(&done_call(writer.run(), 1)).await.unwrap_err();
        assert_eq!((event.code, commit.code), (Code::StateLostLock, Code::StateLostLock));
        assert!(event.message.contains("replaced") && event.next.is_some(), "{event:?}");
    };
    lost().await;
    std::fs::copy(&copy, &file).unwrap();
    lost().await;
    assert_eq!(std::fs::read(&file).unwrap(), before, "it was written to");
    drop(writer);

    // A new writer of the same process opens what is there now.
    let writer = bench.begin(&store).await;
    writer.record_event(new_event(4000, None)).await.unwrap();
    assert_intact(&bench.open().await.verify_audit().await.unwrap());
}

pub async fn the_same_epoch_of_another_owner_proves_nothing(bench: &Bench) {
    let store = bench.open().await;
    let writer = bench.begin(&store).await;
    for sql in [
        "UPDATE writers SET owner = replace(owner, '4242', '4243')",
        "UPDATE writers SET owner = replace(owner, '4243', '4242'), run = 'another'",
    ] {
        writer.record_event(new_event(4000, None)).await.unwrap();
        bench.run_raw(sql).await;
        let error = writer.record_event(new_event(4000, None)).await.unwrap_err();
        assert_eq!(error.code, Code::StateLostLock, "{sql}");
        let mine = format!("UPDATE writers SET run = '{}'", writer.run().0);
        let mut raw = bench.raw().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(mine)).execute(&mut raw).await.unwrap();
        bench.run_raw("UPDATE writers SET owner = replace(owner, '4243', '4242')").await;
    }
}

pub async fn a_copy_is_whole_though_a_run_writes(bench: &Bench) {
    let store = bench.open().await;
    let writer = live(bench, &store).await;
    let copy = bench.place.folder.join("copy.db");
    if is_server(bench) {
        let error = store.copy_database(&copy).await.unwrap_err();
        assert_eq!(error.code, Code::UsageCommand);
        assert!(error.next.unwrap().contains("pg_dump"));
        return;
    }
    let reader = bench.open().await;
    let (copied, ()) = futures::future::join(reader.copy_database(&copy), async {
        for sequence in 10..30 {
            writer.commit(&done_call(writer.run(), sequence)).await.unwrap();
        }
    })
    .await;
    copied.unwrap();
    // What is in the file already is replaced, as after a copy that was killed.
    reader.copy_database(&copy).await.unwrap();

    let other = bench.place.folder.with_file_name("restored");
    bench.copy_key(&other);
    std::fs::copy(bench.place.folder.join("host.json"), other.join("host.json")).unwrap();
    std::fs::copy(&copy, other.join("state.db")).unwrap();
    let place = Place { folder: other, database: None };
    let restored = Store::open(&bench.ports, &place).await.unwrap();
    assert_intact(&restored.verify_audit().await.unwrap());
    let journal = store.journal(writer.run()).await.unwrap();
    assert_eq!(restored.journal(writer.run()).await.unwrap(), journal);
    assert!(journal.len() >= 80);
}
