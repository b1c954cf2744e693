//! This process, its host, and other programs.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::secret::SecretBytes;

/// A process that can be recognised again after its number was given to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The process number.
    pub pid: u32,
    /// When it started, in clock ticks since boot, as the kernel tells it.
    pub started: u64,
}

/// Who runs this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Effective user id.
    pub id: u32,
    /// Login name, or the id as text where there is none.
    pub name: String,
    /// Home folder, where there is one.
    pub home: Option<PathBuf>,
}

/// Another program to run.
#[derive(Clone, Debug)]
pub struct Command {
    /// Program and arguments, without a shell.
    pub words: Vec<String>,
    /// Variables added to this process's environment.
    pub environment: Vec<(String, String)>,
    /// Given to it on standard input.
    pub input: SecretBytes,
    /// It is killed when it takes longer.
    pub limit: Duration,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The end of what it wrote to standard output, at most [`OUTPUT_LIMIT`] bytes.
    pub output: Vec<u8>,
    /// The end of what it wrote to standard error, at most [`OUTPUT_LIMIT`] bytes.
    pub errors: Vec<u8>,
}

/// How much of a program's output is kept.
pub const OUTPUT_LIMIT: usize = 64 * 1024;

/// The process and the host of a world.
pub trait Process: Send + Sync {
    /// A variable of the environment, where it is set and readable as text.
    fn environment(&self, name: &str) -> Option<String>;

    /// Who runs this process.
    fn user(&self) -> User;

    /// The host's name, without its domain.
    fn host_name(&self) -> String;

    /// The host's machine id, where it has one.
    fn machine_id(&self) -> Option<String>;

    /// This process.
    fn identity(&self) -> ProcessIdentity;

    /// Whether that process still runs.
    fn is_running(&self, process: &ProcessIdentity) -> bool;

    /// Runs a program to its end.
    fn run(&self, command: Command) -> BoxFuture<'static, io::Result<Finished>>;
}

/// The real process and host.
#[derive(Debug, Default)]
pub struct SystemProcess;

impl Process for SystemProcess {
    #[expect(clippy::disallowed_methods, reason = "this is the port itself")]
    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn user(&self) -> User {
        let id = rustix::process::geteuid().as_raw();
        let account = std::fs::read_to_string("/etc/passwd").ok().and_then(|accounts| {
            accounts.lines().find_map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                (fields.get(2)?.parse::<u32>().ok()? == id)
                    .then(|| (fields[0].to_owned(), fields.get(5).map(PathBuf::from)))
            })
        });
        let (name, home) = account.unwrap_or_else(|| (id.to_string(), None));
        // A set HOME wins, as everywhere.
        let home = self.environment("HOME").map(PathBuf::from).or(home);
        User { id, name, home }
    }

    fn host_name(&self) -> String {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        name.split('.').next().unwrap_or("localhost").to_owned()
    }

    fn machine_id(&self) -> Option<String> {
        let text = std::fs::read_to_string("/etc/machine-id").ok()?;
        Some(text.trim().to_owned()).filter(|id| !id.is_empty())
    }

    fn identity(&self) -> ProcessIdentity {
        let pid = std::process::id();
        ProcessIdentity { pid, started: started(pid).unwrap_or(0) }
    }

    fn is_running(&self, process: &ProcessIdentity) -> bool {
        started(process.pid) == Some(process.started)
    }

    fn run(&self, command: Command) -> BoxFuture<'static, io::Result<Finished>> {
        Box::pin(run(command))
    }
}

/// Keeps this process's memory out of core dumps and away from debuggers of the same user: private
/// keys and passwords pass through it. Programs that it starts are not concerned.
///
/// # Errors
/// As the operating system says.
pub fn forbid_core_dumps() -> io::Result<()> {
    let behavior = rustix::process::DumpableBehavior::NotDumpable;
    Ok(rustix::process::set_dumpable_behavior(behavior)?)
}

/// Field 22 of `/proc/PID/stat`; fields are counted after the program's name, which may hold
/// blanks and brackets. A process that has ended, and that its parent has not asked about yet, is gone.
fn started(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if matches!(fields.next()?, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "this is the port itself")]
async fn run(command: Command) -> io::Result<Finished> {
    use tokio::io::AsyncWriteExt;

    let Some((program, arguments)) = command.words.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a command without a program"));
    };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .envs(command.environment)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program may well end without reading its input.
            let _ = stdin.write_all(command.input.expose()).await;
        }
    };
    let all = async {
        let (_, output, errors, status) =
            tokio::join!(feed, tail_of(output), tail_of(errors), child.wait());
        io::Result::Ok(Finished { code: status?.code(), output: output?, errors: errors? })
    };
    match tokio::time::timeout(command.limit, all).await {
        Ok(finished) => finished,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("it was still running after {} s and was ended", command.limit.as_secs()),
        )),
    }
}

async fn tail_of(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    use tokio::io::AsyncReadExt;

    let Some(mut stream) = stream else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(kept);
        }
        kept.extend_from_slice(&chunk[..count]);
        let excess = kept.len().saturating_sub(OUTPUT_LIMIT);
        kept.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str], input: &[u8], limit: Duration) -> Command {
        Command {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            environment: vec![("GREETING".to_owned(), "hello".to_owned())],
            input: SecretBytes::new(input),
            limit,
        }
    }

    #[test]
    fn this_process_leaves_no_core_dump() {
        forbid_core_dumps().unwrap();
        let behavior = rustix::process::dumpable_behavior().unwrap();
        assert_eq!(behavior, rustix::process::DumpableBehavior::NotDumpable);
    }

    #[test]
    fn this_process_runs_and_a_recycled_number_does_not() {
        let me = SystemProcess.identity();
        assert!(SystemProcess.is_running(&me));
        assert!(!SystemProcess.is_running(&ProcessIdentity { started: me.started + 1, ..me }));
    }

    #[test]
    fn a_process_that_nobody_asked_about_yet_is_gone() {
        let mut child = std::process::Command::new("true")
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        // Its end of the pipe closes when it ends; then it is a zombie until it is waited for.
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut rest).unwrap();
        while started(pid).is_some() {
            std::thread::yield_now();
        }
        assert!(std::path::Path::new(&format!("/proc/{pid}")).exists(), "it was a zombie");
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_program_gets_input_and_environment() {
        let words = ["sh", "-c", "cat; printf \" $GREETING\"; printf oops >&2; exit 3"];
        let limit = Duration::from_secs(60);
        let finished = SystemProcess.run(command(&words, b"in", limit)).await.unwrap();
        assert_eq!(finished.code, Some(3));
        assert_eq!(finished.output, b"in hello");
        assert_eq!(finished.errors, b"oops");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_ended() {
        let hang = command(&["cat", "/dev/zero"], b"", Duration::from_millis(50));
        let error = SystemProcess.run(hang).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
