//! C_GenerateKeyPair of an import job: GetParametersForImport (BYOK section 3).

use serde_json::json;

use crate::attr::{self, Attributes, CreatedBy, RawAttribute, Value};
use crate::byok::{self, Algorithm, Job, Profile, Refused, WrappingKey, WrappingScheme};
use crate::ck;
use crate::clock::UnixTime;
use crate::crypto::ec::Curve;
use crate::error::{Error, Result, refuse};
use crate::keytype::{self, Values};
use crate::mechanism::Mechanism;
use crate::policy::Action;
use crate::store::Uid;

use super::cache::object::Handle;
use super::external::job::{import_token, may_wrap};
use super::external::managed::named_profile;
use super::external::template::{OF_EXTERNAL, OF_KEY_ALONE, refuse_any};
use super::identity::audit::Event;
use super::identity::state::Keys;
use super::pair::{Asked, default_to_token};
use super::record::external::{material_id, profile_of};
use super::record::statement::{
    Receipt, about_key, about_profile, about_shares, fields, spki_digest,
};
use super::record::uid::hex;
use super::record::uid::uid_of;
use super::{CallingSession, Token};

/// What is set in a job's private key, whatever its template says.
const FIXED: [(ck::CK_ATTRIBUTE_TYPE, bool); 9] = [
    (ck::CKA_SENSITIVE, true),
    (ck::CKA_EXTRACTABLE, false),
    (ck::CKA_UNWRAP, true),
    (ck::CKA_DECRYPT, false),
    (ck::CKA_SIGN, false),
    (ck::CKA_SIGN_RECOVER, false),
    (ck::CKA_DERIVE, false),
    (ck::CKA_DECAPSULATE, false),
    (ck::CKA_COPYABLE, false),
];

impl Token {
    /// C_GenerateKeyPair of an import job: handles of the public and private half of its wrapping key.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT for a target, algorithm or wrapping key
    /// that do not belong together, CKR_KEY_FUNCTION_NOT_PERMITTED for a target that takes no
    /// import in its state.
    pub(super) fn generate_job(
        &self,
        caller: CallingSession,
        mechanism: &Mechanism,
        public: &[RawAttribute],
        private: &[RawAttribute],
    ) -> Result<(Handle, Handle)> {
        let keys = self.keys();
        let mut own: Vec<_> = private
            .iter()
            .filter(|attribute| {
                attribute.kind != ck::CKA_ALLOWED_MECHANISMS
                    && !FIXED.iter().any(|(kind, _)| *kind == attribute.kind)
            })
            .cloned()
            .collect();
        default_to_token(&mut own)?;
        let mut ends = 0;
        let maker = (&**keys, keys.requester());
        let [mut public, mut private] =
            self.new_pair(caller, maker, mechanism, (public, &own), |asked| {
                ends = self.judge_order(caller, &keys, asked)?;
                Ok(())
            })?;
        for (kind, value) in FIXED {
            private.attributes.set(kind, Value::Bool(value));
        }
        attr::finish_key_facts(CreatedBy::Generate, &mut private.attributes, None);
        let (target, algorithm) = order(&private.attributes)?;
        let job = Job {
            target,
            wrapping: private.uid,
            algorithm: algorithm.number,
            not_after: ends,
        };
        let ends = Value::time(ends);
        for (kind, value) in [
            (ck::CKA_TENON_ORIGIN, Value::Ulong(ck::ORIGIN_IMPORT_JOB)),
            (
                ck::CKA_ALLOWED_MECHANISMS,
                Value::Ulongs(algorithm.mechanisms()),
            ),
            (ck::CKA_TENON_NOT_AFTER, ends.clone()),
            (
                ck::CKA_TENON_IMPORT_TOKEN,
                Value::Bytes(import_token(&keys, &job)?),
            ),
        ] {
            private.attributes.set(kind, value);
        }
        public.attributes.set(ck::INTERNAL_NOT_AFTER, ends);
        let signed = self.wrapping_statement(&keys, &job, algorithm, &private.attributes)?;
        for (kind, value) in [
            (ck::CKA_TENON_WRAPPING_STATEMENT, signed.statement),
            (ck::CKA_TENON_WRAPPING_STATEMENT_SIGNATURE, signed.signature),
        ] {
            private.attributes.set(kind, Value::Bytes(value));
        }
        let halves = [public, private];
        let [public, private] =
            self.make_all(caller, &keys, Event::Generate.with(mechanism.id), halves)?;
        Ok((public, private))
    }

