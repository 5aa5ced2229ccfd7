//! Objects as the commands see them: found by a few attributes, described in a few words.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::{self, KeyType, PublicValue, PublicValues, name_of};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::Result;
use crate::keyfile::Certificate;
use crate::output::{hex, printable, unhex, unique_id};
use crate::template::Template;

/// Handles that are asked for at a time.
const PAGE: usize = 1000;

/// Classes of objects, by the names that pkcs11-tool gives them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Class {
    /// Private keys
    Privkey,
    /// Public keys
    Pubkey,
    /// Secret keys
    Secrkey,
    /// Keys for one-time passwords
    Otpkey,
    /// Certificates
    Cert,
    /// Data objects
    Data,
    /// Domain parameters
    Params,
    /// Trust objects
    Trust,
}

impl Class {
    pub(crate) fn number(self) -> ck::CK_OBJECT_CLASS {
        match self {
            Self::Privkey => ck::CKO_PRIVATE_KEY,
            Self::Pubkey => ck::CKO_PUBLIC_KEY,
            Self::Secrkey => ck::CKO_SECRET_KEY,
            Self::Otpkey => ck::CKO_OTP_KEY,
            Self::Cert => ck::CKO_CERTIFICATE,
            Self::Data => ck::CKO_DATA,
            Self::Params => ck::CKO_DOMAIN_PARAMETERS,
            Self::Trust => ck::CKO_TRUST,
        }
    }
}

/// A CKA_ID. Not a plain `Vec<u8>`, which clap would take for a list of numbers.
pub(crate) type Id = Vec<u8>;

/// Which objects.
#[derive(Args)]
pub(crate) struct Filter {
    /// Of this class
    #[arg(long = "type", value_name = "CLASS")]
    class: Option<Class>,
    /// With this CKA_LABEL
    #[arg(long)]
    label: Option<String>,
    /// With this CKA_ID, in hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = unhex)]
    id: Option<Id>,
    /// With this CKA_UNIQUE_ID, which no other object has
    #[arg(long, value_name = "ID")]
    unique_id: Option<String>,
}

impl Filter {
    /// Whether the filter names nothing, so that every object matches.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            class,
            label,
            id,
            unique_id,
        } = self;
        class.is_none() && label.is_none() && id.is_none() && unique_id.is_none()
    }

    pub(crate) fn class(&self) -> Option<Class> {
        self.class
    }

    /// The same filter, for objects of `class`.
    pub(crate) fn of(&self, class: Class) -> Self {
        Self {
            class: Some(class),
            label: self.label.clone(),
            id: self.id.clone(),
            unique_id: self.unique_id.clone(),
        }
    }

    /// The objects that match and that the session sees.
    pub(crate) fn find(&self, session: &Session) -> Result<Vec<Handle>> {
        self.each(session)?.collect()
    }

    /// As `find`, without keeping the handles.
    pub(crate) fn each<'s>(&self, session: &'s Session) -> Result<Found<'s>> {
        let mut template = match self.class {
            Some(class) => Template::of_class(class.number()),
            None => Template::default(),
        };
        template = template
            .maybe(ck::CKA_LABEL, self.label.as_ref().map(String::as_bytes))
            .maybe(ck::CKA_ID, self.id.as_deref())
            .maybe(
                ck::CKA_UNIQUE_ID,
                self.unique_id
                    .as_deref()
                    .map(unique_id)
                    .as_ref()
                    .map(String::as_bytes),
            );
        Found::begin(session, &template)
    }
}

/// All objects that match `template`.
pub(crate) fn find(session: &Session, template: &Template) -> Result<Vec<Handle>> {
    Found::begin(session, template)?.collect()
}

/// The objects that a search finds, read in pages.
pub(crate) struct Found<'s> {
    session: &'s Session,
    page: std::vec::IntoIter<Handle>,
    /// The search has ended, or failed.
    ended: bool,
}

impl<'s> Found<'s> {
    fn begin(session: &'s Session, template: &Template) -> Result<Self> {
        session.find_init(template.as_slice())?;
        Ok(Self {
            session,
            page: Vec::new().into_iter(),
            ended: false,
        })
    }

