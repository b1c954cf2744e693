//! Types of parameters and outputs that need more than serde's own: time.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base::{Code, Diagnostic, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A span of time. Written `90s`, `30m`, `2h`, `7d`, or as `d.hh:mm:ss` and `hh:mm:ss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        if self.0.subsec_millis() > 0 {
            return write!(f, "{}ms", self.0.as_millis());
        }
        for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
            if seconds > 0 && seconds.is_multiple_of(length) {
                return write!(f, "{}{unit}", seconds / length);
            }
        }
        write!(f, "{seconds}s")
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("'{text}' is no span of time; write 90s, 30m, 2h, 7d or d.hh:mm:ss");
        let text = text.trim();
        let millis = if text.contains(':') {
            clock_form(text)
        } else {
            let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, unit) = text.split_at(unit_at);
            let factor = match unit.trim() {
                "ms" => Some(1),
                "s" => Some(1_000),
                "m" => Some(60_000),
                "h" => Some(3_600_000),
                "d" => Some(86_400_000),
                _ => None,
            };
            factor.and_then(|factor: u64| number.parse::<u64>().ok()?.checked_mul(factor))
        };
        millis.map(|millis| Self(Duration::from_millis(millis))).ok_or_else(wrong)
    }
}

/// `[d.]hh:mm:ss` in milliseconds.
fn clock_form(text: &str) -> Option<u64> {
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) => (days.parse::<u64>().ok()?, clock),
        None => (0, text),
    };
    let parts: Vec<u64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let rest = hours * 3_600 + minutes * 60 + seconds;
    days.checked_mul(86_400)?.checked_add(rest)?.checked_mul(1_000)
}

/// How many records a search answers at most.
///
/// # Errors
/// [`Code::CmdletParameter`] where it is negative.
pub fn limit(wanted: i64) -> base::Result<u32> {
    match u32::try_from(wanted) {
        Ok(limit) => Ok(limit),
        Err(_) if wanted > 0 => Ok(u32::MAX),
        Err(_) => {
            Err(Diagnostic::new(Code::CmdletParameter, format!("The limit {wanted} is negative"))
                .next("Leave the limit out, or write how many there may be at most."))
        }
    }
}

/// A moment, in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Timestamp);

impl From<Timestamp> for Moment {
    fn from(moment: Timestamp) -> Self {
        Self(moment)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("'{text}' is no moment; write it like 2026-11-23T12:00:00Z"))
    }
}

macro_rules! written_as_text {
    ($($name:ident: $format:literal, $help:literal;)+) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "description": $help })
            }
        }
    )+};
}

written_as_text! {
    Span: "span", "A span of time, such as 30m.";
    Moment: "moment", "A moment, such as 2026-11-23T12:00:00Z.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_limit_is_refused() {
        assert_eq!(limit(-1).unwrap_err().code, Code::CmdletParameter);
        assert_eq!(
            [limit(0).unwrap(), limit(7).unwrap(), limit(i64::MAX).unwrap()],
            [0, 7, u32::MAX]
        );
    }

    #[test]
    fn spans_are_read_in_both_forms_and_written_in_the_shortest() {
        for (text, shown) in [
            ("90s", "90s"),
            ("30m", "30m"),
            ("0.00:30:00", "30m"),
            ("7.00:00:00", "7d"),
            ("01:00:00", "1h"),
            ("250ms", "250ms"),
            ("0s", "0s"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.to_string(), shown);
            assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }
        for wrong in ["", "30", "m", "-3s", "24:00:00", "1:2", "9999999999999999999d", "3 weeks"] {
            wrong.parse::<Span>().unwrap_err();
        }
    }
}
