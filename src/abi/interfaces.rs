//! The interfaces that hold the function tables (sections 5.4.4 to 5.4.6).

use std::ffi::CStr;
use std::ptr;

use super::args::{InputStruct, Place, Text};
use super::output::OutputArray;
use crate::ck::{self, CK_INTERFACE, CK_VERSION};
use crate::error::{Error, Result};

/// Version of the table that C_GetFunctionList gives.
pub(super) const V2_40: CK_VERSION = CK_VERSION {
    major: 2,
    minor: 40,
};
pub(super) const V3_0: CK_VERSION = CK_VERSION { major: 3, minor: 0 };
pub(super) const V3_2: CK_VERSION = CK_VERSION { major: 3, minor: 2 };

const NAME: &CStr = c"PKCS 11";

/// The interfaces, the newest first: the first that fits is the answer to C_GetInterface.
pub(super) struct Interfaces(pub(super) [CK_INTERFACE; 3]);

// SAFETY: the pointers lead to immutable statics.
unsafe impl Sync for Interfaces {}

/// The interface to `table`, a static. It has no flags: with CKF_INTERFACE_FORK_SAFE a child would
/// keep its parent's sessions, and a child of this library begins anew.
pub(super) const fn interface<T>(table: *const T) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: table.cast_mut().cast(),
        flags: 0,
    }
}

/// C_GetFunctionList (section 5.4.4).
pub(super) fn function_list(
    table: &'static ck::CK_FUNCTION_LIST,
    found: Place<ck::CK_FUNCTION_LIST_PTR>,
) -> Result<()> {
    found.fill(|| Ok(ptr::from_ref(table).cast_mut()))
}

/// C_GetInterfaceList (section 5.4.5).
pub(super) fn list_all(all: &Interfaces, list: OutputArray<CK_INTERFACE>) -> Result<()> {
    list.fill(|| Ok(all.0.to_vec()))
}

/// C_GetInterface (section 5.4.6).
pub(super) fn find(
    all: &'static Interfaces,
    name: Text,
    version: InputStruct<CK_VERSION>,
    found: Place<ck::CK_INTERFACE_PTR>,
    flags: ck::CK_FLAGS,
) -> Result<()> {
    found.fill(|| {
        let version = version.read().map(|version| (version.major, version.minor));
        let named = name.read().is_none_or(|name| name == NAME);
        all.0
            .iter()
            .find(|interface| {
                named
                    && flags & !interface.flags == 0
                    && version.is_none_or(|version| version == version_of(interface))
            })
            .map(|interface| ptr::from_ref(interface).cast_mut())
            .ok_or_else(|| Error::new(ck::CKR_ARGUMENTS_BAD, "there is no such interface"))
    })
}

fn version_of(interface: &CK_INTERFACE) -> (u8, u8) {
    // SAFETY: each interface leads to one of the tables above, which begin with their version.
    let version = unsafe { interface.pFunctionList.cast::<CK_VERSION>().read() };
    (version.major, version.minor)
}
