//! What the guides show, tried: every script runs in a virtual world, every command with the real
//! program, every configuration is read by it, and every link leads somewhere.

use std::path::{Path, PathBuf};

use base::Process;
use base::process::SystemProcess;
use credwright_tests::root;
use prove::Host;

use crate::process::harness::{Ended, Home, Line, binary};
use crate::virtual_world::{assert_rules, host};

/// The guides, from the root of the project.
const GUIDES: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/writing-scripts.md",
    "docs/on-a-real-tenant.md",
    "docs/backup.md",
    "docs/durable-runs.md",
];

/// What the README begins with: it builds the program, and onboards.
const QUICKSTART: &str = "examples/quickstart.sh";

/// A fenced block of a guide.
struct Block {
    language: String,
    text: String,
    /// What stands right before it.
    before: String,
    /// Guide and line, for messages.
    place: String,
}

fn read(guide: &str) -> String {
    std::fs::read_to_string(root().join(guide)).unwrap()
}

fn blocks(guide: &str) -> Vec<Block> {
    let text = read(guide);
    let mut found: Vec<Block> = Vec::new();
    let (mut inside, mut before) = (false, String::new());
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), inside) {
            (Some(language), false) => found.push(Block {
                language: language.to_owned(),
                text: String::new(),
                before: before.clone(),
                place: format!("{guide}:{}", number + 1),
            }),
            (Some(_), true) => {}
            (None, true) => {
                let block = found.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, false) if !line.is_empty() => before = line.to_owned(),
            (None, false) => {}
        }
        inside ^= line.starts_with("```");
    }
    assert!(!inside, "{guide}: a block is not closed");
    found
}

fn blocks_in(guide: &str, language: &str) -> Vec<Block> {
    blocks(guide).into_iter().filter(|block| block.language == language).collect()
}

/// The words between `begin` and `end`, wherever they stand.
fn between<'a>(text: &'a str, begin: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).filter_map(move |rest| rest.split_once(end)).map(|(inner, _)| inner)
}

#[test]
fn every_block_says_what_it_is() {
    for block in GUIDES.iter().flat_map(|guide| blocks(guide)) {
        let known = ["sh", "rhai", "toml"].contains(&block.language.as_str());
        assert!(known, "{}: '{}'", block.place, block.language);
    }
}

#[test]
fn every_script_of_the_guides_runs() {
    let mut count = 0;
    for block in GUIDES.iter().flat_map(|guide| blocks_in(guide, "rhai")) {
        let host = host(50);
        for file in between(&block.text, "password_file: \"", '"') {
            keep_secret(&host, Path::new(file));
        }
        let ended = match block.text.contains("fn main(") {
            true => host.run_text("guide", &block.text),
            false => host.run_body(&block.text),
        };
        assert_eq!(ended.exit_code, 0, "{}: {:?}", block.place, ended.result);
        // A guide's own connectors have accounts that this tenant does not know.
        let works = host.run_body("test_credential(#{ connector: \"default\" }).works");
        assert_eq!(works.result.unwrap(), true, "{}", block.place);
        count += 1;
    }
    assert!(count >= 7, "only {count} scripts");
}

fn keep_secret(host: &Host, file: &Path) {
    let folder = file.parent().unwrap();
    host.ports.disk.create_folder(folder, 0o700).unwrap();
    host.ports.disk.write_atomic(file, b"a password\n", 0o600).unwrap();
}

fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("examples")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "rhai"));
    paths.sort();
    paths
}

#[test]
fn every_example_runs_before_and_after_the_onboarding() {
    assert!(!examples().is_empty());
    for path in examples() {
        let text = std::fs::read_to_string(&path).unwrap();
        for onboarded in [false, true] {
            let host = host(51);
            if onboarded {
                assert_eq!(host.run("onboard", &[]).exit_code, 0);
            }
            let ended = host.run_text("example", &text);
            assert_eq!(ended.exit_code, 0, "{}: {:?}", path.display(), ended.result);
            assert_rules(&host);
        }
    }
}