    /// Reads the next page, or ends the search.
    fn turn(&mut self) -> Result<()> {
        let page = self.session.find(PAGE)?;
        if page.is_empty() {
            self.ended = true;
            self.session.find_final()?;
        }
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Found<'_> {
    type Item = Result<Handle>;

    fn next(&mut self) -> Option<Result<Handle>> {
        if self.page.as_slice().is_empty()
            && !self.ended
            && let Err(error) = self.turn()
        {
            self.ended = true;
            return Some(Err(error));
        }
        self.page.next().map(Ok)
    }
}

/// Refuses an ID that an object of `class` has: most programs would mix the two up.
pub(crate) fn unused(session: &Session, class: ck::CK_OBJECT_CLASS, id: &[u8]) -> Result<()> {
    let Some(known) = with_id(session, class, id)?.pop() else {
        return Ok(());
    };
    Err(format!(
        "the token already has {}: choose another --id, or delete it first",
        Summary::of(session, known)?.words(),
    )
    .into())
}

/// The objects of this class that have this CKA_ID; none where it is empty.
pub(crate) fn with_id(
    session: &Session,
    class: ck::CK_OBJECT_CLASS,
    id: &[u8],
) -> Result<Vec<Handle>> {
    if id.is_empty() {
        return Ok(Vec::new());
    }
    find(session, &Template::of_class(class).bytes(ck::CKA_ID, id))
}

/// The value of an attribute, if the object has it and it may be read.
pub(crate) fn value(
    session: &Session,
    handle: Handle,
    kind: ck::CK_ATTRIBUTE_TYPE,
) -> Result<Option<Vec<u8>>> {
    let mut values = session.attributes(handle, &[kind])?;
    Ok(match values.pop() {
        Some(Revealed::Value(value)) => Some(value),
        _ => None,
    })
}

/// The uses that are listed, in the order of their listing.
const USES: [(ck::CK_ATTRIBUTE_TYPE, &str); 9] = [
    (ck::CKA_ENCRYPT, "encrypt"),
    (ck::CKA_DECRYPT, "decrypt"),
    (ck::CKA_SIGN, "sign"),
    (ck::CKA_VERIFY, "verify"),
    (ck::CKA_WRAP, "wrap"),
    (ck::CKA_UNWRAP, "unwrap"),
    (ck::CKA_DERIVE, "derive"),
    (ck::CKA_ENCAPSULATE, "encapsulate"),
    (ck::CKA_DECAPSULATE, "decapsulate"),
];

/// An object in a few words.
pub(crate) struct Summary {
    pub(crate) class: &'static str,
    /// Type and size of a key; empty for other objects.
    pub(crate) key: String,
    pub(crate) label: String,
    pub(crate) id: String,
    pub(crate) unique_id: String,
    pub(crate) private: bool,
    pub(crate) uses: Vec<&'static str>,
    /// Whether its material comes from outside.
    pub(crate) external: bool,
    /// Whether the key is bound for ever to the material that came first.
    pub(crate) bound: bool,
    /// Of an X.509 certificate that can be read.
    pub(crate) certificate: Option<Certificate>,
}

impl Summary {
    pub(crate) fn of(session: &Session, handle: Handle) -> Result<Self> {
        let bytes = |kind| value(session, handle, kind).map(Option::unwrap_or_default);
        let number = |kind| bytes(kind).map(|bytes| ulong(&bytes));
        let mut uses = Vec::new();
        for (kind, name) in USES {
            if bytes(kind)? == [ck::CK_TRUE] {
                uses.push(name);
            }
        }
        let class = class_name(number(ck::CKA_CLASS)?);
        let certificate = match class {
            "cert" => Certificate::of(&bytes(ck::CKA_VALUE)?).ok(),
            _ => None,
        };
        Ok(Self {
            class,
            key: key_name(session, handle)?,
            label: printable(&bytes(ck::CKA_LABEL)?),
            id: hex(&bytes(ck::CKA_ID)?),
            unique_id: printable(&bytes(ck::CKA_UNIQUE_ID)?),
            private: bytes(ck::CKA_PRIVATE)? == [ck::CK_TRUE],
            uses,
            external: number(ck::CKA_TENON_ORIGIN)? == Some(ck::ORIGIN_EXTERNAL),
            bound: !bytes(ck::CKA_TENON_MATERIAL_ID)?.is_empty(),
            certificate,
        })
    }

    /// CKA_CLASS, of the classes that have names here.
    pub(crate) fn class_number(&self) -> Option<ck::CK_OBJECT_CLASS> {
        let mut known = Class::value_variants().iter().map(|class| class.number());
        known.find(|number| class_name(Some(*number)) == self.class)
    }

    pub(crate) fn json(&self) -> Value {
        let certificate = self.certificate.as_ref();
        json!({
            "class": self.class,
            "subject": certificate.map(Certificate::subject_text),
            "issuer": certificate.map(Certificate::issuer_text),
            "not_after": certificate.map(|certificate| certificate.not_after),
            "key": (!self.key.is_empty()).then_some(&self.key),
            "label": self.label,
            "id": self.id,
            "unique_id": self.unique_id,
            "private": self.private,
            "uses": self.uses,
            "external": self.external,
        })
    }

    /// One line for people.
    pub(crate) fn words(&self) -> String {
        words(self.class, &self.key, &self.label, &self.id)
    }
}

/// An object in one line for people; `key` is empty for what is no key.
pub(crate) fn words(class: &str, key: &str, label: &str, id: &str) -> String {
    format!("{class} {key} label={label:?} id={id}").replace("  ", " ")
}

/// A CK_ULONG in native byte order.
pub(crate) fn ulong(bytes: &[u8]) -> Option<ck::CK_ULONG> {
    bytes.try_into().ok().map(ck::CK_ULONG::from_ne_bytes)
}

pub(crate) fn class_name(class: Option<ck::CK_OBJECT_CLASS>) -> &'static str {
    match class {
        Some(ck::CKO_PRIVATE_KEY) => "privkey",
        Some(ck::CKO_PUBLIC_KEY) => "pubkey",
        Some(ck::CKO_SECRET_KEY) => "secrkey",
        Some(ck::CKO_OTP_KEY) => "otpkey",
        Some(ck::CKO_CERTIFICATE) => "cert",
        Some(ck::CKO_DATA) => "data",
        Some(ck::CKO_DOMAIN_PARAMETERS) => "params",
        Some(ck::CKO_TRUST) => "trust",
        _ => "other",
    }
}

/// What people call the key, as `keys generate --type` has it; nothing for what is no key.
fn key_name(session: &Session, handle: Handle) -> Result<String> {
    let read = |kind| value(session, handle, kind).map(Option::unwrap_or_default);
    let Some(key_type) = ulong(&read(ck::CKA_KEY_TYPE)?) else {
        return Ok(String::new());
    };
    let mut sizes = PublicValues::new();
    for (kind, number) in keytype::find(key_type).into_iter().flat_map(KeyType::sizes) {
        let bytes = read(kind)?;
        match ulong(&bytes).filter(|_| number) {
            Some(number) => sizes.push((kind, PublicValue::Ulong(number))),
            None => sizes.push((kind, PublicValue::Bytes(bytes))),
        }
    }
    Ok(name_of(key_type, &sizes))
}
