//! `tenon keys`: keys are made inside the token.

use clap::{Args, Subcommand, ValueEnum};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::Curve;
use tenon_pkcs11::api::crypto::okp;
use tenon_pkcs11::api::token::Handle;

use crate::ask::UserPin;
use crate::object::{Id, Summary, unused, value};
use crate::output::{Format, unhex};
use crate::template::Template;
use crate::token::{Choice, Open};
use crate::{EXIT_STATUS, Result};

/// 65537, big-endian.
const F4: [u8; 3] = [1, 0, 1];
/// Bytes of an SM4 key.
const SM4_LEN: u64 = 16;
/// Tag of an ASN.1 PrintableString.
const PRINTABLE_STRING: u8 = 0x13;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a secret key or a key pair, which never leaves the token
    ///
    /// Without --usage a key gets the uses that are usual for its type. Without --id a pair gets the
    /// SHA-1 of its public key, as certificates name it (RFC 5280 section 4.2.1.2).
    #[command(after_help = EXIT_STATUS)]
    Generate(Generate),
}

#[derive(Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    choice: Choice,
    /// aes:BITS, sm4, generic:BYTES, rsa:BITS, ec:CURVE (P-256, secp384r1 …), secp256k1, sm2, ed25519
    /// or x25519
    #[arg(long = "type", value_parser = Kind::parse)]
    kind: Kind,
    #[command(flatten)]
    names: Names,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

/// What a new key is called and may do.
#[derive(Args)]
pub(crate) struct Names {
    /// CKA_LABEL
    #[arg(long)]
    pub(crate) label: Option<String>,
    /// CKA_ID, in hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = unhex)]
    pub(crate) id: Option<Id>,
    /// Uses, separated by commas; both halves of a pair get theirs
    #[arg(long, value_enum, value_delimiter = ',')]
    usage: Vec<Usage>,
    /// Let the key be wrapped, so that it can leave in encrypted form
    #[arg(long)]
    extractable: bool,
}

/// Uses that go together.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Usage {
    /// Sign and verify
    Sign,
    /// Encrypt and decrypt
    Encrypt,
    /// Wrap and unwrap other keys
    Wrap,
    /// Derive other keys
    Derive,
}

/// CKA_ of a use, the word that asks for it, and whether public and held keys have it.
const USES: [(ck::CK_ATTRIBUTE_TYPE, Usage, bool, bool); 7] = [
    (ck::CKA_VERIFY, Usage::Sign, true, false),
    (ck::CKA_ENCRYPT, Usage::Encrypt, true, false),
    (ck::CKA_WRAP, Usage::Wrap, true, false),
    (ck::CKA_SIGN, Usage::Sign, false, true),
    (ck::CKA_DECRYPT, Usage::Encrypt, false, true),
    (ck::CKA_UNWRAP, Usage::Wrap, false, true),
    (ck::CKA_DERIVE, Usage::Derive, false, true),
];

impl Names {
    /// Label, `id` and uses of an object of `class` on the token; without --usage the token chooses.
    pub(crate) fn add(
        &self,
        template: Template,
        class: ck::CK_OBJECT_CLASS,
        id: &[u8],
    ) -> Template {
        let mut template = template
            .flag(ck::CKA_TOKEN, true)
            .maybe(ck::CKA_LABEL, self.label.as_ref().map(String::as_bytes))
            .bytes(ck::CKA_ID, id);
        if class == ck::CKO_CERTIFICATE {
            return template;
        }
        if class != ck::CKO_PUBLIC_KEY {
            template = template.flag(ck::CKA_EXTRACTABLE, self.extractable);
        }
        if self.usage.is_empty() {
            return template;
        }
        for (kind, usage, of_public, of_held) in USES {
            let has = match class {
                ck::CKO_PUBLIC_KEY => of_public,
                ck::CKO_PRIVATE_KEY => of_held,
                _ => true,
            };
            if has {
                template = template.flag(kind, self.usage.contains(&usage));
            }
        }
        template
    }
}

/// What is made.
#[derive(Clone)]
enum Kind {
    Aes { bytes: u64 },
    Generic { bytes: u64 },
    Rsa { bits: u64 },
    Ec { params: Box<[u8]> },
    Okp { curve: okp::Curve },
    Sm4,
    Sm2,
}

impl Kind {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let (name, size) = text.split_once(':').unwrap_or((text, ""));
        let number = || {
            size.parse::<u64>()
                .map_err(|_| format!("expected a number after {name}:"))
        };
        match (name, size) {
            ("aes", _) => match number()? {
                bits @ (128 | 192 | 256) => Ok(Self::Aes { bytes: bits / 8 }),
                _ => Err("an AES key has 128, 192 or 256 bits".to_owned()),
            },
            ("generic", _) => number().map(|bytes| Self::Generic { bytes }),
            ("rsa", _) => number().map(|bits| Self::Rsa { bits }),
            ("ec", "") => Err("expected a curve after ec:".to_owned()),
            ("ec", curve) => curve_params(curve),
            ("secp256k1", "") => curve_params(name),
            ("sm4", "") => Ok(Self::Sm4),
            ("sm2", "") => Ok(Self::Sm2),
            ("ed25519", "") => Ok(Self::Okp {
                curve: okp::Curve::Ed25519,
            }),
            ("x25519", "") => Ok(Self::Okp {
                curve: okp::Curve::X25519,
            }),
            _ => Err(
                "expected aes:BITS, sm4, generic:BYTES, rsa:BITS, ec:CURVE, secp256k1, sm2, \
                      ed25519 or x25519"
                    .to_owned(),
            ),
        }
    }
}

