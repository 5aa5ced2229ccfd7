//! X.509 certificates.

use der::{Decode, Reader, SliceReader, Tag, TagNumber};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::name::Name;
use x509_cert::time::Time;

use crate::Result;
use crate::output::printable;

/// An X.509 certificate, and the parts that PKCS#11 names; all DER.
pub(crate) struct Certificate {
    pub(crate) value: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// The end of its validity, in Unix seconds.
    pub(crate) not_after: u64,
}

impl Certificate {
    /// The certificate in `value`, DER.
    pub(crate) fn of(value: &[u8]) -> Result<Self> {
        certificate(value)
    }

    /// The subject, as RFC 4514 writes it.
    pub(crate) fn subject_text(&self) -> String {
        name(&self.subject)
    }

    /// The issuer, as RFC 4514 writes it.
    pub(crate) fn issuer_text(&self) -> String {
        name(&self.issuer)
    }

    /// The common name of the subject, else all of it.
    pub(crate) fn common_name(&self) -> String {
        let subject = self.subject_text();
        let mut parts = subject.split(',');
        let common = parts.find_map(|part| part.trim().strip_prefix("CN="));
        common.map_or_else(|| subject.clone(), str::to_owned)
    }
}

fn name(der: &[u8]) -> String {
    let name = Name::from_der(der).map(|name| name.to_string());
    printable(name.unwrap_or_default().as_bytes())
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
    let validity = tbs.tlv_bytes()?;
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
        not_after: not_after(validity)?,
    })
}

/// The second of the two times of a Validity (RFC 5280 section 4.1.2.5).
fn not_after(validity: &[u8]) -> der::Result<u64> {
    SliceReader::new(validity)?.sequence(|times| {
        let _not_before = times.tlv_bytes()?;
        Ok(Time::decode(times)?.to_unix_duration().as_secs())
    })
}
