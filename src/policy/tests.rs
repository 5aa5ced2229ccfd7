mod wrapping;

use super::*;
use crate::byok;
use crate::ck;
use crate::clock::UnixTime;

const NOW: UnixTime = 1_800_000_000;
const USER: Caller = Caller {
    login: Login::User,
    read_write: true,
};
const PUBLIC: Caller = Caller {
    login: Login::Public,
    read_write: true,
};
const SO: Caller = Caller {
    login: Login::So,
    read_write: true,
};

fn key() -> KeyFacts {
    KeyFacts {
        secret: true,
        uses: vec![Use::Encrypt, Use::Sign],
        ..KeyFacts::default()
    }
}

fn object(key: KeyFacts) -> Facts {
    Facts {
        token: true,
        private: true,
        modifiable: true,
        copyable: true,
        destroyable: true,
        key: Some(key),
    }
}

fn external(facts: byok::ExternalFacts) -> KeyFacts {
    KeyFacts {
        external: Some(facts),
        expires_at: facts.expires_at,
        gone_at: facts.deletion_at,
        ..key()
    }
}

fn live() -> byok::ExternalFacts {
    byok::ExternalFacts {
        bound: true,
        material: true,
        ..byok::ExternalFacts::default()
    }
}

fn rv(action: Action, facts: &Facts, caller: &Caller) -> ck::CK_RV {
    decide(action, facts, caller, NOW).map_or_else(|refusal| refusal.error.rv, |_| ck::CKR_OK)
}

const ENCRYPT: Action = Action::Begin(Use::Encrypt, ck::CKM_AES_GCM);

#[test]
fn private_objects_exist_for_the_user_alone() {
    let facts = object(key());
    for caller in [PUBLIC, SO] {
        assert_eq!(
            rv(Action::See, &facts, &caller),
            ck::CKR_OBJECT_HANDLE_INVALID
        );
        assert_eq!(
            rv(Action::Destroy, &facts, &caller),
            ck::CKR_OBJECT_HANDLE_INVALID
        );
        assert_eq!(rv(ENCRYPT, &facts, &caller), ck::CKR_KEY_HANDLE_INVALID);
        assert_eq!(
            rv(Action::Make, &facts, &caller),
            ck::CKR_USER_NOT_LOGGED_IN
        );
    }
    assert_eq!(rv(Action::See, &facts, &USER), ck::CKR_OK);
    assert_eq!(rv(ENCRYPT, &facts, &USER), ck::CKR_OK);
}

#[test]
fn a_public_secret_token_key_is_seen_and_used_only_after_login() {
    let facts = Facts {
        private: false,
        ..object(key())
    };
    for caller in [PUBLIC, SO] {
        assert_eq!(rv(Action::See, &facts, &caller), ck::CKR_OK);
        for action in [
            ENCRYPT,
            Action::Continue,
            Action::Make,
            Action::Change,
            Action::Destroy,
        ] {
            assert_eq!(
                rv(action, &facts, &caller),
                ck::CKR_USER_NOT_LOGGED_IN,
                "{action:?}"
            );
        }
    }
    let session = Facts {
        token: false,
        ..facts
    };
    assert_eq!(rv(ENCRYPT, &session, &PUBLIC), ck::CKR_OK);
}

#[test]
fn the_officer_marks_what_she_sees_as_trusted_and_changes_no_more() {
    let seen = Facts {
        private: false,
        ..object(key())
    };
    for caller in [USER, SO] {
        assert_eq!(rv(Action::Trust, &seen, &caller), ck::CKR_OK);
    }
    assert_eq!(
        rv(Action::Trust, &seen, &PUBLIC),
        ck::CKR_USER_NOT_LOGGED_IN
    );
    assert_eq!(rv(Action::Change, &seen, &SO), ck::CKR_USER_NOT_LOGGED_IN);
    assert_eq!(
        rv(Action::Trust, &object(key()), &SO),
        ck::CKR_OBJECT_HANDLE_INVALID
    );
    let fixed = Facts {
        modifiable: false,
        ..seen
    };
    assert_eq!(rv(Action::Trust, &fixed, &SO), ck::CKR_ACTION_PROHIBITED);
}

