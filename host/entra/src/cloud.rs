//! Where a tenant lives: its login host, its Graph, its name.

use std::fmt;

use base::{Code, Diagnostic, Result};
use url::Url;

/// A national cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// Its name in profiles.
    pub name: &'static str,
    /// The login host.
    pub login: &'static str,
    /// Other names of the login host.
    pub aliases: &'static [&'static str],
    /// The Graph host.
    pub graph: &'static str,
}

/// The national clouds. Source: facts 1.1 (Graph documentation, deployments.md; recorded instance
/// discovery).
pub const CLOUDS: &[Cloud] = &[
    Cloud {
        name: "global",
        login: "login.microsoftonline.com",
        aliases: &["login.windows.net", "login.microsoft.com", "sts.windows.net"],
        graph: "graph.microsoft.com",
    },
    Cloud {
        name: "us-gov",
        login: "login.microsoftonline.us",
        aliases: &["login.usgovcloudapi.net"],
        graph: "graph.microsoft.us",
    },
    Cloud {
        name: "us-dod",
        login: "login.microsoftonline.us",
        aliases: &["login.usgovcloudapi.net"],
        graph: "dod-graph.microsoft.us",
    },
    Cloud {
        name: "china",
        login: "login.partner.microsoftonline.cn",
        aliases: &["login.chinacloudapi.cn"],
        graph: "microsoftgraph.chinacloudapi.cn",
    },
];

/// Where one tenant lives.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    login: Url,
    graph: Url,
    tenant: String,
}

impl Authority {
    /// The tenant `tenant` (its id or one of its domains) at the login URL `login` (without a
    /// path) and the Graph URL `graph` (with its version: `https://graph.microsoft.com/v1.0`).
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] where one of them is not an `https` URL or no tenant.
    pub fn new(login: &str, graph: &str, tenant: &str) -> Result<Self> {
        let login = https(login, "authority")?;
        let graph = https(graph, "Graph URL")?;
        let named = tenant.len() <= 253
            && !matches!(tenant, "" | "common" | "organizations" | "consumers")
            && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        if !named {
            let shown: String = tenant.chars().take(80).collect();
            let wrong = format!("'{shown}' is no tenant");
            return Err(Diagnostic::new(Code::ConfigurationInvalid, wrong).next(
                "Give the tenant's id or one of its domains, such as contoso.onmicrosoft.com.",
            ));
        }
        Ok(Self { login, graph, tenant: tenant.to_owned() })
    }

    /// A tenant in a national cloud, by its name in [`CLOUDS`].
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] for an unknown cloud or tenant.
    pub fn in_cloud(cloud: &str, tenant: &str) -> Result<Self> {
        let Some(found) = CLOUDS.iter().find(|known| known.name == cloud) else {
            let known: Vec<&str> = CLOUDS.iter().map(|cloud| cloud.name).collect();
            let wrong = format!("There is no cloud '{cloud}'");
            return Err(Diagnostic::new(Code::ConfigurationInvalid, wrong)
                .next(format!("Use one of: {}.", known.join(", "))));
        };
        let graph = format!("https://{}/v1.0", found.graph);
        Self::new(&format!("https://{}", found.login), &graph, tenant)
    }

    /// The login URL, with `/` as its path.
    pub fn login(&self) -> &Url {
        &self.login
    }

    /// The Graph URL, with its version.
    pub fn graph(&self) -> &Url {
        &self.graph
    }

    /// The tenant as it was named.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Where the tenant's OpenID configuration is.
    pub(crate) fn configuration(&self) -> Url {
        self.login_path(&format!("{}/v2.0/.well-known/openid-configuration", self.tenant))
    }

    fn login_path(&self, path: &str) -> Url {
        let mut url = self.login.clone();
        url.set_path(path);
        url
    }

    /// Whether `url` is on the login host or one of its other names: the only places that a
    /// credential may be sent to.
    pub(crate) fn is_login(&self, url: &Url) -> bool {
        if url.origin() == self.login.origin() {
            return true;
        }
        let Some(host) = self.login.host_str() else { return false };
        url.scheme() == "https"
            && url.port().is_none()
            && self.login.port().is_none()
            && CLOUDS.iter().any(|cloud| {
                let names = |name: &str| cloud.login == name || cloud.aliases.contains(&name);
                names(host) && url.host_str().is_some_and(names)
            })
    }
}

fn https(text: &str, what: &str) -> Result<Url> {
    let shown: String = text.chars().take(200).collect();
    let invalid = |reason: &str| {
        let wrong = format!("The {what} '{shown}' cannot be used: {reason}");
        Diagnostic::new(Code::ConfigurationInvalid, wrong)
            .next("Give it like this: https://login.microsoftonline.com")
    };
    let mut url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if url.scheme() != "https" || url.host_str().is_none() {
        return Err(invalid("it does not begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("it holds a user name or a password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} (Graph {})", self.login, self.tenant, self.graph)
    }
}
