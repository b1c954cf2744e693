//! The difference between this host's clock and the tenant's.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base::Timestamp;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// How far this host's clock is ahead of the tenant's, in milliseconds; negative where it is
/// behind. The tenant tells its time in whole seconds, so one second is no difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// Milliseconds that this host is ahead.
    pub ahead_millis: i64,
}

impl Skew {
    /// How far apart the clocks are.
    pub fn magnitude(self) -> Duration {
        Duration::from_millis(self.ahead_millis.unsigned_abs())
    }

    /// The tenant's time where this host's clock reads `local`.
    pub fn correct(self, local: Timestamp) -> Timestamp {
        Timestamp::from_millis(local.as_millis().saturating_sub(self.ahead_millis))
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.magnitude().as_secs();
        if seconds <= 1 {
            return f.write_str("this host's clock agrees with the tenant's");
        }
        let direction = if self.ahead_millis > 0 { "ahead of" } else { "behind" };
        write!(f, "this host's clock is ")?;
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            write!(f, "{hours} h ")?;
        }
        if minutes > 0 {
            write!(f, "{minutes} min ")?;
        }
        if hours == 0 && rest > 0 {
            write!(f, "{rest} s ")?;
        }
        write!(f, "{direction} the tenant's")
    }
}

/// What is known of the tenant's clock.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Option<Skew>>);

impl ServerClock {
    /// Learns from the `Date` header of an answer to a request that was sent and answered at these
    /// local times.
    pub(crate) fn learn(&self, headers: &HeaderMap, sent: Timestamp, answered: Timestamp) {
        let Some(server) =
            headers.get(http::header::DATE).and_then(|v| http_date(v.to_str().ok()?))
        else {
            return;
        };
        let way = answered.as_millis().saturating_sub(sent.as_millis()) / 2;
        let local = sent.as_millis().saturating_add(way);
        // The header is cut to seconds: what it means lies half a second later on average.
        let ahead_millis = local - server.as_millis() - 500;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Skew { ahead_millis });
    }

    pub(crate) fn skew(&self) -> Option<Skew> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenant's time where this host's clock reads `local`, as far as is known.
    pub(crate) fn correct(&self, local: Timestamp) -> Timestamp {
        self.skew().map_or(local, |skew| skew.correct(local))
    }
}

/// Reads a date as HTTP writes it: `Sun, 22 Nov 2026 14:00:00 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    OffsetDateTime::parse(text.trim(), &Rfc2822).ok().map(Timestamp::from_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::DATE, text.parse().unwrap());
        headers
    }

    #[test]
    fn the_date_header_tells_the_difference() {
        let clock = ServerClock::default();
        let local: Timestamp = "2026-11-22T15:00:00.5Z".parse().unwrap();
        clock.learn(&date("Sun, 22 Nov 2026 14:00:00 GMT"), local, local);
        assert_eq!(clock.skew(), Some(Skew { ahead_millis: 3_600_000 }));
        assert_eq!(clock.correct(local), "2026-11-22T14:00:00.5Z".parse().unwrap());
        let text = clock.skew().unwrap().to_string();
        assert_eq!(text, "this host's clock is 1 h ahead of the tenant's");
    }

    #[test]
    fn a_date_that_is_none_teaches_nothing() {
        let clock = ServerClock::default();
        clock.learn(&date("yesterday"), Timestamp::default(), Timestamp::default());
        clock.learn(&HeaderMap::new(), Timestamp::default(), Timestamp::default());
        assert_eq!(clock.skew(), None);
    }
}
