//! The token endpoint and Microsoft Graph as a typed client over one [`Transport`].
//!
//! A [`Client`] belongs to one tenant and lives as long as a run. [`Client::session`] lends it out
//! together with somebody who is shown its progress; [`Session::token`] signs in with a
//! [`Credential`], and [`Session::graph`] makes the typed calls. Every failure is a diagnostic
//! that says what it means, whether it may be repeated, and what to type next. Every method that
//! changes something asks for a [`effect::Permit`].

pub mod assertion;
mod certificate;
mod certificate_request;
mod challenge;
mod client;
mod cloud;
mod credential;
mod discovery;
mod exchange;
mod failure;
pub mod graph;
mod http_transport;
pub mod meaning;
mod retry;
mod secrets;
mod sign_in;
mod skew;
mod subject;
mod token;
mod transport;
mod wait;
pub mod well_known;

pub use certificate::{CertificateInfo, due_at};
pub use certificate_request::{CertificateRequest, DEFAULT_SUBJECT, self_signed};
pub use client::{Client, ClientParts, Session};
pub use cloud::{Authority, CLOUDS, Cloud};
pub use credential::{CertificateCredential, Credential, PasswordCredential};
pub use discovery::Discovery;
pub use graph::Graph;
pub use http_transport::{HttpTransport, Trust};
pub use retry::RetryPolicy;
pub use skew::Skew;
pub use token::{AccessToken, Claims, Scope};
pub use transport::{Fault, FaultKind, Transport, TransportError};
pub use wait::{Look, Progress, WaitPolicy, WaitProgress, quiet};

#[cfg(test)]
mod tests;
