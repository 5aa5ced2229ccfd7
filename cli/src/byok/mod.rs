//! `tenon byok`: keys whose material comes from outside, as cloud services know them.

mod algorithm;
mod approval;
mod attestation_key;
mod azure;
mod cancel_deletion;
mod check_parameters;
mod check_receipt;
mod create;
mod custody;
mod delete_material;
mod describe;
mod disable;
mod enable;
mod expected_key;
mod external;
mod first_end;
mod folder;
mod import;
mod list;
mod material_id;
mod metadata;
mod owned;
mod parameters;
mod profiles;
mod properties;
mod receipt;
mod requests;
mod rotate;
mod schedule_deletion;
mod seal;
mod share;
mod sm2;
mod spec;
mod split;
mod sweep;
mod tags;
mod target;
mod update;
mod versions;
mod wrap;

use std::process::ExitCode;

use clap::Subcommand;

use crate::Result;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Makes an external key, which waits for its material, or with --origin generated a managed one
    Create(create::Arguments),
    /// Makes a public key to wrap the material with, and the import token that goes with it
    ///
    /// Writes publickey_KEYID.pem, the same in DER as publickey_KEYID.bin, token_KEYID.txt in Base64, and
    /// wrapping-statement_KEYID.json with its signature wrapping-statement_KEYID.sig, by which the key's owner checks
    /// the public key (check-parameters). With --json they are printed instead, as the services answer: keys, token
    /// and signature in Base64.
    Parameters(parameters::Arguments),
    /// Lists the open import requests, and ends them with --revoke
    Requests(requests::Arguments),
    /// Splits a key into shares, one for each custodian; needs no token
    ///
    /// Writes share_1_of_N.txt …. Each custodian wraps his own (`tenon byok wrap`), and each is imported by
    /// itself (`import --share`) into a key that was made with `create --shares`: the token alone joins them.
    /// With --threshold any K of them make the key (Shamir's scheme over GF(2^8)), else all (exclusive or);
    /// fewer tell nothing of it but its length.
    Split(split::Arguments),
    /// Wraps a key for a service or a token; needs no token, only the public key
    ///
    /// The algorithms have the names that the services give them: RSAES_OAEP_SHA_1, …_SHA_256,
    /// RSAES_PKCS1_V1_5, RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD (Alibaba), RSA_AES_KEY_WRAP_SHA_1,
    /// …_SHA_256 (AWS), RSA_OAEP_3072_SHA256_AES_256 … (Google), CKM_RSA_AES_KEY_WRAP (Azure),
    /// RSA_OAEP_AES_SHA256 (OCI), SM2PKE_SM4_ECB (Alibaba), SM2PKE (AWS), SM2_ENCRYPT (Huawei), HPKE_XWING,
    /// HPKE_ML_KEM_768, HPKE_ML_KEM_1024; a wrong one lists all. CKM_ECDH_AES_KEY_WRAP makes a 256-bit AES key by
    /// X9.63 with SHA-256.
    Wrap(wrap::Arguments),
    /// Imports wrapped material into an external key
    ///
    /// The first import binds the key to this material for ever; the same may come again, and sets
    /// the expiry anew. A private key's public key object is made along.
    Import(import::Arguments),
    /// Shows an external or managed key
    Describe(describe::Arguments),
    /// Shows what the services allow: specs, algorithms, limits, and the documents that say so
    Profiles(profiles::Arguments),
    /// Lists the external and managed keys, those without material too
    #[command(after_help = LIST_STATUS)]
    List(list::Arguments),
    /// Changes alias, description and tags
    Update(update::Arguments),
    /// Switches a key off, until enable
    Disable(disable::Arguments),
    /// Switches a key on again
    Enable(enable::Arguments),
    /// Erases the material; the key stays bound to it, and waits for the same to come again
    ///
    /// Without --material that of all versions, or of the current one where the service deletes each by
    /// itself (aws).
    DeleteMaterial(delete_material::Arguments),
    /// Has a key deleted for ever in some days; it cannot be used meanwhile
    ScheduleDeletion(schedule_deletion::Arguments),
    /// Writes what custodians sign to approve a deletion, of a key that was made with create --custodian
    RequestApproval(approval::RequestArguments),
    /// Approves a deletion as a custodian; needs your key and no token
    ///
    /// Shows what it is, asks, and signs. The operator gives the approval to schedule-deletion or
    /// delete-material; it counts once, for this key, action and number of days.
    Approve(approval::ApproveArguments),
    /// Keeps a key that was to be deleted
    CancelDeletion(cancel_deletion::Arguments),
    /// Gives a symmetric key a new version, where the service rotates such keys
    ///
    /// Profiles alibaba-software and oci: opens a version; the next other material that is imported
    /// becomes the current one, and until then the key is as it was. Profile aws: makes the material
    /// current that `import --new-material` brought before. Profiles google and vault need no rotate:
    /// each import of other material is a new version. Older versions open the envelopes that were
    /// made under them, and do nothing else.
    Rotate(rotate::Arguments),
    /// Lists the versions of a key, the oldest first
    Versions(versions::Arguments),
    /// Makes the token's signed statement of the last import, which openssl verifies
    ///
    /// Writes receipt_KEYID.json, its ECDSA signature receipt_KEYID.sig, and attestation_KEYID.pem, the
    /// token's key that made it. The latter proves something to who had it before: attestation-key.
    Receipt(receipt::Arguments),
    /// Checks a wrapping key before you wrap with it; needs no token
    ///
    /// Verifies the token's signed statement, and compares with it the wrapping key, and the algorithm, the
    /// spec and the KeyId where they are said. Exit status 1 when anything is not as the statement says.
    CheckParameters(check_parameters::Arguments),
    /// Checks that a receipt is of your key; needs the key and no token
    ///
    /// Verifies the receipt's signature, and that the key which was imported is the one in KEY. With --nonce,
    /// --blob and --public-key also that it is the receipt of this very import.
    CheckReceipt(check_receipt::Arguments),
    /// Writes the public key that verifies the token's receipts, for the keys' owners to keep
    AttestationKey(attestation_key::Arguments),
    /// Erases all material, keys and requests whose time has come
    ///
    /// They cannot be used in any case, and every login of the user erases them: this is for tokens
    /// that nobody logs in to for long.
    Sweep(sweep::Arguments),
}

