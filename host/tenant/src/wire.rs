//! Requests and answers, apart from any HTTP library: what [`crate::core`] works on.

use axum::body::Bytes;
use base::Timestamp;
use http::{HeaderMap, Method};
use serde_json::Value;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// A request as the core sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as sent, percent-encoded.
    pub path: String,
    /// Query parameters, decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// `https://host[:port]` as the client addressed the tenant.
    pub base: String,
}

impl Request {
    /// A header as text; none where it is missing or not readable as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as form fields, decoded.
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The path's segments, decoded; empty ones are left out.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(percent_decoded).collect()
    }
}

/// An answer as the core gives it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers besides those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body; none for an answer without content.
    pub body: Option<Value>,
}

impl Answer {
    /// An answer with a body.
    pub fn json(status: u16, body: impl Into<Value>) -> Self {
        Self { status, headers: Vec::new(), body: Some(body.into()) }
    }

    /// 204, without a body.
    pub fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Decodes `%41`; what is no valid escape stays as it is, bad UTF-8 becomes U+FFFD.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = (byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value = escape
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
const SPACED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

fn formatted(moment: Timestamp, form: &[BorrowedFormatItem<'_>]) -> String {
    // Years beyond four digits are the only failure; such a tenant shows an empty date.
    moment.to_offset().format(&form).unwrap_or_default()
}

/// `2026-11-22T14:00:00Z`, as Graph writes moments.
pub fn iso(moment: Timestamp) -> String {
    format!("{}Z", formatted(moment, SECONDS))
}

/// `2026-11-22T14:00:00.1230000Z`, as Graph writes a moment it just set (facts 2.2).
pub fn iso_fine(moment: Timestamp) -> String {
    let millis = moment.as_millis().rem_euclid(1000);
    format!("{}.{millis:03}0000Z", formatted(moment, SECONDS))
}

/// `2026-11-22T14:00:00`, the `date` of Graph errors, without a zone letter (facts 6.1).
pub fn iso_bare(moment: Timestamp) -> String {
    formatted(moment, SECONDS)
}

/// `2026-11-22 14:00:00Z`, the timestamp of AADSTS errors (facts 1.8).
pub fn aadsts_time(moment: Timestamp) -> String {
    format!("{}Z", formatted(moment, SPACED))
}

/// `Sun, 22 Nov 2026 14:00:00 GMT`, the `Date` header.
pub fn http_date(moment: Timestamp) -> String {
    formatted(moment, HTTP_DATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_the_forms_of_the_wire() {
        let moment = Timestamp::from_millis(1_795_356_000_123);
        assert_eq!(iso(moment), "2026-11-22T14:00:00Z");
        assert_eq!(iso_fine(moment), "2026-11-22T14:00:00.1230000Z");
        assert_eq!(iso_bare(moment), "2026-11-22T14:00:00");
        assert_eq!(aadsts_time(moment), "2026-11-22 14:00:00Z");
        assert_eq!(http_date(moment), "Sun, 22 Nov 2026 14:00:00 GMT");
    }

    #[test]
    fn percent_escapes_are_decoded_and_broken_ones_kept() {
        assert_eq!(percent_decoded("a%20b%27c%zz%4"), "a b'c%zz%4");
    }
}
