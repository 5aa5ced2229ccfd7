//! Tokens of SoftHSM 2: a folder each, with an object file for each object or a database.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tenon_pkcs11::api::attr::RawValue;
use tenon_pkcs11::api::ck;

use super::super::source::{Attributes, SourceObject};
use super::database::{self, Database};
use super::file;
use super::seal::TokenKey;
use crate::output::printable;
use crate::{Result, files};

/// Attributes of the token itself.
const TOKEN_LABEL: ck::CK_ATTRIBUTE_TYPE = ck::CKA_VENDOR_DEFINED + 0x5349;
const TOKEN_SERIAL: ck::CK_ATTRIBUTE_TYPE = ck::CKA_VENDOR_DEFINED + 0x534A;
const USER_PIN: ck::CK_ATTRIBUTE_TYPE = ck::CKA_VENDOR_DEFINED + 0x534D;

/// The file of the token itself, where each object is a file.
const TOKEN_FILE: &str = "token.object";
/// Most bytes of an object file.
const LARGEST: u64 = 1 << 24;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backend {
    Files,
    Database,
}

/// A token of SoftHSM 2, closed.
pub(crate) struct SourceToken {
    pub(crate) folder: PathBuf,
    backend: Backend,
    pub(crate) label: String,
    pub(crate) serial: String,
    pin_blob: Vec<u8>,
}

/// The tokens in `folder`, or the token whose folder it is; in the order of their folders' names.
pub(crate) fn tokens(folder: &Path) -> Result<Vec<SourceToken>> {
    if let Some(token) = SourceToken::read(folder)? {
        return Ok(vec![token]);
    }
    let cannot = |error| format!("cannot read {}: {error}", folder.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        folders.push(entry.map_err(cannot)?.path());
    }
    folders.sort();
    let mut tokens = Vec::new();
    for folder in folders {
        tokens.extend(SourceToken::read(&folder)?);
    }
    Ok(tokens)
}

impl SourceToken {
    /// `None` where the folder holds no token.
    fn read(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(TOKEN_FILE);
        let (backend, attributes) = if file.is_file() {
            (Backend::Files, read_file(&file)?)
        } else if folder.join(database::FILE_NAME).is_file() {
            (Backend::Database, Database::open(folder)?.token()?)
        } else {
            return Ok(None);
        };
        let text = |kind| printable(plain(&attributes, kind).trim_ascii_end());
        Ok(Some(Self {
            folder: folder.to_owned(),
            backend,
            label: text(TOKEN_LABEL),
            serial: text(TOKEN_SERIAL),
            pin_blob: plain(&attributes, USER_PIN).to_vec(),
        }))
    }

    /// A configuration of SoftHSM in which the token is found.
    pub(super) fn configuration(&self) -> Result<String> {
        let folder = std::path::absolute(&self.folder)?;
        let folder = folder.parent().unwrap_or(&folder);
        let backend = match self.backend {
            Backend::Files => "file",
            Backend::Database => "db",
        };
        Ok(format!(
            "directories.tokendir = {}\nobjectstore.backend = {backend}\nlog.level = ERROR\n",
            folder.display()
        ))
    }

    /// The key of the private objects.
    pub(super) fn open(&self, pin: &[u8]) -> Result<TokenKey> {
        if self.pin_blob.is_empty() {
            return Err(format!("the token {} of SoftHSM has no user PIN", self.label).into());
        }
        let key = TokenKey::open(pin, &self.pin_blob);
        key.ok_or_else(|| {
            format!(
                "the PIN does not open the token {} of SoftHSM in {}",
                self.label,
                self.folder.display()
            )
            .into()
        })
    }

    /// The objects, each opened when it is asked for.
    pub(super) fn objects<'a>(&self, key: &'a TokenKey) -> Result<Objects<'a>> {
        let unread = match self.backend {
            Backend::Files => Unread::Files(self.object_files()?.into_iter()),
            Backend::Database => {
                let database = Database::open(&self.folder)?;
                let rows = database.objects()?;
                Unread::Rows(database, rows.into_iter())
            }
        };
        Ok(Objects { unread, key })
    }

    fn object_files(&self) -> Result<Vec<PathBuf>> {
        let mut objects = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let is_object = path.extension() == Some(OsStr::new("object"));
            if is_object && path.file_name() != Some(OsStr::new(TOKEN_FILE)) {
                objects.push(path);
            }
        }
        objects.sort();
        Ok(objects)
    }
}

enum Unread {
    Files(std::vec::IntoIter<PathBuf>),
    Rows(Database, std::vec::IntoIter<i64>),
}

/// The objects of a token: each by its name, with what is wrong where it cannot be read.
pub(super) struct Objects<'a> {
    unread: Unread,
    key: &'a TokenKey,
}

impl Objects<'_> {
    /// How many are to come.
    pub(super) fn left(&self) -> usize {
        match &self.unread {
            Unread::Files(files) => files.len(),
            Unread::Rows(_, rows) => rows.len(),
        }
    }
}

impl Iterator for Objects<'_> {
    type Item = (String, Result<SourceObject>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, attributes) = match &mut self.unread {
            Unread::Files(files) => {
                let path = files.next()?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                (name.into_owned(), read_file(&path))
            }
            Unread::Rows(database, rows) => {
                let row = rows.next()?;
                (format!("object {row}"), database.attributes(row))
            }
        };
        let object = attributes.and_then(|sealed| opened(name.clone(), sealed, self.key));
        Some((name, object))
    }
}

fn read_file(path: &Path) -> Result<Attributes> {
    let cannot = |error| format!("cannot read {}: {error}", path.display());
    let file = File::open(path).map_err(cannot)?;
    let room = file.metadata().map_err(cannot)?.len().min(LARGEST);
    let bytes = files::read_limited(file, room).map_err(cannot)?;
    let damaged = || {
        format!(
            "{} is no object file of SoftHSM 2, or cut off",
            path.display()
        )
    };
    file::attributes(&bytes).ok_or_else(|| damaged().into())
}

fn plain(attributes: &Attributes, kind: ck::CK_ATTRIBUTE_TYPE) -> &[u8] {
    match attributes.get(&kind) {
        Some(RawValue::Bytes(bytes)) => bytes,
        _ => &[],
    }
}

/// Least length of a sealed byte string. Flags, numbers and dates, which SoftHSM does not seal, have at most 8.
const SEALED_LEN: usize = 32;

/// The object with the byte strings of a private one unsealed.
fn opened(name: String, sealed: Attributes, key: &TokenKey) -> Result<SourceObject> {
    let mut object = SourceObject {
        name,
        attributes: sealed,
        unread: Vec::new(),
    };
    if !object.flag(ck::CKA_PRIVATE) {
        return Ok(object);
    }
    for (kind, value) in &mut object.attributes {
        let RawValue::Bytes(bytes) = value else {
            continue;
        };
        // A list of mechanisms is not sealed either.
        if bytes.len() < SEALED_LEN || *kind == ck::CKA_ALLOWED_MECHANISMS {
            continue;
        }
        let unsealed = key
            .unseal(bytes)
            .ok_or_else(|| format!("attribute {kind:#x} does not open with the token's key"))?;
        *value = RawValue::Bytes(unsealed);
    }
    Ok(object)
}
