//! `config.toml`: profiles of real tenants, and what this host may never do.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Ports, Result};
use cmdlets::types::Span;
use serde::Deserialize;
use toml::{Table, Value};

use crate::places::Places;
use crate::tenants::SANDBOX;

/// The configuration, of all its files together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The profile that is in view where none is named.
    pub default_profile: Option<String>,
    /// Capabilities that are denied; those of all files together, so that a user's file can deny
    /// more than the system's, never less.
    pub deny: Vec<String>,
    /// How old an interrupted run is before its admin is asked whether it goes on.
    pub resume_asks_after: Duration,
    /// Where the end of the audit chain is kept, instead of beside the state.
    pub audit_anchor: Option<PathBuf>,
    /// The profiles by name.
    pub profiles: BTreeMap<String, Profile>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            default_profile: None,
            deny: Vec::new(),
            resume_asks_after: RESUME_ASKS_AFTER,
            audit_anchor: None,
            profiles: BTreeMap::new(),
        }
    }
}

/// How old an interrupted run may be before it is not gone on with unasked.
const RESUME_ASKS_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A real tenant and how this host's admin signs in to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Profile {
    /// Its id or one of its verified domains.
    pub tenant: String,
    /// The cloud it is in; the public one where nothing is said.
    pub cloud: Option<String>,
    /// The token authority of a cloud of its own.
    pub authority: Option<String>,
    /// Microsoft Graph of a cloud of its own.
    pub graph: Option<String>,
    /// Certificates to trust besides the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// How the admin signs in.
    pub admin: Option<Admin>,
}

/// How the admin signs in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Admin {
    /// The administrator application.
    pub client_id: Option<String>,
    /// File with its private key and certificate, in PEM.
    pub certificate_pem: Option<PathBuf>,
    /// The administrator's user name; the password is asked for, never kept.
    pub username: Option<String>,
}

const TOP: &[&str] = &["default_profile", "deny", "audit_anchor", "profiles", "resume_asks_after"];
const PROFILE: &[&str] = &["tenant", "cloud", "authority", "graph", "ca_file", "admin"];
const ADMIN: &[&str] = &["client_id", "certificate_pem", "username"];

/// What a file may hold.
#[derive(Deserialize)]
struct Written {
    default_profile: Option<String>,
    #[serde(default)]
    deny: Vec<String>,
    resume_asks_after: Option<Span>,
    audit_anchor: Option<PathBuf>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

impl Configuration {
    /// Reads all configuration files there are. `capabilities` are those that some cmdlet has.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] with file and, where it is one, the near miss.
    pub fn read(places: &Places, ports: &Ports, capabilities: &BTreeSet<String>) -> Result<Self> {
        let mut all = Self::default();
        let mut asks_after = None;
        for path in &places.configurations {
            let content = match ports.disk.read(path) {
                Ok(content) => content,
                // A home that is no folder is told when the state is opened.
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => {
                    return Err(invalid(path, "it cannot be read").cause(error));
                }
            };
            let text =
                String::from_utf8(content).map_err(|_| invalid(path, "it is not UTF-8 text"))?;
            let file = parse(path, &text, capabilities)?;
            asks_after = asks_after.or(file.resume_asks_after);
            all.add(file);
        }
        all.resume_asks_after = asks_after.map_or(RESUME_ASKS_AFTER, |span| span.0);
        if let Some(name) = all.default_profile.as_deref().filter(|name| *name != SANDBOX) {
            all.profile(name)?;
        }
        Ok(all)
    }

    /// Adds a less personal file.
    fn add(&mut self, file: Written) {
        self.default_profile = self.default_profile.take().or(file.default_profile);
        self.deny.extend(file.deny);
        self.audit_anchor = self.audit_anchor.take().or(file.audit_anchor);
        for (name, profile) in file.profiles {
            self.profiles.entry(name).or_insert(profile);
        }
    }

    /// The profile of that name.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] with the near miss.
    pub fn profile(&self, name: &str) -> Result<&Profile> {
        self.profiles.get(name).ok_or_else(|| {
            let names = || self.profiles.keys().map(String::as_str);
            let known = names().collect::<Vec<_>>().join(", ");
            let next = if known.is_empty() {
                "Add it to config.toml: [profiles.NAME] with tenant = \"…\"".to_owned()
            } else {
                format!("Use one of these: {known}")
            };
            let hint = did_you_mean(name, names());
            Diagnostic::new(
                Code::ConfigurationInvalid,
                format!("There is no profile '{name}'{hint}"),
            )
            .next(next)
        })
    }
}

fn parse(path: &Path, text: &str, capabilities: &BTreeSet<String>) -> Result<Written> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| invalid(path, "it is not TOML").cause(error))?;
    check_keys(path, "", &table, TOP)?;
    if let Some(Value::Table(profiles)) = table.get("profiles") {
        for (name, profile) in profiles {
            let Value::Table(profile) = profile else { continue };
            check_keys(path, &format!("profiles.{name}."), profile, PROFILE)?;
            if let Some(Value::Table(admin)) = profile.get("admin") {
                check_keys(path, &format!("profiles.{name}.admin."), admin, ADMIN)?;
            }
        }
    }
    let written: Written = toml::from_str(text)
        .map_err(|error| invalid(path, "a value is not what it should be").cause(error))?;
    check_denied(path, &written.deny, capabilities)?;
    if written.audit_anchor.as_ref().is_some_and(|file| !file.is_absolute()) {
        return Err(invalid(path, "audit_anchor must be a whole path, from the root on"));
    }
    for (name, profile) in &written.profiles {
        check_profile(path, name, profile)?;
    }
    Ok(written)
}

