//! `tenon byok parameters`: a public key to wrap material with, and its import token, as
//! GetParametersForImport gives them.

use std::collections::BTreeSet;

use clap::Args;
use pem_rfc7468::LineEnding;
use serde_json::json;
use tenon_pkcs11::api::byok::{self, Profile, Spec, WrappingKey, profile};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::crypto::ec::Curve;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::keytype::Numbered;
use tenon_pkcs11::api::rng;

use super::algorithm::{self, NamedAlgorithm};
use super::external::{External, field};
use super::folder::{Folder, Readers};
use super::target::Target;
use crate::Result;
use crate::base64;
use crate::object::value;
use crate::output::hex;
use crate::template::Template;
use crate::token::OpenSession;
use crate::when::{deadline, duration};

/// CKA_TENON_WRAP_ALGORITHM numbers in the order in which they are preferred: for short secrets, and
/// for what does not fit into an RSA block by itself. All others come after these.
const FOR_SHORT: &[ck::CK_ULONG] = &[2, 5, 13, 12, 11, 10, 9, 8, 7, 1, 4, 3, 6];
const FOR_LONG: &[ck::CK_ULONG] = &[5, 11, 10, 9, 4, 6, 7, 8, 2, 13, 12, 1, 3];

/// Seconds by which a life that was asked for is longer.
const MARGIN: UnixTime = 2;

/// Bytes of a request's CKA_ID.
const ID_LEN: usize = 8;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Wrapping algorithm, by the name that the service gives it; else the best that the key's
    /// profile has
    #[arg(long, short, value_name = "NAME", value_parser = algorithm::parse)]
    algorithm: Option<NamedAlgorithm>,
    /// Wrapping key: RSA_2048, RSA_3072, RSA_4096, EC_SM2, XWING, ML_KEM_768 or ML_KEM_1024; else the first of
    /// them that the algorithm and the key's profile have
    #[arg(long, value_name = "SPEC", value_parser = wrapping_key)]
    key_spec: Option<WrappingKey>,
    /// The request serves every key of the profile that KEY has, not KEY alone: Google, Azure, OCI, Vault, IBM
    #[arg(long)]
    every_key: bool,
    /// How long the parameters live, as 30m or 24h, where the service leaves that to the caller: IBM, 5 minutes to
    /// 24 hours
    #[arg(long, value_name = "TIME", value_parser = duration)]
    valid: Option<UnixTime>,
    #[command(flatten)]
    folder: Folder,
}

/// What an import needs.
struct Parameters {
    /// CKA_ID of both halves of the wrapping key.
    id: Vec<u8>,
    /// SubjectPublicKeyInfo DER.
    public_key: Vec<u8>,
    import_token: Vec<u8>,
    /// 0 = never.
    not_after: UnixTime,
    /// CKA_TENON_WRAPPING_STATEMENT.
    statement: Vec<u8>,
    signature: Vec<u8>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (open, key) = arguments.target.open()?;
    key.must_be_external("nothing to import")?;
    let profile = profile::find(key.profile.as_bytes()).ok_or("the key's profile is unknown")?;
    let (algorithm, wrapping) = choose(arguments, profile, &key)?;
    let named = arguments.algorithm.map(|algorithm| algorithm.name);
    let name = named.unwrap_or_else(|| profile.algorithm_name(algorithm, wrapping));
    // As Alibaba Cloud's console names them.
    let names = [
        "publickey_ID.pem",
        "publickey_ID.bin",
        "token_ID.txt",
        "wrapping-statement_ID.json",
        "wrapping-statement_ID.sig",
    ]
    .map(|name| name.replace("ID", &key.key_id));
    let format = &arguments.target.format;
    let places = arguments.folder.places(names, format.is_json())?;
    let made = generate(&open, arguments, &key, (algorithm, wrapping))?;
    if let Some(places) = &places {
        let pem = pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, &made.public_key)?;
        let token = base64::encode(&made.import_token);
        let contents = [
            (pem.as_bytes(), Readers::Everybody),
            (&made.public_key, Readers::Everybody),
            (token.as_bytes(), Readers::Maker),
            (&made.statement, Readers::Maker),
            (&made.signature, Readers::Maker),
        ];
        arguments.folder.write(places, contents)?;
    }
    let answer = json!({
        "KeyId": key.key_id,
        "RequestId": hex(&made.id),
        "WrappingAlgorithm": name,
        "WrappingKeySpec": profile.wrapping_key_name(wrapping),
        "PublicKey": base64::encode(&made.public_key),
        "ImportToken": base64::encode(&made.import_token),
        "TokenExpireTime": field(made.not_after),
        "WrappingStatement": String::from_utf8_lossy(&made.statement),
        "WrappingStatementSignature": base64::encode(&made.signature),
    });
    let end = deadline(made.not_after, open.now()?);
    format.print(&answer, |out| {
        for file in places.iter().flatten() {
            writeln!(out, "Wrote {}", file.display())?;
        }
        let whom = whom(&key, arguments.every_key);
        writeln!(out, "For {whom}, by {name}; expires: {end}")?;
        writeln!(
            out,
            "The request has the CKA_ID {}; `tenon byok requests` lists it",
            hex(&made.id)
        )
    })
}

