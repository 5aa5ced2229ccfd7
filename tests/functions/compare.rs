//! docs/compare.md: functions and mechanisms of the built library beside those of other modules, which
//! `conformance/compare` has written to `conformance/lib/peers.tsv`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use cryptoki_sys::*;

use super::hsm::{Hsm, test};
use super::zeros::zeroed;
use crate::client::Mechanism;

const PEERS: &str = include_str!("../../conformance/lib/peers.tsv");
const NAMES: [&str; 4] = ["Tenon", "SoftHSM2", "NSS", "kryoptic"];

const INTRODUCTION: &str = "\
# Beside other software tokens

SoftHSM2 2.6.1 and NSS 3.87.1 (libsoftokn3) of Debian 12, and kryoptic 1.5.4 over OpenSSL 3.6.3, built with the features `standard` and
`pqc`; as loaded on 29 November 2026 by `conformance/compare`, which writes `conformance/lib/peers.tsv`. Tenon's columns are what the
library that `cargo test` builds answers where `slots.mechanisms` names every mechanism; [mechanisms.md](mechanisms.md) says which are off otherwise. `TENON_REGENERATE=1 cargo test --test functions compare` writes this page anew.

";

const FUNCTIONS: &str = "
A module has a function where a call with a session and NULL is answered otherwise than by CKR_FUNCTION_NOT_SUPPORTED.

";

const MECHANISMS: &str = "
## Mechanisms

What CK_MECHANISM_INFO says: **e**ncrypt, **d**ecrypt, **h** digest, **s**ign, **v**erify, **S** sign with recovery, **V** verify with recovery,
**w**rap, **u**nwrap, **g**enerate a key or **p**air, de**r**ive, en**c**apsulate, decapsu**l**ate; **m** messages too.

";

const GAPS: &str = "
## What others have and Tenon lacks

";

const CURVE_GAPS: &str = "
## Curves that others have and Tenon lacks

On which C_GenerateKeyPair made a pair in the other module, on 28 November 2026.

| curve | in | why not here |
|---|---|---|
";

const WEAK: &str = "less than 112 bits of strength, which NIST SP 800-57 no longer allows";
const BINARY: &str = "a field of characteristic 2: NIST SP 800-186 deprecates such curves, and neither aws-lc nor RustCrypto has one";
const RARE: &str = "neither aws-lc nor RustCrypto has it";
const TWIST: &str = "the twist of the r1 curve, which is here, and which protocols use (RFC 8734)";
const UNAUDITED: &str =
    "the only libraries, `ed448-goldilocks` and `x448` of RustCrypto, are unaudited pre-releases";

/// A curve on which Tenon makes no pairs.
struct MissingCurve {
    name: &'static str,
    mechanism: CK_MECHANISM_TYPE,
    /// CKA_EC_PARAMS.
    params: &'static [u8],
    peers: &'static str,
    reason: &'static str,
}

const fn curve(
    name: &'static str,
    mechanism: CK_MECHANISM_TYPE,
    params: &'static [u8],
    peers: &'static str,
    reason: &'static str,
) -> MissingCurve {
    MissingCurve {
        name,
        mechanism,
        params,
        peers,
        reason,
    }
}

