//! The files of certificates, in the user's store.

use std::path::PathBuf;

use base::{Code, Diagnostic, Result};
use entra::CertificateInfo;

use crate::context::Context;

/// Where a certificate's file lies.
pub fn path(context: &Context, sha256: &str) -> PathBuf {
    context.places.certificates.join(format!("{sha256}.pem"))
}

/// Whether it lies there.
pub fn is_there(context: &Context, sha256: &str) -> bool {
    context.ports.disk.status(&path(context, sha256)).is_ok()
}

/// Writes it.
///
/// # Errors
/// [`Code::DiskFull`], [`Code::DiskFailed`].
pub fn write(context: &Context, made: &CertificateInfo) -> Result<()> {
    let (disk, folder) = (&context.ports.disk, &context.places.certificates);
    let written = disk.create_folder(folder, 0o700).and_then(|()| {
        disk.write_atomic(&path(context, &made.sha256), made.pem().as_bytes(), 0o644)
    });
    written.map_err(|error| {
        let code = match error.kind() {
            std::io::ErrorKind::StorageFull => Code::DiskFull,
            _ => Code::DiskFailed,
        };
        Diagnostic::new(code, format!("The certificate cannot be kept in {}", folder.display()))
            .source(&error)
            .next("Make room or mend the folder, then run the script again.")
    })
}

/// Removes it; one that is not there is no error.
///
/// # Errors
/// [`Code::DiskFailed`].
pub fn remove(context: &Context, sha256: &str) -> Result<()> {
    let file = path(context, sha256);
    match context.ports.disk.remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let shown = file.display();
            Err(Diagnostic::new(Code::DiskFailed, format!("{shown} cannot be removed"))
                .source(&error)
                .next("Mend the folder's permissions, then try again."))
        }
        _ => Ok(()),
    }
}
