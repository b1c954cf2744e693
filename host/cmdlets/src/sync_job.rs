//! What a synchronization cycle does beyond signing in: as parameters, and as its record.

use base::{Code, Diagnostic, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use state::SyncJob;

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

#[cfg(test)]
mod tests {
    use super::*;

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
