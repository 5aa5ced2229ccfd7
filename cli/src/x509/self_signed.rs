//! `tenon cert self-sign`.

use std::time::Duration;

use clap::Args;
use der::asn1::{BitString, OctetString, Uint};
use der::oid::AssociatedOid;
use der::{DateTime, Encode, Sequence};
use pem_rfc7468::LineEnding;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use tenon_pkcs11::api::clock::{Clock, SystemClock};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::name::Name;
use x509_cert::time::{Time, Validity};

use super::signature::Scheme;
use super::subject::Subject;
use crate::keys::key_id;
use crate::when::duration;
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// How long the certificate is valid, from now on (90d, 52w)
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "365d")]
    valid: u64,
}

/// TBSCertificate of RFC 5280 section 4.1, version 3.
#[derive(Sequence)]
struct Unsigned {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: u8,
    serial: Uint,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    public: SubjectPublicKeyInfoOwned,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Vec<Extension>,
}

/// Certificate of RFC 5280 section 4.1.
#[derive(Sequence)]
struct Signed {
    unsigned: Unsigned,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { subject, valid } = arguments;
    let signing = subject.open()?;
    let key = subject.key(&signing)?;
    let scheme = Scheme::of(&key)?;
    let now = SystemClock.now();
    let mut serial = [0; 16];
    key.open.session.random(&mut serial);
    // A serial number is positive and has no leading zero (section 4.1.2.2).
    serial[0] = serial[0] & 0x7F | 0x40;
    let mut extensions = subject.extensions()?;
    let identifier = OctetString::new(key_id(&scheme.public.to_der()?)?)?;
    extensions.push(Extension {
        extn_id: SubjectKeyIdentifier::OID,
        critical: false,
        extn_value: OctetString::new(SubjectKeyIdentifier(identifier).to_der()?)?,
    });
    let unsigned = Unsigned {
        version: 2,
        serial: Uint::new(&serial)?,
        signature: scheme.algorithm.clone(),
        issuer: subject.subject.clone(),
        validity: Validity::new(time(now)?, time(now.saturating_add(*valid))?),
        subject: subject.subject.clone(),
        public: scheme.public.clone(),
        extensions,
    };
    let signature = scheme.sign(&key, &unsigned.to_der()?)?;
    let signed = Signed {
        unsigned,
        algorithm: scheme.algorithm,
        signature,
    };
    let pem = pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, &signed.to_der()?)
        .map_err(|error| format!("the certificate has no PEM form: {error}"))?;
    files::write(subject.out.as_deref(), pem.as_bytes())
}

fn time(at: u64) -> Result<Time> {
    let time = DateTime::from_unix_duration(Duration::from_secs(at));
    time.map(Time::from)
        .map_err(|_| "the end is later than the year 9999".into())
}
