//! Faults for tests: a tenant that throttles, loses answers, or talks nonsense when told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::Timestamp;

use crate::replication::Delays;

/// What goes wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429. Nothing is done.
    Throttled {
        /// Seconds for the header `Retry-After`; none leaves the header out.
        retry_after: Option<u32>,
    },
    /// 503. Nothing is done.
    Unavailable {
        /// Seconds for the header `Retry-After`; none leaves the header out.
        retry_after: Option<u32>,
    },
    /// 500. Nothing is done.
    InternalError,
    /// The connection is reset before anything is done. See [`Lost`].
    Reset,
    /// It is done, and then the connection is reset. See [`Lost`].
    AnswerLost,
    /// It is done, and answered after that long on the tenant's clock.
    Slow(Duration),
    /// A web page instead of an answer, with status 200, as a captive portal would. Nothing is done.
    Html,
    /// It is done; the answer ends in the middle.
    HalfBody,
    /// It is done; the answer is no JSON.
    Garbage,
}

/// Marks, as an extension of an HTTP response, that no answer came: a client in process must treat
/// the response as a reset connection. Over TLS the connection is closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Whether the request was done before the answer was lost.
    pub done: bool,
}

#[derive(Clone, Debug)]
struct Planned {
    operation: String,
    skip: usize,
    times: usize,
    fault: Fault,
}

#[derive(Debug, Default)]
struct Settings {
    planned: VecDeque<Planned>,
    skew_seconds: i64,
    delays: Delays,
    seen: Vec<String>,
}

/// A handle on one tenant's faults, delays and clock. Clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Settings>>);

impl Faults {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the next request of that operation fail. An operation is named `token`, `configuration`,
    /// `keys`, `instance`, `realm`; for Microsoft Graph by method and path with `{id}` for each object
    /// (`POST /applications/{id}/addKey`), or by the last word of its path alone (`addKey`); or `*`.
    pub fn next(&self, operation: &str, fault: Fault) {
        self.plan(operation, 0, 1, fault);
    }

    /// Lets `times` requests of that operation fail, after `skip` that do not.
    pub fn plan(&self, operation: &str, skip: usize, times: usize, fault: Fault) {
        let operation = operation.to_owned();
        self.settings().planned.push_back(Planned { operation, skip, times, fault });
    }

    /// Forgets all planned faults.
    pub fn clear(&self) {
        self.settings().planned.clear();
    }

    /// Sets the tenant's clock that many seconds ahead (negative: behind): its Date headers, tokens
    /// and checks.
    pub fn set_clock_skew(&self, seconds: i64) {
        self.settings().skew_seconds = seconds;
    }

    /// Sets how long changes take to show.
    pub fn set_delays(&self, delays: Delays) {
        self.settings().delays = delays;
    }

    /// How long changes take to show.
    pub fn delays(&self) -> Delays {
        self.settings().delays.clone()
    }

    /// The operations that were asked for since the last call of this, in order.
    pub fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.settings().seen)
    }

    pub(crate) fn now(&self, clock: &dyn base::Clock) -> Timestamp {
        let skew = self.settings().skew_seconds.saturating_mul(1000);
        Timestamp::from_millis(clock.now().as_millis().saturating_add(skew))
    }

    /// The fault that meets this request, if any.
    pub(crate) fn meet(&self, operation: &str) -> Option<Fault> {
        let mut settings = self.settings();
        // Bounded, for tenants that are served for long.
        if settings.seen.len() < 10_000 {
            settings.seen.push(operation.to_owned());
        }
        let last = operation.rsplit('/').next().unwrap_or_default().to_owned();
        let at = settings.planned.iter().position(|planned| {
            planned.operation == "*" || planned.operation == operation || planned.operation == last
        })?;
        let planned = settings.planned.get_mut(at)?;
        if planned.skip > 0 {
            planned.skip -= 1;
            return None;
        }
        planned.times = planned.times.saturating_sub(1);
        let fault = planned.fault.clone();
        if planned.times == 0 {
            settings.planned.remove(at);
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_what_it_was_planned_for() {
        let faults = Faults::default();
        let throttled = Fault::Throttled { retry_after: Some(1) };
        faults.plan("addKey", 1, 2, throttled.clone());
        faults.next("token", Fault::Reset);
        let add_key = "POST /applications/{id}/addKey";
        assert_eq!(faults.meet(add_key), None);
        assert_eq!(faults.meet("token"), Some(Fault::Reset));
        assert_eq!(faults.meet("token"), None);
        assert_eq!(faults.meet(add_key), Some(throttled.clone()));
        assert_eq!(faults.meet(add_key), Some(throttled));
        assert_eq!(faults.meet(add_key), None);
        assert_eq!(faults.take_seen().len(), 6);
    }
}
