//! Which calls a client makes, with which templates: each scenario is small enough to be searched to its end.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck::{self, CK_ATTRIBUTE_TYPE};
use tenon_pkcs11::model::{External, Piece, Step, Who, Wrapping, flag, nested};

use crate::calls::Named;
use crate::world::{Bank, ExternalKey, State};

/// What a client does in one search.
#[derive(Default)]
pub(crate) struct Scenario {
    pub name: &'static str,
    /// Bytes of a new key.
    pub len: usize,
    pub most_keys: usize,
    /// Keys that the token generates, and materials that the owner wraps, at most.
    pub most_roots: u16,
    pub logins: Vec<Who>,
    /// The security officer sets attributes at any time, in a login between two calls of the user.
    pub officer: bool,
    /// A read-only session is opened too.
    pub sessions: bool,
    pub time: bool,
    pub create: Vec<Named>,
    pub generate: Vec<Named>,
    pub unwrap: Vec<Named>,
    /// Templates of C_SetAttributeValue and C_CopyObject.
    pub change: Vec<Named>,
    pub wrappings: Vec<Wrapping>,
    /// Steps, and the length that each makes.
    pub derive: Vec<(Step, usize)>,
    pub derived: Vec<Named>,
    pub destroy: bool,
    /// The owner wraps material under keys that keep closed what they unwrap.
    pub owner: bool,
    /// The profile of the external key, if there is one.
    pub profile: Option<&'static str>,
}

impl Scenario {
    pub(crate) fn start(&self, bank: &mut Bank) -> State {
        let external = self.profile.and_then(External::new).map(|key| ExternalKey {
            key: bank.external(key),
            revoked: false,
            ends: 0,
            bound: None,
            rotated: false,
            running: false,
        });
        let who = match self.logins[..] {
            [only] => only,
            _ => Who::Public,
        };
        State {
            who,
            external,
            ..State::empty()
        }
    }
}

const USES: [CK_ATTRIBUTE_TYPE; 7] = [
    ck::CKA_ENCRYPT,
    ck::CKA_DECRYPT,
    ck::CKA_SIGN,
    ck::CKA_VERIFY,
    ck::CKA_WRAP,
    ck::CKA_UNWRAP,
    ck::CKA_DERIVE,
];

/// A template: what is TRUE, and what is FALSE.
fn template(yes: &[CK_ATTRIBUTE_TYPE], no: &[CK_ATTRIBUTE_TYPE]) -> Vec<RawAttribute> {
    let yes = yes.iter().map(|kind| flag(*kind, true));
    yes.chain(no.iter().map(|kind| flag(*kind, false)))
        .collect()
}

/// A token key with these uses alone.
fn key(
    uses: &[CK_ATTRIBUTE_TYPE],
    yes: &[CK_ATTRIBUTE_TYPE],
    no: &[CK_ATTRIBUTE_TYPE],
) -> Vec<RawAttribute> {
    let mut all = template(&[ck::CKA_TOKEN], &[]);
    all.extend(USES.iter().map(|kind| flag(*kind, uses.contains(kind))));
    all.extend(template(yes, no));
    all
}

const CLOSED: (&[CK_ATTRIBUTE_TYPE], &[CK_ATTRIBUTE_TYPE]) =
    (&[ck::CKA_SENSITIVE], &[ck::CKA_EXTRACTABLE]);

fn closed(uses: &[CK_ATTRIBUTE_TYPE]) -> Vec<RawAttribute> {
    key(uses, CLOSED.0, CLOSED.1)
}

fn open(uses: &[CK_ATTRIBUTE_TYPE]) -> Vec<RawAttribute> {
    key(uses, &[ck::CKA_EXTRACTABLE], &[ck::CKA_SENSITIVE])
}

