//! Where the PKCS#11 module is that belongs to this program.

use std::path::{Path, PathBuf};

use crate::{Result, own_file};

/// File name of the built module.
const FILE_NAME: &str = "libtenon_pkcs11.so";
/// Names the module's file; an empty value counts as none.
const VARIABLE: &str = "TENON_MODULE";

/// Folders in which the module is looked for, in this order. Relative ones start at the program's own folder: those of a build,
/// of an archive, of a Python wheel and of a prefix; then come the folders of the Debian and the RPM package.
const FOLDERS: &[&str] = &[
    "",
    "deps",
    "../lib",
    "../lib/pkcs11",
    "../lib64/pkcs11",
    #[cfg(target_arch = "x86_64")]
    "/usr/lib/x86_64-linux-gnu/pkcs11",
    #[cfg(target_arch = "aarch64")]
    "/usr/lib/aarch64-linux-gnu/pkcs11",
    "/usr/lib64/pkcs11",
];

/// The module that `TENON_MODULE` names, else the one of this program's build or installation.
pub(crate) fn find() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Ok(named.into());
    }
    let program = own_file::path()?;
    let folder = program.parent().unwrap_or(Path::new("."));
    FOLDERS
        .iter()
        .map(|place| folder.join(place).join(FILE_NAME))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            format!(
                "no {FILE_NAME} beside {}, in ../lib/pkcs11 or where packages put it; name it with --module or ${VARIABLE}",
                program.display()
            )
            .into()
        })
}
