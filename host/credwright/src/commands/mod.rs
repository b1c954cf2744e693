//! The commands, one file each.

pub mod audit;
pub mod backup;
pub mod connectors;
pub mod events;
pub mod help;
pub mod reset;
pub mod resume;
pub mod run;
pub mod runs;
pub mod scripts;
mod target;
pub mod tenant;

use base::Result;

use crate::answer::Answer;
use crate::cli::Command;
use crate::prompt;
use crate::world::World;

/// Does what the command line asks for.
///
/// # Errors
/// A refusal before any effect.
pub fn execute(world: &World, command: Command) -> Result<Answer> {
    match command {
        Command::Scripts(what) => scripts::scripts(world, what),
        Command::Run(wanted) => run::run(world, &wanted),
        Command::Resume(wanted) => resume::resume(world, &wanted),
        Command::Runs(wanted) => runs::runs(world, &wanted),
        Command::Connectors => connectors::connectors(world),
        Command::Events(wanted) => events::events(world, wanted),
        Command::Audit(what) => audit::audit(world, what),
        Command::Backup(wanted) => backup::backup(world, &wanted),
        Command::Tenant(what) => tenant::tenant(world, what),
        Command::Help(what) => help::help(world, what.topic.as_deref()),
        Command::Repl => prompt::repl(world),
    }
}
