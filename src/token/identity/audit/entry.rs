//! One audit record: what happened, when, who did it, to which objects.

use crate::ck;
use crate::client::Client;
use crate::clock::UnixTime;
use crate::crypto::hash::Hash;
use crate::error::Result;
use crate::policy::Login;
use crate::store::{Row, Uid};

use super::Event;
use crate::token::record::vault::Vault;

/// Version of the stored form.
const FORMAT: u8 = 1;
/// The most bytes of a label that are recorded.
pub(in crate::token) const LABEL_MAX: usize = 255;

// Tags of a record's fields.
const MECHANISM: u8 = 1;
const BY: u8 = 2;
const NUMBER: u8 = 3;
const TARGET: u8 = 4;
const OBJECT: u8 = 5;
const REPEATED: u8 = 6;
const DIGEST: u8 = 7;
const CLIENT: u8 = 8;

/// What was done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Touch {
    /// It was stored, new or changed.
    Put = 1,
    /// Removed.
    Removed = 2,
    /// Used.
    Used = 3,
}

impl Touch {
    fn of_number(number: u8) -> Option<Self> {
        let mut all = [Self::Put, Self::Removed, Self::Used].into_iter();
        all.find(|touch| *touch as u8 == number)
    }
}

/// An object that a record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// What became of it.
    pub touch: Touch,
    /// Its uid; CKA_UNIQUE_ID shows it in hexadecimal digits.
    pub uid: Uid,
    /// CKA_CLASS.
    pub class: ck::CK_OBJECT_CLASS,
    /// Count of its changes; for a removed object, before its removal.
    pub version: u64,
    /// Fingerprint of its sealed bytes at that version: see `seal_of`.
    pub(in crate::token) seal: [u8; 16],
    /// CKA_LABEL sealed under the master key; empty when nobody was logged in.
    pub(in crate::token) sealed_label: Vec<u8>,
    /// CKA_LABEL, at most its first 255 bytes; `None` when it was not recorded, or nobody is logged
    /// in, so that it cannot be decrypted.
    pub label: Option<Vec<u8>>,
}

/// One audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What happened.
    pub event: Event,
    /// Who did it; for refused logins and changes of PINs, whose PIN it was.
    pub login: Login,
    /// The token's time, in Unix seconds.
    pub at: UnixTime,
    /// CKR_OK, or the error by which it was refused.
    pub rv: ck::CK_RV,
    /// The mechanism, if one was used.
    pub mechanism: Option<ck::CK_MECHANISM_TYPE>,
    /// The other key that was used: the unwrapping key, the base key of a derivation, the copied object.
    pub by: Option<Uid>,
    /// For a use, the CKA_ attribute that permits it; for a clock mark, the new mark; for an anchor, the
    /// number of changes that it knew; for a restored token, the number of changes of the replaced file;
    /// for an archiving, the position of the last record that was moved; for an import by an import job's
    /// key, 1 with the import token and 0 without it; for the end of a key by its scheduled deletion, when that was due.
    pub number: Option<u64>,
    /// For a refused import by an import job's key, the external key for which it was meant.
    pub target: Option<Uid>,
    /// For refusals that were repeated, how often; `None` where the record is of a single one.
    pub repeated: Option<Repeated>,
    /// For an archiving, SHA-256 of the file.
    pub digest: Option<[u8; 32]>,
    /// The process that did it; `None` in records of releases that did not write it.
    pub client: Option<Client>,
    /// The objects that were stored, removed or used.
    pub objects: Vec<Touched>,
}

/// How often a refusal was repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated {
    /// How many refusals the record stands for.
    pub count: u64,
    /// Time of the first, in Unix seconds; the record's own time is that of the last.
    pub since: UnixTime,
}