fn changes(kinds: &[(&'static str, CK_ATTRIBUTE_TYPE, bool)]) -> Vec<Named> {
    kinds
        .iter()
        .map(|(name, kind, value)| (*name, vec![flag(*kind, *value)]))
        .collect()
}

fn values() -> Scenario {
    Scenario {
        name: "values: get, wrap, unwrap, decrypt, encrypt, copy, set, destroy by two sessions",
        len: 16,
        most_keys: 2,
        most_roots: 1,
        logins: vec![Who::User, Who::So],
        sessions: true,
        create: vec![
            (
                "known",
                open(&[
                    ck::CKA_WRAP,
                    ck::CKA_UNWRAP,
                    ck::CKA_ENCRYPT,
                    ck::CKA_DECRYPT,
                ]),
            ),
            (
                "known trusted",
                key(
                    &[ck::CKA_WRAP],
                    &[ck::CKA_TRUSTED, ck::CKA_SENSITIVE],
                    &[ck::CKA_EXTRACTABLE, ck::CKA_COPYABLE],
                ),
            ),
        ],
        generate: vec![
            (
                "closed",
                closed(&[ck::CKA_WRAP, ck::CKA_UNWRAP, ck::CKA_DECRYPT]),
            ),
            (
                "not extractable, not sensitive",
                key(
                    &[ck::CKA_ENCRYPT],
                    &[],
                    &[ck::CKA_SENSITIVE, ck::CKA_EXTRACTABLE],
                ),
            ),
            (
                "wrap with trusted",
                key(
                    &[ck::CKA_ENCRYPT],
                    &[ck::CKA_WRAP_WITH_TRUSTED, ck::CKA_EXTRACTABLE],
                    &[ck::CKA_SENSITIVE],
                ),
            ),
            (
                "sensitive",
                key(
                    &[ck::CKA_WRAP, ck::CKA_DECRYPT],
                    &[ck::CKA_SENSITIVE, ck::CKA_EXTRACTABLE],
                    &[],
                ),
            ),
            (
                "fixed",
                key(
                    &[ck::CKA_ENCRYPT],
                    CLOSED.0,
                    &[
                        ck::CKA_EXTRACTABLE,
                        ck::CKA_MODIFIABLE,
                        ck::CKA_DESTROYABLE,
                        ck::CKA_COPYABLE,
                    ],
                ),
            ),
            (
                "session, public",
                template(
                    &[ck::CKA_DECRYPT],
                    &[ck::CKA_PRIVATE, ck::CKA_TOKEN, ck::CKA_EXTRACTABLE],
                ),
            ),
            (
                "token, public",
                key(
                    &[ck::CKA_DECRYPT],
                    &[ck::CKA_EXTRACTABLE],
                    &[ck::CKA_PRIVATE, ck::CKA_SENSITIVE],
                ),
            ),
        ],
        unwrap: vec![("open", open(&[ck::CKA_DECRYPT]))],
        change: changes(&[
            ("CKA_EXTRACTABLE=TRUE", ck::CKA_EXTRACTABLE, true),
            ("CKA_EXTRACTABLE=FALSE", ck::CKA_EXTRACTABLE, false),
            ("CKA_SENSITIVE=TRUE", ck::CKA_SENSITIVE, true),
            ("CKA_SENSITIVE=FALSE", ck::CKA_SENSITIVE, false),
            (
                "CKA_WRAP_WITH_TRUSTED=TRUE",
                ck::CKA_WRAP_WITH_TRUSTED,
                true,
            ),
            (
                "CKA_WRAP_WITH_TRUSTED=FALSE",
                ck::CKA_WRAP_WITH_TRUSTED,
                false,
            ),
            ("CKA_TRUSTED=TRUE", ck::CKA_TRUSTED, true),
            ("CKA_COPYABLE=TRUE", ck::CKA_COPYABLE, true),
            ("CKA_PRIVATE=FALSE", ck::CKA_PRIVATE, false),
        ]),
        wrappings: vec![Wrapping::KeyWrap],
        destroy: true,
        ..Scenario::default()
    }
}

fn trust() -> Scenario {
    let wraps: &[CK_ATTRIBUTE_TYPE] = &[ck::CKA_WRAP, ck::CKA_UNWRAP];
    // The officer sees what is not private.
    let not = [ck::CKA_EXTRACTABLE, ck::CKA_COPYABLE, ck::CKA_PRIVATE];
    Scenario {
        name: "trust: the security officer trusts keys, others wrap under them",
        len: 16,
        most_keys: 3,
        most_roots: 2,
        logins: vec![Who::User],
        officer: true,
        create: vec![("known", key(wraps, &[ck::CKA_SENSITIVE], &not))],
        generate: vec![
            ("wraps", key(wraps, &[ck::CKA_SENSITIVE], &not)),
            (
                "wraps and decrypts",
                key(&[ck::CKA_WRAP, ck::CKA_DECRYPT], &[ck::CKA_SENSITIVE], &not),
            ),
            (
                "wraps, copyable",
                key(
                    &[ck::CKA_WRAP, ck::CKA_UNWRAP],
                    &[ck::CKA_SENSITIVE],
                    &[ck::CKA_EXTRACTABLE, ck::CKA_PRIVATE],
                ),
            ),
            (
                "wraps, extractable",
                key(
                    wraps,
                    &[ck::CKA_SENSITIVE, ck::CKA_EXTRACTABLE],
                    &[ck::CKA_COPYABLE, ck::CKA_PRIVATE],
                ),
            ),
            (
                "wrap with trusted",
                key(
                    &[ck::CKA_ENCRYPT],
                    &[ck::CKA_WRAP_WITH_TRUSTED, ck::CKA_EXTRACTABLE],
                    &[],
                ),
            ),
        ],
        unwrap: vec![("open", open(&[ck::CKA_DECRYPT]))],
        change: changes(&[
            ("CKA_TRUSTED=TRUE", ck::CKA_TRUSTED, true),
            ("CKA_TRUSTED=FALSE", ck::CKA_TRUSTED, false),
            ("CKA_DECRYPT=TRUE", ck::CKA_DECRYPT, true),
            ("CKA_DECRYPT=FALSE", ck::CKA_DECRYPT, false),
            ("CKA_EXTRACTABLE=FALSE", ck::CKA_EXTRACTABLE, false),
            ("CKA_COPYABLE=FALSE", ck::CKA_COPYABLE, false),
        ]),
        wrappings: vec![Wrapping::KeyWrap, Wrapping::Telling],
        ..Scenario::default()
    }
}

fn oracles() -> Scenario {
    let not = [ck::CKA_EXTRACTABLE, ck::CKA_MODIFIABLE, ck::CKA_COPYABLE];
    let guard = || {
        nested(
            ck::CKA_UNWRAP_TEMPLATE,
            template(&[ck::CKA_SENSITIVE], &[ck::CKA_EXTRACTABLE]),
        )
    };
    let of = |uses: &[CK_ATTRIBUTE_TYPE]| {
        let mut all = key(uses, &[ck::CKA_SENSITIVE], &not);
        all.push(guard());
        all
    };
    let rsa = |uses: &[CK_ATTRIBUTE_TYPE]| {
        let mut all = template(&[ck::CKA_TOKEN, ck::CKA_SENSITIVE], &not);
        all.extend(
            [ck::CKA_DECRYPT, ck::CKA_SIGN, ck::CKA_UNWRAP]
                .map(|kind| flag(kind, uses.contains(&kind))),
        );
        all.push(guard());
        all
    };
    Scenario {
        name: "oracles: an owner's blob under a key that unwraps and does not decrypt",
        len: 16,
        most_keys: 2,
        most_roots: 3,
        logins: vec![Who::User],
        generate: vec![
            ("unwraps", of(&[ck::CKA_UNWRAP])),
            ("unwraps and signs", of(&[ck::CKA_UNWRAP, ck::CKA_SIGN])),
            (
                "unwraps and verifies",
                of(&[ck::CKA_UNWRAP, ck::CKA_VERIFY]),
            ),
            ("RSA, unwraps", rsa(&[ck::CKA_UNWRAP])),
            (
                "RSA, unwraps and signs",
                rsa(&[ck::CKA_UNWRAP, ck::CKA_SIGN]),
            ),
        ],
        unwrap: vec![
            ("open", open(&[ck::CKA_DECRYPT])),
            ("closed", closed(&[ck::CKA_WRAP])),
        ],
        change: changes(&[
            ("CKA_DECRYPT=TRUE", ck::CKA_DECRYPT, true),
            ("CKA_EXTRACTABLE=TRUE", ck::CKA_EXTRACTABLE, true),
            ("CKA_MODIFIABLE=TRUE", ck::CKA_MODIFIABLE, true),
        ]),
        wrappings: vec![
            Wrapping::KeyWrap,
            Wrapping::Padded,
            Wrapping::Proven,
            Wrapping::Stream,
            Wrapping::Telling,
        ],
        owner: true,
        ..Scenario::default()
    }
}

fn derivations() -> Scenario {
    let joins = |parts: &[Piece], len| (Step::Join(parts.to_vec()), len);
    Scenario {
        name: "derivations: chains of three, by joining, cutting, altering and one-way functions",
        len: 32,
        most_keys: 4,
        most_roots: 1,
        logins: vec![Who::User],
        generate: vec![
            ("closed", closed(&[ck::CKA_DERIVE])),
            (
                "wrap with trusted",
                key(
                    &[ck::CKA_DERIVE],
                    &[ck::CKA_WRAP_WITH_TRUSTED, ck::CKA_EXTRACTABLE],
                    &[],
                ),
            ),
            (
                "not copyable",
                key(
                    &[ck::CKA_DERIVE, ck::CKA_SIGN],
                    CLOSED.0,
                    &[ck::CKA_EXTRACTABLE, ck::CKA_COPYABLE],
                ),
            ),
            ("signs", closed(&[ck::CKA_DERIVE, ck::CKA_SIGN])),
        ],
        derive: vec![
            joins(&[Piece::Base, Piece::Other], 32),
            joins(&[Piece::Base, Piece::Data(15)], 47),
            joins(&[Piece::Data(15), Piece::Base], 32),
            joins(&[Piece::Altered], 32),
            joins(&[Piece::Base], 17),
            (Step::Extract(0), 16),
            (Step::Extract(128), 16),
            (Step::Extract(120), 16),
            (Step::Extract(248), 8),
            (Step::OneWay { whole: false }, 8),
            (Step::OneWay { whole: false }, 17),
            (Step::OneWay { whole: false }, 32),
        ],
        derived: vec![
            ("open", open(&[ck::CKA_ENCRYPT, ck::CKA_DERIVE])),
            ("closed", closed(&[ck::CKA_DERIVE])),
            ("nothing said", vec![flag(ck::CKA_DERIVE, true)]),
        ],
        change: changes(&[
            ("CKA_SIGN=FALSE", ck::CKA_SIGN, false),
            ("CKA_EXTRACTABLE=TRUE", ck::CKA_EXTRACTABLE, true),
        ]),
        ..Scenario::default()
    }
}

fn lives(name: &'static str, profile: &'static str) -> Scenario {
    Scenario {
        name,
        len: 32,
        logins: vec![Who::User, Who::So],
        sessions: true,
        time: true,
        profile: Some(profile),
        ..Scenario::default()
    }
}

/// Every scenario.
pub(crate) fn all() -> Vec<Scenario> {
    vec![
        oracles(),
        lives(
            "an external key of the profile open: import, expiry, switch, schedule, rotate, erase",
            "open",
        ),
        lives("an external key of Alibaba Cloud KMS", "alibaba-software"),
        lives("an external key of AWS KMS", "aws"),
        lives("an external key of Azure Key Vault", "azure"),
        trust(),
        derivations(),
        values(),
    ]
}