/// At the end of the help of `list`.
const LIST_STATUS: &str = "Exit status: 0 done, 1 refused or failed, 2 wrong usage, \
    3 --expiring found keys.";

/// The exit status, where the command did not fail.
pub(crate) fn run(command: &Command) -> Result<ExitCode> {
    let done = match command {
        Command::Create(arguments) => create::run(arguments),
        Command::Parameters(arguments) => parameters::run(arguments),
        Command::Requests(arguments) => requests::run(arguments),
        Command::Split(arguments) => split::run(arguments),
        Command::Wrap(arguments) => wrap::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Describe(arguments) => describe::run(arguments),
        Command::Profiles(arguments) => profiles::run(arguments),
        Command::List(arguments) => return list::run(arguments),
        Command::Update(arguments) => update::run(arguments),
        Command::Disable(arguments) => disable::run(arguments),
        Command::Enable(arguments) => enable::run(arguments),
        Command::DeleteMaterial(arguments) => delete_material::run(arguments),
        Command::ScheduleDeletion(arguments) => schedule_deletion::run(arguments),
        Command::RequestApproval(arguments) => approval::request(arguments),
        Command::Approve(arguments) => approval::approve(arguments),
        Command::CancelDeletion(arguments) => cancel_deletion::run(arguments),
        Command::Rotate(arguments) => rotate::run(arguments),
        Command::Versions(arguments) => versions::run(arguments),
        Command::Receipt(arguments) => receipt::run(arguments),
        Command::CheckParameters(arguments) => check_parameters::run(arguments),
        Command::CheckReceipt(arguments) => check_receipt::run(arguments),
        Command::AttestationKey(arguments) => attestation_key::run(arguments),
        Command::Sweep(arguments) => sweep::run(arguments),
    };
    done.map(|()| ExitCode::SUCCESS)
}
