//! Distinguished names as people write them: `CN=Name, O=Contoso`.

use base::{Code, Diagnostic, Result};
use rcgen::{DistinguishedName, DnType};

/// Reads a distinguished name. A comma or an equals sign within a value is written `\,` or `\=`.
///
/// # Errors
/// [`Code::ConfigurationInvalid`].
pub(crate) fn distinguished_name(text: &str) -> Result<DistinguishedName> {
    let invalid = |reason: &str| {
        let shown: String = text.chars().take(120).collect();
        Diagnostic::new(Code::ConfigurationInvalid, format!("'{shown}' is no subject: {reason}"))
            .next("Write it like this: CN=Entra Connect Sync Provisioning, O=Contoso")
    };
    let mut name = DistinguishedName::new();
    for part in split_unescaped(text, ',') {
        let pair = split_unescaped(&part, '=');
        let [kind, value] = pair.as_slice() else {
            return Err(invalid("each part must be a name, '=' and a value"));
        };
        let kind = match kind.trim().to_ascii_uppercase().as_str() {
            "CN" => DnType::CommonName,
            "O" => DnType::OrganizationName,
            "OU" => DnType::OrganizationalUnitName,
            "C" => DnType::CountryName,
            "ST" => DnType::StateOrProvinceName,
            "L" => DnType::LocalityName,
            _ => return Err(invalid("only CN, O, OU, C, ST and L are known")),
        };
        let value = value.trim().replace('\\', "");
        // RFC 5280, appendix A: the upper bounds of these attributes.
        let fits = match kind {
            DnType::CountryName => value.len() == 2 && value.is_ascii(),
            DnType::StateOrProvinceName | DnType::LocalityName => value.chars().count() <= 128,
            _ => value.chars().count() <= 64,
        };
        if value.is_empty() || !fits || value.chars().any(char::is_control) {
            return Err(invalid("a value is empty, too long or holds control characters"));
        }
        if name.get(&kind).is_some() {
            return Err(invalid("a part stands in it twice"));
        }
        name.push(kind, value);
    }
    Ok(name)
}

fn split_unescaped(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == separator && !escaped {
            parts.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = distinguished_name(&text);
        }
    }

    #[test]
    fn names_are_read_or_refused() {
        let name = distinguished_name(r"CN=Contoso\, Ltd., O=Contoso, C=DE").unwrap();
        assert_eq!(name.iter().count(), 3);
        for text in ["", "Name", "CN=", "CN=a,CN=b", "C=Germany", "X=1", "CN=a=b"] {
            distinguished_name(text).unwrap_err();
        }
    }
}
