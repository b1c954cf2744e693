//! When a request is sent again, and after how long.

use std::time::Duration;

use base::{Random, Timestamp};
use http::{HeaderMap, StatusCode};

use crate::skew::http_date;

/// How patient the client is with a tenant that does not answer, or asks for patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a request is sent at most where no answer comes or the tenant fails inside.
    /// Where the tenant asks for patience (429), only `patience` ends it.
    pub attempts: u32,
    /// The first pause where the tenant names none; it doubles from attempt to attempt.
    pub first_pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
    /// How long a call may take in all, pauses included.
    pub patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(20),
            patience: Duration::from_secs(90),
        }
    }
}

/// Whether a request can do harm when it is sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeatable {
    /// It changes nothing.
    Read,
    /// It changes something, but the same thing however often it is sent.
    Marked,
    /// It must not be sent again once it may have had its effect.
    Once,
}

impl Repeatable {
    /// Whether it changes something.
    pub(crate) fn changes(self) -> bool {
        self != Repeatable::Read
    }
}

/// Statuses of a tenant that fails inside, or of a gateway before it.
pub(crate) fn failed_inside(status: StatusCode) -> bool {
    matches!(status.as_u16(), 500 | 502 | 503 | 504)
}

impl RetryPolicy {
    /// The pause after the `attempt`-th try (from 1), with jitter: half of it is certain.
    pub(crate) fn pause(&self, attempt: u32, random: &(dyn Random + 'static)) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let whole = doubled.min(self.longest_pause);
        let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis / 2 + random.below(millis / 2 + 1))
    }
}

/// The pause that an answer asks for, with up to a tenth more, so that many hosts do not come back
/// at once. `now` is the tenant's time.
pub(crate) fn asked_pause(
    headers: &HeaderMap,
    now: Timestamp,
    random: &(dyn Random + 'static),
) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(text)?.since(now),
    };
    let tenth = u64::try_from(asked.as_millis() / 10).unwrap_or(u64::MAX).min(10_000);
    Some(asked.saturating_add(Duration::from_millis(random.below(tenth + 1))))
}
