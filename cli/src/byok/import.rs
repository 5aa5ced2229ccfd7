//! `tenon byok import`: a blob goes in, as ImportKeyMaterial takes it.

use std::cmp::Reverse;
use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::byok::{Algorithm, Job, Rule, expired, profile};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::UnixTime;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{Handle, Version};
use zeroize::Zeroizing;

use super::external::External;
use super::metadata;
use super::target::Target;
use super::{azure, requests, share};
use crate::base64;
use crate::object::{Id, find, ulong, value};
use crate::output::{hex, key_id, unhex};
use crate::template::Template;
use crate::token::OpenSession;
use crate::when::{When, deadline, span};
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// The wrapped material: binary, Base64 or a .byok file, - for standard input. Of Huawei's two
    /// files EncryptedKeyMaterial.bin first, then the private key's ciphertext
    #[arg(value_name = "FILE", required = true, num_args = 1..=2)]
    blob: Vec<PathBuf>,
    /// The import token that came with the public key, in a file; unless said, token_KEYID.txt beside
    /// the wrapped material or in the current folder, as `parameters` writes it. A key of profile open
    /// needs none: each open request of the key is tried, the newest first
    #[arg(long, value_name = "FILE")]
    import_token: Option<PathBuf>,
    /// Import into a service's key without its import token, which the services demand
    #[arg(long, conflicts_with = "import_token")]
    without_token: bool,
    /// A nonce of the key's owner, at most 64 bytes in hexadecimal digits, which the receipt repeats
    #[arg(long, value_name = "HEX", value_parser = unhex)]
    nonce: Option<Id>,
    /// The material is that of the key's next version, which `rotate` makes current (profile aws); it
    /// replaces what was brought for that before
    #[arg(long)]
    new_material: bool,
    /// Which share of the key's material this is, from 1 (a key made with --shares)
    #[arg(long, value_name = "N")]
    share: Option<u8>,
    /// The check value of the material that this share completes, where it is of a new version
    #[arg(long, value_name = "HEX", value_parser = share::check_value_of, requires = "share")]
    check_value: Option<[u8; 8]>,
    /// End of the material's life: never, 24h, 7d, 2027-01-31, 2027-01-31T12:00:00Z or Unix seconds;
    /// unless said, what the profile has
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    expires: Option<When>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let blob = blob(&arguments.blob)?;
    let given = arguments.import_token.as_deref().map(token).transpose()?;
    let (open, key) = arguments.target.open()?;
    key.must_be_external("nothing to import")?;
    let import_token = match given {
        None => own_token(arguments, &key)?,
        given => given,
    };
    let token = import_token.as_ref().map(|bytes| bytes.as_slice());
    let now = open.now()?;
    let expires_at = expiry(&key, arguments.expires, now)?;
    let jobs = find_jobs(&open.session, &key, token, now)?;
    let template = Template::of_class(key.class)
        .flag(ck::CKA_TOKEN, true)
        .bytes(ck::CKA_ID, &key.id)
        .number(ck::CKA_KEY_TYPE, key.key_type)
        .bytes(ck::CKA_TENON_IMPORT_TARGET, key.unique_id.as_bytes())
        .maybe(ck::CKA_TENON_IMPORT_TOKEN, token)
        .maybe(ck::CKA_TENON_OWNER_NONCE, arguments.nonce.as_deref())
        .maybe(
            ck::CKA_TENON_NEW_MATERIAL,
            arguments.new_material.then_some(&[ck::CK_TRUE][..]),
        )
        .maybe(ck::CKA_TENON_SHARE, arguments.share.map(|number| [number]))
        .maybe(ck::CKA_TENON_SHARES_CHECK_VALUE, arguments.check_value)
        .maybe(ck::CKA_TENON_EXPIRES_AT, expires_at);
    let halves = public_halves(&open.session, &key)?;
    let handle = unwrap(&open, &jobs, &blob, &template)
        .map_err(|error| explained(error, &open.session, &jobs))?;
    let before = key.versions;
    let waited = key.waiting;
    let key = External::of(&open.session, handle)?;
    if let Some(number) = arguments.share
        && key.waiting.contains(&number)
    {
        return report_share(arguments, &key, number, waited.contains(&number));
    }
    let now_there = public_halves(&open.session, &key)?;
    let public = now_there.iter().any(|half| !halves.contains(half));
    let set = set_expiry(&key, expires_at, now);
    let version = imported_version(&before, &key.versions, now);
    let answer = json!({
        "KeyMetadata": metadata::of_key(&key),
        "ImportedMaterialExpireUnix": set,
        "ImportedVersion": version.map(|version| version.number),
        "PublicKeyMade": public,
    });
    arguments.target.format.print(&answer, |out| {
        writeln!(out, "Imported {}", key.words())?;
        if let Some(version) = version.filter(|version| !version.current) {
            let what = if version.next { "the next" } else { "an older" };
            writeln!(
                out,
                "It is the material of version {}, {what} one",
                version.number
            )?;
        }
        writeln!(out, "Its material expires: {}", deadline(set, now))?;
        if public {
            writeln!(out, "Made its public key object")?;
        }
        key.needs()
            .iter()
            .try_for_each(|line| writeln!(out, "{line}"))
    })
}

