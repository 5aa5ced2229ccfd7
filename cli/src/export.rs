//! `tenon export`: what is public anyway.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::session::Session;

use crate::object::{Class, Filter, ulong, value};
use crate::token::{Choice, Login};
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    login: Login,
    /// DER instead of PEM
    #[arg(long)]
    der: bool,
    /// A new file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let open = arguments.login.session(&arguments.choice)?;
    let mut chosen = choose(arguments, &open.session);
    if chosen.is_err() && arguments.login.is_possible() {
        arguments.login.log_in(&open)?;
        chosen = choose(arguments, &open.session);
    }
    let (label, der) = chosen?;
    let bytes = if arguments.der {
        der
    } else {
        pem_rfc7468::encode_string(label, LineEnding::LF, &der)?.into_bytes()
    };
    files::write(arguments.output.as_deref(), &bytes)
}

/// The one public key or certificate that the filter names, and its PEM label. A private key gives
/// its public key.
fn choose(arguments: &Arguments, session: &Session) -> Result<(&'static str, Vec<u8>)> {
    let filter = &arguments.filter;
    let sources = match filter.class() {
        None => &[
            (Class::Pubkey, "PUBLIC KEY", ck::CKA_PUBLIC_KEY_INFO),
            (Class::Cert, "CERTIFICATE", ck::CKA_VALUE),
        ][..],
        Some(Class::Pubkey) => &[
            (Class::Pubkey, "PUBLIC KEY", ck::CKA_PUBLIC_KEY_INFO),
            (Class::Privkey, "PUBLIC KEY", ck::CKA_PUBLIC_KEY_INFO),
        ],
        Some(Class::Cert) => &[(Class::Cert, "CERTIFICATE", ck::CKA_VALUE)],
        Some(Class::Privkey | Class::Secrkey | Class::Otpkey) => return Err(NEVER.into()),
        Some(Class::Data | Class::Params | Class::Trust) => {
            return Err("data and trust objects are no keys: --type pubkey or cert".into());
        }
    };
    let mut found = Vec::new();
    for (class, label, kind) in sources {
        for handle in filter.of(*class).find(session)? {
            // Certificates of other types have other labels in PEM, and no key.
            let certificate = value(session, handle, ck::CKA_CERTIFICATE_TYPE)?;
            if certificate.is_some_and(|kind| ulong(&kind) != Some(ck::CKC_X_509)) {
                continue;
            }
            let der = value(session, handle, *kind)?.unwrap_or_default();
            if !der.is_empty() && !found.contains(&(*label, der.clone())) {
                found.push((*label, der));
            }
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err("more than one matches: choose with --type, --id or --label".into())
        }
        (None, _) if is_secret(filter, session)? => Err(NEVER.into()),
        (None, _) => {
            Err("no such public key or certificate: `tenon objects list` lists them".into())
        }
    }
}

const NEVER: &str = "private and secret keys are not exported: nobody outside should hold them. \
    C_WrapKey gives one that is CKA_EXTRACTABLE to the owner of a wrapping key; \
    --type pubkey exports the public half";

fn is_secret(filter: &Filter, session: &Session) -> Result<bool> {
    for class in [Class::Secrkey, Class::Otpkey, Class::Privkey] {
        if !filter.of(class).find(session)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
