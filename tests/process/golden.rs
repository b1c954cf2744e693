//! What a person reads, whole. Names, ids, moments and sizes are replaced.

use std::collections::HashMap;

use super::accounts::with_profile;
use super::harness::{Ended, Home};
use super::served::Served;

/// Replaces what differs from run to run.
#[derive(Default)]
struct Normal {
    ids: HashMap<String, usize>,
}

/// How long a run of characters of this kind is.
fn run(text: &str, kind: impl Fn(char) -> bool) -> usize {
    text.find(|c| !kind(c)).unwrap_or(text.len())
}

impl Normal {
    /// What stands for the beginning of `text`, and how long that beginning is.
    fn piece(&mut self, text: &str) -> Option<(String, usize)> {
        let word = run(text, |c| c.is_ascii_alphanumeric() || "-_:.".contains(c));
        let word = &text[..word];
        for prefix in ["Sync_", "ConnectSyncProvisioning_"] {
            if let Some(rest) = word.strip_prefix(prefix) {
                let length = run(rest, |c| c.is_ascii_alphanumeric() || "-_".contains(c));
                return Some((format!("{prefix}[host]"), prefix.len() + length));
            }
        }
        let hex = run(word, |c| c.is_ascii_hexdigit());
        if hex == 40 || hex == 64 {
            return Some((format!("[hex {hex}]"), hex));
        }
        let groups = [8, 4, 4, 4, 12];
        let id = word.get(..36).filter(|id| {
            id.split('-').map(str::len).eq(groups)
                && id.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
        });
        if let Some(id) = id {
            let known = self.ids.len() + 1;
            let number = *self.ids.entry(id.to_owned()).or_insert(known);
            return Some((format!("[id {number}]"), 36));
        }
        let word = word.trim_end_matches('.');
        if word.len() >= 20 && word.starts_with("20") && word.ends_with('Z') && word.contains('T') {
            return Some(("[moment]".to_owned(), word.len()));
        }
        if let Some(port) = word.strip_prefix("127.0.0.1:") {
            let length = run(port, |c| c.is_ascii_digit());
            return Some(("[address]".to_owned(), "127.0.0.1:".len() + length));
        }
        None
    }

    fn line(&mut self, line: &str) -> String {
        let (mut normal, mut rest, mut before) = (String::new(), line, ' ');
        while let Some(c) = rest.chars().next() {
            let piece = if before.is_ascii_alphanumeric() { None } else { self.piece(rest) };
            let length = match piece {
                Some((stands, length)) => {
                    normal.push_str(&stands);
                    length
                }
                None => {
                    normal.push(c);
                    c.len_utf8()
                }
            };
            before = rest[..length].chars().next_back().unwrap();
            rest = &rest[length..];
        }
        // The width of a table follows from what stands in it.
        let words: Vec<&str> = normal.split(' ').filter(|word| !word.is_empty()).collect();
        let indented = if line.starts_with("  ") { "  " } else { "" };
        let short = format!("{indented}{}", words.join(" "));
        match short.rsplit_once(" (") {
            Some((said, took)) if took.ends_with("s)") && took.starts_with(char::is_numeric) => {
                said.to_owned()
            }
            _ => short,
        }
    }

    fn text(&mut self, text: &str, home: &Home) -> String {
        let text = text.replace(home.path().to_str().unwrap(), "[home]");
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("... waiting")) {
            let line = match line.chars().all(|c| "+-=|".contains(c)) && line.len() > 20 {
                true => "[rule]".to_owned(),
                false => self.line(line),
            };
            lines.push(line);
        }
        lines.join("\n")
    }

    fn both(ended: &Ended, home: &Home) -> String {
        let mut normal = Self::default();
        let told = normal.text(&ended.stderr, home);
        let answered = normal.text(&ended.stdout, home);
        format!("exit code {}\n\n{told}\n\nStandard output:\n{answered}", ended.code.unwrap())
    }
}

#[test]
fn the_first_and_the_second_onboarding() {
    let (served, home) = (Served::new(), Home::new());
    let words = ["--tenant", &served.file(), "run", "onboard", "--yes"];
    let first = home.run(&words);
    insta::assert_snapshot!("first_onboarding", Normal::both(&first, &home));
    let second = home.run(&words);
    insta::assert_snapshot!("second_onboarding", Normal::both(&second, &home));
}

#[test]
fn prerequisites_that_are_not_met() {
    let served = Served::new();
    let administrator = served.description()["admin"]["username"].as_str().unwrap().to_owned();
    let home = with_profile(&served, &administrator);
    let ended = home
        .line(&["run", "onboard", "--yes"])
        .variable("CREDWRIGHT_ADMIN_PASSWORD", "not the password")
        .run();
    insta::assert_snapshot!("prerequisites_not_met", Normal::both(&ended, &home));
}

#[test]
fn what_differs_is_replaced_and_nothing_else() {
    let mut normal = Normal::default();
    let cases = [
        ("  ok make it (128 ms)", "  ok make it"),
        ("the application (5fdc39d2-4a00-4abe-b3c6-528f0aac9d02)", "the application ([id 1])"),
        ("again 5fdc39d2-4a00-4abe-b3c6-528f0aac9d02", "again [id 1]"),
        ("| expires |    2027-02-21T19:26:34Z   |", "| expires | [moment] |"),
        ("Sync_VM_6f0e7a3e4013@contoso.onmicrosoft.com.", "Sync_[host]@contoso.onmicrosoft.com."),
        ("https://127.0.0.1:46081/v1.0", "https://[address]/v1.0"),
        ("E7D5182506CEF80A01B00936EEEAF8CE611F18BE in", "[hex 40] in"),
        ("nothing here (really)", "nothing here (really)"),
    ];
    for (line, expected) in cases {
        assert_eq!(normal.line(line), expected);
    }
}
