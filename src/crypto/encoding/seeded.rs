//! Private keys that are a seed, an expanded key, or both (RFC 9881 section 6, RFC 9935 section 6).

use der::asn1::{AnyRef, ContextSpecificRef, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};

use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::{encode, encoding};

/// `seed [0]`.
const SEED: TagNumber = TagNumber(0);

/// Seed and expanded key in the DER of a private key, with nothing after it. `InvalidKey` for anything
/// else.
pub(in crate::crypto) fn read(der: &[u8]) -> Result<[Option<&[u8]>; 2]> {
    parse(der).map_err(|_| Error::InvalidKey("neither a seed nor an expanded private key in DER"))
}

fn parse(der: &[u8]) -> der::Result<[Option<&[u8]>; 2]> {
    let mut reader = SliceReader::new(der)?;
    let value = AnyRef::decode(&mut reader)?;
    reader.finish()?;
    match value.tag() {
        Tag::ContextSpecific {
            constructed: false,
            number: SEED,
        } => Ok([Some(value.value()), None]),
        Tag::OctetString => Ok([None, Some(value.value())]),
        Tag::Sequence => {
            let mut fields = SliceReader::new(value.value())?;
            let seed = <&OctetStringRef>::decode(&mut fields)?;
            let expanded = <&OctetStringRef>::decode(&mut fields)?;
            fields.finish()?;
            Ok([Some(seed.as_bytes()), Some(expanded.as_bytes())])
        }
        other => Err(other.value_error().into()),
    }
}

/// The DER of the seed where there is one, else of the expanded key.
pub(in crate::crypto) fn write(seed: &[u8], expanded: &[u8]) -> Result<Secret> {
    if seed.is_empty() {
        return encode(&OctetStringRef::new(expanded).map_err(encoding)?);
    }
    encode(&ContextSpecificRef {
        tag_number: SEED,
        tag_mode: TagMode::Implicit,
        value: &OctetStringRef::new(seed).map_err(encoding)?,
    })
}
