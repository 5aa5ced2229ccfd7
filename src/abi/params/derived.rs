//! What C_DeriveKey writes besides the handle of one key, where the mechanism's parameter says.

use std::ptr;

use super::kbkdf::AdditionalKeys;
use crate::ck;
use crate::session::DerivedKeys;

/// Where C_DeriveKey writes what it makes besides one key.
pub(in crate::abi) enum DerivedOutput {
    Nothing,
    /// The version that a pre-master secret begins with.
    Version(*mut ck::CK_VERSION),
    /// More keys than one.
    Several(AdditionalKeys),
    /// Handles, and initialization vectors.
    Keys(*mut ck::CK_SSL3_KEY_MAT_OUT),
}

impl DerivedOutput {
    /// Writes the version of a pre-master secret.
    pub(in crate::abi) fn write_version(&self, version: Option<[u8; 2]>) {
        if let (Self::Version(place), Some([major, minor])) = (self, version) {
            // SAFETY: writable by the promise of `super::outputs`, and not NULL.
            unsafe { place.write_unaligned(ck::CK_VERSION { major, minor }) }
        }
    }

    /// Writes the handles, CK_INVALID_HANDLE for those that were not asked for, and the initialization vectors.
    pub(in crate::abi) fn write_keys(&self, derived: &DerivedKeys) {
        let Self::Keys(place) = self else {
            return;
        };
        let handle = |keys: Option<[_; 2]>, at: usize| {
            keys.map_or(ck::CK_INVALID_HANDLE, |keys: [ck::CK_OBJECT_HANDLE; 2]| {
                keys[at]
            })
        };
        // SAFETY: readable and writable by the promise of `super::outputs`, and not NULL; the vectors' places too, for as
        // many bytes as `tls::outputs` checked.
        unsafe {
            let mut out = place.read_unaligned();
            out.hClientMacSecret = handle(derived.macs, 0);
            out.hServerMacSecret = handle(derived.macs, 1);
            out.hClientKey = handle(derived.keys, 0);
            out.hServerKey = handle(derived.keys, 1);
            if let Some([client, server]) = &derived.ivs {
                ptr::copy_nonoverlapping(client.as_ptr(), out.pIVClient, client.len());
                ptr::copy_nonoverlapping(server.as_ptr(), out.pIVServer, server.len());
            }
            place.write_unaligned(out);
        }
    }
}
