//! Attributes of one object that contradict each other.

use crate::ck;
use crate::error::{Error, Result, refuse};

use super::attributes::Attributes;
use super::table;
use super::value::Value;

/// Checks that the attributes of an object do not contradict each other.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT; CKR_TEMPLATE_INCOMPLETE where one of several should have been given.
pub(super) fn consistent(attributes: &Attributes) -> Result<()> {
    let filled = |kind| attributes.bytes(kind).filter(|bytes| !bytes.is_empty());

    // YYYYMMDD sorts as text.
    if let (Some(start), Some(end)) = (filled(ck::CKA_START_DATE), filled(ck::CKA_END_DATE))
        && start > end
    {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "CKA_END_DATE is before CKA_START_DATE",
        );
    }
    // Section 4.9: "may only be set to CK_TRUE when CKA_PRIVATE is also CK_TRUE".
    if attributes.bool(ck::CKA_ALWAYS_AUTHENTICATE) && !attributes.bool(ck::CKA_PRIVATE) {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "CKA_ALWAYS_AUTHENTICATE needs CKA_PRIVATE",
        );
    }
    if attributes.class() == ck::CKO_TRUST {
        return trust(attributes);
    }
    if attributes.class() == ck::CKO_CERTIFICATE {
        return match attributes.subtype() {
            Some(ck::CKC_X_509_ATTR_CERT) => Ok(()),
            Some(ck::CKC_WTLS)
                if filled(ck::CKA_SUBJECT).is_none() && filled(ck::CKA_VALUE).is_some() =>
            {
                Err(Error::new(
                    ck::CKR_TEMPLATE_INCOMPLETE,
                    "a WTLS certificate with CKA_VALUE needs CKA_SUBJECT",
                ))
            }
            _ => certificate(filled),
        };
    }
    if attributes.bool(ck::CKA_TRUSTED) {
        return trusted(attributes);
    }
    Ok(())
}

/// A trusted key has no use but wrapping, since any other would open what it wraps.
fn trusted(attributes: &Attributes) -> Result<()> {
    if attributes.bool(ck::CKA_ENCRYPT) || attributes.bool(ck::CKA_DECRYPT) {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "a trusted key has neither CKA_ENCRYPT nor CKA_DECRYPT",
        );
    }
    let secret = ck::is_secret_key(attributes.class());
    let open = [ck::CKA_EXTRACTABLE, ck::CKA_COPYABLE]
        .into_iter()
        .any(|kind| attributes.bool(kind));
    if secret && (open || !attributes.bool(ck::CKA_SENSITIVE) || !only_wraps(attributes)) {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "a trusted secret key wraps and unwraps alone, and is neither CKA_EXTRACTABLE nor CKA_COPYABLE",
        );
    }
    Ok(())
}

/// The key has no use but CKA_WRAP and CKA_UNWRAP.
pub(super) fn only_wraps(attributes: &Attributes) -> bool {
    has_no_use_but(&[ck::CKA_WRAP, ck::CKA_UNWRAP], attributes)
}

/// The key has none of the uses that are not in `uses`.
pub(super) fn has_no_use_but(uses: &[ck::CK_ATTRIBUTE_TYPE], attributes: &Attributes) -> bool {
    table::USAGES
        .iter()
        .all(|usage| uses.contains(usage) || !attributes.bool(*usage))
}

/// What trusts a certificate says by its hash which one (footnote 2 of the trust attributes).
fn trust(attributes: &Attributes) -> Result<()> {
    let trusts = |(kind, value): (_, &Value)| {
        let usage = (ck::CKA_TRUST_SERVER_AUTH..=ck::CKA_TRUST_OCSP_SIGNING).contains(&kind);
        // CKT_TRUST_UNKNOWN and CKT_NOT_TRUSTED
        usage && !matches!(value, Value::Ulong(0 | 3))
    };
    let hash = attributes.bytes(ck::CKA_HASH_OF_CERTIFICATE);
    if attributes.iter().any(trusts) && hash.is_none_or(<[u8]>::is_empty) {
        return Err(Error::new(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "an object that trusts a certificate needs CKA_HASH_OF_CERTIFICATE",
        ));
    }
    Ok(())
}

/// Footnotes of the attributes of X.509 and WTLS certificates.
fn certificate<'a>(filled: impl Fn(ck::CK_ATTRIBUTE_TYPE) -> Option<&'a [u8]>) -> Result<()> {
    let incomplete = |what| Err(Error::new(ck::CKR_TEMPLATE_INCOMPLETE, what));
    if filled(ck::CKA_URL).is_none() {
        return match filled(ck::CKA_VALUE) {
            Some(_) => Ok(()),
            None => incomplete("a certificate needs CKA_VALUE or CKA_URL"),
        };
    }
    let hashes = [
        ck::CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
        ck::CKA_HASH_OF_ISSUER_PUBLIC_KEY,
    ];
    if hashes.into_iter().any(|kind| filled(kind).is_none()) {
        return incomplete("a certificate with CKA_URL needs the hashes of both public keys");
    }
    Ok(())
}