    /// The signed statement of a job, which the key's owner checks before wrapping (BYOK section 7).
    fn wrapping_statement(
        &self,
        keys: &Keys,
        job: &Job,
        algorithm: &Algorithm,
        private: &Attributes,
    ) -> Result<Receipt> {
        let serial = keys.identity.serial_text();
        let mut statement = match &job.target {
            Some(uid) => {
                let target = self.import_target(uid)?;
                let of = &target.attributes;
                let mut about = about_key(&serial, uid, of, material_id(of));
                about.extend(about_shares(of, of));
                about
            }
            None => about_profile(&serial, private),
        };
        statement.extend(fields([
            ("type", json!("tenon wrapping statement 1")),
            ("algorithm", json!(algorithm.name)),
            ("not_after", json!(job.not_after)),
            ("wrapping_key_sha256", json!(spki_digest(private).map(hex))),
        ]));
        self.sign(keys, statement)
    }

    /// Judges the job before its key pair is generated. Returns the time at which the job ends.
    fn judge_order(&self, caller: CallingSession, keys: &Keys, asked: &Asked<'_>) -> Result<u64> {
        let private = &*asked.private;
        if !private.bool(ck::CKA_TOKEN) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "the key of an import job is a token object",
            );
        }
        let (target, algorithm) = order(private)?;
        if algorithm.scheme == WrappingScheme::Pkcs1 && !self.state.config.pkcs1_imports {
            return Err(byok::Error::Pkcs1Off.into());
        }
        let wrapping = wrapping_key(asked)?;
        let Some(target) = target else {
            let name = private.bytes(ck::CKA_TENON_PROFILE);
            let profile = named_profile(name.unwrap_or_default())?;
            refuse_any(private, &OF_KEY_ALONE)?;
            profile
                .may_serve_many(algorithm, wrapping)
                .map_err(|rule| byok::Error::Profile(profile, rule))?;
            return self.job_ends(profile, private);
        };
        refuse_any(private, &OF_EXTERNAL)?;
        let target = self.import_target(&target)?;
        self.decide(Action::Import, &target, keys, caller.read_write)?;
        let profile = profile_of(&target.attributes)?;
        may_wrap(profile, algorithm, wrapping, &target)?;
        self.job_ends(profile, private)
    }

    /// When a job with this private template ends: when it says, else as the profile has it; 0 = never.
    fn job_ends(&self, profile: &'static Profile, private: &Attributes) -> Result<UnixTime> {
        let asked = private.time(ck::CKA_TENON_NOT_AFTER);
        profile
            .job_ends(asked, self.state.time.now().at)
            .map_err(|rule| byok::Error::Profile(profile, rule))
            .map_err(|refused| self.state.time.explained_byok(refused))
    }
}

/// The wrapping key that a job asks for.
fn wrapping_key(asked: &dyn Values) -> Result<WrappingKey> {
    if let Some(bits) = keytype::rsa_bits(asked) {
        return Ok(WrappingKey::Rsa(bits));
    }
    match asked.ulong(ck::CKA_KEY_TYPE) {
        Some(ck::CKK_TENON_XWING) => return Ok(WrappingKey::XWing),
        Some(ck::CKK_ML_KEM) => return keytype::set_of(asked).map(WrappingKey::MlKem),
        _ => {}
    }
    match asked.bytes(ck::CKA_EC_PARAMS).map(keytype::curve) {
        Some(Ok(Curve::Sm2)) => Ok(WrappingKey::Sm2),
        Some(Err(error)) => Err(error),
        Some(Ok(_)) | None => refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "the key of an import job is one of RSA, SM2, X-Wing or ML-KEM",
        ),
    }
}

/// The target and the algorithm that the template of a job's private key names. Instead of a target it may
/// have a profile, whose keys the job then serves.
fn order(private: &Attributes) -> Result<(Option<Uid>, &'static Algorithm)> {
    let missing = |name: &'static str| {
        Error::new(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "an import job has a target and a wrapping algorithm",
        )
        .at(name)
    };
    let target = private.bytes(ck::CKA_TENON_IMPORT_TARGET);
    if target.is_none() && private.get(ck::CKA_TENON_PROFILE).is_none() {
        return Err(missing("CKA_TENON_IMPORT_TARGET"));
    }
    let number = private
        .ulong(ck::CKA_TENON_WRAP_ALGORITHM)
        .ok_or_else(|| missing("CKA_TENON_WRAP_ALGORITHM"))?;
    let known = |target| uid_of(target).ok_or(byok::Error::Job(Refused::Target));
    let target = target.map(known).transpose()?;
    let algorithm = Algorithm::find(number).ok_or_else(|| {
        Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "no wrapping algorithm has this number",
        )
        .at("CKA_TENON_WRAP_ALGORITHM")
    })?;
    Ok((target, algorithm))
}
