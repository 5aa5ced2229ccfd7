//! Sealing: which key protects which stored bytes.
//!
//! There are two domains. The *store key* is in the token's own file: it seals and indexes public
//! objects and checks counters, so it detects accidents. The *master key* is wrapped under the PINs: it
//! seals private objects and the material of every key, and authenticates public objects that were
//! made after a login.
//!
//! Every sealed value has its own key (HKDF of the domain's key and the object's uid), a random nonce,
//! and additional data that name its place, so that no row can be used in the place of another.

use crate::attr::{self, Attributes, Value};
use crate::ck;
use crate::crypto::seal;
use crate::error::{Error, Result};
use crate::rng::{Rng, random};
use crate::secret::Secret;
use crate::store::{Posting, Row, Uid};

use super::clear_fact::clear_facts;
use super::damaged::damaged;
use super::domain::{Domain, KEY_LEN, Serial, derive, framed};
use super::numbered::{NumberedKey, NumberedKeys};
use super::suspects::Suspects;

/// Version of the sealed encodings.
const FORMAT: u32 = 1;

/// A token object without its material, opened.
#[derive(Debug, Clone)]
pub(in crate::token) struct Record {
    pub(in crate::token) uid: Uid,
    /// The number of the object's changes.
    pub(in crate::token) version: u64,
    pub(in crate::token) attributes: Attributes,
    /// The row has CKA_TRUSTED without a tag under the master key; `attributes` then do not have it.
    pub(in crate::token) trust_unproven: bool,
}

impl Record {
    fn private(&self) -> bool {
        self.attributes.bool(ck::CKA_PRIVATE)
    }
}

/// The keys of both domains; those of the master key only after a login.
pub(in crate::token) struct Vault<'a> {
    pub(in crate::token) serial: Serial,
    pub(in crate::token) public: &'a Domain,
    pub(in crate::token) master: Option<&'a Domain>,
    /// Objects that are not opened, since they are not as the audit record left them.
    pub(in crate::token) suspects: Option<&'a Suspects>,
    /// Those of `store.key_file`.
    pub(in crate::token) numbered: &'a NumberedKeys,
}

