//! Azure Key Vault's `.byok` file: JSON around the blob of CKM_RSA_AES_KEY_WRAP (Microsoft, "Bring
//! your own key specification", section "Key transfer blob").

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::base64;
use crate::{Result, encoding};

const SCHEMA: &str = "1.0.0";
const ENCRYPTION: &str = "CKM_RSA_AES_KEY_WRAP";

/// The file for `blob`. `kid` is the identifier of the key exchange key, an URL.
pub(super) fn write(kid: &str, blob: &[u8]) -> String {
    let file = json!({
        "schema_version": SCHEMA,
        "header": { "kid": kid, "alg": "dir", "enc": ENCRYPTION },
        "ciphertext": Base64UrlUnpadded::encode_string(blob),
        "generator": concat!("Tenon ", env!("CARGO_PKG_VERSION")),
    });
    format!("{file:#}\n")
}

/// The blob in a file; `None` when the file is not JSON, and so has another form. The first byte
/// alone does not tell: one blob in 256 begins with a brace.
pub(super) fn read(file: &[u8]) -> Option<Result<Vec<u8>>> {
    let file = match encoding::text_or_bytes(file) {
        Ok(file) => file,
        Err(error) => return Some(Err(error)),
    };
    let text = str::from_utf8(file).ok()?;
    text.trim_ascii_start()
        .starts_with('{')
        .then(|| ciphertext(file))
}

fn ciphertext(file: &[u8]) -> Result<Vec<u8>> {
    let file: Value =
        serde_json::from_slice(file).map_err(|error| format!("the JSON is broken: {error}"))?;
    let header = &file["header"];
    if file["schema_version"] != SCHEMA || header["alg"] != "dir" || header["enc"] != ENCRYPTION {
        return Err(format!(
            "not a .byok file of schema {SCHEMA} with alg dir and enc {ENCRYPTION}"
        )
        .into());
    }
    let text = file["ciphertext"].as_str();
    let blob = text.and_then(|text| base64::decode(text.as_bytes()));
    match blob {
        Some(blob) => Ok(blob.to_vec()),
        None => Err("the .byok file has no ciphertext in Base64url".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_that_begins_with_a_brace_is_no_json() {
        assert!(read(&[b'{', 0xFF, 0x80]).is_none());
        assert!(read(b" {").unwrap().is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let blob = [0xFB, 0xEF, 0xBE, 0x01];
        let file = write("https://vault.example/keys/kek/1", &blob);
        let json: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(json["ciphertext"], "----AQ");
        assert_eq!(json["header"]["kid"], "https://vault.example/keys/kek/1");
        assert_eq!(read(file.as_bytes()).unwrap().unwrap(), blob);
    }

    #[test]
    fn other_files_are_refused_or_left_to_others() {
        assert!(read(b"AQID").is_none());
        assert!(read(&[0x30, 0x80]).is_none());
        let good = json!({
            "schema_version": "1.0.0",
            "header": { "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP" },
            "ciphertext": "AQID",
        });
        let with = |pointer: &str, value: Value| {
            let mut file = good.clone();
            *file.pointer_mut(pointer).unwrap() = value;
            read(file.to_string().as_bytes()).unwrap()
        };
        assert_eq!(with("/ciphertext", json!("AQID")).unwrap(), [1, 2, 3]);
        for (pointer, value) in [
            ("/schema_version", json!("2.0.0")),
            ("/header/alg", json!("RSA-OAEP")),
            ("/header/enc", json!("A256GCM")),
            ("/header", Value::Null),
            ("/ciphertext", json!("A Q*")),
            ("/ciphertext", json!(7)),
        ] {
            assert!(with(pointer, value).is_err(), "{pointer}");
        }
        assert!(read(b"{\"schema_version\"").unwrap().is_err());
    }
}
