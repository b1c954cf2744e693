//! The two commands of the README, and what CI runs.

use credwright_tests::root;

use super::harness::tool;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Lines that do something.
fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

const COMMANDS: [&str; 2] = ["examples/quickstart.sh", "tests/run.sh"];

#[test]
fn the_readme_shows_two_commands_that_are_there() {
    let readme = read("README.md");
    for command in COMMANDS {
        let block = format!("```sh\nsh {command}\n```");
        assert!(readme.contains(&block), "the README does not show: sh {command}");
        let text = read(command);
        assert!(text.starts_with("#!/bin/sh\n"), "{command} is for another shell");
        assert!(lines(&text)[0] == "set -eu", "{command} goes on after a failure");
    }
}

#[test]
fn they_are_plain_shell() {
    let beyond =
        ["[[", "function ", "<(", "$'", "&>", "local ", "declare ", "pipefail", "((", "{1.."];
    for file in COMMANDS.into_iter().chain([".ci/packages.sh"]) {
        let path = root().join(file);
        tool(&["sh", "-n", path.to_str().unwrap()]);
        let text = read(file);
        for line in lines(&text) {
            let found = beyond.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{file} has {found:?}, which not every sh knows: {line}");
            let compared = line.contains("[ ") && line.contains(" == ");
            assert!(!compared, "{file} compares with ==: {line}");
        }
    }
}

#[test]
fn ci_runs_the_test_command_and_nothing_else() {
    let text = read(".ci/run");
    let run = root().join(".ci/run");
    tool(&["bash", "-n", run.to_str().unwrap()]);
    let lines = lines(&text);
    let expected = ["set -euo pipefail", r#"cd "$(dirname "$0")/..""#, "exec sh tests/run.sh"];
    assert_eq!(lines, expected);
    assert!(text.starts_with("#!/usr/bin/env bash\n"));
}

#[test]
fn what_the_tests_call_is_installed_by_the_test_command() {
    let text = read("tests/run.sh");
    for package in ["openssl", "python3-venv", "faketime", "postgresql"] {
        assert!(text.contains(package), "tests/run.sh does not install {package}");
    }
    let wanted = read("tests/python/requirements.txt");
    for line in lines(&wanted) {
        assert!(line.contains("=="), "{line} is not pinned");
    }
}