/// The version into which the material came; `None` where several were imported into in this second.
fn imported_version<'a>(
    before: &[Version],
    after: &'a [Version],
    now: UnixTime,
) -> Option<&'a Version> {
    let only = |fits: &dyn Fn(&Version) -> bool| {
        let mut fitting = after.iter().filter(|version| fits(version));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let recent = |version: &Version| version.imported_at >= now;
    only(&recent).or_else(|| only(&|version| recent(version) && !before.contains(version)))
}

/// Prints that a share came, and waits for others.
fn report_share(arguments: &Arguments, key: &External, number: u8, repeated: bool) -> Result<()> {
    let answer =
        json!({ "KeyMetadata": metadata::of_key(key), "Share": number, "Repeated": repeated });
    arguments.target.format.print(&answer, |out| {
        let came = if repeated {
            "had come already, and is the same"
        } else {
            "came"
        };
        writeln!(out, "Share {number} of {} {came}", key.name())?;
        writeln!(out, "Its shares: {}", key.shares())
    })
}

/// Unwraps the blob by the first job that opens it: where several requests are open and no import
/// token says which, the blob belongs to one of them.
fn unwrap(open: &OpenSession, jobs: &[Handle], blob: &[u8], template: &Template) -> Result<Handle> {
    let Some((last, others)) = jobs.split_last() else {
        return Err("no request is open".into());
    };
    let by = |job: Handle| -> Result<_> {
        let request = open.request(mechanism(&open.session, job)?)?;
        Ok(open
            .session
            .unwrap_key(request, job, blob, template.as_slice()))
    };
    for job in others {
        let unwrapped = by(*job)?;
        let other_key = unwrapped.as_ref().is_err_and(|error| {
            matches!(
                error.rv,
                ck::CKR_WRAPPED_KEY_INVALID | ck::CKR_WRAPPED_KEY_LEN_RANGE
            )
        });
        if !other_key {
            return Ok(unwrapped?);
        }
    }
    Ok(by(*last)??)
}

/// CKA_TENON_EXPIRES_AT of this import; `None` where the profile says it. An error where the
/// profile leaves it to the user, who said nothing.
fn expiry(key: &External, asked: Option<When>, now: UnixTime) -> Result<Option<[u8; 8]>> {
    if let Some(when) = asked {
        return Ok(Some(when.at(now).to_be_bytes()));
    }
    match profile::find(key.profile.as_bytes()) {
        Some(profile) if profile.expiry(None, now) == Err(Rule::ExpiryUnnamed) => Err(format!(
            "{} wants an expiry in every import: say --expires with a time, or with never",
            profile.service
        )
        .into()),
        _ => Ok(None),
    }
}

/// The end of the life of the material that was imported: what was asked for, else what the profile has.
fn set_expiry(key: &External, asked: Option<[u8; 8]>, now: UnixTime) -> UnixTime {
    let usual = || {
        let profile = profile::find(key.profile.as_bytes())?;
        profile.expiry(None, now).ok().filter(|at| *at != 0)
    };
    // Keys of the services that have a usual one have one version.
    let usual = || usual().map_or(0, |_| key.expires_at);
    asked.map_or_else(usual, UnixTime::from_be_bytes)
}

/// A refusal of the blob, which tells of the last request alone, with the algorithms of all where several were tried.
fn explained(error: Box<dyn Error>, session: &Session, jobs: &[Handle]) -> Box<dyn Error> {
    let refusal = error.downcast_ref::<tenon_pkcs11::api::error::Error>();
    let of_blob = refusal.is_some_and(|refusal| {
        matches!(
            refusal.rv,
            ck::CKR_WRAPPED_KEY_INVALID | ck::CKR_WRAPPED_KEY_LEN_RANGE
        )
    });
    if !of_blob || jobs.len() < 2 {
        return error;
    }
    let mut names: Vec<_> = jobs
        .iter()
        .filter_map(|job| algorithm(session, *job).ok())
        .map(|algorithm| algorithm.name)
        .collect();
    names.dedup();
    format!(
        "{error}\nNone of the {} open requests of the key opens it; they are for {}: say with --import-token which one \
         the blob was wrapped for",
        jobs.len(),
        names.join(" or ")
    )
    .into()
}

/// The import token in `file`.
fn token(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    files::read(file).and_then(base64::decode_file)
}

/// The import token that `parameters` wrote for the key beside the blob or into the current folder. An
/// error where a service's key has none.
fn own_token(arguments: &Arguments, key: &External) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let service = profile::find(key.profile.as_bytes()).filter(|row| !row.takes_every_way());
    let Some(service) = service.filter(|_| !arguments.without_token) else {
        return Ok(None);
    };
    let name = format!("token_{}.txt", key.key_id);
    let beside = arguments.blob.iter().filter_map(|blob| blob.parent());
    let mut places = beside
        .chain([Path::new(".")])
        .map(|folder| folder.join(&name));
    match places.find(|file| file.is_file()) {
        Some(file) => token(&file).map(Some),
        None => Err(format!(
            "{} takes material with its import token, and {name} is neither beside the material nor in the \
             current folder: say --import-token FILE, or --without-token to import without one",
            service.service
        )
        .into()),
    }
}

