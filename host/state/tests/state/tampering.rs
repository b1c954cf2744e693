//! Every member of every row, changed one at a time; and every row, removed.

use sqlx::{AssertSqlSafe, Column, Row, TypeInfo, ValueRef};

use crate::audit::told;
use crate::harness::Bench;
use crate::history::{TABLES, Tamperer, live};

/// A member of a row, and how to find that row.
struct Member {
    table: &'static str,
    column: String,
    is_text: bool,
    is_null: bool,
    row: String,
}

/// Whatever is in the tables now.
async fn members(tamperer: &mut Tamperer) -> Vec<Member> {
    let mut members = Vec::new();
    for (table, key) in TABLES {
        let query = AssertSqlSafe(format!("SELECT * FROM {table}"));
        let rows = sqlx::query(query).fetch_all(&mut tamperer.connection).await.unwrap();
        assert!(!rows.is_empty(), "the history has no {table}");
        for row in rows {
            let value = |column: &str| match row.try_get::<i64, _>(column) {
                Ok(number) => number.to_string(),
                Err(_) => format!("'{}'", row.get::<String, _>(column)),
            };
            let found: Vec<_> =
                key.iter().map(|column| format!("{column} = {}", value(column))).collect();
            for column in row.columns() {
                let raw = row.try_get_raw(column.ordinal()).unwrap();
                members.push(Member {
                    table,
                    column: column.name().to_owned(),
                    is_text: is_text(table, column.name(), raw.type_info().name()),
                    is_null: raw.is_null(),
                    row: found.join(" AND "),
                });
            }
        }
    }
    members
}

/// A null tells no type, so those that are null somewhere are named.
fn is_text(table: &str, column: &str, kind: &str) -> bool {
    match (table, column) {
        (_, "ended_at" | "ended_record" | "exit_code" | "found" | "sandbox") => false,
        (_, "result" | "outcome" | "capability" | "connector_id" | "tenant_id" | "content") => true,
        _ => kind == "TEXT",
    }
}

pub async fn any_change_of_any_row_is_named(bench: &Bench) {
    let store = bench.open().await;
    let _writer = live(bench, &store).await;
    let mut tamperer = Tamperer::new(bench).await;
    let members = members(&mut tamperer).await;
    assert!(members.len() > 300, "only {}", members.len());
    let mut unnoticed = Vec::new();
    for member in &members {
        let Member { table, column, row, .. } = member;
        let changed = match (member.is_null, member.is_text) {
            (true, true) => "'x'".to_owned(),
            (true, false) => "1".to_owned(),
            (false, true) => format!("{column} || 'x'"),
            (false, false) => format!("{column} + 1000"),
        };
        let mut changes = vec![format!("UPDATE {table} SET {column} = {changed} WHERE {row}")];
        // What still is JSON, and what still is a flag, must be noticed as well.
        let is_json = ["arguments", "marker", "undo", "parameters", "data", "outcome", "owner"];
        if is_json.contains(&column.as_str()) {
            changes.push(format!("UPDATE {table} SET {column} = '{{\"x\":1}}' WHERE {row}"));
        }
        if ["found", "sandbox"].contains(&column.as_str()) && !member.is_null {
            changes.push(format!("UPDATE {table} SET {column} = 1 - {column} WHERE {row}"));
        }
        changes.push(format!("DELETE FROM {table} WHERE {row}"));
        for change in changes {
            tamperer.run(&change).await;
            let told = told(&store.verify_audit().await.unwrap());
            let of_row = told.iter().any(|line| line.contains(expected(member)));
            if !of_row {
                unnoticed.push(format!("{change}: {told:?}"));
            }
            tamperer.restore_table(table).await;
        }
    }
    assert!(unnoticed.is_empty(), "not named: {unnoticed:#?}");
    let report = store.verify_audit().await.unwrap();
    assert!(report.is_intact(), "{:?}", told(&report));
}

/// What a line about a row must say at least.
fn expected(member: &Member) -> &str {
    match member.table {
        "events" => "event ",
        "evidence" => "evidence ",
        "links" => "link",
        // The key of these begins with the run, or is the counter's name, between quotes.
        "calls" | "steps" | "run_sources" | "runs" | "counters" => {
            member.row.split('\'').nth(1).unwrap()
        }
        _ => "run ",
    }
}
