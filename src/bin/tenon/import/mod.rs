//! `tenon import`: everything in a file, or nothing.

mod parse;
mod pem;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use der::asn1::OctetStringRef;
use der::{Decode, Encode};
use pkcs1::RsaPublicKeyRef;
use spki::SubjectPublicKeyInfoRef;
use tenon_pkcs11::ck;
use tenon_pkcs11::crypto::material::Material;
use tenon_pkcs11::token::Handle;
use zeroize::Zeroizing;

use crate::Result;
use crate::ask::{Source, UserPin};
use crate::keys::{Names, key_id};
use crate::object::{Summary, unused};
use crate::output::Format;
use crate::template::Template;
use crate::token::{Choice, Open};
use parse::{Certificate, Item};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The file, - for standard input
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// The file is the bytes of a secret key of this type
    #[arg(long = "type", value_name = "TYPE")]
    secret: Option<SecretType>,
    #[command(flatten)]
    names: Names,
    /// File with the password of an encrypted key in its first line, - for standard input; else
    /// $TENON_IMPORT_PASSWORD; else a prompt
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum SecretType {
    Aes,
    Generic,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let file = read(&arguments.file)
        .map_err(|error| format!("cannot read {}: {error}", arguments.file.display()))?;
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
    arguments.format.print(&answer, |out| {
        summaries
            .iter()
            .try_for_each(|made| writeln!(out, "Imported {}", made.words()))
    })
}

/// Takes back what came before a refusal, which is the error that the user must see.
fn undo(open: &Open, made: &[Handle]) {
    for handle in made {
        let _ = open.session.destroy_object(*handle);
    }
}

fn read(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if file != Path::new("-") {
        return fs::read(file).map(Zeroizing::new);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// An object that is to be made.
struct Planned {
    class: ck::CK_OBJECT_CLASS,
    id: Vec<u8>,
    template: Template,
}

impl Planned {
    fn new(names: &Names, class: ck::CK_OBJECT_CLASS, spki: Option<&[u8]>) -> Result<Self> {
        let id = match (&names.id, spki) {
            (Some(id), _) => id.clone(),
            (None, Some(spki)) => key_id(spki)?.to_vec(),
            (None, None) => Vec::new(),
        };
        let mut template = Template::of_class(class);
        if class != ck::CKO_CERTIFICATE {
            template = names.add(template, class);
        } else {
            let label = names.label.as_ref().map(String::as_bytes);
            template = template
                .flag(ck::CKA_TOKEN, true)
                .maybe(ck::CKA_LABEL, label);
        }
        if names.id.is_none() || class == ck::CKO_CERTIFICATE {
            template = template.bytes(ck::CKA_ID, &id);
        }
        Ok(Self {
            class,
            id,
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
    if let Some(secret) = arguments.secret {
        let key_type = match secret {
            SecretType::Aes => ck::CKK_AES,
            SecretType::Generic => ck::CKK_GENERIC_SECRET,
        };
        let planned = Planned::new(names, ck::CKO_SECRET_KEY, None)?;
        return Ok(vec![planned.with(|template| {
            template
                .number(ck::CKA_KEY_TYPE, key_type)
                .bytes(ck::CKA_VALUE, file)
        })]);
    }
    let password = || {
        let source = Source {
            name: "password of the key",
            file: arguments.password_file.as_deref(),
            variable: "TENON_IMPORT_PASSWORD",
        };
        source.read()
    };
    let mut templates: Vec<Planned> = Vec::new();
    let mut plan = |planned: Planned| {
        // A file may have a key's public half, or its certificate's, more than once.
        let same = |known: &Planned| known.class == planned.class && known.id == planned.id;
        if planned.class != ck::CKO_PUBLIC_KEY || !templates.iter().any(same) {
            templates.push(planned);
        }
    };
    for item in parse::items(file, &password)? {
        match item {
            Item::PrivateKey(material) => {
                let spki = material.spki().ok_or("not a private key")?;
                plan(private_key(names, &material, &spki)?);
                plan(public_key(names, &spki)?);
            }
            Item::PublicKey(spki) => plan(public_key(names, &spki)?),
            Item::Certificate(certificate) => plan(certificate_object(names, &certificate)?),
        }
    }
    Ok(templates)
}

fn private_key(names: &Names, material: &Material, spki: &[u8]) -> Result<Planned> {
    let planned = Planned::new(names, ck::CKO_PRIVATE_KEY, Some(spki))?;
    Ok(match material {
        Material::Rsa(key) => planned.with(|template| {
            template
                .number(ck::CKA_KEY_TYPE, ck::CKK_RSA)
                .bytes(ck::CKA_MODULUS, &key.n)
                .bytes(ck::CKA_PUBLIC_EXPONENT, &key.e)
                .bytes(ck::CKA_PRIVATE_EXPONENT, &key.d)
                .bytes(ck::CKA_PRIME_1, &key.p)
                .bytes(ck::CKA_PRIME_2, &key.q)
        }),
        Material::Ec(key) => planned.with(|template| {
            template
                .number(ck::CKA_KEY_TYPE, ck::CKK_EC)
                .bytes(ck::CKA_EC_PARAMS, key.curve.params())
                .bytes(ck::CKA_VALUE, &key.scalar)
        }),
        Material::Secret(_) => return Err("not a private key".into()),
    })
}

fn public_key(names: &Names, spki: &[u8]) -> Result<Planned> {
    let planned = Planned::new(names, ck::CKO_PUBLIC_KEY, Some(spki))?;
    let info = SubjectPublicKeyInfoRef::try_from(spki)?;
    let key = info.subject_public_key.raw_bytes();
    if let Ok(rsa) = RsaPublicKeyRef::from_der(key) {
        return Ok(planned.with(|template| {
            template
                .number(ck::CKA_KEY_TYPE, ck::CKK_RSA)
                .bytes(ck::CKA_MODULUS, rsa.modulus.as_bytes())
                .bytes(ck::CKA_PUBLIC_EXPONENT, rsa.public_exponent.as_bytes())
        }));
    }
    if info.algorithm.oid != parse::EC_PUBLIC_KEY {
        return Err("public keys are RSA or EC".into());
    }
    let curve = info
        .algorithm
        .parameters
        .ok_or("the key names no curve")?
        .to_der()?;
    let point = OctetStringRef::new(key)?.to_der()?;
    Ok(planned.with(|template| {
        template
            .number(ck::CKA_KEY_TYPE, ck::CKK_EC)
            .bytes(ck::CKA_EC_PARAMS, &curve)
            .bytes(ck::CKA_EC_POINT, &point)
    }))
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
