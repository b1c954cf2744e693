//! Key URIs: which store holds a key, and under which name.

use std::fmt;
use std::str::FromStr;

use base::{Code, Diagnostic};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The kind of store that a key URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Encrypted files of this host.
    Software,
    /// A TPM of this host.
    Tpm,
    /// A PKCS#11 token.
    Pkcs11,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: &'static [Scheme] = &[Scheme::Software, Scheme::Tpm, Scheme::Pkcs11];

    /// The scheme as URIs spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheme::Software => "software",
            Scheme::Tpm => "tpm",
            Scheme::Pkcs11 => "pkcs11",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names a private key: `software:<uuid>`, `tpm:<name>` or `pkcs11:<attributes>`. It is chosen
/// before the key is made, so that a key can be found whose making was interrupted.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyUri {
    scheme: Scheme,
    name: String,
}

/// Longest name within a URI, in bytes.
const LONGEST_NAME: usize = 512;

impl KeyUri {
    /// The URI of a key in the software store.
    pub fn software(id: Uuid) -> Self {
        Self { scheme: Scheme::Software, name: id.to_string() }
    }

    /// The kind of store.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name within the store. It never holds a path separator for `software`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for KeyUri {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let invalid = |reason: &str| {
            let shown: String = text.chars().take(80).collect();
            Diagnostic::new(
                Code::ConfigurationInvalid,
                format!("'{shown}' is no key URI: {reason}"),
            )
            .next("Write a key URI as software:<uuid>, tpm:<name> or pkcs11:<attributes>.")
        };
        let (scheme, name) = text.split_once(':').ok_or_else(|| invalid("it has no scheme"))?;
        let scheme = Scheme::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == scheme)
            .ok_or_else(|| invalid("its scheme is not known"))?;
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(invalid("its name is empty or too long"));
        }
        if scheme == Scheme::Software {
            let id = Uuid::try_parse(name).map_err(|_| invalid("its name is no UUID"))?;
            return Ok(Self::software(id));
        }
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid("its name holds blanks or characters beyond ASCII"));
        }
        Ok(Self { scheme, name: name.to_owned() })
    }
}

impl fmt::Display for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.name)
    }
}

impl fmt::Debug for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<KeyUri> for String {
    fn from(uri: KeyUri) -> Self {
        uri.to_string()
    }
}

impl TryFrom<String> for KeyUri {
    type Error = Diagnostic;

    fn try_from(text: String) -> Result<Self, Diagnostic> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = text.parse::<KeyUri>();
        }

        #[test]
        fn what_parses_round_trips(text in "(software|tpm|pkcs11|file):[a-zA-Z0-9;=%/.-]{0,40}") {
            if let Ok(uri) = text.parse::<KeyUri>() {
                prop_assert_eq!(uri.to_string().parse::<KeyUri>().unwrap(), uri);
            }
        }

        #[test]
        fn software_uris_round_trip(id in any::<u128>()) {
            let uri = KeyUri::software(Uuid::from_u128(id));
            prop_assert_eq!(uri.to_string().parse::<KeyUri>().unwrap(), uri);
        }
    }

    #[test]
    fn a_path_is_no_name() {
        for text in ["software:../../etc/passwd", "software:", "soft:1", "tpm:a b", "nothing"] {
            let error = text.parse::<KeyUri>().unwrap_err();
            assert_eq!(error.code, Code::ConfigurationInvalid, "{text}");
        }
    }
}