impl Entry {
    /// Stored form: format (1) ‖ event (1) ‖ login (1) ‖ Unix seconds (8) ‖ CKR_ number (8), then
    /// fields: tag (1) ‖ length (2) ‖ value. Numbers are big-endian.
    pub(in crate::token) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT, self.event as u8, login_number(self.login)];
        out.extend_from_slice(&self.at.to_be_bytes());
        out.extend_from_slice(&self.rv.to_be_bytes());
        if let Some(mechanism) = self.mechanism {
            field(&mut out, MECHANISM, &[&mechanism.to_be_bytes()]);
        }
        if let Some(by) = self.by {
            field(&mut out, BY, &[&by]);
        }
        if let Some(number) = self.number {
            field(&mut out, NUMBER, &[&number.to_be_bytes()]);
        }
        if let Some(target) = self.target {
            field(&mut out, TARGET, &[&target]);
        }
        if let Some(Repeated { count, since }) = self.repeated {
            let parts: [&[u8]; 2] = [&count.to_be_bytes(), &since.to_be_bytes()];
            field(&mut out, REPEATED, &parts);
        }
        if let Some(digest) = self.digest {
            field(&mut out, DIGEST, &[&digest]);
        }
        if let Some(client) = &self.client {
            let parts: [&[u8]; 8] = [
                &client.uid.to_be_bytes(),
                &client.pid.to_be_bytes(),
                &client.session.unwrap_or_default().to_be_bytes(),
                &[text_len(&client.program)],
                client.program.as_bytes(),
                &[text_len(&client.host)],
                client.host.as_bytes(),
                client.actor.as_bytes(),
            ];
            field(&mut out, CLIENT, &parts);
        }
        for object in &self.objects {
            let parts: [&[u8]; 6] = [
                &[object.touch as u8],
                &object.uid,
                &object.class.to_be_bytes(),
                &object.version.to_be_bytes(),
                &object.seal,
                &object.sealed_label,
            ];
            field(&mut out, OBJECT, &parts);
        }
        out
    }

    /// Decodes what `encode` made; `None` for anything else.
    pub(in crate::token) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[FORMAT, event, login], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let (at, rest) = rest.split_first_chunk()?;
        let (rv, mut rest) = rest.split_first_chunk()?;
        let mut entry = Self {
            event: Event::of_number(event)?,
            login: login_of(login)?,
            at: u64::from_be_bytes(*at),
            rv: u64::from_be_bytes(*rv),
            mechanism: None,
            by: None,
            number: None,
            target: None,
            repeated: None,
            digest: None,
            client: None,
            objects: Vec::new(),
        };
        while let Some((&[tag, high, low], tail)) = rest.split_first_chunk() {
            let (value, tail) = tail.split_at_checked(u16::from_be_bytes([high, low]).into())?;
            match tag {
                MECHANISM => entry.mechanism = Some(u64::from_be_bytes(value.try_into().ok()?)),
                BY => entry.by = Some(value.try_into().ok()?),
                NUMBER => entry.number = Some(u64::from_be_bytes(value.try_into().ok()?)),
                TARGET => entry.target = Some(value.try_into().ok()?),
                REPEATED => entry.repeated = Some(repeated(value)?),
                DIGEST => entry.digest = Some(value.try_into().ok()?),
                CLIENT => entry.client = Some(client(value)?),
                OBJECT => entry.objects.push(object(value)?),
                _ => return None,
            }
            rest = tail;
        }
        rest.is_empty().then_some(entry)
    }

    /// Decrypts the labels.
    pub(in crate::token) fn open_labels(&mut self, vault: &Vault<'_>) -> Result<()> {
        for object in &mut self.objects {
            if !object.sealed_label.is_empty() {
                let label = vault.open_label(&object.uid, &object.sealed_label)?;
                object.label = Some(label.to_vec());
            }
        }
        Ok(())
    }
}

fn repeated(value: &[u8]) -> Option<Repeated> {
    let (count, since) = value.split_first_chunk()?;
    Some(Repeated {
        count: u64::from_be_bytes(*count),
        since: u64::from_be_bytes(since.try_into().ok()?),
    })
}

/// The length of a text of a client, each of which has at most `TEXT_MAX` bytes.
fn text_len(text: &str) -> u8 {
    u8::try_from(text.len()).unwrap_or(u8::MAX)
}

fn client(value: &[u8]) -> Option<Client> {
    let (uid, rest) = value.split_first_chunk()?;
    let (pid, rest) = rest.split_first_chunk()?;
    let (session, rest) = rest.split_first_chunk()?;
    let (program, rest) = text(rest)?;
    let (host, actor) = text(rest)?;
    Some(Client {
        uid: u32::from_be_bytes(*uid),
        pid: u32::from_be_bytes(*pid),
        session: Some(u64::from_be_bytes(*session)).filter(|session| *session != 0),
        program,
        host,
        actor: String::from_utf8(actor.to_vec()).ok()?,
    })
}

