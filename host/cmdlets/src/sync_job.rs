//! What a synchronization cycle does beyond signing in: as parameters, and as its record.

use std::time::Duration;

use base::process::Command;
use base::{Applied, Code, Diagnostic, Result, SecretBytes};
use entra::AccessToken;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Connector, NewSyncRun, SyncJob};

use crate::context::Call;

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

/// How much of what a command says is kept in the record of its cycle, in characters.
const MESSAGE_LIMIT: usize = 500;

/// The kinds of sync jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Nothing more than to prove that tokens are to be had.
    #[default]
    Builtin,
    /// A Rhai script, whose cmdlets may only read.
    Script,
    /// A program of this machine.
    Command,
}

/// What a synchronization cycle does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobParameters {
    /// Nothing but to prove tokens, a Rhai script, or a command.
    pub kind: JobKind,
    /// Path of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Program and arguments of the command, without a shell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<String>>,
}

/// The job that the parameters describe.
///
/// # Errors
/// [`Code::CmdletParameter`] where they do not fit together.
pub fn chosen(parameters: JobParameters) -> Result<SyncJob> {
    match (parameters.kind, parameters.path, parameters.words) {
        (JobKind::Builtin, None, None) => Ok(SyncJob::Builtin),
        (JobKind::Script, Some(path), None) if path.starts_with('/') => {
            Ok(SyncJob::Script { path })
        }
        (JobKind::Command, None, Some(words))
            if words.first().is_some_and(|program| program.starts_with('/')) =>
        {
            Ok(SyncJob::Command { words })
        }
        _ => Err(Diagnostic::new(Code::CmdletParameter, "The sync job does not fit together")
            .meaning("A cycle may be started from any folder, so paths must be absolute.")
            .next(concat!(
                r#"Write one of: #{ kind: "builtin" }, #{ kind: "script", path: "/…/job.rhai" }, "#,
                r#"#{ kind: "command", words: ["/…/program", "argument"] }"#,
            ))),
    }
}

/// The parameters that describe a job.
pub fn parameters_of(job: &SyncJob) -> JobParameters {
    let (kind, path, words) = match job.clone() {
        SyncJob::Builtin => (JobKind::Builtin, None, None),
        SyncJob::Script { path } => (JobKind::Script, Some(path), None),
        SyncJob::Command { words } => (JobKind::Command, None, Some(words)),
    };
    JobParameters { kind, path, words }
}

/// The job's label in records: what its success proves.
pub fn label(job: &SyncJob) -> String {
    match job {
        SyncJob::Builtin => "token-only".to_owned(),
        SyncJob::Script { path } => path.clone(),
        SyncJob::Command { words } => words.first().cloned().unwrap_or_default(),
    }
}

/// Runs the connector's job, and answers what it said.
///
/// A command gets the cycle as environment variables, and on standard input one line of JSON with the
/// access token: neither arguments nor environment ever hold it.
///
/// # Errors
/// [`Code::ProcessFailed`] with the end of what the command said; what a script fails with.
pub async fn run(
    call: &Call<'_>,
    connector: &Connector,
    token: &AccessToken,
    cycle: &NewSyncRun,
) -> Result<Option<String>> {
    match &connector.sync_job {
        SyncJob::Builtin => Ok(None),
        SyncJob::Script { path } => {
            let parameters = json!({
                "connector": connector.name,
                "policy_type": cycle.policy_type,
                "sync_run_id": cycle.id,
            });
            let value =
                call.context.jobs.run(path, parameters, call.open.aside("sync job")).await?;
            Ok((!value.is_null()).then(|| shortened(&value.to_string())))
        }
        SyncJob::Command { words } => command(call, connector, words, token, cycle).await,
    }
}

async fn command(
    call: &Call<'_>,
    connector: &Connector,
    words: &[String],
    token: &AccessToken,
    cycle: &NewSyncRun,
) -> Result<Option<String>> {
    let input = json!({
        "connector": connector.name,
        "tenant_id": connector.tenant_id,
        "policy_type": cycle.policy_type,
        "access_token": token.secret.expose(),
    });
    let mut all = Vec::new();
    if let Some(account) = &connector.run_as
        && *account != call.context.ports.process.user().name
    {
        all.extend(["runuser", "--user", account, "--"].map(str::to_owned));
    }
    all.extend_from_slice(words);
    let program = words.first().cloned().unwrap_or_default();
    let command = Command {
        words: all,
        environment: vec![
            ("CREDWRIGHT_CONNECTOR".to_owned(), connector.name.clone()),
            ("CREDWRIGHT_TENANT_ID".to_owned(), connector.tenant_id.clone()),
            ("CREDWRIGHT_POLICY_TYPE".to_owned(), cycle.policy_type.to_string()),
            ("CREDWRIGHT_SYNC_RUN_ID".to_owned(), cycle.id.clone()),
        ],
        input: SecretBytes::new(format!("{input}\n")),
        limit: COMMAND_LIMIT,
    };
    let ports = &call.context.ports;
    let hold = ports.clock.hold();
    let finished = ports.process.run(command).await;
    drop(hold);
    // What a program did before it failed stands, and nobody here knows what that is.
    let failed = |what: String| {
        Diagnostic::new(Code::ProcessFailed, what)
            .applied(Applied::Yes)
            .next(format!("Run it by hand to see why: {}", words.join(" ")))
    };
    let finished = finished.map_err(|error| {
        let begun = error.kind() == std::io::ErrorKind::TimedOut;
        failed(format!("The sync job {program} did not run to its end"))
            .applied(if begun { Applied::Yes } else { Applied::No })
            .source(&error)
    })?;
    // A job that repeats its input must not carry the token into our records.
    let said = |bytes: &[u8]| {
        shortened(&String::from_utf8_lossy(bytes).replace(token.secret.expose(), "(token)"))
    };
    match finished.code {
        Some(0) => Ok(Some(said(&finished.output)).filter(|said| !said.is_empty())),
        Some(code) => Err(failed(format!("The sync job {program} ended with exit code {code}"))
            .cause(said(&finished.errors))),
        None => Err(failed(format!("The sync job {program} was ended by a signal"))),
    }
}

/// The end of a text: the last thing that is said usually tells most. Characters that move a
/// terminal's cursor, or that no database takes, become blanks.
fn shortened(text: &str) -> String {
    let plain = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    let text: String = text.trim().chars().map(plain).collect();
    let excess = text.chars().count().saturating_sub(MESSAGE_LIMIT);
    text.chars().skip(excess).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_says_is_kept_as_plain_text() {
        assert_eq!(shortened("3\0changes\x1b[2J\nin all\n"), "3 changes [2J\nin all");
        assert_eq!(shortened(&format!("{}end", "é".repeat(600))).chars().count(), MESSAGE_LIMIT);
    }

    #[test]
    fn jobs_and_their_parameters_correspond() {
        let jobs = [
            SyncJob::Builtin,
            SyncJob::Script { path: "/etc/credwright/job.rhai".to_owned() },
            SyncJob::Command { words: vec!["/bin/true".to_owned(), "now".to_owned()] },
        ];
        for job in jobs {
            assert_eq!(chosen(parameters_of(&job)).unwrap(), job);
        }
        let relative =
            JobParameters { kind: JobKind::Script, path: Some("job.rhai".to_owned()), words: None };
        assert_eq!(chosen(relative).unwrap_err().code, Code::CmdletParameter);
    }
}
