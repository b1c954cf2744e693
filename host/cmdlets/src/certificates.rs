//! What several cmdlets ask of certificates.

use base::{Code, Diagnostic, Result};

/// A SHA-256 as people write or copy it, in the form that records use: 64 upper-case hexadecimal
/// digits. Colons, blanks and the invisible left-to-right mark that a certificate dialog adds to the
/// clipboard are left out.
///
/// # Errors
/// [`Code::CertificateUnknown`] where it is no SHA-256.
pub fn normalised_sha256(text: &str) -> Result<String> {
    let digits: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, ':' | '\u{200e}'))
        .flat_map(char::to_uppercase)
        .collect();
    if digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    let shown: String = text.chars().take(80).collect();
    let wrong = format!("'{shown}' is no SHA-256: it has {} of 64 digits", digits.chars().count());
    let hint = if digits.len() == 40 {
        "That is the length of a thumbprint (SHA-1). Get the SHA-256 with: openssl x509 -in FILE -noout -fingerprint -sha256"
    } else {
        "Get it with: openssl x509 -in FILE -noout -fingerprint -sha256"
    };
    Err(Diagnostic::new(Code::CertificateUnknown, wrong).next(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sha256_is_taken_as_people_copy_it() {
        let plain = "AB".repeat(32);
        let colons = vec!["ab"; 32].join(":");
        assert_eq!(normalised_sha256(&colons).unwrap(), plain);
        assert_eq!(normalised_sha256(&format!("\u{200e} {plain}\n")).unwrap(), plain);
        for wrong in [&plain[..63], &format!("{plain}A"), &"AG".repeat(32), "", &"AB".repeat(20)] {
            assert_eq!(normalised_sha256(wrong).unwrap_err().code, Code::CertificateUnknown);
        }
    }
}
