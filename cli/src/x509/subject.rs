//! Whom a request or certificate names, and the key that it is for.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use der::Encode;
use der::asn1::{Ia5String, OctetString};
use der::oid::AssociatedOid;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use zeroize::Zeroizing;

use crate::Result;
use crate::ask::UserPin;
use crate::object::{Class, Filter};
use crate::our_key::OurKey;
use crate::token::{Choice, OpenSession};

#[derive(Args)]
pub(super) struct Subject {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    key: Filter,
    /// The subject, as in RFC 4514: CN=www.example.org,O=Example,C=DE
    #[arg(long, value_name = "NAME", value_parser = Name::from_str)]
    pub(super) subject: Name,
    /// A host name that the certificate is for; may be given several times
    #[arg(long, value_name = "HOST")]
    dns: Vec<String>,
    /// An address that the certificate is for; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<IpAddr>,
    /// The new file; else standard output
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pin: UserPin,
}

/// The session in which the key signs.
pub(super) struct Signing {
    open: OpenSession,
    pin: Zeroizing<String>,
}

impl Subject {
    pub(super) fn open(&self) -> Result<Signing> {
        let open = self.choice.session()?;
        let pin = self.pin.source().read()?;
        let user = tenon_pkcs11::api::ck::CKU_USER;
        open.session.login(user, pin.as_bytes())?;
        Ok(Signing { open, pin })
    }

    /// The one private key that was chosen.
    pub(super) fn key<'a>(&self, signing: &'a Signing) -> Result<OurKey<'a>> {
        let mut found = self.key.of(Class::Privkey).find(&signing.open.session)?;
        match (found.pop(), found.is_empty()) {
            (Some(handle), true) => Ok(OurKey {
                open: &signing.open,
                handle,
                pin: signing.pin.as_bytes(),
            }),
            (Some(_), false) => {
                Err("more than one private key: choose with --label, --id or --unique-id".into())
            }
            (None, _) => Err(
                "no such private key: `tenon objects list --login --type privkey` lists those there are"
                    .into(),
            ),
        }
    }

    /// The alternative names, as an extension; none where there is none.
    pub(super) fn extensions(&self) -> Result<Vec<Extension>> {
        let mut names = Vec::new();
        for host in &self.dns {
            names.push(GeneralName::DnsName(Ia5String::new(host)?));
        }
        names.extend(self.ip.iter().map(|address| GeneralName::from(*address)));
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let value = SubjectAltName(names).to_der()?;
        Ok(vec![Extension {
            extn_id: SubjectAltName::OID,
            // RFC 5280 section 4.2.1.6: critical where the subject is empty.
            critical: self.subject.is_empty(),
            extn_value: OctetString::new(value)?,
        }])
    }
}