#[rustfmt::skip]
const MISSING_CURVES: &[MissingCurve] = &[
    curve("secp112r1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x06", "SoftHSM2", WEAK),
    curve("secp128r1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x1C", "SoftHSM2", WEAK),
    curve("secp160r1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x08", "SoftHSM2", WEAK),
    curve("secp192k1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x1F", "SoftHSM2", WEAK),
    curve("secp192r1", CKM_EC_KEY_PAIR_GEN, b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x01", "SoftHSM2", WEAK),
    curve("brainpoolP160r1", CKM_EC_KEY_PAIR_GEN, b"\x06\x09\x2B\x24\x03\x03\x02\x08\x01\x01\x01", "SoftHSM2", WEAK),
    curve("brainpoolP192r1", CKM_EC_KEY_PAIR_GEN, b"\x06\x09\x2B\x24\x03\x03\x02\x08\x01\x01\x03", "SoftHSM2", WEAK),
    curve("sect233k1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x1A", "SoftHSM2", BINARY),
    curve("sect283k1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x10", "SoftHSM2", BINARY),
    curve("sect409k1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x24", "SoftHSM2", BINARY),
    curve("sect571k1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x26", "SoftHSM2", BINARY),
    curve("sect571r1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x27", "SoftHSM2", BINARY),
    curve("secp224k1", CKM_EC_KEY_PAIR_GEN, b"\x06\x05\x2B\x81\x04\x00\x20", "SoftHSM2", RARE),
    curve("prime239v1", CKM_EC_KEY_PAIR_GEN, b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x04", "SoftHSM2", RARE),
    curve("brainpoolP256t1", CKM_EC_KEY_PAIR_GEN, b"\x06\x09\x2B\x24\x03\x03\x02\x08\x01\x01\x08", "SoftHSM2", TWIST),
    curve("brainpoolP384t1", CKM_EC_KEY_PAIR_GEN, b"\x06\x09\x2B\x24\x03\x03\x02\x08\x01\x01\x0C", "SoftHSM2", TWIST),
    curve("brainpoolP512t1", CKM_EC_KEY_PAIR_GEN, b"\x06\x09\x2B\x24\x03\x03\x02\x08\x01\x01\x0E", "SoftHSM2", TWIST),
    curve("Ed448", CKM_EC_EDWARDS_KEY_PAIR_GEN, b"\x06\x03\x2B\x65\x71", "SoftHSM2, kryoptic", UNAUDITED),
    curve("X448", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, b"\x06\x03\x2B\x65\x6F", "kryoptic", UNAUDITED),
];

/// Flags of CK_MECHANISM_INFO, with their letters.
const USES: &[(CK_FLAGS, char)] = &[
    (CKF_ENCRYPT, 'e'),
    (CKF_DECRYPT, 'd'),
    (CKF_DIGEST, 'h'),
    (CKF_SIGN, 's'),
    (CKF_VERIFY, 'v'),
    (CKF_SIGN_RECOVER, 'S'),
    (CKF_VERIFY_RECOVER, 'V'),
    (CKF_WRAP, 'w'),
    (CKF_UNWRAP, 'u'),
    (CKF_GENERATE, 'g'),
    (CKF_GENERATE_KEY_PAIR, 'p'),
    (CKF_DERIVE, 'r'),
    (CKF_ENCAPSULATE, 'c'),
    (CKF_DECAPSULATE, 'l'),
    (
        CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY,
        'm',
    ),
];

const BROKEN: &str = "broken, or too short a key: not for new systems";
const VENDOR: &str = "numbers of another vendor, whose own programs alone use them";
const SEED: &str =
    "no kept crate has this cipher: the one there is, `kisaseed`, calls itself experimental";
const PASSWORD: &str = "passwords for a cipher that is broken, or has too short a key";
const HALVES: &str =
    "wraps of which a part could be unwrapped by itself, so short that it is found by trying";
const DEPRECATED: &str = "the function of TLS 1.0 as a mechanism of its own; CKM_TLS_KDF has it";

/// Why a mechanism or a use is missing, by the beginning of the mechanism's name; the first that fits.
const REASONS: &[(&str, &str)] = &[
    ("CKM_NSS_", VENDOR),
    ("CKM_KRYOPTIC_", VENDOR),
    ("CKM_MD", BROKEN),
    ("CKM_RC", BROKEN),
    ("CKM_DES3_", HALVES),
    ("CKM_AES_CTS", HALVES),
    ("CKM_DES", BROKEN),
    ("CKM_CDMF", BROKEN),
    ("CKM_SSL3", BROKEN),
    ("CKM_TLS_PRF", DEPRECATED),
    ("CKM_SEED", SEED),
    ("CKM_PBE", PASSWORD),
];

struct Row {
    name: String,
    /// Version of a function's table, number of a mechanism.
    of: String,
    /// What Tenon and the others have.
    has: [String; 4],
}

impl Row {
    fn line(&self, document: &mut String) {
        let cells = self
            .has
            .each_ref()
            .map(|has| if has.is_empty() { "–" } else { has });
        writeln!(
            document,
            "| {} | {} | {} |",
            self.name,
            self.of,
            cells.join(" | ")
        )
        .unwrap();
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn peers(kind: &str) -> Vec<[&'static str; 5]> {
    let lines = PEERS
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let rows = lines.filter(|line| line[0] == kind);
    rows.map(|line| line[1..].try_into().unwrap()).collect()
}

fn functions(hsm: &Hsm) -> Vec<Row> {
    let answers: BTreeMap<_, _> = zeroed(hsm.table, Some(hsm.session))
        .into_iter()
        .chain(zeroed(hsm.table, None))
        .collect();
    let row = |[of, name, others @ ..]: [&'static str; 5]| {
        let missing = answers.get(name) == Some(&CKR_FUNCTION_NOT_SUPPORTED);
        let own = if missing { "" } else { "yes" };
        Row {
            name: name.into(),
            of: of.into(),
            has: [own, others[0], others[1], others[2]].map(String::from),
        }
    };
    peers("function").into_iter().map(row).collect()
}

fn mechanisms(hsm: &Hsm) -> Vec<Row> {
    let mut rows: BTreeMap<CK_MECHANISM_TYPE, (String, [CK_FLAGS; 4])> = BTreeMap::new();
    // It has the names, and `tests/vectors.rs` keeps it true.
    let own = fs::read_to_string(root().join("docs/mechanisms.md")).unwrap();
    for line in own.lines().filter(|line| line.starts_with("| CKM_")) {
        let mut cells = line.split(" | ");
        let name = cells.next().unwrap().trim_start_matches("| ");
        let number = hexadecimal(cells.next().unwrap());
        rows.insert(number, (name.into(), [hsm.flags(number), 0, 0, 0]));
    }
    for [number, name, others @ ..] in peers("mechanism") {
        let (_, flags) = rows
            .entry(hexadecimal(number))
            .or_insert((name.into(), [0; 4]));
        for (at, told) in others
            .into_iter()
            .enumerate()
            .filter(|(_, told)| !told.is_empty())
        {
            flags[at + 1] = hexadecimal(told);
        }
    }
    let row = |(number, (name, flags)): (CK_MECHANISM_TYPE, (String, [CK_FLAGS; 4]))| Row {
        name,
        of: format!("{number:#x}"),
        has: flags.map(letters),
    };
    rows.into_iter().map(row).collect()
}

fn hexadecimal(number: &str) -> CK_ULONG {
    CK_ULONG::from_str_radix(number.trim_start_matches("0x"), 16).unwrap()
}

fn letters(flags: CK_FLAGS) -> String {
    let used = USES.iter().filter(|(flag, _)| flags & flag != 0);
    used.map(|(_, letter)| letter).collect()
}

/// Each reason with the mechanisms and uses that others have.
fn gaps(rows: &[Row]) -> BTreeMap<&'static str, Vec<String>> {
    let mut gaps: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        let [own, others @ ..] = &row.has;
        let mut missing = others.concat();
        missing.retain(|letter| !own.contains(letter));
        let mut missing: Vec<_> = missing.chars().collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            continue;
        }
        let (_, reason) = REASONS
            .iter()
            .find(|(start, _)| row.name.starts_with(start))
            .unwrap_or_else(|| panic!("say why {} is missing", row.name));
        let uses = if own.is_empty() {
            String::new()
        } else {
            format!(" ({})", missing.into_iter().collect::<String>())
        };
        gaps.entry(*reason)
            .or_default()
            .push(format!("{}{uses}", row.name));
    }
    gaps
}

fn document(hsm: &Hsm) -> String {
    let (functions, mechanisms) = (functions(hsm), mechanisms(hsm));
    let mut document = String::from(INTRODUCTION);
    let head = |document: &mut String, of: &str| {
        writeln!(
            document,
            "| | {of} | {} |\n|---|---|---|---|---|---|",
            NAMES.join(" | ")
        )
        .unwrap();
    };
    head(&mut document, "of");
    for (name, rows) in [("functions", &functions), ("mechanisms", &mechanisms)] {
        let count = |at: usize| {
            rows.iter()
                .filter(|row| !row.has[at].is_empty())
                .count()
                .to_string()
        };
        let has = [0, 1, 2, 3].map(count);
        let of = rows.len().to_string();
        Row {
            name: name.into(),
            of,
            has,
        }
        .line(&mut document);
    }
    document.push_str("\n## Functions\n");
    document.push_str(FUNCTIONS);
    head(&mut document, "since");
    functions.iter().for_each(|row| row.line(&mut document));
    document.push_str(MECHANISMS);
    head(&mut document, "number");
    mechanisms.iter().for_each(|row| row.line(&mut document));
    document.push_str(GAPS);
    for (reason, missing) in gaps(&mechanisms) {
        writeln!(document, "- {reason}: {}.", missing.join(", ")).unwrap();
    }
    document.push_str(CURVE_GAPS);
    for MissingCurve {
        name,
        peers,
        reason,
        ..
    } in MISSING_CURVES
    {
        writeln!(document, "| {name} | {peers} | {reason} |").unwrap();
    }
    document
}

test! {
    run_offering_all:
    fn the_document_is_what_the_library_answers(hsm) {
        let path = root().join("docs/compare.md");
        let wanted = document(hsm);
        if std::env::var_os("TENON_REGENERATE").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == wanted,
            "stale: run `TENON_REGENERATE=1 cargo test --test functions compare`"
        );
    }

    fn no_pair_is_made_on_the_curves_that_are_missing(hsm) {
        for curve in MISSING_CURVES {
            let how = Mechanism::Plain(curve.mechanism);
            let made = hsm.client.generate_pair(how, &[(CKA_EC_PARAMS, curve.params)], &[]);
            assert_eq!(made.err(), Some(CKR_CURVE_NOT_SUPPORTED), "{}", curve.name);
        }
    }

    fn no_function_of_another_module_is_missing(hsm) {
        for row in functions(hsm) {
            assert_eq!(row.has[0], "yes", "{}", row.name);
        }
    }
}
