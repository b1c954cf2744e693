//! The scripts and modules that the binary carries.

use crate::library::{Embedded, FileKind};

macro_rules! files {
    ($($kind:ident $folder:literal $name:literal,)+) => {
        &[$(Embedded {
            kind: FileKind::$kind,
            name: $name,
            text: include_str!(concat!("../../../", $folder, "/", $name, ".rhai")),
        },)+]
    };
}

/// Every bundled script and module.
static BUNDLED: &[Embedded] = files! {
    Script "scripts" "onboard",
    Module "stdlib" "credential",
    Module "stdlib" "scheduler",
};

/// Every bundled script and module. A test sees to it that no file of the folders is missing.
pub fn bundled() -> &'static [Embedded] {
    BUNDLED
}