/// A text behind its length (1), and what comes after it.
fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked((*len).into())?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

fn object(value: &[u8]) -> Option<Touched> {
    let (touch, rest) = value.split_first()?;
    let (uid, rest) = rest.split_first_chunk()?;
    let (class, rest) = rest.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (seal, label) = rest.split_first_chunk()?;
    Some(Touched {
        touch: Touch::of_number(*touch)?,
        uid: *uid,
        class: u64::from_be_bytes(*class),
        version: u64::from_be_bytes(*version),
        seal: *seal,
        sealed_label: label.to_vec(),
        label: None,
    })
}

fn field(out: &mut Vec<u8>, tag: u8, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // The longest value is an object's, and its label is at most `LABEL_MAX` bytes long.
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    out.push(tag);
    out.extend_from_slice(&len.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn login_number(login: Login) -> u8 {
    match login {
        Login::Public => 0,
        Login::User => 1,
        Login::So => 2,
    }
}

fn login_of(number: u8) -> Option<Login> {
    match number {
        0 => Some(Login::Public),
        1 => Some(Login::User),
        2 => Some(Login::So),
        _ => None,
    }
}

/// Fingerprint of a row: the first 16 bytes of SHA-256 over the length of its sealed bytes (8), the
/// sealed bytes and the tag. The clear columns are bound to the sealed bytes as additional data.
pub(in crate::token) fn seal_of(row: &Row) -> [u8; 16] {
    let len = (row.sealed.len() as u64).to_be_bytes();
    let digest = Hash::Sha256.digest(&[&len, &row.sealed, &row.mac]);
    let mut seal = [0; 16];
    for (to, from) in seal.iter_mut().zip(digest) {
        *to = from;
    }
    seal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::identity::audit::Doing;

    fn entry() -> Entry {
        let doing = Event::Import.with(ck::CKM_RSA_PKCS_OAEP).by([3; 16]).and(7);
        let doing = doing.meant_for(Some([4; 16]));
        let mut entry = doing.entry(Login::User, 1_800_000_000, ck::CKR_OK);
        for (touch, label) in [
            (Touch::Put, vec![9; 40]),
            (Touch::Removed, vec![]),
            (Touch::Used, vec![1]),
        ] {
            entry.objects.push(Touched {
                touch,
                uid: [5; 16],
                class: ck::CKO_SECRET_KEY,
                version: 2,
                seal: [6; 16],
                sealed_label: label,
                label: None,
            });
        }
        entry
    }

    #[test]
    fn entries_come_back() {
        assert_eq!(Entry::decode(&entry().encode()), Some(entry()));
        let mut counted = entry();
        counted.repeated = Some(Repeated { count: 3, since: 9 });
        counted.digest = Some([8; 32]);
        assert_eq!(Entry::decode(&counted.encode()), Some(counted));
        for (event, name) in Event::NAMES {
            let plain = Doing::from(event).entry(Login::So, 0, ck::CKR_PIN_INCORRECT);
            assert_eq!(Entry::decode(&plain.encode()), Some(plain));
            assert_eq!(event.name(), name);
        }
    }

    #[test]
    fn a_record_without_a_client_is_one_of_an_earlier_release() {
        let mut old = entry();
        old.client = None;
        assert_eq!(Entry::decode(&old.encode()), Some(old));
        let mut named = entry();
        named.client = Some(Client {
            uid: 33,
            pid: 4711,
            session: Some(5),
            program: "/usr/sbin/nginx".into(),
            host: String::new(),
            actor: "payroll é".into(),
        });
        assert_eq!(Entry::decode(&named.encode()), Some(named));
    }

    #[test]
    fn what_is_cut_short_or_unknown_is_no_entry() {
        let bytes = entry().encode();
        // An entry may end after any field: the chain protects its length.
        let whole = (0..bytes.len()).filter(|len| Entry::decode(&bytes[..*len]).is_some());
        assert_eq!(
            whole.count(),
            8,
            "one after the head, and after each field but the last"
        );
        for (at, value) in [(0, 2), (1, 0), (1, 99), (2, 3), (19, 99)] {
            let mut other = bytes.clone();
            other[at] = value;
            assert_eq!(Entry::decode(&other), None, "{at}: {value}");
        }
    }
}
