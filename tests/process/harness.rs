//! Starting the program, and looking at what it says and leaves.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base::Process;
use base::process::SystemProcess;
use credwright_tests::root;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a program may say nothing.
const SILENCE: Duration = Duration::from_secs(180);

/// Names the program to test, where it is not the one of this workspace.
const NAMED: &str = "CREDWRIGHT_TESTED";

/// The program: built by the profile of the tests, unless it is there and as new as its sources.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(named) = SystemProcess.environment(NAMED) {
            return PathBuf::from(named);
        }
        let test = std::env::current_exe().unwrap();
        let folder = test.ancestors().nth(2).unwrap();
        let binary = folder.join("credwright");
        if !is_new(&binary) {
            build(folder);
        }
        binary
    })
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = SystemProcess.environment("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let built = Command::new(cargo)
        .args(["build", "--package", "credwright", "--locked", "--quiet", "--profile", profile])
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "build it first: cargo build -p credwright\n{said}");
}

/// Whether a binary is newer than everything that Cargo noted to be in it.
fn is_new(binary: &Path) -> bool {
    let changed = |path: &Path| path.metadata().and_then(|found| found.modified()).ok();
    let Some(built) = changed(binary) else { return false };
    let Ok(parts) = std::fs::read_to_string(binary.with_extension("d")) else { return false };
    let Some((_, parts)) = parts.split_once(": ") else { return false };
    let parts = parts.trim().replace(r"\ ", "\u{0}");
    parts.split(' ').all(|part| {
        changed(Path::new(&part.replace('\u{0}', " "))).is_some_and(|changed| changed < built)
    })
}

/// A folder that keeps everything of one host.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and gives its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A command line of the program.
    pub fn line(&self, words: &[&str]) -> Line {
        let mut line = Line::new(binary());
        line.variable("CREDWRIGHT_HOME", self.path());
        line.words.extend(words.iter().map(OsString::from));
        line.folder = Some(self.path().to_owned());
        line
    }

    /// Runs it to its end.
    pub fn run(&self, words: &[&str]) -> Ended {
        self.line(words).run()
    }

    /// Runs it with `--json` and gives the document.
    pub fn json(&self, words: &[&str], code: i32) -> Value {
        let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        self.run(&words).code(code).json()
    }

    /// Runs a script of this text.
    pub fn script(&self, text: &str) -> Ended {
        let path = self.file("scripts/tested.rhai", text);
        self.run(&["run", &path, "--yes", "--json"])
    }

    /// What a body of statements answers.
    pub fn value(&self, body: &str) -> Value {
        let ended = self.script(&format!("fn main(p) {{ {body} }}"));
        ended.code(0).json()["value"].clone()
    }
}

/// A command line.
pub struct Line {
    words: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    input: Option<String>,
}

impl Line {
    pub fn new(program: &Path) -> Self {
        let mut line =
            Self { words: vec![program.into()], variables: Vec::new(), folder: None, input: None };
        let path = SystemProcess.environment("PATH").unwrap_or_default();
        line.variable("PATH", path).variable("LANG", "C.UTF-8");
        line
    }

    pub fn words(&mut self, words: &[&str]) -> &mut Self {
        self.words.extend(words.iter().map(OsString::from));
        self
    }