/// The algorithm and the wrapping key: what was asked for, else the best that the profile has.
fn choose(
    arguments: &Arguments,
    profile: &Profile,
    key: &External,
) -> Result<(&'static byok::Algorithm, WrappingKey)> {
    let spec = key.spec.ok_or("the key's spec is unknown")?;
    let algorithms = match &arguments.algorithm {
        Some(algorithm) => vec![algorithm.number().ok_or_else(|| {
            format!(
                "no import is made by {}: it is for wrapping alone",
                algorithm.name
            )
        })?],
        None => preferred(spec),
    };
    let fixed = arguments.algorithm.and_then(|algorithm| algorithm.bits);
    let keys = match (arguments.key_spec, fixed.map(WrappingKey::Rsa)) {
        (Some(said), Some(fixed)) if said != fixed => {
            return Err(format!("the algorithm's name says {fixed}, --key-spec {said}").into());
        }
        (Some(key), _) | (None, Some(key)) => vec![key],
        (None, None) => WrappingKey::ALL.to_vec(),
    };
    first_allowed(profile, spec, &algorithms, &keys)
}

/// Algorithms in the order in which they are preferred for material of `spec`.
fn preferred(spec: Spec) -> Vec<ck::CK_ULONG> {
    let first = match spec {
        Spec::Aes(_) | Spec::Sm4 | Spec::Hmac(..=512) => FOR_SHORT,
        Spec::Hmac(_) | Spec::Rsa(_) | Spec::Ec(_) | Spec::MlDsa(_) => FOR_LONG,
    };
    let all = byok::ALGORITHMS.iter().map(|row| row.number);
    let others = all.filter(|number| !first.contains(number));
    first.iter().copied().chain(others).collect()
}

/// The first of `algorithms` that the profile allows for `spec`, with the first of `keys` that it
/// allows with that; else the first refusal.
fn first_allowed(
    profile: &Profile,
    spec: Spec,
    algorithms: &[ck::CK_ULONG],
    keys: &[WrappingKey],
) -> Result<(&'static byok::Algorithm, WrappingKey)> {
    let mut refusal = None;
    for number in algorithms {
        let algorithm = byok::Algorithm::find(*number).ok_or("no such algorithm")?;
        for key in keys {
            match profile.may_wrap(algorithm, *key, spec) {
                Ok(()) => return Ok((algorithm, *key)),
                Err(rule) => refusal = refusal.or(Some(rule)),
            }
        }
    }
    let refusal = refusal.map(|rule| profile.refusal(rule));
    Err(refusal.unwrap_or_default().into())
}

/// Whom a request serves, for people.
fn whom(key: &External, every_key: bool) -> String {
    if every_key {
        return format!("every key of the profile {}", key.profile);
    }
    key.name().to_owned()
}

fn generate(
    open: &OpenSession,
    &Arguments {
        every_key, valid, ..
    }: &Arguments,
    key: &External,
    (algorithm, wrapping): (&byok::Algorithm, WrappingKey),
) -> Result<Parameters> {
    let session = &open.session;
    let id: [u8; ID_LEN] = rng::random(&SystemRng);
    let label = format!("import of {}", whom(key, every_key));
    let named = Template::default()
        .flag(ck::CKA_TOKEN, true)
        .bytes(ck::CKA_ID, &id)
        .bytes(ck::CKA_LABEL, label.as_bytes());
    let public = named.clone();
    let (mechanism, public) = match wrapping {
        WrappingKey::Rsa(bits) => (
            ck::CKM_RSA_PKCS_KEY_PAIR_GEN,
            public.number(ck::CKA_MODULUS_BITS, bits),
        ),
        WrappingKey::Sm2 => (
            ck::CKM_TENON_SM2_KEY_PAIR_GEN,
            public.bytes(ck::CKA_EC_PARAMS, Curve::Sm2.params()),
        ),
        WrappingKey::XWing => (ck::CKM_TENON_XWING_KEY_PAIR_GEN, public),
        WrappingKey::MlKem(set) => (
            ck::CKM_ML_KEM_KEY_PAIR_GEN,
            public.number(ck::CKA_PARAMETER_SET, set.number()),
        ),
    };
    let private = match every_key {
        true => named.bytes(ck::CKA_TENON_PROFILE, key.profile.as_bytes()),
        false => named.bytes(ck::CKA_TENON_IMPORT_TARGET, key.unique_id.as_bytes()),
    };
    // The shortest life is still long enough when the token reads its clock.
    let longest = profile::find(key.profile.as_bytes()).and_then(|profile| profile.job.lives);
    let longest = longest.map_or(UnixTime::MAX, |(_, most)| most);
    let now = open.now()?;
    let not_after = valid.map(|life| {
        let life = life.saturating_add(MARGIN).min(longest.max(life));
        now.saturating_add(life).to_be_bytes()
    });
    let private = private
        .number(ck::CKA_TENON_WRAP_ALGORITHM, algorithm.number)
        .maybe(ck::CKA_TENON_NOT_AFTER, not_after);
    let request = open.request(mechanism)?;
    let (public, private) =
        session.generate_key_pair(request, public.as_slice(), private.as_slice())?;
    let bytes = |handle, kind| -> Result<Vec<u8>> {
        value(session, handle, kind)?.ok_or_else(|| "the import job is incomplete".into())
    };
    let not_after = bytes(private, ck::CKA_TENON_NOT_AFTER)?;
    Ok(Parameters {
        id: id.to_vec(),
        public_key: bytes(public, ck::CKA_PUBLIC_KEY_INFO)?,
        import_token: bytes(private, ck::CKA_TENON_IMPORT_TOKEN)?,
        statement: bytes(private, ck::CKA_TENON_WRAPPING_STATEMENT)?,
        signature: bytes(private, ck::CKA_TENON_WRAPPING_STATEMENT_SIGNATURE)?,
        not_after: not_after.try_into().map_or(0, UnixTime::from_be_bytes),
    })
}

