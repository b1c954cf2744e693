//! Every diagnostic code, once. A code is never reused and never changes its meaning.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose fault a failure is; decides the exit code of a run that nothing was changed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The words of a command, a call or a script are wrong.
    Usage,
    /// The machine, the configuration or the state is not as it must be.
    Configuration,
    /// The connector or the tenant is not in the state that the operation needs.
    Precondition,
    /// Policy or the admin said no.
    Denied,
    /// The tenant or the network is not available.
    Unavailable,
    /// The tenant refused.
    Refused,
    /// The run was interrupted.
    Interrupted,
    /// A mistake of this program.
    Internal,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $kind:ident;)+) => {
        /// A stable diagnostic code, `area.reason`.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// The code as users see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)+ }
            }

            /// Whose fault it is.
            pub const fn kind(self) -> Kind {
                match self { $(Code::$name => Kind::$kind,)+ }
            }

            /// What the code means, for `credwright help CODE`.
            pub const fn explanation(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc, "\n"),+),)+ }
            }
        }
    };
}

codes! {
    /// A command line names something that does not exist or does not fit.
    UsageCommand = "usage.command", Usage;
    /// No script of that name is found in any of the places that are searched.
    ScriptUnknown = "script.unknown", Usage;
    /// A script does not parse.
    ScriptSyntax = "script.syntax", Usage;
    /// A script breaks a rule of the engine: a statement at top level, a forbidden function, no `main`.
    ScriptRule = "script.rule", Usage;
    /// A script calls a function that does not exist.
    ScriptFunctionUnknown = "script.function_unknown", Usage;
    /// An imported module is not found, or lies outside the places that may be imported from.
    ScriptModule = "script.module", Usage;
    /// A parameter of a script is unknown, missing, of the wrong type or not one of the allowed values.
    ScriptParameter = "script.parameter", Usage;
    /// A script failed while it ran: `throw`, a wrong type, an index out of range.
    ScriptFailed = "script.failed", Precondition;
    /// A script went past a limit of operations, depth, size or time.
    ScriptLimit = "script.limit", Usage;
    /// A cmdlet was called with an unknown, missing or wrong parameter.
    CmdletParameter = "cmdlet.parameter", Usage;
    /// A cmdlet was called where it may not be, such as inside `params()`.
    CmdletNotAllowed = "cmdlet.not_allowed", Usage;

    /// The state folder is missing, not readable, not writable, or not owned by this user.
    StateFolder = "state.folder", Configuration;
    /// The state was written by a newer version.
    StateNewer = "state.newer_version", Configuration;
    /// The state is damaged.
    StateCorrupt = "state.corrupt", Configuration;
    /// The database failed.
    StateDatabase = "state.database", Configuration;
    /// Another run holds the lock of this state.
    StateLocked = "state.locked", Unavailable;
    /// This process lost its right to write: another one took over.
    StateLostLock = "state.lost_lock", Internal;
    /// The state is older than its audit anchor, or another one: it was restored or cut off.
    StateRestored = "state.restored", Configuration;
    /// The audit chain does not verify: a record was altered, removed, reordered, inserted or cut off.
    AuditBroken = "audit.broken", Configuration;
    /// The journal could not be written, so nothing more may be changed.
    JournalFailed = "journal.failed", Configuration;
    /// The disk is full, or nearly.
    DiskFull = "disk.full", Configuration;
    /// A file could not be read or written.
    DiskFailed = "disk.failed", Configuration;
    /// A configuration file, or a file given on the command line, is not what it should be.
    ConfigurationInvalid = "configuration.invalid", Configuration;
    /// A program could not be started or failed.
    ProcessFailed = "process.failed", Precondition;

    /// No connector of that name.
    ConnectorUnknown = "connector.unknown", Usage;
    /// A connector of that name exists already.
    ConnectorExists = "connector.exists", Usage;
    /// A connector belongs to another tenant than the one in view.
    ConnectorTenant = "connector.other_tenant", Precondition;
    /// The connector's identity type, mode or credential does not allow this.
    ConnectorState = "connector.state", Precondition;
    /// The scheduler's settings or a lease do not allow this now.
    SchedulerBusy = "scheduler.busy", Precondition;
    /// No scheduler lease of this run.
    SchedulerNotPaused = "scheduler.not_paused", Precondition;
    /// A sync cycle failed.
    SyncFailed = "sync.failed", Precondition;
    /// Several prerequisites are not met.
    PrerequisiteFailed = "prerequisite.failed", Precondition;

    /// No such certificate.
    CertificateUnknown = "certificate.unknown", Usage;
    /// A certificate is not usable: expired, weak, or without its key.
    CertificateUnusable = "certificate.unusable", Precondition;
    /// A private key is not there.
    KeyNotFound = "key.not_found", Configuration;
    /// A key store is not available, or failed.
    KeyStoreFailed = "key.store_failed", Configuration;
    /// A key file is readable or writable by others, or not owned by this user.
    KeyPermissions = "key.permissions", Configuration;
    /// A key file is damaged, or was sealed under another wrapping key.
    KeyCorrupt = "key.corrupt", Configuration;

    /// The run is not signed in to a tenant.
    TenantNotConnected = "tenant.not_connected", Usage;
    /// The sandbox tenant could not be started or its folder is in use.
    TenantSandbox = "tenant.sandbox", Configuration;
    /// The tenant gave no answer: connection refused, reset, or timed out.
    RemoteUnreachable = "remote.unreachable", Unavailable;
    /// The tenant's certificate is not trusted, or TLS failed otherwise.
    RemoteTls = "remote.tls", Configuration;
    /// The answer is not what the protocol promises: HTML, garbage, half a body.
    RemoteGarbage = "remote.garbage", Unavailable;
    /// The tenant asks for patience, longer than this host will wait.
    RemoteThrottled = "remote.throttled", Unavailable;
    /// The tenant failed inside (5xx).
    RemoteFailed = "remote.failed", Unavailable;
    /// The clock of this host and of the tenant differ too much.
    ClockSkew = "clock.skew", Configuration;
    /// Sign-in was refused.
    SignInRefused = "sign_in.refused", Refused;
    /// Sign-in was refused because the user name or the password is wrong.
    SignInWrongPassword = "sign_in.wrong_password", Refused;
    /// Sign-in needs something only a person can do, such as multifactor authentication.
    SignInInteraction = "sign_in.interaction_required", Refused;
    /// The tenant does not know the certificate that signed.
    SignInKeyUnknown = "sign_in.key_unknown", Refused;
    /// Microsoft Graph refused for lack of privileges.
    GraphDenied = "graph.denied", Refused;
    /// Microsoft Graph does not have the object.
    GraphNotFound = "graph.not_found", Refused;
    /// Microsoft Graph refused the request as wrong.
    GraphBadRequest = "graph.bad_request", Refused;
    /// Microsoft Graph refused because of a conflict with another object or writer.
    GraphConflict = "graph.conflict", Refused;
    /// Microsoft Graph did not accept the access token.
    GraphToken = "graph.token", Refused;
    /// What was changed did not become visible in the time allowed for replication.
    ReplicationTimeout = "replication.timeout", Unavailable;
    /// A credential does not work, or its token lacks a role.
    CredentialTest = "credential.test_failed", Precondition;

    /// Policy forbids the change.
    EffectDenied = "effect.denied", Denied;
    /// The admin said no, or nobody was there to ask.
    EffectNotConfirmed = "effect.not_confirmed", Denied;
    /// There is no evidence that the connector would still work.
    EffectNoEvidence = "effect.no_evidence", Denied;
    /// A step failed after others had been done; what is left is named.
    EffectUnfinished = "effect.unfinished", Precondition;
    /// The run was interrupted.
    RunInterrupted = "run.interrupted", Interrupted;
    /// No run of that name, or none that could be taken up again.
    RunUnknown = "run.unknown", Usage;
    /// The run has ended, or is still at work: it cannot be taken up again.
    RunEnded = "run.ended", Precondition;
    /// A script was edited so that it does not do any more what its interrupted run recorded.
    RunDiverged = "run.diverged", Usage;
    /// A run belongs to another host, another tenant, or a newer version of this program.
    RunElsewhere = "run.elsewhere", Precondition;
    /// A mistake of this program.
    Internal = "internal", Internal;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown diagnostic code '{text}'")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_well_formed() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.as_str().chars().all(|c| c.is_ascii_lowercase() || c == '.' || c == '_'));
            assert!(code.explanation().trim().ends_with('.'), "{code}: {}", code.explanation());
        }
    }
}