fn check_keys(path: &Path, within: &str, table: &Table, known: &[&str]) -> Result<()> {
    let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    let hint = did_you_mean(unknown, known.iter().copied());
    Err(invalid(path, &format!("there is no key '{within}{unknown}'{hint}"))
        .next(format!("Known here: {}", known.join(", "))))
}

/// A misspelt denial would deny nothing, silently.
fn check_denied(path: &Path, denied: &[String], capabilities: &BTreeSet<String>) -> Result<()> {
    let covers = |entry: &str, capability: &str| {
        capability.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let useless = denied
        .iter()
        .find(|entry| !capabilities.iter().any(|capability| covers(entry, capability)));
    let Some(entry) = useless else { return Ok(()) };
    let hint = did_you_mean(entry, capabilities.iter().map(String::as_str));
    Err(invalid(path, &format!("deny holds '{entry}', which no cmdlet can do{hint}"))
        .next("See all of them: credwright help capabilities"))
}

fn check_profile(path: &Path, name: &str, profile: &Profile) -> Result<()> {
    let wrong = |what: &str| Err(invalid(path, &format!("profiles.{name}: {what}")));
    if name == SANDBOX {
        return wrong("this name stands for the sandbox tenant; choose another one");
    }
    if profile.cloud.is_some() && (profile.authority.is_some() || profile.graph.is_some()) {
        return wrong("give either cloud, or authority and graph");
    }
    if profile.authority.is_some() != profile.graph.is_some() {
        return wrong("authority and graph belong together");
    }
    let Some(admin) = &profile.admin else { return Ok(()) };
    match (&admin.client_id, &admin.certificate_pem, &admin.username) {
        (Some(_), Some(_), None) | (None, None, Some(_)) => Ok(()),
        _ => wrong("admin is either client_id and certificate_pem, or username"),
    }
}

fn invalid(path: &Path, what: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ConfigurationInvalid,
        format!("The configuration {}: {what}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Written> {
        let capabilities = ["application.add", "application.key.remove"].map(str::to_owned);
        parse(Path::new("config.toml"), text, &BTreeSet::from(capabilities))
    }

    fn message(text: &str) -> String {
        match read(text) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn a_whole_configuration() {
        let written = read(
            r#"
            default_profile = "contoso"
            deny = ["application.key"]
            [profiles.contoso]
            tenant = "contoso.onmicrosoft.com"
            cloud = "public"
            admin = { username = "admin@contoso.com" }
            [profiles.own]
            tenant = "t"
            authority = "https://a"
            graph = "https://g"
            ca_file = "/ca.pem"
            admin = { client_id = "c", certificate_pem = "/c.pem" }
            "#,
        )
        .unwrap();
        assert_eq!(written.profiles.len(), 2);
        let mut all = Configuration::default();
        all.add(written);
        all.add(read("deny = ['application']\n[profiles.own]\ntenant = 'other'").unwrap());
        assert_eq!(all.deny, ["application.key", "application"]);
        assert_eq!(all.profile("own").unwrap().tenant, "t");
        let error = all.profile("contosso").unwrap_err();
        assert!(error.message.ends_with("did you mean 'contoso'?"), "{error}");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("default = 1", "there is no key 'default'"),
            ("denny = []", "did you mean 'deny'?"),
            ("[profiles.a]\ntennant = 't'", "'profiles.a.tennant'; did you mean 'tenant'?"),
            ("[profiles.a]\ntenant = 't'\nadmin = {user_name = 'x'}", "mean 'username'?"),
            ("[profiles.a]\ntenant = 't'\nadmin = {client_id = 'x'}", "either client_id and"),
            ("[profiles.a]\ntenant = 't'\nauthority = 'x'", "belong together"),
            ("[profiles.sandbox]\ntenant = 't'", "stands for the sandbox tenant"),
            ("deny = ['aplication']", "which no cmdlet can do"),
            ("deny = ['application.ad']", "did you mean 'application.add'?"),
            ("deny = 3", "a value is not what it should be"),
            ("deny = [", "it is not TOML"),
            ("audit_anchor = 'anchor.json'", "must be a whole path"),
        ] {
            assert!(message(text).contains(expected), "{text}: {}", message(text));
        }
    }
}
