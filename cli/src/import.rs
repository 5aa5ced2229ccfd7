//! `tenon import`: everything in a file, or nothing.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::{Material, named_secrets};
use tenon_pkcs11::api::mechanism;
use tenon_pkcs11::api::token::Handle;

use crate::ask::{KeyPassword, UserPin};
use crate::keyfile::{self, Certificate, Item};
use crate::keys::{Names, key_id};
use crate::object::{Summary, find, unused, value, with_id};
use crate::output::Format;
use crate::template::Template;
use crate::token::{Choice, OpenSession};
use crate::{Result, files, public_key};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The file, - for standard input
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// The file is the bytes of a secret key of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = secret_types())]
    secret: Option<ck::CK_KEY_TYPE>,
    #[command(flatten)]
    names: Names,
    /// Put the objects in the place of those of the same class and CKA_ID
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    password: KeyPassword,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

/// The types that `--type` takes, by their names.
fn secret_types() -> impl TypedValueParser<Value = ck::CK_KEY_TYPE> {
    let of_name = |name: String| {
        let mut types = named_secrets();
        let row = types.find(|(known, _)| *known == name);
        row.map_or(ck::CKK_GENERIC_SECRET, |(_, row)| row.id)
    };
    PossibleValuesParser::new(named_secrets().map(|(name, _)| name)).map(of_name)
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let file = files::read(&arguments.file)?;
    let mut templates = templates(arguments, &file)?;
    let open = arguments.choice.user_session(&arguments.pin)?;
    if arguments.names.id.is_none() {
        take_ids_of_keys(&open, &mut templates)?;
    }
    let mut replaced = Vec::new();
    for planned in &templates {
        match arguments.replace {
            true => replaced.extend(replaceable(&open, planned)?),
            false => unused(&open.session, planned.class, &planned.id)?,
        }
    }
    let mut made = Vec::new();
    for planned in &templates {
        match open.session.create_object(planned.template.as_slice()) {
            Ok(handle) => made.push(handle),
            Err(error) => {
                undo(&open, &made);
                return Err(error.into());
            }
        }
    }
    for handle in replaced {
        open.session.destroy_object(handle)?;
    }
    let mut summaries = Vec::new();
    for handle in made {
        summaries.push(Summary::of(&open.session, handle)?);
    }
    let answer = summaries.iter().map(Summary::json).collect();
    let format = keyfile::format_name(&file).map_or(String::new(), |name| format!(" from {name}:"));
    arguments.format.print(&answer, |out| {
        summaries
            .iter()
            .try_for_each(|made| writeln!(out, "Imported{format} {}", made.words()))
    })
}

/// A certificate of a key that is in the token gets the CKA_ID that the key has there, by which programs find the
/// one for the other.
fn take_ids_of_keys(open: &OpenSession, templates: &mut [Planned]) -> Result<()> {
    for planned in templates {
        let Some(spki) = planned
            .spki
            .as_ref()
            .filter(|_| planned.class == ck::CKO_CERTIFICATE)
        else {
            continue;
        };
        for class in [ck::CKO_PRIVATE_KEY, ck::CKO_PUBLIC_KEY] {
            let key = Template::of_class(class).bytes(ck::CKA_PUBLIC_KEY_INFO, spki);
            let Some(key) = find(&open.session, &key)?.pop() else {
                continue;
            };
            let id = value(&open.session, key, ck::CKA_ID)?.unwrap_or_default();
            if !id.is_empty() {
                planned.template = planned.template.clone().with_changed(ck::CKA_ID, &id);
                planned.id = id;
                break;
            }
        }
    }
    Ok(())
}

/// The objects that `planned` replaces.
///
/// # Errors
/// For an external key, whose binding to its material would be lost.
fn replaceable(open: &OpenSession, planned: &Planned) -> Result<Vec<Handle>> {
    let known = with_id(&open.session, planned.class, &planned.id)?;
    for handle in &known {
        let summary = Summary::of(&open.session, *handle)?;
        if summary.external || summary.bound {
            return Err(format!(
                "{} is an external key, which is not replaced: `tenon byok import` brings its material",
                summary.words()
            )
            .into());
        }
    }
    Ok(known)
}

/// Destroys what was made before a refusal. Failures are ignored: the user must see the refusal.
fn undo(open: &OpenSession, made: &[Handle]) {
    for handle in made {
        let _ = open.session.destroy_object(*handle);
    }
}

/// An object that is to be made.
struct Planned {
    class: ck::CK_OBJECT_CLASS,
    /// CKA_ID.
    id: Vec<u8>,
    /// CKA_ID by the public key of the object; empty where it has none.
    own_id: Vec<u8>,
    /// The public key itself, that of the private key, or that in the certificate, as SubjectPublicKeyInfo DER.
    spki: Option<Vec<u8>>,
    template: Template,
}

impl Planned {
    /// `spki` is the public key itself, that of the private key, or that in the certificate.
    fn new(names: &Names, class: ck::CK_OBJECT_CLASS, spki: Option<&[u8]>) -> Result<Self> {
        let own_id = match spki {
            Some(spki) => key_id(spki)?.to_vec(),
            None => Vec::new(),
        };
        let id = names.id.clone().unwrap_or_else(|| own_id.clone());
        let template = names.add(Template::of_class(class), class, &id);
        Ok(Self {
            class,
            id,
            own_id,
            spki: spki.map(<[u8]>::to_vec),
            template,
        })
    }