#[test]
fn uses_that_undo_each_other_do_not_combine() {
    use Use::{Decrypt, Encrypt, Sign, Unwrap, Wrap};
    let combine = |uses: &[Use]| {
        let uses = uses.to_vec();
        rv(Action::Combine, &object(KeyFacts { uses, ..key() }), &USER)
    };
    for apart in [&[Wrap, Decrypt][..], &[Sign, Encrypt, Unwrap]] {
        assert_eq!(combine(apart), ck::CKR_TEMPLATE_INCONSISTENT, "{apart:?}");
    }
    for together in [
        &[][..],
        &[Encrypt, Decrypt, Sign],
        &[Wrap, Unwrap],
        &[Wrap, Encrypt],
        &[Unwrap, Decrypt],
    ] {
        assert_eq!(combine(together), ck::CKR_OK, "{together:?}");
    }
    assert_eq!(
        rv(Action::Gain, &object(key()), &USER),
        ck::CKR_ATTRIBUTE_READ_ONLY
    );
}

#[test]
fn read_only_sessions_change_no_token_object() {
    let caller = Caller {
        read_write: false,
        ..USER
    };
    let facts = object(key());
    for action in [Action::Make, Action::Change, Action::Destroy] {
        assert_eq!(
            rv(action, &facts, &caller),
            ck::CKR_SESSION_READ_ONLY,
            "{action:?}"
        );
    }
    let session = Facts {
        token: false,
        ..facts
    };
    assert_eq!(rv(Action::Make, &session, &caller), ck::CKR_OK);
}

