//! C_DeriveKey by mechanisms that make the keys of a connection, or tell the version in a pre-master secret.

use crate::attr::{self, CreatedBy, NewObject, RawAttribute, stated_ulong};
use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{KeyBlock, Mechanism, Params, TlsParams};
use crate::policy::{Derivation, KeyFacts, Use};
use crate::secret::Secret;

use super::access::UsableKey;
use super::derive::{fitting, implied, imply_uses, not_for_derivation, set_facts};
use super::{CallingSession, Token};
use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::facts::set_pieces;
use crate::token::record::key;
use crate::token::record::new::New;

/// The keys of a connection, each of the client and then of the server.
pub struct DerivedKeys {
    /// MAC keys.
    pub macs: Option<[Handle; 2]>,
    /// Keys of the cipher.
    pub keys: Option<[Handle; 2]>,
    /// Initialization vectors.
    pub ivs: Option<[Secret; 2]>,
}

/// SHA-1's MAC keys are no multiple of 8 bytes, and there is no longer or shorter one of SHA-1.
const SHA_1_MAC: usize = 20;

impl Token {
    /// C_DeriveKey by a mechanism that makes all keys of a connection, or none of them.
    ///
    /// # Errors
    /// As `derive_key`; CKR_MECHANISM_PARAM_INVALID for initialization vectors that the base key forbids.
    pub fn derive_keys(
        &self,
        caller: CallingSession,
        (mechanism, params): (&Mechanism, &Params),
        base: Handle,
        template: &[RawAttribute],
    ) -> Result<DerivedKeys> {
        let Some(derive) = mechanism.derive_keys else {
            return not_for_derivation(mechanism);
        };
        let operands = [self.usable_key(base, Use::Derive, mechanism)?];
        self.may_halve(params, &operands)?;
        let KeyBlock { macs, keys, ivs } = derive(&operands[0].key, params)?;
        let given = &operands[0].object.attributes;
        if ivs.is_some() && given.template(ck::CKA_DERIVE_TEMPLATE).is_some() {
            return refuse(
                ck::CKR_MECHANISM_PARAM_INVALID,
                "the base key has CKA_DERIVE_TEMPLATE, and an initialization vector can be any part of the derived keys: \
                 ulIVSizeInBits is 0",
            );
        }
        let mut news = Vec::new();
        for (values, mac) in [(&macs, true), (&keys, false)] {
            for value in values.iter().flatten() {
                news.push(self.part(((mechanism, params), &operands), value, mac, template)?);
            }
        }
        let doing = Event::Derive.with(mechanism.id).by(operands[0].object.uid);
        let at = self.keys();
        let mut handles = self.make_many(caller, &at, doing, news)?.into_iter();
        let mut next = |there: bool| {
            let pair = there.then(|| Some([handles.next()?, handles.next()?]));
            pair.flatten()
        };
        Ok(DerivedKeys {
            macs: next(macs.is_some()),
            keys: next(keys.is_some()),
            ivs,
        })
    }

    /// One key of a connection, which is not stored yet.
    fn part(
        &self,
        (chosen, operands): ((&Mechanism, &Params), &[UsableKey]),
        value: &Secret,
        mac: bool,
        template: &[RawAttribute],
    ) -> Result<New> {
        let not_of_macs = |kind| {
            kind == ck::CKA_KEY_TYPE
                || kind == ck::CKA_VALUE_LEN
                || attr::SECRET_USES.contains(&kind)
        };
        let template: Vec<_> = template
            .iter()
            .filter(|attribute| !mac || !not_of_macs(attribute.kind))
            .cloned()
            .collect();
        let mut implied = implied(chosen, operands, &[], &template)?;
        let uses: &[_] = match mac {
            true => &[ck::CKA_SIGN, ck::CKA_VERIFY],
            false => &[ck::CKA_ENCRYPT, ck::CKA_DECRYPT],
        };
        imply_uses(&mut implied, uses, &template)?;
        if let Some(len) = stated_ulong(&template, ck::CKA_VALUE_LEN)?
            && len != value.len() as u64
        {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                format!(
                    "CKA_VALUE_LEN is {len}, and ulKeySizeInBits {}",
                    8 * value.len()
                ),
            );
        }
        let keys = self.keys();
        let NewObject { mut attributes, .. } =
            attr::build(CreatedBy::Derive, &implied, &template, &keys.requester())?;
        let step = Derivation::Mix {
            whole: mac && value.len() == SHA_1_MAC,
        };
        let pieces = self.pieces(&step, operands, &attributes, value.len())?;
        let material = fitting(&attributes, value)?;
        key::describe(&mut attributes, &material)?;
        set_facts(&mut attributes, operands);
        attr::inherit_limits(&mut attributes, &[&operands[0].object.attributes])?;
        set_pieces(&mut attributes, &pieces);
        Ok(New::named(self.rng(), attributes, Some(material)))
    }

    /// The version that a pre-master secret begins with, where the caller wants it; these are two bytes of the secret.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID where the mechanism tells none, or where the secret must not be read and its
    /// version is not one that the caller chose when it was generated.
    pub fn version_in(
        &self,
        (mechanism, params): (&Mechanism, &Params),
        base: Handle,
    ) -> Result<Option<[u8; 2]>> {
        if !matches!(params, Params::Tls(TlsParams::Master { version: true, .. })) {
            return Ok(None);
        }
        if !mechanism.tells_version {
            return refuse(
                ck::CKR_MECHANISM_PARAM_INVALID,
                "a secret that two parties agreed on holds no version: pVersion is NULL",
            );
        }
        let base = self.usable_key(base, Use::Derive, mechanism)?;
        let made_by = base.object.attributes.ulong(ck::CKA_KEY_GEN_MECHANISM);
        let chosen = made_by == Some(ck::CKM_TLS_PRE_MASTER_KEY_GEN);
        let closed = base.object.facts.key.as_ref().is_none_or(KeyFacts::closed);
        if closed && !chosen {
            return refuse(
                ck::CKR_MECHANISM_PARAM_INVALID,
                "the version is a part of a key that must not be read, and that CKM_TLS_PRE_MASTER_KEY_GEN did not make: \
                 pVersion is NULL",
            );
        }
        match base.key.secret_bytes() {
            Some([major, minor, ..]) => Ok(Some([*major, *minor])),
            _ => refuse(
                ck::CKR_KEY_SIZE_RANGE,
                "the base key is too short for a version",
            ),
        }
    }
}
