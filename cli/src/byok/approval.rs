//! Approvals of a deletion by a key's custodians: what they sign, and their signatures.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args};
use serde_json::json;
use tenon_pkcs11::api::byok::Deed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::{self, Params};
use tenon_pkcs11::api::token::{APPROVAL_SIGNATURES, approval_statement};

use super::external::External;
use super::target::Target;
use crate::ask::{KeyPassword, confirm};
use crate::base64;
use crate::keyfile::{self, Item};
use crate::number::whole;
use crate::object::value;
use crate::output::{Format, key_id, unhex};
use crate::proof::public_key;
use crate::template::Template;
use crate::token::OpenSession;
use crate::{Result, files};

/// Who must approve the deletion of a new key.
#[derive(Args)]
pub(super) struct Custody {
    /// The public key of a custodian, in PEM, DER or Base64; may be repeated. The key's deletion, and that of
    /// its material, then needs approvals (request-approval, approve)
    #[arg(long = "custodian", value_name = "FILE", requires = "quorum")]
    custodians: Vec<PathBuf>,
    /// How many custodians must approve
    #[arg(long, value_name = "K", value_parser = whole::<u64>(0..=u64::MAX), requires = "custodians")]
    quorum: Option<u64>,
}

impl Custody {
    /// Adds the custodians to the template of a new key.
    pub(super) fn add(&self, template: Template) -> Result<Template> {
        let Some(quorum) = self.quorum else {
            return Ok(template);
        };
        let template = template.bytes(ck::CKA_TENON_CUSTODIANS, &self.keys()?.concat());
        Ok(template.number(ck::CKA_TENON_QUORUM, quorum))
    }

    /// The custodians' public keys: SubjectPublicKeyInfo DER of each.
    fn keys(&self) -> Result<Vec<Vec<u8>>> {
        let keys = self.custodians.iter().map(|file| public_key(file));
        keys.collect()
    }

    /// How the custody of a key that is there differs from this one; `None` where it is the same, in whatever order
    /// its custodians are named.
    pub(super) fn difference(&self, key: &External) -> Result<Option<String>> {
        let quorum = self.quorum.unwrap_or(0);
        if key.quorum != quorum {
            return Ok(Some(format!("quorum {}, not {quorum}", key.quorum)));
        }
        let keys = self.keys()?;
        let listed = |spki: &Vec<u8>| key.custodians.windows(spki.len()).any(|part| part == spki);
        let same = keys.concat().len() == key.custodians.len() && keys.iter().all(listed);
        Ok((!same).then(|| "other custodians".to_owned()))
    }
}

/// Approvals that an operator got from custodians.
#[derive(Args)]
pub(super) struct Approvals {
    /// A custodian's approval, as `approve` wrote it; may be repeated. Those given before count too
    #[arg(long = "approval", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Approvals {
    /// Gives them to the key.
    pub(super) fn give(&self, open: &OpenSession, key: &External) -> Result<()> {
        for file in &self.files {
            let approval = files::read(file)?;
            give(open, key, &approval).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(())
    }
}

fn give(open: &OpenSession, key: &External, approval: &[u8]) -> Result<()> {
    let template = Template::default().bytes(ck::CKA_TENON_APPROVAL, approval);
    Ok(open
        .session
        .set_attributes(key.handle, template.as_slice())?)
}

#[derive(Args)]
#[command(group = ArgGroup::new("asked").args(["days", "delete_material", "withdraw"]).required(true).multiple(true))]
pub(crate) struct RequestArguments {
    #[command(flatten)]
    target: Target,
    /// Of a scheduled deletion, in so many days
    #[arg(long, value_name = "N", value_parser = whole::<u16>(1..=u64::MAX), group = "deed")]
    days: Option<u16>,
    /// Of a deletion of the material
    #[arg(long, group = "deed")]
    delete_material: bool,
    /// Withdraw all approvals that were given before
    #[arg(long)]
    withdraw: bool,
    /// A new file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `tenon byok request-approval`.
pub(crate) fn request(arguments: &RequestArguments) -> Result<()> {
    let (open, key) = match arguments.withdraw {
        true => arguments.target.open()?,
        false => arguments.target.open_reading()?,
    };
    let deed = match (arguments.days, arguments.delete_material) {
        (Some(days), _) => {
            key.must_be_deleted_after(days.into())?;
            Some(Deed::ScheduleDeletion(days))
        }
        (None, true) => {
            key.must_have_deletable_material()?;
            Some(Deed::DeleteMaterial)
        }
        (None, false) => None,
    };
    if arguments.withdraw {
        if let Some(file) = &arguments.output {
            files::check_new(file)?;
        }
        give(&open, &key, b"")?;
    }
    let statement = match deed {
        Some(deed) => Some(statement(&open, &key, deed)?),
        None => None,
    };
    let withdrawn = arguments.withdraw.then(|| key.approvals());
    let mut said = Vec::new();
    if let Some(number) = withdrawn {
        said.push(format!(
            "Withdrew the approvals of {}: {number} were there, and those given from now on count for new requests alone",
            key.name()
        ));
    }
    if let (Some(file), Some(deed)) = (&arguments.output, deed) {
        said.push(format!(
            "Wrote {}: who signs it approves {deed} of {}",
            file.display(),
            key.name()
        ));
    }
    let answer = json!({
        "KeyId": key.key_id,
        "Withdrawn": withdrawn,
        "Action": deed.map(Deed::action),
        "Days": deed.and_then(Deed::days),
        "Statement": statement,
    });
    let bytes = statement.as_deref().map(str::as_bytes);
    files::deliver(
        bytes,
        arguments.output.as_deref(),
        &arguments.target.format,
        &answer,
        &said,
    )
}

/// What custodians sign to approve this of the key.
fn statement(open: &OpenSession, key: &External, deed: Deed) -> Result<String> {
    let nonce = value(&open.session, key.handle, ck::CKA_TENON_APPROVAL_NONCE)?;
    let nonce = nonce.ok_or_else(|| {
        format!(
            "{} lists no custodians, so its deletion needs no approval",
            key.name()
        )
    })?;
    let uid = unhex(&key.unique_id)?.try_into();
    let uid = uid.map_err(|_| "the key has no KeyId")?;
    Ok(approval_statement(
        &open.token()?.serial()?,
        &uid,
        &nonce,
        deed,
    ))
}

#[derive(Args)]
pub(crate) struct ApproveArguments {
    /// What `request-approval` wrote
    statement: PathBuf,
    /// Your private key, in PEM or DER: ECDSA, Ed25519 or RSA
    #[arg(
        long,
        short = 'k',
        value_name = "FILE",
        required_unless_present = "signature"
    )]
    key: Option<PathBuf>,
    #[command(flatten)]
    password: KeyPassword,
    /// The signature of the statement's very bytes that your HSM made: ECDSA with SHA-256 (DER or r ‖ s), RSA
    /// PKCS #1 v1.5 with SHA-256, or Ed25519
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    signature: Option<PathBuf>,
    /// A new file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

/// What a custodian approves.
struct Asked {
    deed: Deed,
    uid: String,
    serial: String,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deed, uid, serial } = self;
        write!(f, "{deed} of the key {uid} in the token {serial}")
    }
}

