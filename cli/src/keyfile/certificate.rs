//! X.509 certificates.

use der::{Decode, Reader, SliceReader, Tag, TagNumber};
use spki::SubjectPublicKeyInfoRef;

use crate::Result;

/// An X.509 certificate, and the parts that PKCS#11 names; all DER.
pub(crate) struct Certificate {
    pub(crate) value: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) spki: Vec<u8>,
}

/// Certificate of RFC 5280 section 4.1. OpenSSL's trusted certificates have more after it, which is
/// left out.
pub(super) fn certificate(der: &[u8]) -> Result<Certificate> {
    let value = SliceReader::new(der)?.tlv_bytes()?;
    let certificate: der::Result<_> = SliceReader::new(value)?.sequence(|fields| {
        let certificate = fields.sequence(|tbs| to_be_signed(tbs, value));
        let _algorithm = fields.tlv_bytes()?;
        let _signature = fields.tlv_bytes()?;
        certificate
    });
    let certificate = certificate?;
    SubjectPublicKeyInfoRef::from_der(&certificate.spki)?;
    Ok(certificate)
}

/// TBSCertificate of the certificate `value`.
fn to_be_signed(tbs: &mut SliceReader<'_>, value: &[u8]) -> der::Result<Certificate> {
    const VERSION: Tag = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(0),
    };
    if Tag::peek(tbs)? == VERSION {
        tbs.tlv_bytes()?;
    }
    let serial = tbs.tlv_bytes()?;
    let _signature = tbs.tlv_bytes()?;
    let issuer = tbs.tlv_bytes()?;
    let _validity = tbs.tlv_bytes()?;
    let subject = tbs.tlv_bytes()?;
    let spki = tbs.tlv_bytes()?;
    while !tbs.is_finished() {
        tbs.tlv_bytes()?;
    }
    Ok(Certificate {
        value: value.to_vec(),
        subject: subject.to_vec(),
        issuer: issuer.to_vec(),
        serial: serial.to_vec(),
        spki: spki.to_vec(),
    })
}
