//! The walls of ARCHITECTURE.md that Cargo alone does not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use credwright_tests::root;

/// What each crate may use of the others, from the table in ARCHITECTURE.md.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let mut all = BTreeMap::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, _, uses, _] = cells[..] else { panic!("not a crate's row: {row}") };
        all.insert(name.trim_matches('`').to_owned(), uses.to_owned());
    }
    let names: BTreeSet<String> = all.keys().cloned().collect();
    let uses = |uses: &str| -> BTreeSet<String> {
        match uses {
            "–" => BTreeSet::new(),
            "all" | "all libraries" => names.clone(),
            "the five above" => {
                ["base", "effect", "state", "keystore", "entra"].map(str::to_owned).into()
            }
            list => list.split(", ").map(str::to_owned).collect(),
        }
    };
    all.iter().map(|(name, text)| (name.clone(), uses(text))).collect()
}

/// The dependencies of a crate: those of its code, and those of its tests too.
fn dependencies(name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let path = root().join("host").join(name).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut section = "";
    let (mut code, mut every) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some((dependency, _)) = line.split_once(['.', '='])
            && section.ends_with("dependencies]")
        {
            every.insert(dependency.trim().to_owned());
            if section == "[dependencies]" {
                code.insert(dependency.trim().to_owned());
            }
        }
    }
    (code, every)
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let allowed = allowed();
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("host"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, allowed.keys().cloned().collect(), "ARCHITECTURE.md lists other crates");
    for (name, may_use) in &allowed {
        // What cmdlets may use, its user the engine may use too: its types appear in the interface.
        let mut may_use = may_use.clone();
        for used in may_use.clone() {
            may_use.extend(allowed[&used].iter().cloned());
        }
        let ours: BTreeSet<String> = dependencies(name).0.intersection(&folders).cloned().collect();
        let excess: Vec<_> = ours.difference(&may_use).collect();
        assert!(excess.is_empty(), "{name} uses {excess:?}, which ARCHITECTURE.md does not allow");
    }
}

#[test]
fn each_part_stays_in_its_crate() {
    let homes = [
        ("rhai", &["engine"][..], "scripts are the engine's business alone"),
        ("reqwest", &["entra"], "HTTP goes out through entra's Transport alone"),
        ("axum", &["tenant", "prove"], "only the sandbox tenant serves"),
        ("sqlx", &["state"], "the database is the business of state alone"),
        (
            "rsa",
            &["tenant"],
            "tenant and entra verify and sign with different libraries on purpose",
        ),
        ("rustyline", &["credwright"], "only the binary talks to a terminal"),
        ("clap", &["credwright"], "only the binary has a command line"),
    ];
    for name in allowed().keys() {
        let (code, _) = dependencies(name);
        for (part, homes, reason) in homes {
            let at_home = homes.contains(&name.as_str());
            assert!(at_home || !code.contains(part), "{name} depends on {part}: {reason}");
        }
    }
}

#[test]
fn tenant_and_entra_share_no_line() {
    let (_, tenant) = dependencies("tenant");
    assert!(!tenant.contains("entra") && !tenant.contains("keystore"));
    let (_, entra) = dependencies("entra");
    assert!(!entra.contains("tenant"));
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Every Rust file of the crates, with its text up to the tests inside it.
fn code() -> Vec<(String, String, usize)> {
    let mut paths = Vec::new();
    sources(&root().join("host"), &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            let lines = text.lines().count();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            (name, code.to_owned(), lines)
        })
        .collect()
}

#[test]
fn only_the_constructor_of_a_run_builds_a_gate() {
    let mut builders: Vec<String> = code()
        .into_iter()
        .filter(|(name, text, _)| !name.contains("/tests/") && text.contains("Gate::new("))
        .map(|(name, ..)| name)
        .collect();
    builders.sort();
    // Beside it only what mints permits for tests, which no program has.
    assert_eq!(builders, ["host/effect/src/trial.rs", "host/engine/src/run.rs"]);
}

/// What a credential may depend on is removed with a permit that the guard of rule I3 has seen. A method
/// that only takes an ordinary one would be a way round it.
#[test]
fn what_removes_takes_a_permit_to_remove() {
    let places = ["host/entra/src/graph/", "host/keystore/src/"];
    let mut count = 0;
    for (name, text, _) in code() {
        if !places.iter().any(|place| name.starts_with(place)) || name.contains("/tests") {
            continue;
        }
        for function in text.split("fn ").skip(1) {
            let signature = function.split('{').next().unwrap_or_default();
            let removes = ["delete", "remove", "revoke", "purge"];
            let is_removal = removes.iter().any(|verb| signature.starts_with(verb));
            if is_removal && signature.contains("ermit") {
                assert!(signature.contains("RemovalPermit<"), "{name}: fn {signature}");
                count += 1;
            }
        }
    }
    assert!(count >= 8, "only {count} methods remove something");
}

#[test]
fn files_stay_readable() {
    for (name, _, lines) in code() {
        assert!(lines <= 450, "{name} has {lines} lines: give its second topic a file of its own");
    }
}

#[test]
fn lints_are_allowed_only_with_a_reason() {
    for (name, text, _) in code() {
        for (number, line) in text.lines().enumerate() {
            let bare = line.trim_start().starts_with("#[allow(");
            assert!(!bare, "{name}:{}: write #[expect(…, reason = …)]", number + 1);
        }
    }
}
