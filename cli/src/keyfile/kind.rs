//! What a file is that holds no key that can be read, and how to make one of it that can.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, Tagged};

use super::certificate::certificate;

/// PKCS #7 and CMS: the arc of the content types (RFC 5652).
const CMS: &str = "1.2.840.113549.1.7.";

/// What `bytes` are, in a sentence that says what to do; `None` for bytes that may be anything, as those
/// of a secret key.
pub(crate) fn of_no_key(bytes: &[u8]) -> Option<String> {
    binary(bytes)
        .or_else(|| is_der(bytes).then(|| of_der(bytes)))
        .or_else(|| text(bytes))
}

/// Whether the bytes are one DER SEQUENCE of two or more values, with nothing after it. Of random keys of 16
/// to 64 bytes less than one in 2^25 is.
pub(crate) fn is_der(bytes: &[u8]) -> bool {
    fields(bytes).is_some_and(|fields| fields.len() > 1)
}

/// The values in a SEQUENCE that is all of `bytes`.
fn fields(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let whole = AnyRef::from_der(bytes).ok()?;
    if whole.tag() != Tag::Sequence {
        return None;
    }
    let mut reader = SliceReader::new(whole.value()).ok()?;
    let mut fields = Vec::new();
    while !reader.is_finished() {
        fields.push(AnyRef::from_der(reader.tlv_bytes().ok()?).ok()?);
    }
    Some(fields)
}

/// The name of a DER value that is no private key.
fn of_der(der: &[u8]) -> String {
    if let Some(sentence) = of_encrypted_key(der) {
        return sentence;
    }
    let fields = fields(der).unwrap_or_default();
    let tags: Vec<_> = fields.iter().map(Tagged::tag).collect();
    let what = match tags.as_slice() {
        [Tag::Integer, Tag::Sequence, ..] if fields[0].value() == [3] => {
            return PKCS12_UNREAD.to_owned();
        }
        [Tag::Sequence, Tag::BitString] => "a public key",
        [Tag::Integer, Tag::Integer] => "an RSA public key",
        [Tag::ObjectIdentifier, _] if is_cms(&fields[0]) => {
            "PKCS#7 (.p7b, .p7s), which holds certificates or a message"
        }
        [Tag::Sequence, Tag::Sequence, Tag::BitString] if certificate(der).is_ok() => {
            "an X.509 certificate"
        }
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => {
            "a certificate request or a list of revoked certificates"
        }
        _ => "DER of something else",
    };
    format!("the file is {what}, and no private key")
}

fn is_cms(field: &AnyRef<'_>) -> bool {
    let oid = field.decode_as::<ObjectIdentifier>();
    oid.is_ok_and(|oid| oid.to_string().starts_with(CMS))
}

/// Names the encryption of a private key in EncryptedPrivateKeyInfo (RFC 5958 section 3) that cannot be
/// decrypted; `None` for what is none.
pub(super) fn of_encrypted_key(der: &[u8]) -> Option<String> {
    let fields = fields(der)?;
    let [algorithm, sealed] = fields.as_slice() else {
        return None;
    };
    if (algorithm.tag(), sealed.tag()) != (Tag::Sequence, Tag::OctetString) {
        return None;
    }
    let mut reader = SliceReader::new(algorithm.value()).ok()?;
    let oid: ObjectIdentifier = reader.decode().ok()?;
    Some(format!(
        "the key is PKCS#8 that is encrypted by {}: \
         `openssl pkcs8 -in FILE -topk8 -v2 aes-256-cbc -out NEW` writes it anew (for a file in DER with \
         -inform DER; OpenSSL 3 may need -provider legacy -provider default)",
        encryption(oid)
    ))
}

/// The name of an encryption that is not read.
pub(super) fn encryption(oid: ObjectIdentifier) -> String {
    match oid.to_string().as_str() {
        "1.2.840.113549.1.5.1"
        | "1.2.840.113549.1.5.3"
        | "1.2.840.113549.1.5.4"
        | "1.2.840.113549.1.5.6"
        | "1.2.840.113549.1.5.10"
        | "1.2.840.113549.1.5.11" => "PBES1 (DES or RC2)".to_owned(),
        "1.2.840.113549.1.12.1.1" | "1.2.840.113549.1.12.1.2" => "PKCS#12's RC4".to_owned(),
        "1.2.840.113549.1.12.1.3" | "1.2.840.113549.1.12.1.4" => "PKCS#12's triple DES".to_owned(),
        "1.2.840.113549.1.12.1.5" | "1.2.840.113549.1.12.1.6" => "PKCS#12's RC2".to_owned(),
        "1.2.840.113549.1.5.13" => "PBES2 with a cipher or hash that is not read".to_owned(),
        other => format!("the algorithm {other}"),
    }
}

