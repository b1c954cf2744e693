//! Waiting until a change is visible in every replica that matters.

use std::time::Duration;

use base::{Applied, Code, Diagnostic, Repeat, Result};

use crate::client::Session;
use crate::meaning;

/// How long to wait for replication, and when to believe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitPolicy {
    /// How often in a row something must be seen. Replicas differ: once is not enough.
    pub successes: u32,
    /// The pause between two looks. While something is not seen it doubles, look by look, up to
    /// [`WaitPolicy::longest_interval`].
    pub interval: Duration,
    /// The longest pause between two looks.
    pub longest_interval: Duration,
    /// When to give up.
    pub limit: Duration,
    /// For how long something must not be seen before it counts as absent. See
    /// [`Session::look_for`].
    pub absence: Duration,
}

impl Default for WaitPolicy {
    /// Three successes, 300 ms apart, for at most 65 s; looks that see nothing come up to 3 s apart.
    /// Absent after 12 s. Source of the spans: facts 6.4 (reads lag seconds to minutes, new keys 4 to
    /// 18 s and seldom up to two minutes). The scheduler is paused meanwhile, so what is confirmed is
    /// confirmed quickly.
    fn default() -> Self {
        Self {
            successes: 3,
            interval: Duration::from_millis(300),
            longest_interval: Duration::from_secs(3),
            limit: Duration::from_secs(65),
            absence: Duration::from_secs(12),
        }
    }
}

/// Something that is waited for, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitProgress<'a> {
    /// What, such as `key accepted`.
    pub what: &'a str,
    /// How often it was seen in a row.
    pub seen: u32,
    /// How often it must be.
    pub needed: u32,
    /// For how long it has been waited for.
    pub waited: Duration,
    /// When patience ends.
    pub limit: Duration,
    /// Whether this is the last word on this wait.
    pub ended: bool,
}

impl<'a> WaitProgress<'a> {
    /// The same as an event of a run.
    pub fn event(&self) -> effect::Event<'a> {
        if self.ended {
            return effect::Event::WaitEnded { what: self.what };
        }
        effect::Event::Waiting {
            what: self.what,
            seen: (self.seen, self.needed),
            waited: self.waited,
            limit: self.limit,
        }
    }
}

/// Somebody who is shown what is waited for.
pub type Progress<'a> = dyn Fn(&WaitProgress<'_>) + Send + Sync + 'a;

/// Shows nothing.
pub fn quiet(_progress: &WaitProgress<'_>) {}

/// What one look showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look<T> {
    /// It is there.
    Seen(T),
    /// It is not there yet; in words, for the diagnostic of a wait that ran out.
    NotYet(String),
}

impl Session<'_> {
    /// Looks again and again, until `look` has seen it as often in a row as the policy wants.
    /// Errors that pass with replication, and a tenant that is not available for a moment, count
    /// as not seen.
    ///
    /// # Errors
    /// [`Code::ReplicationTimeout`] with what was seen last; else a failure of `look` that does not
    /// pass by waiting, or of a tenant that was still not available at the end.
    pub async fn until<T, L>(&self, what: &str, look: L) -> Result<T>
    where
        L: AsyncFn() -> Result<Look<T>>,
    {
        let needed = self.wait_policy().successes.max(1);
        self.wait(what, needed, true, look).await
    }

    /// Makes a change that may have to wait until what it refers to is known everywhere. It is
    /// tried again only where it was refused for that reason.
    pub(crate) async fn until_known<T, A>(&self, what: &str, act: A) -> Result<T>
    where
        A: AsyncFn() -> Result<Look<T>>,
    {
        self.wait(what, 1, false, act).await
    }

    async fn wait<T, L>(&self, what: &str, needed: u32, bridge: bool, look: L) -> Result<T>
    where
        L: AsyncFn() -> Result<Look<T>>,
    {
        let policy = self.wait_policy();
        let began = self.boot_millis();
        let mut seen = 0;
        let mut unseen_pause = policy.interval;
        let mut waiting = Waiting { session: self, what, shown: false };
        loop {
            let mut unavailable = None;
            let last = match look().await {
                Ok(Look::Seen(value)) => {
                    seen += 1;
                    if seen >= needed {
                        return Ok(value);
                    }
                    "it was seen, but not often enough in a row".to_owned()
                }
                Ok(Look::NotYet(reason)) => {
                    seen = 0;
                    reason
                }
                // What may have been done is not done again without looking.
                Err(error) if error.applied == Applied::Unknown => return Err(error),
                Err(error) if bridge && meaning::is_unavailable(&error) => {
                    seen = 0;
                    unavailable.insert(error).to_string()
                }
                Err(error) if meaning::passes(&error) => {
                    seen = 0;
                    last_seen(&error)
                }
                Err(error) => return Err(error),
            };
            let waited = self.millis_since(began);
            waiting.show(seen, needed, waited, policy.limit);
            let pause = if seen == 0 {
                // Never shortened again: replicas that flap are not asked more often for it.
                unseen_pause = (unseen_pause * 2).min(policy.longest_interval);
                unseen_pause
            } else {
                policy.interval
            };
            if waited.saturating_add(pause) > policy.limit {
                let timeout = || ran_out(what, policy.limit, seen, &last);
                return Err(unavailable.unwrap_or_else(timeout));
            }
            self.sleep(pause).await;
        }
    }

    /// Looks for something that may or may not be there: a look of a step whose answer was lost.
    /// It is there as soon as it is seen; it counts as absent only where several looks over
    /// [`WaitPolicy::absence`] have all not seen it.
    ///
    /// # Errors
    /// What `look` answers.
    pub async fn look_for<T, L>(&self, what: &str, look: L) -> Result<Option<T>>
    where
        L: AsyncFn() -> Result<Option<T>>,
    {
        let policy = self.wait_policy();
        let began = self.boot_millis();
        let needed = policy.successes.max(2);
        let mut missed = 0;
        let mut waiting = Waiting { session: self, what, shown: false };
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            missed += 1;
            let waited = self.millis_since(began);
            waiting.show(missed.min(needed), needed, waited, policy.absence);
            if waited >= policy.absence && missed >= needed {
                return Ok(None);
            }
            self.sleep(policy.absence / needed.max(1)).await;
        }
    }
}

/// Shows a wait, and its end.
struct Waiting<'a> {
    session: &'a Session<'a>,
    what: &'a str,
    shown: bool,
}

impl Waiting<'_> {
    fn show(&mut self, seen: u32, needed: u32, waited: Duration, limit: Duration) {
        self.shown = true;
        let what = self.what;
        self.session.show(&WaitProgress { what, seen, needed, waited, limit, ended: false });
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.shown {
            self.session.show(&WaitProgress {
                what: self.what,
                seen: 0,
                needed: 0,
                waited: Duration::ZERO,
                limit: Duration::ZERO,
                ended: true,
            });
        }
    }
}

fn last_seen(error: &Diagnostic) -> String {
    let remote = error.remote.as_ref().and_then(|remote| remote.message.as_deref());
    match remote {
        Some(said) => format!("{error}: {said}"),
        None => error.to_string(),
    }
}

fn ran_out(what: &str, limit: Duration, seen: u32, last: &str) -> Diagnostic {
    let seconds = limit.as_secs();
    Diagnostic::new(Code::ReplicationTimeout, format!("Still waiting after {seconds} s: {what}"))
        .repeat(Repeat::Later)
        .meaning(
            "A change takes time to reach every replica of the tenant, and this one took longer \
             than it is waited for.",
        )
        .next("Run the same command again: it goes on where this one stopped.")
        .cause(format!("seen last ({seen} in a row): {last}"))
}
