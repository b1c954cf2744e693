//! Tests of the client against scripted answers, and of what it signs against other programs.

mod assertions;
mod calls;
mod certificates;
mod exchanges;
mod fake;
mod golden;
mod https;
mod openssl;
mod permits;
mod sign_ins;
mod waits;