impl Vault<'_> {
    fn master(&self) -> Result<&Domain> {
        self.master.ok_or_else(|| {
            Error::new(
                ck::CKR_USER_NOT_LOGGED_IN,
                "the master key is sealed until somebody logs in",
            )
        })
    }

    fn domain(&self, private: bool) -> Result<&Domain> {
        if private {
            self.master()
        } else {
            Ok(self.public)
        }
    }

    /// The index rows of attribute values, for private or public objects.
    pub(in crate::token) fn postings(
        &self,
        private: bool,
        terms: &[(ck::CK_ATTRIBUTE_TYPE, Vec<u8>)],
    ) -> Result<Vec<Posting>> {
        let domain = self.domain(private)?;
        Ok(terms
            .iter()
            .map(|(kind, value)| domain.posting(*kind, value))
            .collect())
    }

    /// Seals `record`; `hidden` keeps the object out of ordinary searches.
    pub(in crate::token) fn seal(
        &self,
        rng: &dyn Rng,
        record: &Record,
        hidden: bool,
    ) -> Result<(Row, Vec<Posting>)> {
        if record.trust_unproven && self.master.is_none() {
            return Err(Error::new(
                ck::CKR_USER_NOT_LOGGED_IN,
                "changing a trusted object needs a login",
            ));
        }
        let domain = self.domain(record.private())?;
        let mut row = Row {
            uid: record.uid,
            class: record.attributes.class(),
            key_type: record.attributes.key_type(),
            private: record.private(),
            hidden,
            expires_at: super::external::ends_at(&record.attributes),
            deletion_at: super::external::gone_at(&record.attributes),
            version: record.version,
            format: FORMAT,
            sealed: Vec::new(),
            mac: Vec::new(),
        };
        let place = self.place(&row);
        let key = derive(&domain.seal, &record.uid, &[b"object"]);
        row.sealed = seal::seal(&key, random(rng), &place, &record.attributes.encode())?;
        if let Some(master) = self.master {
            row.mac = master.tag(&[&place, &row.sealed]).to_vec();
        }
        let postings = self.postings_of(record)?;
        Ok((row, postings))
    }

    /// The index rows that lead to `record`, in ascending order.
    pub(in crate::token) fn postings_of(&self, record: &Record) -> Result<Vec<Posting>> {
        let terms = attr::search_terms(&record.attributes);
        let mut postings = self.postings(record.private(), &terms)?;
        if record.private() {
            postings.extend(clear_facts(self.public, &record.attributes));
        }
        postings.sort_unstable();
        postings.dedup();
        Ok(postings)
    }

    /// Opens a row. After a login the tag under the master key is checked too. A private or secret key must
    /// have that tag, since its attributes protect its material; other objects have it if they were made
    /// after a login.
    pub(in crate::token) fn open(&self, row: &Row) -> Result<Record> {
        if let Some(suspects) = self.suspects {
            suspects.refuse(&row.uid)?;
        }
        let must = ck::holds_secret(row.class);
        if row.format != FORMAT {
            return Err(damaged("an object of an unknown format"));
        }
        let domain = self.domain(row.private)?;
        let place = self.place(row);
        let tagged = self.master.filter(|_| must || !row.mac.is_empty());
        if let Some(master) = tagged {
            let expected = Secret::copy(&master.tag(&[&place, &row.sealed]));
            if !expected.ct_eq(&row.mac) {
                return Err(damaged("an object's authentication tag"));
            }
        }
        let key = derive(&domain.seal, &row.uid, &[b"object"]);
        let clear = seal::open(&key, &place, &row.sealed)
            .map_err(|e| damaged("a sealed object").because(e))?;
        let mut attributes = Attributes::decode(&clear)?;
        // Whoever has the file can set CKA_TRUSTED in a public object, but cannot make the master key's
        // tag, so an object without the tag is not trusted.
        let trust_unproven = tagged.is_none() && attributes.bool(ck::CKA_TRUSTED);
        if trust_unproven {
            attributes.set(ck::CKA_TRUSTED, Value::Bool(false));
        }
        Ok(Record {
            uid: row.uid,
            version: row.version,
            attributes,
            trust_unproven,
        })
    }

    /// Seals material under a fresh random data key: (wrapped data key, sealed material). The data key is wrapped
    /// under `besides` too, where the token has such a key.
    pub(in crate::token) fn seal_material(
        &self,
        rng: &dyn Rng,
        uid: &Uid,
        id: &[u8],
        clear: &[u8],
        besides: Option<&NumberedKey>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let place = framed(&[b"material", &self.serial, uid, id]);
        let data_key = crate::rng::secret(rng, KEY_LEN);
        let sealed = seal::seal(&data_key, random(rng), &place, clear)?;
        let wrapping = derive(&self.master()?.seal, uid, &[b"data key"]);
        let wrapped = seal::seal(&wrapping, random(rng), &place, &data_key)?;
        let wrapped = match besides {
            Some(key) => key.wrap(rng, &self.serial, uid, &wrapped)?,
            None => wrapped,
        };
        Ok((wrapped, sealed))
    }

    /// Opens material that `seal_material` sealed under the same uid and id.
    pub(in crate::token) fn open_material(
        &self,
        uid: &Uid,
        id: &[u8],
        data_key: &[u8],
        sealed: &[u8],
    ) -> Result<Secret> {
        let place = framed(&[b"material", &self.serial, uid, id]);
        let wrapping = derive(&self.master()?.seal, uid, &[b"data key"]);
        let damaged = |e| damaged("a key's sealed material").because(e);
        let wrapped = self.numbered.unwrap(&self.serial, uid, data_key)?;
        let data_key = seal::open(&wrapping, &place, &wrapped).map_err(damaged)?;
        seal::open(&data_key, &place, sealed).map_err(damaged)
    }

    /// Seals the label of an object for the audit record. Needs a login.
    pub(in crate::token) fn seal_label(
        &self,
        rng: &dyn Rng,
        uid: &Uid,
        label: &[u8],
    ) -> Result<Vec<u8>> {
        let key = derive(&self.master()?.seal, uid, &[b"audit label"]);
        let place = framed(&[b"audit label", &self.serial, uid]);
        Ok(seal::seal(&key, random(rng), &place, label)?)
    }

    /// Opens what `seal_label` sealed for the same object.
    pub(in crate::token) fn open_label(&self, uid: &Uid, sealed: &[u8]) -> Result<Secret> {
        let key = derive(&self.master()?.seal, uid, &[b"audit label"]);
        let place = framed(&[b"audit label", &self.serial, uid]);
        seal::open(&key, &place, sealed)
            .map_err(|e| damaged("a label in the audit record").because(e))
    }

    /// Additional data of an object: its clear columns and its token.
    fn place(&self, row: &Row) -> Vec<u8> {
        framed(&[
            b"object",
            &self.serial,
            &row.uid,
            &row.class.to_be_bytes(),
            &row.key_type
                .map(u64::to_be_bytes)
                .map_or(Vec::new(), Vec::from),
            &[u8::from(row.private), u8::from(row.hidden)],
            &row.expires_at.to_be_bytes(),
            &row.deletion_at.to_be_bytes(),
            &row.version.to_be_bytes(),
            &row.format.to_be_bytes(),
        ])
    }
}
