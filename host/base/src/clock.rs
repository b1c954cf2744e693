//! Time: wall clock, boot-time clock and waiting.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment: milliseconds since 1970-01-01T00:00:00Z. Written and read as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// 0000-01-01T00:00:00Z.
const FIRST_MILLIS: i64 = -62_167_219_200_000;
/// 9999-12-31T23:59:59.999Z.
const LAST_MILLIS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// The moment `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment `seconds` seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment and `span` later; the last representable moment where that overflows.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment and `span` earlier.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this moment is; zero where it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The same moment for libraries that speak `time`; the nearest that RFC 3339 can write where it
    /// is before the year 0 or after 9999.
    pub fn to_offset(self) -> OffsetDateTime {
        let millis = self.0.clamp(FIRST_MILLIS, LAST_MILLIS);
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The moment of a `time` value, cut to milliseconds.
    pub fn from_offset(value: OffsetDateTime) -> Self {
        Self(i64::try_from(value.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_offset().format(&Rfc3339) {
            Ok(text) => f.write_str(&text),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = time::error::Parse;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        OffsetDateTime::parse(text, &Rfc3339).map(Self::from_offset)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A moment on the clock that counts from boot, sleep included, and that no one can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootTime {
    /// Which boot of the host this is; times of different boots do not compare.
    pub boot_id: String,
    /// Milliseconds since that boot.
    pub millis: i64,
}

/// The clock of a world.
pub trait Clock: Send + Sync {
    /// The wall clock. It may be wrong, and it may jump.
    fn now(&self) -> Timestamp;

    /// The boot-time clock, for leases and durations.
    fn boot_time(&self) -> BootTime;

    /// Completes when `span` has passed on the boot-time clock.
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()>;

    /// Completes at `deadline` of the wall clock as it reads now.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        self.sleep(deadline.since(self.now()))
    }

    /// Keeps virtual time from jumping while something outside the world is awaited (a database
    /// thread, a socket). Real clocks need none.
    fn hold(&self) -> Hold {
        Hold(None)
    }
}

/// Holds virtual time still until it is dropped. See [`Clock::hold`].
pub struct Hold(pub(crate) Option<Box<dyn FnOnce() + Send>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(release) = self.0.take() {
            release();
        }
    }
}

/// The clocks of the machine.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port itself")]
    fn now(&self) -> Timestamp {
        Timestamp::from_offset(OffsetDateTime::now_utc())
    }

    fn boot_time(&self) -> BootTime {
        let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        BootTime {
            boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned()),
            millis: since_boot.tv_sec * 1000 + since_boot.tv_nsec / 1_000_000,
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the port itself")]
    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// Runs `work`, or gives up when `limit` has passed.
///
/// # Errors
/// [`Elapsed`] when the limit passed first; `work` is dropped then.
pub async fn timeout<F: Future>(
    clock: &dyn Clock,
    limit: Duration,
    work: F,
) -> Result<F::Output, Elapsed> {
    let work = std::pin::pin!(work);
    match futures::future::select(work, clock.sleep(limit)).await {
        futures::future::Either::Left((output, _)) => Ok(output),
        futures::future::Either::Right(_) => Err(Elapsed),
    }
}

/// The limit of [`timeout`] passed.
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_form_round_trips(millis in -62_135_596_800_000_i64..253_402_300_800_000) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment);
        }
    }

    #[test]
    fn what_cannot_be_written_is_written_as_the_nearest_that_can() {
        let text = |millis| Timestamp::from_millis(millis).to_string();
        assert_eq!(text(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(text(i64::MIN), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn since_never_underflows() {
        let early = Timestamp::from_seconds(1);
        assert_eq!(early.since(Timestamp::from_seconds(5)), Duration::ZERO);
    }
}
