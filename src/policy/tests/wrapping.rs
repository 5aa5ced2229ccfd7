//! What leaves under a wrapping key, and what an unwrapping key opens.

use super::*;

#[test]
fn what_an_unwrap_tells_is_for_keys_that_decrypt() {
    let unwraps = KeyFacts {
        uses: vec![Use::Unwrap, Use::Wrap, Use::Encrypt],
        ..key()
    };
    let decrypts = KeyFacts {
        uses: vec![Use::Unwrap, Use::Decrypt],
        ..key()
    };
    let trusted = KeyFacts {
        trusted: true,
        ..unwraps.clone()
    };
    let alone = KeyFacts {
        uses: vec![Use::Unwrap],
        ..key()
    };
    let all = [
        Blob::KeyWrap,
        Blob::Padded,
        Blob::Proven,
        Blob::Stream,
        Blob::Telling,
    ];
    for (facts, opened) in [(unwraps, 3), (alone, 4), (decrypts, 5), (trusted, 2)] {
        for (index, blob) in all.into_iter().enumerate() {
            let answer = rv(Action::Decipher(blob), &object(facts.clone()), &USER);
            let refused = answer == ck::CKR_KEY_FUNCTION_NOT_PERMITTED;
            assert_eq!(refused, index >= opened, "{blob:?}");
            if blob == Blob::Padded {
                let effect = decide(Action::Decipher(blob), &object(facts.clone()), &USER, NOW);
                let whole = effect.is_ok_and(|effect| effect == Effect::WholePadding);
                assert_eq!(whole, opened < 5);
            }
        }
    }
}

/// Each use but CKA_UNWRAP tells of the key stream of a counter mode: a GMAC of 32 bits that verifies too.
#[test]
fn a_key_with_any_other_use_opens_no_blob_of_a_counter_mode() {
    for what in [
        Use::Encrypt,
        Use::Sign,
        Use::SignRecover,
        Use::Verify,
        Use::VerifyRecover,
        Use::Wrap,
        Use::Derive,
    ] {
        for (decrypts, answer) in [
            (vec![], ck::CKR_KEY_FUNCTION_NOT_PERMITTED),
            (vec![Use::Decrypt], ck::CKR_OK),
        ] {
            let facts = KeyFacts {
                uses: [vec![Use::Unwrap, what], decrypts].concat(),
                ..key()
            };
            let stream = Action::Decipher(Blob::Stream);
            assert_eq!(rv(stream, &object(facts), &USER), answer, "{what:?}");
        }
    }
}

#[test]
fn a_key_that_unwraps_alone_opens_no_blob_another_way() {
    let raw = [
        (Use::Sign, ck::CKM_RSA_X_509, Use::Unwrap),
        (Use::SignRecover, ck::CKM_RSA_X_509, Use::Unwrap),
        (Use::Decapsulate, ck::CKM_ECDH1_DERIVE, Use::Unwrap),
        (Use::Decapsulate, ck::CKM_ML_KEM, Use::Unwrap),
        (Use::Unwrap, ck::CKM_ECDH_AES_KEY_WRAP, Use::Derive),
        (Use::Unwrap, ck::CKM_ECDH_COF_AES_KEY_WRAP, Use::Derive),
        (Use::Unwrap, ck::CKM_ECDH_X_AES_KEY_WRAP, Use::Derive),
    ];
    for (what, mechanism, other) in raw {
        for (more, refused) in [
            (vec![], false),
            (vec![other], true),
            (vec![other, Use::Decrypt], false),
        ] {
            let facts = KeyFacts {
                uses: [more, vec![what]].concat(),
                ..key()
            };
            let answer = decide(Action::Begin(what, mechanism), &object(facts), &USER, NOW);
            assert_eq!(answer.is_err(), refused, "{what:?} {mechanism:#x}");
        }
    }
}

/// An unwrapped key may leave under trusted keys as it came; of another one the wrapped form would not tell
/// what it consists of.
#[test]
fn a_key_for_trusted_keys_alone_leaves_whole() {
    let divided = Pieces::joined(&[Pieces::of_unwrap(16), Pieces::of_unwrap(8)]);
    for (pieces, leaves) in [
        (None, true),
        (Some(Pieces::of_unwrap(32)), true),
        (Some(divided), false),
        (Some(Pieces::of_unwrap(32).altered()), false),
    ] {
        for wrap_with_trusted in [false, true] {
            let facts = KeyFacts {
                wrap_with_trusted,
                extractable: true,
                value_len: 32,
                pieces: pieces.clone(),
                ..key()
            };
            let export = Action::Export { trusted: true };
            let answer = match leaves || !wrap_with_trusted {
                true => ck::CKR_OK,
                false => ck::CKR_KEY_NOT_WRAPPABLE,
            };
            assert_eq!(rv(export, &object(facts), &USER), answer, "{pieces:?}");
        }
    }
}
