//! A PostgreSQL server for the length of one test, reachable by a socket in its own folder only.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base::process::{Process, SystemProcess};
use base::{SecretText, process};

use crate::harness::{Bench, Case, runtime};

/// Runs every case, each in a schema of its own.
pub fn run_all(cases: &[(&str, Case)]) {
    let Some(programs) = programs() else {
        assert_ne!(SystemProcess.environment("CI").as_deref(), Some("true"), "no PostgreSQL");
        println!("SKIPPED: PostgreSQL is not installed (apt-get install postgresql)");
        return;
    };
    let server = Server::start(&programs);
    let failed: Vec<_> = cases
        .iter()
        .zip(1..)
        .filter(|((name, case), number)| {
            println!("case {name}");
            catch_unwind(AssertUnwindSafe(|| server.run(*case, *number))).is_err()
        })
        .map(|((name, _), _)| *name)
        .collect();
    drop(server);
    assert!(failed.is_empty(), "failed on PostgreSQL: {failed:?}");
}

/// The folder of the newest server that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<_> =
        versions.flatten().map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    folders.sort();
    folders.pop()
}

struct Server {
    process: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(programs: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let data = folder.path().join("data");
        if SystemProcess.user().id == 0 {
            // PostgreSQL refuses to be run by root.
            let mut make = Command::new("install");
            make.args(["-d", "-m", "700", "-o", "postgres"]).arg(&data);
            assert!(make.status().unwrap().success(), "there is no user postgres");
        } else {
            std::fs::create_dir(&data).unwrap();
        }
        let made = as_postgres(&programs.join("initdb"), &data)
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"])
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut process = as_postgres(&programs.join("postgres"), &data)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_statement=none", "-k"])
            .arg(&data)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = String::new();
        let ready = log.any(|line| {
            said = format!("{said}{line}\n");
            line.contains("ready to accept connections")
        });
        assert!(ready, "postgres ended: {said}");
        std::thread::spawn(move || log.for_each(drop));
        Self { process, folder }
    }

    fn run(&self, case: Case, number: u64) {
        let runtime = runtime();
        let _entered = runtime.enter();
        let socket = self.folder.path().join("data").display().to_string().replace('/', "%2F");
        let server = format!("postgres://postgres@localhost/postgres?host={socket}");
        let address = format!("{server}&options=-csearch_path%3Dcase{number}");
        let bench = Bench::new(Some(SecretText::new(address)), number);
        runtime.block_on(async {
            use sqlx::Connection;
            sqlx::any::install_default_drivers();
            let mut connection = sqlx::AnyConnection::connect(&server).await.unwrap();
            let made = sqlx::AssertSqlSafe(format!("CREATE SCHEMA case{number}"));
            sqlx::raw_sql(made).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
            case(&bench).await;
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT asks for a fast shutdown, which also takes its shared memory away.
        let stopped = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

/// A program of PostgreSQL on a data folder; it ends when this test does, however it ends.
fn as_postgres(program: &Path, data: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if process::SystemProcess.user().id == 0 {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program).arg("-D").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/");
    command
}