/// A home whose folder is as a reader has it: with the examples, the scripts that a guide tells to
/// save, and the connector that it makes.
fn home_for(guide: &str) -> Home {
    let home = Home::new();
    for path in examples() {
        let name = path.file_name().unwrap().to_str().unwrap();
        home.file(&format!("examples/{name}"), &std::fs::read_to_string(&path).unwrap());
    }
    for block in blocks_in(guide, "rhai") {
        if let Some(name) = between(&block.before, "Save this as `", '`').next() {
            home.file(name, &block.text);
        }
        for name in between(&block.text, "connector: \"", '"').filter(|name| *name != "default") {
            let body = format!("add_connector(#{{ connector: \"{name}\" }})");
            home.script(&format!("fn main(p) {{ {body} }}")).code(0);
        }
    }
    home
}

fn run(home: &Home, command: &str) -> Ended {
    let command = command.split('#').next().unwrap();
    let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
    if words.first() == Some(&"run") && !words.contains(&"--yes") {
        // Nobody sits there who could answer.
        words.push("--yes");
    }
    home.run(&words)
}

/// Runs every command of a guide, those of its blocks first.
fn try_commands(guide: &str) {
    let home = home_for(guide);
    let mut count = 0;
    let blocks = blocks_in(guide, "sh");
    let lines = blocks.iter().flat_map(|block| {
        block.text.lines().map(|line| (block.place.as_str(), line)).collect::<Vec<_>>()
    });
    let text = read(guide);
    let inline = between(&text, "`credwright ", '`').filter(|words| !words.contains("NAME"));
    let inline: Vec<String> = inline.map(|words| format!("credwright {words}")).collect();
    for (place, line) in lines.chain(inline.iter().map(|line| (guide, line.as_str()))) {
        if line.starts_with("credwright ") {
            eprintln!("{place}: {line}");
            run(&home, line).code(0);
            count += 1;
        } else if let Some(script) = line.strip_prefix("sh ") {
            assert!(root().join(script).is_file(), "{place}: {line}");
            if script == QUICKSTART {
                home.run(&["run", "onboard", "--yes"]).code(0);
            }
        }
    }
    assert!(count > 0, "{guide}: no command was found");
}

#[test]
fn every_command_of_the_readme_works() {
    try_commands("README.md");
}

#[test]
fn every_command_of_the_guide_to_scripts_works() {
    try_commands("docs/writing-scripts.md");
}

#[test]
fn every_command_of_the_guide_to_real_tenants_works() {
    try_commands("docs/on-a-real-tenant.md");
}

/// Runs a block of the guide to backups as a reader would, in the folder that holds the state.
fn typed(home: &Home, block: &Block) -> Ended {
    let folder = binary().parent().unwrap().to_str().unwrap();
    let path = SystemProcess.environment("PATH").unwrap_or_default();
    let script = format!("set -e\nPATH='{folder}:{path}'\ncd \"$CREDWRIGHT_HOME\"\n{}", block.text);
    eprintln!("{}", block.place);
    let mut line = Line::new(Path::new("/bin/sh"));
    line.words(&["-c", &script]).variable("CREDWRIGHT_HOME", home.path()).run()
}

#[test]
fn the_way_back_of_the_guide_to_backups_works() {
    let blocks = blocks_in("docs/backup.md", "sh");
    let [make, go_back, accept, export] = &blocks[..] else { panic!("other blocks than these") };
    let home = Home::new();
    home.run(&["run", "onboard", "--yes"]).code(0);
    let works = r#"test_credential(#{ connector: "default" }).works"#;
    typed(&home, make).code(0);
    typed(&home, go_back).code(0);
    assert_eq!(home.value(works), true);

    // From here on there is a run that the backup does not know.
    let ended = typed(&home, go_back).code(1);
    assert!(ended.stdout.contains("the anchor knows link"), "{}", ended.stdout);
    home.run(&["run", "onboard", "--yes", "--json"]).refused(2, "state.restored");
    typed(&home, accept).code(0);
    assert_eq!(home.value(works), true);
    typed(&home, export).code(0);
}

#[test]
fn every_configuration_of_the_guides_is_understood() {
    for block in GUIDES.iter().flat_map(|guide| blocks_in(guide, "toml")) {
        let home = Home::new();
        home.file("config.toml", &block.text);
        let ended = home.run(&["connectors", "--profile", "sandbox"]);
        eprintln!("{}", block.place);
        ended.code(0);
    }
}

#[test]
fn every_link_leads_somewhere() {
    for guide in GUIDES {
        let text = read(guide);
        for link in between(&text, "](", ')') {
            let folder = root().join(guide).parent().unwrap().to_owned();
            let there = link.starts_with("https://") || folder.join(link).exists();
            assert!(there, "{guide}: {link}");
        }
    }
}
