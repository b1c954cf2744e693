//! Shared parts of the project's integration tests.
