//! Sealed texts.

use base::{Code, SecretText};
use proptest::prelude::*;

use super::{virtual_store, world};

const CONTEXT: &str = "connector default password";

#[test]
fn a_sealed_text_opens_for_its_context_only() {
    let world = world();
    let vault = virtual_store(&world).vault();
    let password = SecretText::new("correct horse battery staple");
    let sealed = vault.seal(&password, CONTEXT).unwrap();
    assert!(sealed.starts_with("sealed:v1:") && !sealed.contains("horse"));
    assert_eq!(vault.unseal(&sealed, CONTEXT).unwrap(), password);
    assert_ne!(vault.seal(&password, CONTEXT).unwrap(), sealed, "the same text looks the same");
    let error = vault.unseal(&sealed, "connector other password").unwrap_err();
    assert_eq!(error.code, Code::KeyCorrupt);
}

#[test]
fn another_host_does_not_open_it() {
    let (here, there) = (world(), world());
    there.ports().random.fill(&mut [0; 8]);
    let sealed = virtual_store(&here).vault().seal(&SecretText::new("x"), CONTEXT).unwrap();
    let vault = virtual_store(&there).vault();
    assert_eq!(vault.unseal(&sealed, CONTEXT).unwrap_err().code, Code::KeyNotFound);
    vault.seal(&SecretText::new("y"), CONTEXT).unwrap();
    assert_eq!(vault.unseal(&sealed, CONTEXT).unwrap_err().code, Code::KeyCorrupt);
}

#[test]
fn anything_else_is_refused() {
    let world = world();
    let vault = virtual_store(&world).vault();
    vault.seal(&SecretText::new("x"), CONTEXT).unwrap();
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&"(sealed:v1:)?\\PC{0,60}", |text| {
            prop_assert!(vault.unseal(&text, CONTEXT).is_err());
            Ok(())
        })
        .unwrap();
}
