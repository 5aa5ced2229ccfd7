//! The attributes of an external or managed key, as one call reads them.

use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::keytype::Values;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::Result;
use crate::object::ulong;
use crate::output::printable;

/// What is read.
const KINDS: [ck::CK_ATTRIBUTE_TYPE; 31] = [
    ck::CKA_TENON_CREATED_AT,
    ck::CKA_TENON_IMPORTED_AT,
    ck::CKA_TENON_ENDED_AT,
    ck::CKA_TENON_DISABLED,
    ck::CKA_TENON_ORIGIN,
    ck::CKA_ALLOWED_MECHANISMS,
    ck::CKA_CLASS,
    ck::CKA_KEY_TYPE,
    ck::CKA_LABEL,
    ck::CKA_ID,
    ck::CKA_UNIQUE_ID,
    ck::CKA_VALUE_LEN,
    ck::CKA_MODULUS,
    ck::CKA_MODULUS_BITS,
    ck::CKA_EC_PARAMS,
    ck::CKA_DECRYPT,
    ck::CKA_SIGN,
    ck::CKA_TENON_KEY_STATE,
    ck::CKA_TENON_EXPIRES_AT,
    ck::CKA_TENON_DELETION_AT,
    ck::CKA_TENON_MATERIAL_ID,
    ck::CKA_TENON_PROFILE,
    ck::CKA_TENON_KEY_SPEC,
    ck::CKA_TENON_REQUIRE_TOKEN,
    ck::CKA_TENON_QUORUM,
    ck::CKA_TENON_CUSTODIANS,
    ck::CKA_TENON_APPROVAL,
    ck::CKA_TENON_SHARES,
    ck::CKA_TENON_SHARE,
    ck::CKA_TENON_DESCRIPTION,
    ck::CKA_TENON_TAGS,
];

/// The values of `KINDS`, in their order; empty where the key does not have the attribute.
pub(super) struct Properties(Vec<Vec<u8>>);

impl Properties {
    pub(super) fn read(session: &Session, handle: Handle) -> Result<Self> {
        let values = session.attributes(handle, &KINDS)?.into_iter();
        let bytes = values.map(|value| match value {
            Revealed::Value(bytes) => bytes,
            _ => Vec::new(),
        });
        Ok(Self(bytes.collect()))
    }

    pub(super) fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> &[u8] {
        let place = KINDS.iter().position(|known| *known == kind);
        place
            .and_then(|place| self.0.get(place))
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn text(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> String {
        printable(self.bytes(kind))
    }

    pub(super) fn number(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        ulong(self.bytes(kind))
    }

    pub(super) fn is(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.bytes(kind) == [ck::CK_TRUE]
    }

    /// 0 where there is none.
    pub(super) fn time(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> UnixTime {
        let bytes = self.bytes(kind).try_into();
        bytes.map_or(0, UnixTime::from_be_bytes)
    }
}

impl Values for Properties {
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        Some(self.bytes(kind)).filter(|bytes| !bytes.is_empty())
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        self.number(kind)
    }
}