/// What a statement asks for. A custodian signs all of it: nothing may be in it that he is not asked.
fn asked(statement: &[u8]) -> Result<Asked> {
    let foreign = "the file is no statement of `tenon byok request-approval`, or was changed";
    let said: serde_json::Value = serde_json::from_slice(statement).map_err(|_| foreign)?;
    let [action, serial, uid, nonce] =
        ["action", "serial", "uid", "nonce"].map(|name| said[name].as_str().unwrap_or_default());
    let deed = Deed::parse(action, said["days"].as_u64());
    let deed = deed.ok_or("the statement is of nothing that custodians approve")?;
    let key = unhex(uid)?.try_into().map_err(|_| foreign)?;
    let known = approval_statement(serial, &key, &unhex(nonce)?, deed);
    if known.as_bytes() != statement || !serial.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(foreign.into());
    }
    Ok(Asked {
        deed,
        uid: uid.to_owned(),
        serial: serial.to_owned(),
    })
}

/// `tenon byok approve`.
pub(crate) fn approve(arguments: &ApproveArguments) -> Result<()> {
    let statement = files::read(&arguments.statement)?;
    let asked = asked(&statement)?;
    confirm(&format!("Approve {asked}?"), arguments.yes)?;
    let signature = match (&arguments.signature, &arguments.key) {
        (Some(file), _) => files::read(file)?.to_vec(),
        (None, Some(file)) => {
            let content = files::read(file)?;
            let items = keyfile::items(&content, &|| arguments.password.source().read())?;
            match items.as_slice() {
                [Item::PrivateKey(key)] => sign(key, &statement)?,
                _ => return Err(format!("{} has no single private key", file.display()).into()),
            }
        }
        (None, None) => return Err("say --key or --signature".into()),
    };
    let approval = [&statement[..], b"\n", &signature].concat();
    let output = arguments.output.as_deref();
    let wrote = output.map(|file| format!("Wrote {}: the approval of {asked}", file.display()));
    let answer = json!({
        "KeyId": key_id(&asked.uid),
        "TokenSerial": asked.serial,
        "Action": asked.deed.action(),
        "Days": asked.deed.days(),
        "Approval": base64::encode(&approval),
    });
    files::deliver(
        Some(&approval),
        output,
        &arguments.format,
        &answer,
        wrote.as_slice(),
    )
}

/// Signs by the one mechanism by which keys of this type approve.
fn sign(key: &Material, statement: &[u8]) -> Result<Vec<u8>> {
    let key = Arc::new(key.ready(None)?);
    let rows = APPROVAL_SIGNATURES.into_iter().filter_map(mechanism::find);
    let mut begun = rows.filter_map(|row| (row.sign?)(&key, &Params::None).ok());
    let mut signer = begun.next().ok_or("keys of this type approve nothing")?;
    let mut signature = vec![0; signer.len()];
    signer.update(statement)?;
    let len = signer.finish(&mut signature)?;
    signature.truncate(len);
    Ok(signature)
}