#[test]
fn uses_and_mechanisms_are_those_of_the_attributes() {
    let facts = object(KeyFacts {
        allowed: Some(vec![ck::CKM_AES_GCM]),
        ..key()
    });
    assert_eq!(rv(ENCRYPT, &facts, &USER), ck::CKR_OK);
    let decrypt = Action::Begin(Use::Decrypt, ck::CKM_AES_GCM);
    assert_eq!(
        rv(decrypt, &facts, &USER),
        ck::CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let cbc = Action::Begin(Use::Encrypt, ck::CKM_AES_CBC);
    assert_eq!(rv(cbc, &facts, &USER), ck::CKR_MECHANISM_INVALID);
}

#[test]
fn dates_and_expiry_end_a_use_to_the_second() {
    let cases = [
        (
            KeyFacts {
                expires_at: NOW,
                ..key()
            },
            false,
        ),
        (
            KeyFacts {
                expires_at: NOW + 1,
                ..key()
            },
            true,
        ),
        (
            KeyFacts {
                not_before: Some(NOW + 1),
                ..key()
            },
            false,
        ),
        (
            KeyFacts {
                not_before: Some(NOW),
                ..key()
            },
            true,
        ),
        (
            KeyFacts {
                not_after: Some(NOW),
                ..key()
            },
            false,
        ),
        (
            KeyFacts {
                not_after: Some(NOW + 1),
                ..key()
            },
            true,
        ),
    ];
    for (key, allowed) in cases {
        assert!(key.limited());
        let facts = object(key);
        for action in [ENCRYPT, Action::Continue] {
            match decide(action, &facts, &USER, NOW) {
                Ok(effect) => assert!(allowed && effect == Effect::Done, "{facts:?}"),
                Err(refusal) => {
                    assert!(!allowed && refusal.time, "{facts:?}");
                    assert_eq!(refusal.error.rv, ck::CKR_KEY_FUNCTION_NOT_PERMITTED);
                }
            }
        }
    }
    assert!(!key().limited());
}

#[test]
fn an_external_key_works_only_enabled() {
    let states = [
        (live(), ck::CKR_OK),
        (
            byok::ExternalFacts {
                material: false,
                ..live()
            },
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
        ),
        (
            byok::ExternalFacts {
                disabled: true,
                ..live()
            },
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
        ),
        (
            byok::ExternalFacts {
                deletion_at: NOW + 9,
                ..live()
            },
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
        ),
        (
            byok::ExternalFacts {
                deletion_at: NOW,
                ..live()
            },
            ck::CKR_KEY_HANDLE_INVALID,
        ),
    ];
    for (facts, expected) in states {
        let facts = object(external(facts));
        assert_eq!(rv(ENCRYPT, &facts, &USER), expected);
        assert_eq!(rv(Action::Continue, &facts, &USER), expected);
    }
}

#[test]
fn values_leave_only_as_the_attributes_say() {
    let out = |key, trusted| rv(Action::Export { trusted }, &object(key), &USER);
    let extractable = KeyFacts {
        extractable: true,
        ..key()
    };
    assert_eq!(out(key(), true), ck::CKR_KEY_UNEXTRACTABLE);
    assert_eq!(out(extractable.clone(), false), ck::CKR_OK);
    let guarded = KeyFacts {
        wrap_with_trusted: true,
        ..extractable.clone()
    };
    assert_eq!(out(guarded.clone(), false), ck::CKR_KEY_NOT_WRAPPABLE);
    assert_eq!(out(guarded, true), ck::CKR_OK);
    let bound = KeyFacts {
        external: Some(live()),
        ..extractable
    };
    assert_eq!(out(bound, true), ck::CKR_KEY_UNEXTRACTABLE);
    let public = KeyFacts {
        secret: false,
        ..key()
    };
    assert_eq!(out(public, true), ck::CKR_KEY_NOT_WRAPPABLE);
}

/// The officer holds the master key too, and could read what a key of its own wraps.
#[test]
fn token_keys_that_are_not_private_leave_for_the_user_alone() {
    let extractable = KeyFacts {
        extractable: true,
        ..key()
    };
    let open = Facts {
        private: false,
        ..object(extractable)
    };
    let export = Action::Export { trusted: true };
    for caller in [PUBLIC, SO] {
        assert_eq!(rv(export, &open, &caller), ck::CKR_USER_NOT_LOGGED_IN);
    }
    assert_eq!(rv(export, &open, &USER), ck::CKR_OK);
}

#[test]
fn destroying_follows_origin_and_attribute() {
    let effect = |facts: &Facts| decide(Action::Destroy, facts, &USER, NOW).map_err(|r| r.error.rv);
    assert_eq!(effect(&object(key())), Ok(Effect::DestroyWhole));
    assert_eq!(effect(&object(external(live()))), Ok(Effect::EraseMaterial));
    let erased = byok::ExternalFacts {
        material: false,
        ..live()
    };
    assert_eq!(effect(&object(external(erased))), Ok(Effect::Nothing));
    let unbound = object(external(byok::ExternalFacts::default()));
    assert_eq!(effect(&unbound), Ok(Effect::DestroyWhole));
    let kept = Facts {
        destroyable: false,
        ..object(key())
    };
    assert_eq!(effect(&kept), Err(ck::CKR_ACTION_PROHIBITED));
}

#[test]
fn imports_go_into_external_keys_alone() {
    assert_eq!(
        rv(Action::Import, &object(key()), &USER),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
    assert_eq!(
        rv(Action::Import, &object(external(live())), &USER),
        ck::CKR_OK
    );
    let pending = byok::ExternalFacts {
        deletion_at: NOW + 9,
        ..live()
    };
    assert_eq!(
        rv(Action::Import, &object(external(pending)), &USER),
        ck::CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn only_readable_secrets_are_digested() {
    let readable = KeyFacts {
        extractable: true,
        ..key()
    };
    let sensitive = KeyFacts {
        sensitive: true,
        ..readable.clone()
    };
    let kept = KeyFacts {
        extractable: false,
        ..readable.clone()
    };
    let guarded = KeyFacts {
        wrap_with_trusted: true,
        ..readable.clone()
    };
    for (facts, open) in [
        (readable, true),
        (sensitive, false),
        (kept, false),
        (guarded, false),
    ] {
        let facts = object(facts);
        let digested = rv(Action::Digest, &facts, &USER);
        assert_eq!(digested == ck::CKR_OK, open);
        assert_eq!(
            rv(Action::Digest, &facts, &PUBLIC),
            ck::CKR_KEY_HANDLE_INVALID
        );
    }
    let public = KeyFacts {
        secret: false,
        extractable: true,
        ..key()
    };
    let digested = rv(Action::Digest, &object(public), &USER);
    assert_eq!(digested, ck::CKR_KEY_INDIGESTIBLE);
}

#[test]
fn an_expired_public_key_verifies_and_protects_nothing_new() {
    let expired = KeyFacts {
        secret: false,
        not_after: Some(NOW),
        uses: vec![Use::Encrypt, Use::Wrap, Use::Verify],
        ..key()
    };
    for (what, allowed) in [
        (Use::Encrypt, false),
        (Use::Wrap, false),
        (Use::Verify, true),
    ] {
        let action = Action::Begin(what, ck::CKM_RSA_PKCS_OAEP);
        let answer = decide(action, &object(expired.clone()), &USER, NOW);
        assert_eq!(answer.is_ok(), allowed, "{what:?}");
    }
    assert!(decide(Action::Copy, &object(expired), &USER, NOW).is_ok());
}

/// BYOK rule 4: the key that something is done with obeys its dates as much as the key that does it.
#[test]
fn a_key_out_of_time_is_neither_copied_nor_wrapped_nor_digested() {
    let limits = [
        KeyFacts {
            expires_at: NOW,
            ..key()
        },
        KeyFacts {
            not_before: Some(NOW + 1),
            ..key()
        },
        KeyFacts {
            not_after: Some(NOW),
            ..key()
        },
    ];
    for limited in limits {
        let facts = object(KeyFacts {
            extractable: true,
            ..limited
        });
        for action in [
            Action::Copy,
            Action::Digest,
            Action::Export { trusted: true },
        ] {
            let Err(refusal) = decide(action, &facts, &USER, NOW) else {
                panic!("{action:?} of {facts:?}");
            };
            assert!(refusal.time, "{action:?}");
            assert_eq!(refusal.error.rv, ck::CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
        assert_eq!(rv(Action::Destroy, &facts, &USER), ck::CKR_OK);
        let public = object(KeyFacts {
            secret: false,
            ..key()
        });
        assert_eq!(rv(Action::Copy, &public, &USER), ck::CKR_OK);
    }
}

#[test]
fn what_lies_in_the_material_of_a_token_key_is_read_by_the_user_alone() {
    let token = Facts {
        private: false,
        ..object(key())
    };
    for (caller, wanted) in [
        (USER, ck::CKR_OK),
        (PUBLIC, ck::CKR_USER_NOT_LOGGED_IN),
        (SO, ck::CKR_USER_NOT_LOGGED_IN),
    ] {
        assert_eq!(rv(Action::Reveal, &token, &caller), wanted);
    }
    let session = Facts {
        token: false,
        ..token
    };
    assert_eq!(rv(Action::Reveal, &session, &PUBLIC), ck::CKR_OK);
}

#[test]
fn an_object_that_is_not_modifiable_or_copyable_stays() {
    let fixed = Facts {
        modifiable: false,
        ..object(key())
    };
    let alone = Facts {
        copyable: false,
        ..object(key())
    };
    assert_eq!(rv(Action::Change, &fixed, &USER), ck::CKR_ACTION_PROHIBITED);
    assert_eq!(rv(Action::Copy, &fixed, &USER), ck::CKR_OK);
    assert_eq!(rv(Action::Copy, &alone, &USER), ck::CKR_ACTION_PROHIBITED);
    assert_eq!(rv(Action::Change, &alone, &USER), ck::CKR_OK);
}
