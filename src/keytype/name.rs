//! What people call keys: `rsa:3072`, `ec:P-256`, `sm4`.

use crate::ck;
use crate::crypto::ec::Curve;

use super::component::{Shape, Showing};
use super::row::{Form, KeyName, KeyType, NamedSize};
use super::rsa;
use super::secret;
use super::table::{all, find};
use super::values::{PublicValue, Values};

/// Tag of an ASN.1 PrintableString.
const PRINTABLE_STRING: u8 = 0x13;

/// A key as somebody named it.
#[derive(Clone)]
pub struct NamedKey {
    /// Its type.
    pub key_type: &'static KeyType,
    /// The value of `key_type.size`.
    pub size: PublicValue,
    /// CKM_ number of the mechanism that makes such keys.
    pub made_by: ck::CK_MECHANISM_TYPE,
}

impl NamedKey {
    /// The key that `text` names. The error is for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (word, size) = text.split_once(':').unwrap_or((text, ""));
        let named = all().find_map(|row| {
            let name = row.names.iter().find(|name| name.word == word)?;
            Some((row, name))
        });
        let Some((row, name)) = named else {
            return Err(format!("there are {}", patterns()));
        };
        Ok(Self {
            key_type: row,
            size: name.read(row, size)?,
            made_by: name.made_by,
        })
    }
}

impl KeyName {
    /// The value of `row.size` that the text behind the colon says.
    fn read(&self, row: &KeyType, text: &str) -> Result<PublicValue, String> {
        let number = || {
            let number = text.parse::<u64>();
            number.map_err(|_| format!("expected a number after {}:", self.word))
        };
        match self.size {
            NamedSize::Only(size) if text.is_empty() => Ok(size()),
            NamedSize::Only(_) => Err(format!("nothing follows {}", self.word)),
            NamedSize::Bits => Ok(PublicValue::Ulong(row.size_of_bits(number()?)?)),
            NamedSize::Bytes => Ok(PublicValue::Ulong(number()?)),
            NamedSize::Curve if text.is_empty() => {
                Err(format!("expected a curve after {}:", self.word))
            }
            NamedSize::Curve => Ok(PublicValue::Bytes(curve_name(text)?)),
        }
    }

    /// Whether this is a name of `key`, a key of type `row`.
    fn names(&self, row: &KeyType, key: &dyn Values) -> bool {
        match self.size {
            NamedSize::Only(size) => match size() {
                PublicValue::Ulong(number) => key.ulong(row.size) == Some(number),
                PublicValue::Bytes(bytes) => key.bytes(row.size) == Some(&bytes),
            },
            NamedSize::Bits | NamedSize::Bytes | NamedSize::Curve => true,
        }
    }

    fn pattern(&self) -> String {
        let follows = match self.size {
            NamedSize::Only(_) => "",
            NamedSize::Bits => ":BITS",
            NamedSize::Bytes => ":BYTES",
            NamedSize::Curve => ":CURVE",
        };
        format!("{}{follows}", self.word)
    }
}

/// CKA_EC_PARAMS that call a curve by its name (PKCS #11 3.2 section 6.3).
fn curve_name(name: &str) -> Result<Vec<u8>, String> {
    let len = u8::try_from(name.len()).map_err(|_| "no curve has such a name".to_owned())?;
    let params = [&[PRINTABLE_STRING, len], name.as_bytes()].concat();
    match Curve::from_params(&params) {
        Ok(_) => Ok(params),
        Err(_) => Err(format!(
            "{name} is no curve of this token: they are called P-256, secp384r1, brainpoolP256r1 …"
        )),
    }
}

/// All names that `NamedKey::parse` takes, separated by commas.
#[must_use]
pub fn patterns() -> String {
    let names = all().flat_map(|row| row.names);
    names.map(KeyName::pattern).collect::<Vec<_>>().join(", ")
}

/// The types of secret keys that have a name, by that name.
pub fn named_secrets() -> impl Iterator<Item = (&'static str, &'static KeyType)> {
    let secrets = all().filter(|row| row.is_secret());
    secrets.filter_map(|row| Some((row.names.first()?.word, row)))
}

/// What people call a key with these attributes: a name that `NamedKey::parse` takes, where there is
/// one, else the type.
#[must_use]
pub fn name_of(key_type: ck::CK_KEY_TYPE, key: &dyn Values) -> String {
    let Some(row) = find(key_type) else {
        return format!("type {key_type:#x}");
    };
    let fits = row.names.iter().find(|name| name.names(row, key));
    let Some(name) = fits.or(row.names.first()) else {
        return row.title.to_owned();
    };
    let size = match name.size {
        NamedSize::Only(_) => return name.word.to_owned(),
        NamedSize::Bits => row.bits(key).to_string(),
        NamedSize::Bytes => key.ulong(row.size).unwrap_or(0).to_string(),
        NamedSize::Curve => {
            let params = key.bytes(row.size).unwrap_or_default();
            Curve::from_params(params)
                .map_or("?", Curve::name)
                .to_owned()
        }
    };
    format!("{}:{size}", name.word)
}

impl KeyType {
    /// CKM_ number of the mechanism that makes a key with these attributes; `None` where no command makes keys
    /// of this type. A name of this one size goes before one of all sizes.
    #[must_use]
    pub fn made_by(&self, key: &dyn Values) -> Option<ck::CK_MECHANISM_TYPE> {
        let fits = || self.names.iter().filter(|name| name.names(self, key));
        let of_one = fits().find(|name| matches!(name.size, NamedSize::Only(_)));
        Some(of_one.or_else(|| fits().next())?.made_by)
    }

    /// The attributes of private and secret keys that anybody may read and that `name_of` looks at, and
    /// whether each is a number.
    pub fn sizes(&self) -> impl Iterator<Item = (ck::CK_ATTRIBUTE_TYPE, bool)> {
        let shown = self.held.iter().filter(|of| of.reveal == Showing::Always);
        let shown = shown.map(|of| (of.kind, matches!(of.shape, Shape::Ulong | Shape::Among(_))));
        let len = self.is_secret().then_some((ck::CKA_VALUE_LEN, true));
        shown.chain(len)
    }

    /// Bits of a key with these attributes.
    fn bits(&self, key: &dyn Values) -> u64 {
        let bits = match self.form {
            Form::Pair(_) => rsa::bits(key),
            Form::Secret(_) => secret::bits(key),
        };
        bits.unwrap_or(0)
    }

    /// The value of `size` of a key of so many bits.
    fn size_of_bits(&self, bits: u64) -> Result<u64, String> {
        let Form::Secret(of) = &self.form else {
            return Ok(bits);
        };
        let len = usize::try_from(bits / 8).unwrap_or(usize::MAX);
        if bits.is_multiple_of(8) && of.lengths.fit(len) {
            return Ok(bits / 8);
        }
        Err(format!("no {} key has {bits} bits", self.title))
    }
}
