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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_the_two_folders_is_bundled() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let mut files = BTreeSet::new();
        for folder in ["scripts", "stdlib"] {
            for entry in std::fs::read_dir(format!("{root}/{folder}")).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if let Some(name) = name.strip_suffix(".rhai") {
                    files.insert(format!("{folder}/{name}"));
                }
            }
        }
        let bundled: BTreeSet<String> = BUNDLED
            .iter()
            .map(|file| {
                let folder = match file.kind {
                    FileKind::Script => "scripts",
                    FileKind::Module => "stdlib",
                };
                format!("{folder}/{}", file.name)
            })
            .collect();
        assert_eq!(bundled, files);
    }
}
