//! The rules that always hold, looked at from outside the run.
//!
//! I1 (nobody is locked out), I4 (the scheduler is as it was found), I5 (what is not ours stays), I6
//! (nothing is done twice) and I7 (no secret is told) hold at any time, also between a crash and the
//! recovery: [`broken_in_between`]. I2 (no object without a record, no record without its object)
//! holds after it: [`broken_since`]. [`broken`] is for worlds in which somebody else was at work.

mod foreign;
mod objects;
mod secrets;
mod sign_in;
mod steps;

use std::collections::BTreeMap;

use base::Result;
use keystore::KeyUri;
use state::{Certificate, CertificateFilter, Connector, DoneStep, SchedulerSettings};
use tenant::Overview;

use crate::host::Host;

/// What the world was like before a run.
pub struct Before {
    /// The settings of the schedulers, by connector.
    settings: BTreeMap<String, SchedulerSettings>,
    /// Service accounts of connectors.
    accounts: Vec<String>,
    tenant: Overview,
}

impl Before {
    /// The world as it is now.
    ///
    /// # Errors
    /// Where the world cannot be looked at.
    pub fn of(host: &Host) -> Result<Self> {
        host.ports.executor.block_on(async {
            let mut settings = BTreeMap::new();
            let mut accounts = Vec::new();
            for connector in host.store.find_connectors().await? {
                let found = host.store.scheduler_settings(&connector.id).await?;
                settings.insert(connector.id, found);
                accounts.extend(connector.service_account.map(|account| account.upn));
            }
            Ok(Self { settings, accounts, tenant: host.sandbox.show() })
        })
    }
}

/// The world as the rules look at it.
struct Look<'a> {
    host: &'a Host,
    connectors: Vec<Connector>,
    certificates: Vec<Certificate>,
    keys: Vec<KeyUri>,
    /// Steps of making certificates and applications that were done.
    done: Vec<DoneStep>,
    /// How many connectors were forgotten.
    forgotten: usize,
    tenant: Overview,
    broken: Vec<String>,
}

impl<'a> Look<'a> {
    fn at(host: &'a Host) -> Result<Self> {
        host.ports.executor.block_on(async {
            let mut done = host.store.done_steps("certificate.prepare").await?;
            done.extend(host.store.done_steps("application.add").await?);
            Ok(Self {
                host,
                connectors: host.store.find_connectors().await?,
                certificates: host.store.find_certificates(&CertificateFilter::default()).await?,
                keys: host.keystores().preferred()?.list().await?,
                done,
                forgotten: host.store.done_steps("connector.remove").await?.len(),
                tenant: host.sandbox.show(),
                broken: Vec::new(),
            })
        })
    }

    fn say(&mut self, rule: &str, what: String) {
        self.broken.push(format!("{rule}: {what}"));
    }

    /// What holds at any time.
    fn always(&mut self, before: Option<&Before>) -> Result<()> {
        sign_in::credentials(self)?;
        sign_in::schedulers(self, before)?;
        steps::twice(self);
        if let Some(before) = before {
            foreign::gone(self, before);
        }
        secrets::told(self)
    }
}

/// Which rules do not hold in this world, in words; none where all do. What somebody else may have
/// removed or added is not held against anybody.
///
/// # Errors
/// Where the world cannot be looked at.
pub fn broken(host: &Host) -> Result<Vec<String>> {
    broken_beside(host, None)
}

/// As [`broken`], beside what was there `before`: what this host did not make is as it was then.
///
/// # Errors
/// Where the world cannot be looked at.
pub fn broken_beside(host: &Host, before: Option<&Before>) -> Result<Vec<String>> {
    let mut look = Look::at(host)?;
    look.always(before)?;
    objects::in_tenant(&mut look, before);
    objects::recorded(&mut look);
    objects::on_host(&mut look, false);
    Ok(look.broken)
}

/// Which rules do not hold in a world where nobody but this host did anything since, and every
/// run has ended or was recovered from.
///
/// # Errors
/// Where the world cannot be looked at.
pub fn broken_since(host: &Host, before: &Before) -> Result<Vec<String>> {
    let mut look = Look::at(host)?;
    look.always(Some(before))?;
    objects::in_tenant(&mut look, Some(before));
    objects::recorded(&mut look);
    objects::on_host(&mut look, true);
    Ok(look.broken)
}

/// Which rules do not hold between an interruption and the recovery from it.
///
/// # Errors
/// Where the world cannot be looked at.
pub fn broken_in_between(host: &Host, before: &Before) -> Result<Vec<String>> {
    let mut look = Look::at(host)?;
    look.always(Some(before))?;
    Ok(look.broken)
}
