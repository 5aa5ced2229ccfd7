use super::cases::{cases, message, parts};
use crate::common::{Calls, Fixture, exactly, full, needed, returns};

#[test]
fn parts_give_the_digest_of_the_whole() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|row| row.digest.is_some()) {
        for len in case.lengths {
            let message = message(*len);
            session.digest_init(case.request()).unwrap();
            let whole = full(|out| session.digest(&message, out)).unwrap();
            for seed in 0..8 {
                session.digest_init(case.request()).unwrap();
                for part in parts(&message, seed) {
                    session.digest_update(part).unwrap();
                }
                let digest = full(|out| session.digest_final(out)).unwrap();
                assert_eq!(digest, whole, "{} of {len} bytes, {seed}", case.name());
            }
        }
    }
}

#[test]
fn lengths_are_told_and_too_small_a_buffer_ends_nothing() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for case in cases(|row| row.digest.is_some()) {
        session.digest_init(case.request()).unwrap();
        let need = needed(|out| session.digest(b"abc", out)).unwrap();
        let outcome = exactly(need - 1, |out| session.digest(b"abc", out));
        returns!(outcome, CKR_BUFFER_TOO_SMALL, "{}", case.name());
        let whole = exactly(need, |out| session.digest(b"abc", out)).unwrap();
        assert_eq!(whole.len(), need, "{}", case.name());

        session.digest_init(case.request()).unwrap();
        session.digest_update(b"abc").unwrap();
        assert_eq!(needed(|out| session.digest_final(out)).unwrap(), need);
        let outcome = exactly(need - 1, |out| session.digest_final(out));
        returns!(outcome, CKR_BUFFER_TOO_SMALL, "{}", case.name());
        let digest = exactly(need, |out| session.digest_final(out)).unwrap();
        assert_eq!(digest, whole, "{}", case.name());
    }
}

#[test]
fn digests_need_no_login() {
    let fixture = Fixture::blank(|_| ());
    let session = &fixture.session;
    session
        .digest_init(fixture.plain(tenon_pkcs11::api::ck::CKM_SHA256))
        .unwrap();
    let digest = full(|out| session.digest(b"", out)).unwrap();
    // FIPS 180-4: the digest of nothing.
    assert_eq!(digest[..4], [0xE3, 0xB0, 0xC4, 0x42]);
}
