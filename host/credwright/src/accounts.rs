//! Passwords: what is known of a sandbox, the environment, or whoever sits at the terminal.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base::{Ports, Result, SecretText};
use cmdlets::context::Passwords;
use futures::future::BoxFuture;

use crate::terminal::Person;

/// Holds the administrator's password, for runs without a terminal.
pub const VARIABLE: &str = "CREDWRIGHT_ADMIN_PASSWORD";

/// Answers passwords.
pub struct Accounts {
    ports: Ports,
    person: Person,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    administrator: Option<String>,
    legacy: Option<String>,
    passwords: HashMap<String, SecretText>,
}

impl Accounts {
    /// Knows nothing yet; asks `person`.
    pub fn new(ports: &Ports, person: Person) -> Self {
        Self { ports: ports.clone(), person, known: Mutex::default() }
    }

    /// Says who the administrator is: only its password is taken from the environment.
    pub fn administrator(&self, username: Option<&str>) {
        self.known().administrator = username.map(str::to_lowercase);
    }

    /// Learns the password of a sandbox's account.
    pub fn know(&self, account: &str, password: SecretText) {
        self.known().passwords.insert(account.to_lowercase(), password);
    }

    /// Learns which account a sandbox's connector signs in with at first.
    pub fn legacy(&self, account: &str) {
        self.known().legacy = Some(account.to_owned());
    }

    /// The account that a sandbox's connector signs in with at first.
    pub fn legacy_account(&self) -> Option<String> {
        self.known().legacy.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_hand(&self, account: &str) -> Option<SecretText> {
        let account = account.to_lowercase();
        let known = self.known();
        if known.administrator.as_ref() == Some(&account)
            && let Some(password) = self.ports.process.environment(VARIABLE)
        {
            return Some(SecretText::new(password));
        }
        known.passwords.get(&account).cloned()
    }
}

impl Passwords for Accounts {
    fn password<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<SecretText>> {
        Box::pin(async move {
            match self.at_hand(account) {
                Some(password) => Ok(password),
                None => self.person.password(account, VARIABLE).await,
            }
        })
    }
}
