//! The `WWW-Authenticate` header.

/// Whether a 401 asks for a token with further claims (continuous access evaluation, facts 6.1).
pub(crate) fn wants_claims(header: Option<&str>) -> bool {
    header.is_some_and(|header| {
        parameters(header).iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("error") && value == "insufficient_claims"
        })
    })
}

/// The parameters of a challenge: `Bearer realm="", error="insufficient_claims"`. What is not of
/// that shape is left out.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header.trim_start();
    // The scheme stands before the first parameter.
    if let Some((scheme, after)) = rest.split_once(' ')
        && !scheme.contains('=')
    {
        rest = after;
    }
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name.to_owned(), value.trim().to_owned()));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parsing_never_panics(header in "\\PC*") {
            let _ = wants_claims(Some(&header));
        }
    }

    #[test]
    fn a_revoked_session_is_recognised() {
        let revoked = r#"Bearer realm="", authorization_uri="https://login.example/a=b, c",
            client_id=00000003, error="insufficient_claims", claims="eyJ=""#;
        assert!(wants_claims(Some(revoked)));
        assert!(!wants_claims(Some(r#"Bearer realm="", client_id="insufficient_claims""#)));
        assert!(!wants_claims(None));
    }
}
