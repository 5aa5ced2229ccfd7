//! `tenon keys`: keys are made inside the token.

use clap::{Args, Subcommand, ValueEnum};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::{NamedKey, patterns};
use tenon_pkcs11::api::token::Handle;

use crate::Result;
use crate::ask::UserPin;
use crate::object::{Id, Summary, unused, value};
use crate::output::{Format, folded, unhex};
use crate::template::Template;
use crate::token::{Choice, OpenSession};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes a secret key or a key pair, which never leaves the token
    ///
    /// Without --usage a key gets the uses that are usual for its type. Without --id a pair gets the
    /// SHA-1 of its public key, as certificates name it (RFC 5280 section 4.2.1.2).
    Generate(Generate),
}

#[derive(Args)]
pub(crate) struct Generate {
    #[command(flatten)]
    choice: Choice,
    #[arg(long = "type", help = types(), value_parser = named)]
    kind: NamedKey,
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
    /// Encapsulate and decapsulate other keys
    Encapsulate,
}

/// CKA_ of a use, the word for it, and whether public keys and private keys have it. Secret keys have all but
/// those of encapsulation.
const USES: [(ck::CK_ATTRIBUTE_TYPE, Usage, bool, bool); 9] = [
    (ck::CKA_VERIFY, Usage::Sign, true, false),
    (ck::CKA_ENCRYPT, Usage::Encrypt, true, false),
    (ck::CKA_WRAP, Usage::Wrap, true, false),
    (ck::CKA_SIGN, Usage::Sign, false, true),
    (ck::CKA_DECRYPT, Usage::Encrypt, false, true),
    (ck::CKA_UNWRAP, Usage::Wrap, false, true),
    (ck::CKA_DERIVE, Usage::Derive, false, true),
    (ck::CKA_ENCAPSULATE, Usage::Encapsulate, true, false),
    (ck::CKA_DECAPSULATE, Usage::Encapsulate, false, true),
];

impl Names {
    /// A label and nothing else.
    pub(crate) fn of(label: String) -> Self {
        Self {
            label: Some(label),
            id: None,
            usage: Vec::new(),
            extractable: false,
        }
    }

    /// `template` with label, `id` and uses of an object of `class` on the token. Without --usage the
    /// token chooses the uses.
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
            template = template
                .flag(ck::CKA_SENSITIVE, true)
                .flag(ck::CKA_EXTRACTABLE, self.extractable);
        }
        if self.usage.is_empty() {
            return template;
        }
        for (kind, usage, of_public, of_held) in USES {
            let has = match class {
                ck::CKO_PUBLIC_KEY => of_public,
                ck::CKO_PRIVATE_KEY => of_held,
                _ => usage != Usage::Encapsulate,
            };
            if has {
                template = template.flag(kind, self.usage.contains(&usage));
            }
        }
        template
    }
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

fn generate(arguments: &Generate, open: &OpenSession) -> Result<Vec<Handle>> {
    let names = &arguments.names;
    let NamedKey {
        key_type,
        size,
        made_by,
    } = &arguments.kind;
    let sized = Template::default().value(key_type.size, size);
    if !key_type.is_secret() {
        return pair(names, open, *made_by, sized);
    }
    let template = names.add(sized, ck::CKO_SECRET_KEY, id_of(names));
    unused(&open.session, ck::CKO_SECRET_KEY, id_of(names))?;
    let request = open.request(*made_by)?;
    Ok(vec![
        open.session.generate_key(request, template.as_slice())?,
    ])
}

fn named(text: &str) -> std::result::Result<NamedKey, String> {
    NamedKey::parse(text).map_err(|why| folded(&why))
}

/// What `--type` takes.
fn types() -> String {
    format!("{}; curves are called P-256, secp384r1 …", patterns())
}

fn pair(
    names: &Names,
    open: &OpenSession,
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