fn wrapping_key(text: &str) -> std::result::Result<WrappingKey, String> {
    let name = text.to_ascii_uppercase().replace('-', "_");
    let names = || {
        let profiles = profile::all();
        profiles.flat_map(|of| WrappingKey::ALL.map(|key| (of.wrapping_key_name(key), key)))
    };
    let found = names().find(|(known, _)| *known == name);
    found.map(|(_, key)| key).ok_or_else(|| {
        let known: BTreeSet<_> = names().map(|(known, _)| known).collect();
        let known: Vec<_> = known.into_iter().collect();
        format!("there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use tenon_pkcs11::api::crypto::mlkem::ParameterSet;

    use super::*;

    fn first(profile: &str, spec: Spec) -> (ck::CK_ULONG, WrappingKey) {
        let profile = profile::find(profile.as_bytes()).unwrap();
        let (algorithm, key) =
            first_allowed(profile, spec, &preferred(spec), &WrappingKey::ALL).unwrap();
        (algorithm.number, key)
    }

    #[test]
    fn the_best_that_a_service_has_is_chosen() {
        let rsa = WrappingKey::Rsa;
        for (profile, spec, expected) in [
            ("open", Spec::Aes(256), (2, rsa(2048))),
            ("open", Spec::Rsa(2048), (5, rsa(2048))),
            ("open", Spec::Hmac(2048), (5, rsa(2048))),
            ("open", Spec::Ec(byok::Curve::P521), (5, rsa(2048))),
            (
                "alibaba-hardware",
                Spec::Ec(byok::Curve::Sm2),
                (6, rsa(2048)),
            ),
            ("tencent", Spec::Sm4, (2, rsa(2048))),
            ("alibaba-default", Spec::Aes(256), (2, rsa(2048))),
            ("alibaba-software", Spec::Rsa(2048), (6, rsa(2048))),
            ("huawei", Spec::Rsa(4096), (5, rsa(2048))),
            ("google", Spec::Aes(128), (2, rsa(3072))),
            ("azure", Spec::Rsa(2048), (4, rsa(2048))),
            ("vault", Spec::Aes(256), (5, rsa(4096))),
            ("oci", Spec::Aes(256), (2, rsa(4096))),
        ] {
            assert_eq!(first(profile, spec), expected, "{profile} {spec}");
        }
        let google = profile::find(b"google").unwrap();
        let refused = first_allowed(google, Spec::Aes(256), &[3], &WrappingKey::ALL).unwrap_err();
        assert!(refused.to_string().contains("Google"), "{refused}");
    }

    #[test]
    fn wrapping_keys_are_read_by_the_names_that_services_give_them() {
        for (name, expected) in [
            ("RSA_2048", WrappingKey::Rsa(2048)),
            ("rsa-4096", WrappingKey::Rsa(4096)),
            ("EC_SM2", WrappingKey::Sm2),
            ("sm2", WrappingKey::Sm2),
            ("xwing", WrappingKey::XWing),
            ("ml-kem-768", WrappingKey::MlKem(ParameterSet::MlKem768)),
            ("ml-kem-1024", WrappingKey::MlKem(ParameterSet::MlKem1024)),
        ] {
            assert_eq!(wrapping_key(name), Ok(expected), "{name}");
        }
        let refused = wrapping_key("RSA_1024").unwrap_err();
        assert_eq!(
            refused,
            "there are EC_SM2, ML_KEM_1024, ML_KEM_768, RSA_2048, RSA_3072, RSA_4096, SM2, XWING"
        );
    }

    #[test]
    fn each_algorithm_has_one_place_in_the_order() {
        let known: Vec<_> = byok::ALGORITHMS.iter().map(|row| row.number).collect();
        for spec in [Spec::Aes(256), Spec::Rsa(2048)] {
            let mut preferred = preferred(spec);
            preferred.sort_unstable();
            assert_eq!(preferred, known);
        }
    }
}