    pub fn variable(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Has another program start it.
    pub fn under(&mut self, starter: &[&str]) -> &mut Self {
        self.words.splice(0..0, starter.iter().map(OsString::from));
        self
    }

    /// What it reads on standard input; nothing without.
    pub fn input(&mut self, text: &str) -> &mut Self {
        self.input = Some(text.to_owned());
        self
    }

    pub fn run(&mut self) -> Ended {
        self.start().end()
    }

    pub fn start(&mut self) -> Program {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).env_clear().envs(self.variables.iter().cloned());
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let input = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{:?} cannot be started ({error}): run sh tests/run.sh, which installs it",
                self.words[0]
            )
        });
        if let Some(mut pipe) = child.stdin.take() {
            let text = self.input.clone().unwrap_or_default();
            // A program that does not want it all closes the pipe.
            std::thread::spawn(move || pipe.write_all(text.as_bytes()));
        }
        let (sender, lines) = channel();
        let pipes: [(bool, Box<dyn Read + Send>); 2] = [
            (false, Box::new(child.stdout.take().unwrap())),
            (true, Box::new(child.stderr.take().unwrap())),
        ];
        for (is_error, pipe) in pipes {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    let text = String::from_utf8_lossy(&line).into_owned();
                    line.clear();
                    if sender.send((is_error, text)).is_err() {
                        break;
                    }
                }
            });
        }
        Program { child, lines, stdout: String::new(), stderr: String::new() }
    }
}

/// A program at work. Dropping it kills it.
pub struct Program {
    child: Child,
    lines: Receiver<(bool, String)>,
    stdout: String,
    stderr: String,
}

impl Program {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn next(&mut self) -> Option<String> {
        use std::sync::mpsc::RecvTimeoutError;

        match self.lines.recv_timeout(SILENCE) {
            Ok((is_error, line)) => {
                let all = if is_error { &mut self.stderr } else { &mut self.stdout };
                all.push_str(&line);
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("it says nothing any more\n{}\n{}", self.stdout, self.stderr)
            }
        }
    }

    /// Waits for a line that holds `text`, on either output, and gives it.
    pub fn wait_for(&mut self, text: &str) -> String {
        while let Some(line) = self.next() {
            if line.contains(text) {
                return line;
            }
        }
        panic!("it ended without saying '{text}'\n{}\n{}", self.stdout, self.stderr)
    }

    /// Waits for so many more lines; false where it ends before.
    pub fn wait_for_lines(&mut self, count: usize) -> bool {
        (0..count).all(|_| self.next().is_some())
    }

    /// Lets that much time pass, where the program itself measures it.
    pub fn pass(&mut self, time: Duration) {
        while let Ok((is_error, line)) = self.lines.recv_timeout(time) {
            let all = if is_error { &mut self.stderr } else { &mut self.stdout };
            all.push_str(&line);
        }
    }

    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.child);
        // One that has just ended needs none.
        let _ = kill_process(id, signal);
    }

    /// Waits until it has ended.
    pub fn end(mut self) -> Ended {
        while self.next().is_some() {}
        let status = self.child.wait().unwrap();
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Fails unless it ended with this exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.signal,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Standard output, which must be exactly one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
        })
    }

    /// Fails unless it says all of this on standard error.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "'{text}' is not in\n{}", self.stderr);
        }
        self
    }

    /// Fails unless it is a refusal by which nothing was changed.
    #[track_caller]
    pub fn refused(self, code: i32, diagnostic: &str) -> Value {
        let document = self.code(code).json();
        assert_eq!(document["error"]["code"], diagnostic, "{document:#}");
        assert_eq!(document["changed"], false, "{document:#}");
        assert_eq!(document["exit_code"], code, "{document:#}");
        document
    }
}

/// Runs one of the Python programs and gives the JSON that it prints.
#[track_caller]
pub fn python(program: &str, words: &[&str]) -> Value {
    python_line(program, words).run().code(0).json()
}

/// The command line of one of the Python programs.
pub fn python_line(program: &str, words: &[&str]) -> Line {
    let python = root().join("target/python/bin/python");
    assert!(python.exists(), "{} is missing: run sh tests/run.sh", python.display());
    let mut line = Line::new(&python);
    line.variable("PYTHONDONTWRITEBYTECODE", "1");
    line.words(&[root().join("tests/python").join(program).to_str().unwrap()]);
    line.words(words);
    line
}

/// What a program of the system prints; it must succeed.
#[track_caller]
pub fn tool(words: &[&str]) -> String {
    let mut line = Line::new(Path::new(words[0]));
    line.words(&words[1..]).run().code(0).stdout
}
