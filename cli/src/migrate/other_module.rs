//! Another module, loaded as any client loads it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use tenon_pkcs11::api::ck;

use super::source::SourceObject;
use crate::Result;
use crate::output::printable;

/// The other module, its token open and the user logged in.
pub(crate) struct OtherModule {
    pub(super) session: Session,
    keys: HashMap<KeyName, Vec<ObjectHandle>>,
    pin: AuthPin,
    /// Kept until the session is closed.
    _library: Pkcs11,
}

/// Class, key type, CKA_ID and CKA_LABEL: several keys may have the same.
type KeyName = (ck::CK_OBJECT_CLASS, ck::CK_KEY_TYPE, Vec<u8>, Vec<u8>);

/// A loaded module.
pub(crate) struct Library {
    library: Pkcs11,
    path: PathBuf,
}

/// A token that a module shows.
pub(crate) struct ModuleToken {
    slot: Slot,
    pub(crate) label: String,
    pub(crate) serial: String,
}

impl Library {
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let library = Pkcs11::new(path).map_err(|error| match error {
            cryptoki::error::Error::LibraryLoading(why) => format!("cannot load the module: {why}"),
            other => format!("cannot load {}: {other}", path.display()),
        })?;
        library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        Ok(Self {
            library,
            path: path.into(),
        })
    }

    pub(crate) fn tokens(&self) -> Result<Vec<ModuleToken>> {
        let slots = self.library.get_slots_with_initialized_token()?;
        let tokens = slots.into_iter().filter_map(|slot| {
            let info = self.library.get_token_info(slot).ok()?;
            Some(ModuleToken {
                slot,
                label: printable(info.label().as_bytes()),
                serial: printable(info.serial_number().as_bytes()),
            })
        });
        Ok(tokens.collect())
    }

    /// The token, with its user logged in.
    pub(crate) fn log_in(self, token: &ModuleToken, pin: &str) -> Result<OtherModule> {
        let session = self.library.open_rw_session(token.slot)?;
        let pin = AuthPin::from(pin.to_owned());
        session.login(UserType::User, Some(&pin))?;
        let mut module = OtherModule {
            session,
            keys: HashMap::new(),
            pin,
            _library: self.library,
        };
        module.index()?;
        Ok(module)
    }
}

impl OtherModule {
    /// Loads the module of `path`, and logs into its token of this serial number.
    pub(crate) fn open(path: &Path, serial: &str, pin: &str) -> Result<Self> {
        let library = Library::load(path)?;
        let mut tokens = library.tokens()?.into_iter();
        let token = tokens.find(|token| token.serial == serial);
        let token = token.ok_or_else(|| {
            format!(
                "{} does not show the token {serial}: --no-comparison moves it unseen",
                library.path.display()
            )
        })?;
        library.log_in(&token, pin)
    }

    fn index(&mut self) -> Result<()> {
        const NAMES: [AttributeType; 4] = [
            AttributeType::Class,
            AttributeType::KeyType,
            AttributeType::Id,
            AttributeType::Label,
        ];
        for handle in self.session.find_objects(&[])? {
            let (mut class, mut key_type, mut id, mut label) = (None, None, vec![], vec![]);
            for attribute in self
                .session
                .get_attributes(handle, &NAMES)
                .unwrap_or_default()
            {
                match attribute {
                    Attribute::Class(number) => class = Some(number.into()),
                    Attribute::KeyType(number) => key_type = Some(number.into()),
                    Attribute::Id(bytes) => id = bytes,
                    Attribute::Label(bytes) => label = bytes,
                    _ => {}
                }
            }
            if let (Some(class), Some(key_type)) = (class, key_type) {
                let named = self.keys.entry((class, key_type, id, label));
                named.or_default().push(handle);
            }
        }
        Ok(())
    }

    /// The login that a key with CKA_ALWAYS_AUTHENTICATE asks for after its Init function.
    pub(super) fn log_in_again(&self) -> Result<()> {
        Ok(self
            .session
            .login(UserType::ContextSpecific, Some(&self.pin))?)
    }

    /// The private or secret keys that have the names of `object`.
    pub(super) fn candidates(&self, object: &SourceObject) -> &[ObjectHandle] {
        let named = name_of(object).and_then(|name| self.keys.get(&name));
        named.map_or(&[], Vec::as_slice)
    }
}

fn name_of(object: &SourceObject) -> Option<KeyName> {
    Some((
        object.number(ck::CKA_CLASS)?,
        object.number(ck::CKA_KEY_TYPE)?,
        object.bytes(ck::CKA_ID).to_vec(),
        object.bytes(ck::CKA_LABEL).to_vec(),
    ))
}
