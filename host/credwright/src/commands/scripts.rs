//! `credwright scripts`: what there is to run, and copies of it to edit.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base::{Code, Diagnostic, Result};
use engine::{FileKind, Listed, Origin};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::cli::{Scripts, quoted};
use crate::show::table::table;
use crate::world::World;

/// `credwright scripts`.
///
/// # Errors
/// [`Code::ScriptUnknown`], [`Code::DiskFailed`], and a file that stands in the way.
pub fn scripts(world: &World, what: Scripts) -> Result<Answer> {
    match what {
        Scripts::List => list(world),
        Scripts::Show { name } => {
            let source = world.engine()?.library().script(&name)?;
            let value = json!({
                "name": name,
                "origin": origin(&source.origin),
                "text": source.text,
            });
            Ok(Answer::new(value, source.text))
        }
        Scripts::Copy { name, to, force } => copy(world, &name, to, force),
    }
}

fn list(world: &World) -> Result<Answer> {
    let listed = world.engine()?.library().list(FileKind::Script)?;
    let value = listed
        .iter()
        .map(|script| {
            json!({
                "name": script.name,
                "summary": script.summary,
                "origin": origin(&script.origin),
            })
        })
        .collect::<Vec<Value>>();
    Ok(Answer::new(Value::Array(value), as_table(world, &listed)))
}

/// Scripts or modules as a table.
pub fn as_table(world: &World, listed: &[Listed]) -> String {
    let rows = listed
        .iter()
        .map(|script| vec![script.name.clone(), script.summary.clone(), origin(&script.origin)]);
    table(&["name", "what it does", "from"], rows, world.screen.form())
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Embedded => "bundled".to_owned(),
        Origin::File(path) => path.display().to_string(),
        Origin::Text => "text".to_owned(),
    }
}

fn copy(world: &World, name: &str, to: Option<PathBuf>, force: bool) -> Result<Answer> {
    let source = world.engine()?.library().script(name)?;
    let path = match to {
        Some(path) => path,
        None => world.places()?.own_scripts.join(file_name(name)),
    };
    let disk = &world.ports.disk;
    let failed = |error: std::io::Error| {
        Diagnostic::new(Code::DiskFailed, format!("{} cannot be written", path.display()))
            .next("Name another place: --to FILE")
            .cause(error)
    };
    match disk.status(&path) {
        Ok(_) if !force => {
            return Err(Diagnostic::new(
                Code::UsageCommand,
                format!("{} exists already and is left as it is", path.display()),
            )
            .next("Replace it with --force, or name another file with --to FILE"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        disk.create_folder(folder, 0o755).map_err(failed)?;
    }
    disk.write_atomic(&path, source.text.as_bytes(), 0o644).map_err(failed)?;
    world.screen.tell(&format!("Run it with: credwright run {}", run_name(world, &path)?));
    let mut answer = Answer::new(json!({ "name": name, "path": path }), path.display().to_string());
    answer.document.changed = true;
    Ok(answer)
}

fn file_name(name: &str) -> PathBuf {
    let base = Path::new(name).file_stem().unwrap_or(name.as_ref());
    let mut file = base.to_owned();
    file.push(".rhai");
    PathBuf::from(file)
}

/// A copy in the user's scripts folder is found by its name, any other by its path.
fn run_name(world: &World, path: &Path) -> Result<String> {
    let own = world.places()?.own_scripts.as_path();
    let name = if path.parent() == Some(own) { path.file_stem() } else { Some(path.as_os_str()) };
    Ok(quoted(&name.unwrap_or(path.as_os_str()).to_string_lossy()))
}
