//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use base::Timestamp;
use clap::{ArgAction, Args, Parser, Subcommand};

/// Gives directory-sync connectors an application identity in Microsoft Entra ID, rotates their
/// certificates, and takes nothing away that a connector still needs.
#[derive(Debug, Parser)]
#[command(
    name = "credwright",
    version,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    after_help = "First steps:\n  credwright run onboard           move the sandbox's connector to an application\n  credwright connectors            see how each connector signs in\n  credwright help                  scripts, cmdlets and diagnostic codes"
)]
pub struct CommandLine {
    /// Options of every command.
    #[command(flatten)]
    pub options: Options,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Options {
    /// Keep everything in this folder (else CREDWRIGHT_HOME, else the system's places)
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Use the sandbox tenant that this description tells of (see `tenant serve --describe`)
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "profile")]
    pub tenant: Option<PathBuf>,
    /// Use the tenant of this profile of the configuration
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Print one JSON document on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer ordinary questions with yes
    #[arg(long, global = true)]
    pub yes: bool,
    /// Confirm changes of high impact on the connector of this name
    #[arg(long, global = true, value_name = "NAME", action = ArgAction::Append)]
    pub confirm: Vec<String>,
    /// Print without colour (as does NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
}

impl Options {
    /// The words that name the tenant, to be typed again.
    pub fn of_tenant(&self) -> Vec<String> {
        let words = |option: &str, value: String| vec![option.to_owned(), value];
        match (&self.tenant, &self.profile) {
            (Some(file), _) => {
                let path = std::path::absolute(file).unwrap_or_else(|_| file.clone());
                words("--tenant", path.to_string_lossy().into_owned())
            }
            (None, Some(profile)) => words("--profile", profile.clone()),
            (None, None) => Vec::new(),
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a script
    Run(Run),
    /// Go on with a run that was interrupted, or take back what it did
    Resume(Resume),
    /// List the runs of this host, or tell the story of one
    Runs(Runs),
    /// List, show or copy scripts
    #[command(subcommand)]
    Scripts(Scripts),
    /// List the connectors and how each of them signs in
    Connectors,
    /// List the events of this host
    Events(Events),
    /// Verify or export the record of what this host did
    #[command(subcommand)]
    Audit(Audit),
    /// Copy the state into one file, while it is in use
    Backup(Backup),
    /// The sandbox tenant, or the tenant in view
    #[command(subcommand)]
    Tenant(Tenant),
    /// Explain a cmdlet, a script, a diagnostic code or a topic
    Help(Help),
    /// Type script lines one by one
    Repl,
}

/// `run`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Run {
    /// Name of a script, or path of a file that ends in .rhai
    #[arg(required_unless_present = "help")]
    pub script: Option<String>,
    /// Give a parameter of the script; once for each
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parameter)]
    pub parameters: Vec<(String, String)>,
    /// Where it fails, leave what it did as it is instead of taking it back
    #[arg(long)]
    pub keep: bool,
    /// Print what the script does and its parameters
    #[arg(long, short = 'h')]
    pub help: bool,
}

/// `resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// The run; without it the one that was interrupted
    pub run: Option<String>,
    /// Go on with the script as it was when the run was interrupted, though it was edited since
    #[arg(long, conflicts_with = "unwind")]
    pub recorded: bool,
    /// Take back what the run did, instead of going on
    #[arg(long)]
    pub unwind: bool,
    /// Where it fails, leave what it did as it is instead of taking it back
    #[arg(long, conflicts_with = "unwind")]
    pub keep: bool,
}

/// `runs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Runs {
    /// Tell of one run
    #[command(subcommand)]
    pub one: Option<OneRun>,
    /// At most this many, the newest
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// `runs show`.
#[derive(Debug, Subcommand)]
pub enum OneRun {
    /// Tell the story of a run: its calls and steps, what is pending, what to type
    Show {
        /// Its id
        run: String,
    },
}

/// `scripts`.
#[derive(Debug, Subcommand)]
pub enum Scripts {
    /// List the scripts and where each comes from
    List,
    /// Print a script
    Show {
        /// Its name
        name: String,
    },
    /// Make an editable copy of a script; it is found before the bundled one from then on
    Copy {
        /// Its name
        name: String,
        /// Write it to this file instead of the user's scripts folder
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Replace the file where it exists
        #[arg(long)]
        force: bool,
    },
}

/// `events`.
#[derive(Debug, Default, Args)]
pub struct Events {
    /// Only events of this connector
    #[arg(long, value_name = "NAME")]
    pub connector: Option<String>,
    /// Only events of this number, such as 1014
    #[arg(long, value_name = "NUMBER")]
    pub id: Option<i64>,
    /// Only events of this level: information, warning, error
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<String>,
    /// Only events of this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Only events at or after this moment, such as 2026-11-23T12:00:00Z
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// At most this many, the newest
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// `audit`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that no record was altered, removed, reordered, inserted or cut off
    Verify {
        /// Compare it with this anchor instead of the configured one
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
        /// Check this export instead of the state
        #[arg(long, value_name = "FILE", requires = "key")]
        file: Option<PathBuf>,
        /// The key of that export: the file audit.key of its state
        #[arg(long, value_name = "FILE", requires = "file")]
        key: Option<PathBuf>,
    },
    /// Write everything that is needed to verify elsewhere into one file, without the key
    Export {
        /// The file
        file: PathBuf,
        /// Replace the file where it exists
        #[arg(long)]
        force: bool,
    },
    /// Go on with a state that was restored from an older backup
    AcceptRestore,
}

/// `backup`.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file, a tar archive
    pub file: PathBuf,
    /// Put the key that the private keys are sealed under into it too
    #[arg(long)]
    pub with_wrapping_key: bool,
    /// Replace the file where it exists
    #[arg(long)]
    pub force: bool,
}

/// `tenant`.
#[derive(Debug, Subcommand)]
pub enum Tenant {
    /// Serve a sandbox tenant over HTTPS until SIGTERM or Ctrl-C
    Serve {
        /// Address to listen on; port 0 takes a free one
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: String,
        /// Folder that keeps the tenant
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Write how to reach it to this file once it is ready
        #[arg(long, value_name = "FILE")]
        describe: Option<PathBuf>,
    },
    /// Put the sandbox tenant, its connectors, keys and events back to how they were at first
    Reset,
    /// Show the tenant in view
    Show,
}

/// `help`.
#[derive(Debug, Args)]
pub struct Help {
    /// A cmdlet, a script, a diagnostic code such as state.locked, or a topic
    pub topic: Option<String>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME=VALUE, such as connector=default".to_owned()),
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write it like 2026-11-23T12:00:00Z".to_owned())
}

/// The command line as one would type it, with other words in front: `sudo -u NAME credwright …`.
pub fn retyped(prefix: &str, words: &[OsString]) -> String {
    let words = words.iter().skip(1).map(|word| quoted(&word.to_string_lossy()));
    std::iter::once(format!("{prefix}credwright")).chain(words).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_parameter_keeps_what_follows_the_first_equals_sign() {
        assert_eq!(parameter("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(parameter("a="), Ok(("a".to_owned(), String::new())));
        parameter("a").unwrap_err();
        parameter("=b").unwrap_err();
    }

    #[test]
    fn a_command_is_retyped_so_that_a_shell_reads_it() {
        let words = ["/usr/bin/credwright", "run", "it's", "--home", "/a b", ""];
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        assert_eq!(retyped("sudo ", &words), r"sudo credwright run 'it'\''s' --home '/a b' ''");
    }
}
