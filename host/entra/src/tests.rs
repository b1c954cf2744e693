//! Tests of the client against scripted answers.
