//! The built library as any PKCS#11 client sees it, loaded by the crate `cryptoki`.

use std::ops::Deref;
use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::vendor_defined::VendorDefinedMechanism;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::slot::Slot;
use tenon_pkcs11::api::ck::CK_MECHANISM_TYPE;

use crate::Result;

/// A loaded and initialised library; finalised when dropped.
pub(super) struct Library(Pkcs11);

impl Library {
    /// Loads the library at `path`.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let library = Pkcs11::new(path)
            .map_err(|error| format!("cannot load {}: {error}", path.display()))?;
        library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        Ok(Self(library))
    }

    /// The slot of the initialised token named `label`.
    pub(super) fn slot(&self, label: &str) -> Result<Slot> {
        for slot in self.get_slots_with_initialized_token()? {
            if self.get_token_info(slot)?.label() == label {
                return Ok(slot);
            }
        }
        Err(format!("there is no token named {label}").into())
    }
}

impl Deref for Library {
    type Target = Pkcs11;

    fn deref(&self) -> &Pkcs11 {
        &self.0
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and the process ends soon.
        let _ = self.0.clone().finalize();
    }
}

/// A mechanism for which `cryptoki` has no variant; `params` is the structure that PKCS#11 gives
/// the mechanism, or absent.
pub(super) fn unnamed<T>(kind: CK_MECHANISM_TYPE, params: Option<&T>) -> Mechanism<'_> {
    Mechanism::VendorDefined(VendorDefinedMechanism::new(mechanism_type(kind), params))
}

/// The number `kind` as `cryptoki` has it, which makes no MechanismType of numbers below
/// CKM_VENDOR_DEFINED that it does not name itself.
fn mechanism_type(kind: CK_MECHANISM_TYPE) -> MechanismType {
    // SAFETY: MechanismType is `repr(transparent)` around a CK_MECHANISM_TYPE, any value of which is
    // valid.
    unsafe { std::mem::transmute::<CK_MECHANISM_TYPE, MechanismType>(kind) }
}

#[test]
fn a_mechanism_type_has_the_number_that_it_is_made_of() {
    use tenon_pkcs11::api::ck::{CKM_AES_CBC, CKM_RSA_AES_KEY_WRAP};
    assert_eq!(mechanism_type(CKM_AES_CBC), MechanismType::AES_CBC);
    assert_eq!(*mechanism_type(CKM_RSA_AES_KEY_WRAP), CKM_RSA_AES_KEY_WRAP);
}
