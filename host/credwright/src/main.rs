//! The credwright binary: command line, prompt, rendering, places, configuration, and the assembly
//! of a run's world.

mod accounts;
mod answer;
mod cli;
mod commands;
mod configuration;
mod guest;
mod host;
mod identity;
mod logging;
mod panics;
mod places;
mod prompt;
mod remembered;
mod show;
mod signals;
mod tenants;
mod terminal;
mod world;

use std::ffi::OsString;
use std::process::ExitCode;

use base::process::{SystemProcess, forbid_core_dumps};
use base::{Code, Diagnostic, Result};
use clap::Parser;

use crate::answer::Answer;
use crate::cli::{CommandLine, Options};
use crate::show::Screen;
use crate::world::World;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    panics::quieten();
    logging::begin(&SystemProcess);
    if let Err(error) = forbid_core_dumps() {
        tracing::warn!(%error, "a crash may leave this process's memory in a core dump");
    }
    let line = match CommandLine::try_parse_from(&words) {
        Ok(line) => line,
        Err(error) => return wrong_line(&error, &words),
    };
    let options = line.options.clone();
    let screen = Screen::new(options.json, options.no_color, &SystemProcess);
    let answer = panics::caught(|| run(line, words));
    ExitCode::from(finish(&screen, answer))
}

fn run(line: CommandLine, words: Vec<OsString>) -> Result<Answer> {
    let world = World::new(line.options, words)?;
    let answer = commands::execute(&world, line.command);
    // A thread may still wait for an answer that nobody will give.
    world.leave();
    answer
}

/// Prints what a command answered and gives its exit code.
fn finish(screen: &Screen, answer: Result<Answer>) -> u8 {
    let answer = answer.unwrap_or_else(Answer::refused);
    if !answer.is_printed {
        answer.print(screen);
    }
    match screen.write_failure() {
        // Whoever reads only the exit code must not take a lost answer for a good one.
        Some(error) if answer.document.exit_code == 0 => {
            screen.tell(&format!("error: standard output cannot be written: {error}"));
            if answer.document.changed { 3 } else { 2 }
        }
        _ => answer.document.exit_code,
    }
}

/// A command line that cannot be understood, or asks for help or the version.
fn wrong_line(error: &clap::Error, words: &[OsString]) -> ExitCode {
    let asked = error.exit_code() == 0;
    if !asked && words.iter().any(|word| word == "--json") {
        let options = Options { json: true, ..Options::default() };
        let screen = Screen::new(options.json, true, &SystemProcess);
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let refused = Diagnostic::new(Code::UsageCommand, first).next("See: credwright --help");
        return ExitCode::from(finish(&screen, Err(refused)));
    }
    // Where it cannot be printed there is nobody to read it.
    let _ = error.print();
    ExitCode::from(if asked { 0 } else { 2 })
}