/// A PKCS#12 file whose outside is not DER, or broken.
const PKCS12_UNREAD: &str = "the file is PKCS#12 (.p12, .pfx) in a form that is not read: \
    `openssl pkcs12 -in FILE -nodes -nocerts -out key.pem` writes the key in it as PEM";

/// Files that their first bytes tell.
fn binary(bytes: &[u8]) -> Option<String> {
    // BER of no stated length, and the version number 3.
    if bytes.starts_with(&[0x30, 0x80, 2, 1, 3, 0x30]) {
        return Some(PKCS12_UNREAD.to_owned());
    }
    const KEYSTORE: &str = "`keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 \
        -deststoretype PKCS12`, then `openssl pkcs12 -in NEW.p12 -nodes -nocerts -out key.pem`";
    if bytes.starts_with(&[0xFE, 0xED, 0xFE, 0xED]) || bytes.starts_with(&[0xCE, 0xCE, 0xCE, 0xCE])
    {
        return Some(format!(
            "the file is a Java keystore (JKS or JCEKS), which is not read: {KEYSTORE}"
        ));
    }
    let magics: [(&[u8], &str); 9] = [
        (b"SQLite format 3\0", "an SQLite database"),
        (b"\x7FELF", "a program"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\xFF\xD8\xFF\xE0", "a picture"),
        (b"%PDF-", "a PDF document"),
        (b"PK\x03\x04", "a zip archive"),
        (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
        (b"\xFD7zXZ\0", "an xz archive"),
        (b"\x1F\x8B\x08", "a gzip archive"),
    ];
    // Three known bytes are too few to tell a short key from a file.
    let long = |magic: &[u8]| magic.len() > 3 || bytes.len() > 64;
    let found = magics
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic) && long(magic));
    found.map(|(_, what)| format!("the file is {what}, and no key"))
}

/// Text that is no PEM.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    if text.starts_with("PuTTY-User-Key-File-") {
        return Some(
            "the file is a PuTTY key (.ppk), which is not read: `puttygen FILE -O private-openssh-new -o NEW` \
             writes it as OpenSSH does"
                .to_owned(),
        );
    }
    if text.starts_with("ssh-") || text.starts_with("ecdsa-sha2-") {
        return Some("the file is an OpenSSH public key, and no private key".to_owned());
    }
    if text.starts_with('{') || text.starts_with('[') {
        return Some(
            "the file is JSON, and no key: a JWK, or a service's answer, is not read".to_owned(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named() {
        for (bytes, words) in [
            (&b"\xFE\xED\xFE\xED\0\0\0\x02"[..], "keytool"),
            (b"PuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen"),
            (b"{\"kty\":\"RSA\"}", "JSON"),
            (b"\xEF\xBB\xBF {}", "JSON"),
            (b"ssh-ed25519 AAAA", "OpenSSH public"),
            (b"%PDF-1.7\n", "PDF"),
            (
                include_bytes!("../../tests/cli/files/web-certificate.der"),
                "certificate",
            ),
            (&[0x30, 6, 2, 1, 5, 2, 1, 3], "RSA public key"),
        ] {
            let said = of_no_key(bytes).unwrap();
            assert!(said.contains(words), "{said}");
        }
        let gzip = [&[0x1F, 0x8B, 8][..], &[0xAA; 29]].concat();
        for key in [&[0x30; 32][..], &gzip, b"abcdefghijklmnop", b""] {
            assert_eq!(of_no_key(key), None, "{key:?}");
        }
    }

    #[test]
    fn encryption_is_named() {
        // EncryptedPrivateKeyInfo by pbeWithSHAAnd3-KeyTripleDES-CBC.
        let mut der = vec![0x30, 27, 0x30, 23, 0x06, 10];
        der.extend([0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 12, 1, 3]);
        der.extend([0x30, 9, 0x04, 2, 1, 2, 0x02, 3, 1, 0, 0, 0x04, 0]);
        der[1] = u8::try_from(der.len() - 2).unwrap();
        let said = of_encrypted_key(&der).unwrap();
        assert!(
            said.contains("triple DES") && said.contains("-topk8"),
            "{said}"
        );
        assert_eq!(of_encrypted_key(&[0x30, 0]), None);
    }
}
