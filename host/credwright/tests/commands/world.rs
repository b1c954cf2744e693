//! A home of its own for each test, and commands in it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home, and a folder to type commands in.
pub struct World {
    folder: TempDir,
}

/// How a command ended.
pub struct Ended {
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output, with the world's paths shortened.
    pub output: String,
    /// Standard error, with the world's paths shortened.
    pub told: String,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("project")).unwrap();
        Self { folder }
    }

    /// A path in the folder where commands are typed.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("project").join(name)
    }

    /// A path in the home.
    pub fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join("home").join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_credwright"));
        command
            .args(words)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("CREDWRIGHT_HOME", self.home(""))
            .env("COLUMNS", "100")
            .current_dir(self.path(""))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, words: &[&str]) -> Ended {
        self.finish(self.start(self.command(words)))
    }

    /// Runs with `input` on standard input.
    pub fn type_in(&self, words: &[&str], input: &str) -> Ended {
        let mut command = self.command(words);
        command.stdin(Stdio::piped());
        let mut child = self.start(command);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        self.finish(child)
    }

    /// Runs with `--json`, and reads the one document.
    pub fn json(&self, words: &[&str]) -> (Option<i32>, Value) {
        let ended = self.run(&[words, &["--json"]].concat());
        let document = serde_json::from_str(&ended.output)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.output, ended.told));
        (ended.code, document)
    }

    pub fn start(&self, mut command: Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts a command and waits until it tells a line that contains `sign`.
    pub fn start_until(&self, words: &[&str], sign: &str) -> (Child, impl BufRead + use<>) {
        let mut child = self.start(self.command(words));
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(sign) {
            line.clear();
            assert!(told.read_line(&mut line).unwrap() > 0, "it ended without telling '{sign}'");
        }
        (child, told)
    }

    pub fn finish(&self, child: Child) -> Ended {
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code(),
            output: self.shortened(&output.stdout),
            told: self.shortened(&output.stderr),
        }
    }

    fn shortened(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let folder = |path: &Path| path.to_string_lossy().trim_end_matches('/').to_owned();
        text.replace(&folder(&self.home("")), "HOME").replace(&folder(&self.path("")), "PROJECT")
    }
}

impl Ended {
    /// It was refused with exit code 2, and the first line says this.
    #[track_caller]
    pub fn refused(&self, first_line: &str) -> &Self {
        assert_eq!(self.told.lines().next(), Some(first_line), "{}", self.told);
        self.code(2)
    }

    #[track_caller]
    pub fn code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.output, self.told);
        self
    }

    #[track_caller]
    pub fn tells(&self, text: &str) -> &Self {
        assert!(self.told.contains(text), "'{text}' is not in:\n{}", self.told);
        self
    }

    #[track_caller]
    pub fn prints(&self, text: &str) -> &Self {
        assert!(self.output.contains(text), "'{text}' is not in:\n{}", self.output);
        self
    }
}