    fn with(mut self, add: impl FnOnce(Template) -> Template) -> Self {
        self.template = add(self.template);
        self
    }
}

fn templates(arguments: &Arguments, file: &[u8]) -> Result<Vec<Planned>> {
    let names = &arguments.names;
    if let Some(key_type) = arguments.secret {
        let planned = Planned::new(names, ck::CKO_SECRET_KEY, None)?;
        return Ok(vec![planned.with(|template| {
            template
                .number(ck::CKA_KEY_TYPE, key_type)
                .bytes(ck::CKA_VALUE, file)
        })]);
    }
    let password = || arguments.password.source().read();
    let mut all: Vec<Planned> = Vec::new();
    let mut certificates: Vec<Certificate> = Vec::new();
    let items = keyfile::items(file, &password).map_err(|error| {
        if error.is::<keyfile::Unknown>() {
            format!("{error}; for the bytes of a secret key say --type").into()
        } else {
            error
        }
    })?;
    for item in items {
        match item {
            Item::PrivateKey(material) => {
                let spki = material.spki().ok_or("not a private key")?;
                all.push(private_key(names, &material, &spki)?);
                all.push(public_key(names, &spki)?);
            }
            Item::PssKey(material) => {
                let spki = material.spki().ok_or("not a private key")?;
                all.push(private_key(names, &material, &spki)?.with(pss));
                all.push(public_key(names, &spki)?.with(pss));
            }
            Item::PublicKey(spki) => all.push(public_key(names, &spki)?),
            Item::PssPublicKey(spki) => all.push(public_key(names, &spki)?.with(pss)),
            Item::Certificate(certificate) => certificates.push(certificate),
        }
    }
    // The given names are those of the key, or else of the first certificate, and of the certificates of this key.
    let first = certificates
        .first()
        .map(|first| key_id(&first.spki))
        .transpose()?;
    let named = all.first().map(|planned| planned.own_id.clone());
    let named = named
        .or_else(|| first.map(|id| id.to_vec()))
        .unwrap_or_default();
    for certificate in &certificates {
        let is_named = key_id(&certificate.spki)?[..] == named[..];
        let own = Names::of(certificate.common_name());
        let names = if is_named { names } else { &own };
        all.push(certificate_object(names, certificate)?);
    }
    let keys = all
        .iter()
        .filter(|planned| planned.class != ck::CKO_CERTIFICATE);
    let one_key = keys
        .map(|planned| &planned.own_id)
        .is_sorted_by(|one, next| one == next);
    if names.id.is_some() && !one_key {
        return Err(
            "the file has more than one key: without --id each gets an ID of its own".into(),
        );
    }
    Ok(without_repeats(all))
}

/// Keeps either half of a pair to the mechanisms of RSASSA-PSS (RFC 4055 section 1.2).
fn pss(template: Template) -> Template {
    let rows = mechanism::all().filter(|row| row.name.ends_with("RSA_PKCS_PSS"));
    let mechanisms: Vec<_> = rows.map(|row| row.id).collect();
    template.numbers(ck::CKA_ALLOWED_MECHANISMS, &mechanisms)
}

/// Leaves out keys that come twice: a file may have a public key beside its private key, which brings
/// it too. Certificates of one key are different objects.
fn without_repeats(all: Vec<Planned>) -> Vec<Planned> {
    let mut once: Vec<Planned> = Vec::new();
    for planned in all {
        let same = |known: &Planned| known.class == planned.class && known.own_id == planned.own_id;
        if planned.class == ck::CKO_CERTIFICATE || !once.iter().any(same) {
            once.push(planned);
        }
    }
    once
}

fn private_key(names: &Names, material: &Material, spki: &[u8]) -> Result<Planned> {
    let mut planned = Planned::new(names, ck::CKO_PRIVATE_KEY, Some(spki))?;
    planned.template = crate::private_key::add(planned.template, material)?;
    Ok(planned)
}

fn public_key(names: &Names, spki: &[u8]) -> Result<Planned> {
    let mut planned = Planned::new(names, ck::CKO_PUBLIC_KEY, Some(spki))?;
    planned.template = public_key::add(planned.template, spki)?;
    Ok(planned)
}

fn certificate_object(names: &Names, certificate: &Certificate) -> Result<Planned> {
    let planned = Planned::new(names, ck::CKO_CERTIFICATE, Some(&certificate.spki))?;
    Ok(planned.with(|template| {
        template
            .number(ck::CKA_CERTIFICATE_TYPE, ck::CKC_X_509)
            .bytes(ck::CKA_SUBJECT, &certificate.subject)
            .bytes(ck::CKA_ISSUER, &certificate.issuer)
            .bytes(ck::CKA_SERIAL_NUMBER, &certificate.serial)
            .bytes(ck::CKA_PUBLIC_KEY_INFO, &certificate.spki)
            .bytes(ck::CKA_VALUE, &certificate.value)
    }))
}
