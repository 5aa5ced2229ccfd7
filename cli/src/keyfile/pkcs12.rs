//! PKCS#12 files (RFC 7292), which may hold keys and certificates.

use der::asn1::{ObjectIdentifier, OctetString, OctetStringRef};
use der::{Decode, Encode, Reader, SliceReader};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs12::cms::content_info::ContentInfo;
use pkcs12::cms::encrypted_data::EncryptedData;
use pkcs12::kdf::{Pkcs12KeyType, derive_key_utf8};
use pkcs12::{AuthenticatedSafe, CertBag, MacData, Pfx};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use spki::AlgorithmIdentifierRef;
use tenon_pkcs11::api::crypto::hash::{Hash, Hmac};
use tenon_pkcs11::api::secret::Secret;
use zeroize::Zeroizing;

use crate::Result;

use super::certificate::certificate;
use super::item::Item;
use super::private::{WRONG_PASSWORD, decrypted, private_key};
use super::{cost, kind};

/// data and encryptedData (RFC 5652 sections 4 and 8).
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");

/// The bags of section 4.2.
const KEY_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERT_BAG: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
/// x509Certificate of PKCS#9.
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// Whether `der` is the outside of a PKCS#12 file.
pub(super) fn is_one(der: &[u8]) -> bool {
    Pfx::from_der(der).is_ok()
}

/// The keys and the certificates in a file. Bags of other things are left out.
pub(super) fn items(
    der: &[u8],
    password: &dyn Fn() -> Result<Zeroizing<String>>,
) -> Result<Vec<Item>> {
    let file = Pfx::from_der(der)?;
    if file.auth_safe.content_type != DATA {
        return Err(
            "the PKCS#12 file is signed or enveloped by keys, and not by a password".into(),
        );
    }
    let safe: OctetString = file.auth_safe.content.decode_as()?;
    let password = password().map_err(|error| format!("the PKCS#12 file is encrypted: {error}"))?;
    if let Some(mac) = &file.mac_data {
        check_mac(mac, safe.as_bytes(), &password)?;
    }
    let mut items = Vec::new();
    for content in AuthenticatedSafe::from_der(safe.as_bytes())? {
        for bag in bags(&contents(&content, &password)?)? {
            items.extend(bag.item(&password)?);
        }
    }
    Ok(items)
}

/// The bytes of a SafeContents.
fn contents(content: &ContentInfo, password: &str) -> Result<Zeroizing<Vec<u8>>> {
    match content.content_type {
        DATA => {
            let data: OctetString = content.content.decode_as()?;
            Ok(Zeroizing::new(data.into_bytes().into()))
        }
        ENCRYPTED_DATA => {
            let sealed: EncryptedData = content.content.decode_as()?;
            let sealed = sealed.enc_content_info;
            let scheme = sealed.content_enc_alg.to_der()?;
            let scheme = scheme_of(AlgorithmIdentifierRef::from_der(&scheme)?)?;
            let sealed = sealed
                .encrypted_content
                .ok_or("the PKCS#12 file is incomplete")?;
            let clear = scheme.decrypt(password.as_bytes(), sealed.as_bytes());
            Ok(Zeroizing::new(clear.map_err(|_| WRONG_PASSWORD)?))
        }
        _ => Err("a part of the PKCS#12 file is encrypted by keys, and not by a password".into()),
    }
}

/// An encryption that is read, at a cost within the limits.
fn scheme_of(algorithm: AlgorithmIdentifierRef<'_>) -> Result<EncryptionScheme> {
    let scheme = EncryptionScheme::try_from(algorithm).ok();
    let scheme = scheme.filter(|scheme| scheme.pbes2().is_some());
    let scheme = scheme.ok_or_else(|| {
        format!(
            "the PKCS#12 file is encrypted by {}, which is not read: `openssl pkcs12 -in FILE -legacy -nodes \
             -out key.pem` writes what is in it as PEM (OpenSSL before 3 without -legacy)",
            kind::encryption(algorithm.oid)
        )
    })?;
    cost::check(&scheme)?;
    Ok(scheme)
}

/// A SafeBag, without its attributes.
struct Bag<'a> {
    id: ObjectIdentifier,
    value: &'a [u8],
}

fn bags(contents: &[u8]) -> Result<Vec<Bag<'_>>> {
    let mut bags = Vec::new();
    SliceReader::new(contents)?.sequence(|contents| -> der::Result<()> {
        while !contents.is_finished() {
            bags.push(contents.sequence(|bag| -> der::Result<_> {
                let id = bag.decode()?;
                let outer = der::asn1::AnyRef::from_der(bag.tlv_bytes()?)?;
                if !bag.is_finished() {
                    bag.tlv_bytes()?;
                }
                Ok(Bag {
                    id,
                    value: outer.value(),
                })
            })?);
        }
        Ok(())
    })?;
    Ok(bags)
}

impl Bag<'_> {
    fn item(&self, password: &Zeroizing<String>) -> Result<Option<Item>> {
        match self.id {
            KEY_BAG => private_key(self.value).map(Some),
            SHROUDED_KEY_BAG => {
                let algorithm = SliceReader::new(self.value)?.sequence(|fields| {
                    let algorithm = fields.decode::<AlgorithmIdentifierRef<'_>>();
                    let _sealed = <&OctetStringRef>::decode(fields)?;
                    algorithm
                })?;
                scheme_of(algorithm)?;
                decrypted(self.value, &|| Ok(password.clone())).map(Some)
            }
            CERT_BAG => {
                let bag = CertBag::from_der(self.value)?;
                if bag.cert_id != X509 {
                    return Ok(None);
                }
                let read = certificate(bag.cert_value.as_bytes())?;
                Ok(Some(Item::Certificate(read)))
            }
            _ => Ok(None),
        }
    }
}

/// Refuses a file that its password's MAC does not confirm (section 4). A MAC that is made otherwise is not
/// checked: the encryption inside needs the same password.
fn check_mac(mac: &MacData, safe: &[u8], password: &str) -> Result<()> {
    let (salt, count) = (mac.mac_salt.as_bytes(), mac.iterations);
    cost::check_iterations(
        "the MAC of PKCS#12",
        u32::try_from(count).unwrap_or(u32::MAX),
    )?;
    let key = |len| {
        let kind = Pkcs12KeyType::Mac;
        match len {
            20 => derive_key_utf8::<Sha1>(password, salt, kind, count, len),
            28 => derive_key_utf8::<Sha224>(password, salt, kind, count, len),
            32 => derive_key_utf8::<Sha256>(password, salt, kind, count, len),
            48 => derive_key_utf8::<Sha384>(password, salt, kind, count, len),
            _ => derive_key_utf8::<Sha512>(password, salt, kind, count, len),
        }
    };
    let hash = match mac.mac.algorithm.oid.to_string().as_str() {
        "1.3.14.3.2.26" => Hash::Sha1,
        "2.16.840.1.101.3.4.2.4" => Hash::Sha224,
        "2.16.840.1.101.3.4.2.1" => Hash::Sha256,
        "2.16.840.1.101.3.4.2.2" => Hash::Sha384,
        "2.16.840.1.101.3.4.2.3" => Hash::Sha512,
        _ => return Ok(()),
    };
    let key = Zeroizing::new(key(hash.len())?);
    let mut hmac = Hmac::new(hash, &key);
    hmac.update(safe);
    let mut tag = Secret::zeroed(hash.len());
    hmac.finish_into(&mut tag);
    if !tag.ct_eq(mac.mac.digest.as_bytes()) {
        return Err(WRONG_PASSWORD.into());
    }
    Ok(())
}