/// The bytes for C_UnwrapKey.
fn blob(files: &[PathBuf]) -> Result<Zeroizing<Vec<u8>>> {
    let mut blob = Zeroizing::new(Vec::new());
    for path in files {
        let file = files::read(path)?;
        let part = match azure::read(&file) {
            Some(read) => {
                let read = read.map_err(|error| format!("{}: {error}", path.display()))?;
                Zeroizing::new(read)
            }
            None => base64::decode_file(file)?,
        };
        blob.extend_from_slice(&part);
    }
    Ok(blob)
}

/// The private key of the request that the import token names; without a token, those of all open
/// requests of the key, the newest first.
fn find_jobs(
    session: &Session,
    key: &External,
    token: Option<&[u8]>,
    now: UnixTime,
) -> Result<Vec<Handle>> {
    let jobs = requests::template().bytes(ck::CKA_TENON_IMPORT_TARGET, key.unique_id.as_bytes());
    // Requests that serve every key of a profile have the profile instead of a target.
    let shared = requests::template().bytes(ck::CKA_TENON_PROFILE, key.profile.as_bytes());
    let advice = format!("run `tenon byok parameters {}`", key.name());
    let Some(token) = token else {
        let mut found = Vec::new();
        let shared = find(session, &shared)?;
        for job in find(session, &jobs)?.into_iter().chain(shared) {
            let ends = value(session, job, ck::CKA_TENON_NOT_AFTER)?.unwrap_or_default();
            found.push((Reverse(ends), job));
        }
        if found.is_empty() {
            return Err(format!("no request for {} is open: {advice}", key.name()).into());
        }
        let demanded = value(session, key.handle, ck::CKA_TENON_REQUIRE_TOKEN)?;
        if found.len() > 1 && demanded == Some(vec![ck::CK_TRUE]) {
            return Err(format!(
                "more than one request for {} is open: say with --import-token which",
                key.name()
            )
            .into());
        }
        found.sort_unstable();
        return Ok(found.into_iter().map(|(_, job)| job).collect());
    };
    let claimed = Job::claimed(token).ok_or("the file is no import token of this program")?;
    if let Some(target) = claimed.target.map(|target| hex(&target))
        && target != key.unique_id
    {
        return Err(format!(
            "the import token belongs to the key {}, not to {}",
            key_id(&target),
            key.key_id
        )
        .into());
    }
    if expired(claimed.not_after, now) {
        let ago = span(now.saturating_sub(claimed.not_after));
        return Err(format!("the import token expired {ago} ago: {advice}").into());
    }
    let jobs = if claimed.target.is_some() {
        jobs
    } else {
        shared
    };
    let own = jobs.bytes(ck::CKA_UNIQUE_ID, hex(&claimed.wrapping).as_bytes());
    match find(session, &own)?.pop() {
        Some(job) => Ok(vec![job]),
        None => Err(format!("the wrapping key of this import token is gone: {advice}").into()),
    }
}

/// The mechanism of the algorithm that the job is for.
fn mechanism(session: &Session, job: Handle) -> Result<ck::CK_MECHANISM_TYPE> {
    Ok(algorithm(session, job)?.mechanism)
}

/// The algorithm that the job is for.
fn algorithm(session: &Session, job: Handle) -> Result<&'static Algorithm> {
    let number = value(session, job, ck::CKA_TENON_WRAP_ALGORITHM)?;
    let algorithm = number
        .and_then(|bytes| ulong(&bytes))
        .and_then(Algorithm::find);
    algorithm.ok_or_else(|| "the request's algorithm is unknown".into())
}

/// The public key objects with the key's CKA_ID.
fn public_halves(session: &Session, key: &External) -> Result<Vec<Handle>> {
    if key.class != ck::CKO_PRIVATE_KEY {
        return Ok(Vec::new());
    }
    let of_id = Template::of_class(ck::CKO_PUBLIC_KEY).bytes(ck::CKA_ID, &key.id);
    find(session, &of_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(parts: &[&[u8]]) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let file = folder.path().join(index.to_string());
                std::fs::write(&file, part).unwrap();
                file
            })
            .collect();
        blob(&files).map(|blob| blob.to_vec())
    }

    #[test]
    fn blobs_come_in_every_form() {
        assert_eq!(join(&[&[0x80, 1]]).unwrap(), [0x80, 1]);
        assert_eq!(join(&[b"gAE=\n"]).unwrap(), [0x80, 1]);
        assert_eq!(join(&[b"gAE=", &[0xFF, 2]]).unwrap(), [0x80, 1, 0xFF, 2]);
        let file = azure::write("kid", &[0x80, 1]);
        assert_eq!(join(&[file.as_bytes()]).unwrap(), [0x80, 1]);
        let broken = join(&[b"{ \"ciphertext\": 1"]).unwrap_err().to_string();
        assert!(broken.contains("JSON"), "{broken}");
        assert!(blob(&["/nowhere/at/all".into()]).is_err());
    }
}
