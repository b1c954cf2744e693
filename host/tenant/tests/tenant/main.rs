//! The sandbox tenant from outside: in process and over TLS, with keys, certificates and assertions
//! made by OpenSSL, and every answer of Graph held against Microsoft's description.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "all of this is test code; helpers are not recognised as such"
)]

mod applications;
mod contract;
mod directory;
mod faults;
mod files;
mod openssl;
mod proofs;
mod sign_in;
mod tls;
mod tokens;
mod world;
