//! `tenon csr`: a request for a certificate (PKCS #10, RFC 2986).

use clap::Args;
use der::Encode;
use pem_rfc7468::LineEnding;
use x509_cert::attr::{Attribute, Attributes};
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

use super::signature::Scheme;
use super::subject::Subject;
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    subject: Subject,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let Arguments { subject } = arguments;
    let signing = subject.open()?;
    let key = subject.key(&signing)?;
    let scheme = Scheme::of(&key)?;
    let mut attributes = Attributes::new();
    let extensions = subject.extensions()?;
    if !extensions.is_empty() {
        attributes.insert(Attribute::try_from(ExtensionReq(extensions))?)?;
    }
    let info = CertReqInfo {
        version: Version::V1,
        subject: subject.subject.clone(),
        public_key: scheme.public.clone(),
        attributes,
    };
    let signature = scheme.sign(&key, &info.to_der()?)?;
    let request = CertReq {
        info,
        algorithm: scheme.algorithm,
        signature,
    };
    let pem = pem_rfc7468::encode_string("CERTIFICATE REQUEST", LineEnding::LF, &request.to_der()?)
        .map_err(|error| format!("the request has no PEM form: {error}"))?;
    files::write(subject.out.as_deref(), pem.as_bytes())
}
