//! `tenon import`: everything in a file, or nothing.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::{self, Material, Need, PublicValue, named_secrets};
use tenon_pkcs11::api::mechanism;
use tenon_pkcs11::api::token::Handle;

use crate::ask::{KeyPassword, UserPin};
use crate::keyfile::{self, Certificate, Item};
use crate::keys::{Names, key_id};
use crate::object::{Summary, unused};
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
    let templates = templates(arguments, &file)?;
    let open = arguments.choice.user_session(&arguments.pin)?;
    for planned in &templates {
        unused(&open.session, planned.class, &planned.id)?;
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
                let planned = private_key(names, &material, &spki)?;
                all.push(planned.with(|template| {
                    template.numbers(ck::CKA_ALLOWED_MECHANISMS, &pss_mechanisms())
                }));
                all.push(public_key(names, &spki)?);
            }
            Item::PublicKey(spki) => all.push(public_key(names, &spki)?),
            Item::Certificate(certificate) => all.push(certificate_object(names, &certificate)?),
        }
    }
    let one_key = all.windows(2).all(|pair| pair[0].own_id == pair[1].own_id);
    if names.id.is_some() && !one_key {
        return Err(
            "the file has more than one key: without --id each gets an ID of its own".into(),
        );
    }
    Ok(without_repeats(all))
}

/// The mechanisms of RSASSA-PSS.
fn pss_mechanisms() -> Vec<ck::CK_MECHANISM_TYPE> {
    let pss = mechanism::all().filter(|row| row.name.ends_with("RSA_PKCS_PSS"));
    pss.map(|row| row.id).collect()
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
    let planned = Planned::new(names, ck::CKO_PRIVATE_KEY, Some(spki))?;
    let Material::Pair(pair) = material else {
        return Err("not a private key".into());
    };
    let key_type = pair.key_type();
    let held = keytype::find(key_type).map_or(&[][..], |row| row.held);
    let public = pair.describe()?;
    Ok(planned.with(|template| {
        let template = template.number(ck::CKA_KEY_TYPE, key_type);
        let given = held.iter().filter(|one| one.create != Need::Forbidden);
        given.fold(template, |template, component| {
            let kind = component.kind;
            let shown = public.iter().find(|(of, _)| *of == kind);
            match (pair.secret_value(kind), shown) {
                (Some(value), _) => template.bytes(kind, value),
                (None, Some((_, PublicValue::Bytes(value)))) => template.bytes(kind, value),
                (None, Some((_, PublicValue::Ulong(number)))) => template.number(kind, *number),
                (None, None) => template,
            }
        })
    }))
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