/// CKA_EC_PARAMS that name the curve (PKCS#11 section 6.3): the token knows which there are.
fn curve_params(name: &str) -> std::result::Result<Kind, String> {
    let len = u8::try_from(name.len()).map_err(|_| "no curve has such a name".to_owned())?;
    let params = [&[PRINTABLE_STRING, len], name.as_bytes()].concat().into();
    Ok(Kind::Ec { params })
}

pub(crate) fn run(command: &Command) -> Result<()> {
    let Command::Generate(arguments) = command;
    let open = arguments.choice.user_session(&arguments.pin)?;
    let made = generate(arguments, &open)?;
    let mut summaries = Vec::new();
    for handle in made {
        summaries.push(Summary::of(&open.session, handle)?);
    }
    let answer = summaries.iter().map(Summary::json).collect();
    arguments.format.print(&answer, |out| {
        summaries
            .iter()
            .try_for_each(|made| writeln!(out, "Made {}", made.words()))
    })
}

fn generate(arguments: &Generate, open: &Open) -> Result<Vec<Handle>> {
    let names = &arguments.names;
    let of_len = |bytes| Template::default().number(ck::CKA_VALUE_LEN, bytes);
    let secret = |id, template| -> Result<Vec<Handle>> {
        let template = names.add(template, ck::CKO_SECRET_KEY, id_of(names));
        unused(&open.session, ck::CKO_SECRET_KEY, id_of(names))?;
        let made = open
            .session
            .generate_key(open.request(id)?, template.as_slice());
        Ok(vec![made?])
    };
    match &arguments.kind {
        Kind::Aes { bytes } => secret(ck::CKM_AES_KEY_GEN, of_len(*bytes)),
        Kind::Generic { bytes } => secret(ck::CKM_GENERIC_SECRET_KEY_GEN, of_len(*bytes)),
        Kind::Sm4 => secret(ck::CKM_TENON_SM4_KEY_GEN, of_len(SM4_LEN)),
        Kind::Sm2 => {
            let public = Template::default().bytes(ck::CKA_EC_PARAMS, Curve::Sm2.params());
            pair(names, open, ck::CKM_TENON_SM2_KEY_PAIR_GEN, public)
        }
        Kind::Rsa { bits } => {
            let public = Template::default()
                .number(ck::CKA_MODULUS_BITS, *bits)
                .bytes(ck::CKA_PUBLIC_EXPONENT, &F4);
            pair(names, open, ck::CKM_RSA_PKCS_KEY_PAIR_GEN, public)
        }
        Kind::Ec { params } => {
            let public = Template::default().bytes(ck::CKA_EC_PARAMS, params);
            pair(names, open, ck::CKM_EC_KEY_PAIR_GEN, public)
        }
        Kind::Okp { curve } => {
            let public = Template::default().bytes(ck::CKA_EC_PARAMS, curve.params());
            let mechanism = match curve {
                okp::Curve::Ed25519 => ck::CKM_EC_EDWARDS_KEY_PAIR_GEN,
                okp::Curve::X25519 => ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
            };
            pair(names, open, mechanism, public)
        }
    }
}

fn pair(
    names: &Names,
    open: &Open,
    mechanism: ck::CK_MECHANISM_TYPE,
    public: Template,
) -> Result<Vec<Handle>> {
    let session = &open.session;
    unused(session, ck::CKO_PUBLIC_KEY, id_of(names))?;
    unused(session, ck::CKO_PRIVATE_KEY, id_of(names))?;
    let public = names.add(public, ck::CKO_PUBLIC_KEY, id_of(names));
    let private = names.add(Template::default(), ck::CKO_PRIVATE_KEY, id_of(names));
    let (public, private) = session.generate_key_pair(
        open.request(mechanism)?,
        public.as_slice(),
        private.as_slice(),
    )?;
    if names.id.is_none() {
        let spki = value(session, public, ck::CKA_PUBLIC_KEY_INFO)?.unwrap_or_default();
        let id = Template::default().bytes(ck::CKA_ID, &key_id(&spki)?);
        session.set_attributes(public, id.as_slice())?;
        session.set_attributes(private, id.as_slice())?;
    }
    Ok(vec![private, public])
}

fn id_of(names: &Names) -> &[u8] {
    names.id.as_deref().unwrap_or_default()
}

/// SHA-1 of the public key's bits: method 1 of RFC 5280 section 4.2.1.2.
pub(crate) fn key_id(spki: &[u8]) -> Result<[u8; 20]> {
    use sha1::{Digest, Sha1};
    let info = spki::SubjectPublicKeyInfoRef::try_from(spki)?;
    Ok(Sha1::digest(info.subject_public_key.raw_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read() {
        assert!(matches!(
            Kind::parse("aes:256"),
            Ok(Kind::Aes { bytes: 32 })
        ));
        assert!(matches!(
            Kind::parse("rsa:3072"),
            Ok(Kind::Rsa { bits: 3072 })
        ));
        assert!(
            matches!(Kind::parse("ec:P-256"), Ok(Kind::Ec { params }) if *params == *b"\x13\x05P-256")
        );
        assert!(matches!(Kind::parse("sm2"), Ok(Kind::Sm2)));
        assert!(matches!(Kind::parse("sm4"), Ok(Kind::Sm4)));
        for bad in [
            "",
            "sm2:256",
            "aes",
            "aes:100",
            "rsa:",
            "rsa:x",
            "ec",
            "ec:",
            "des:64",
            "secp256k1:1",
        ] {
            assert!(Kind::parse(bad).is_err(), "{bad}");
        }
    }
}
