//! One-time passwords by the C functions: the published ones, the key's counter and who moves it, and what a parameter may
//! ask for.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, into, len, needed, pointer, test};
use crate::client::{Answer, Attribute, Key, Mechanism, Way};
use crate::vectors::records;

const OTP_KEY: &[u8] = &CKO_OTP_KEY.to_ne_bytes();
const HOTP: &[u8] = &CKK_HOTP.to_ne_bytes();
const TRUE: &[u8] = &[CK_TRUE];
const FALSE: &[u8] = &[CK_FALSE];
/// The key of RFC 4226 appendix D.
const SECRET: &[u8] = b"12345678901234567890";

/// A parameter of CK_OTP_PARAMS.
type Otp<'a> = (CK_OTP_PARAM_TYPE, &'a [u8]);

fn key(hsm: &Hsm, more: &[Attribute<'_>]) -> Answer<Key> {
    let own = [
        (CKA_CLASS, OTP_KEY),
        (CKA_KEY_TYPE, HOTP),
        (CKA_VALUE, SECRET),
        (CKA_SENSITIVE, TRUE),
    ];
    hsm.client.create(&[&own[..], more].concat())
}

fn with<T>(params: &[Otp<'_>], call: impl FnOnce(Mechanism<'_>) -> T) -> T {
    let mut list: Vec<_> = params
        .iter()
        .map(|(kind, value)| CK_OTP_PARAM {
            type_: *kind,
            pValue: pointer(value).cast(),
            ulValueLen: len(value),
        })
        .collect();
    let params = CK_OTP_PARAMS {
        pParams: list.as_mut_ptr(),
        ulCount: len_of(list.len()),
    };
    call(Mechanism::Bytes(CKM_HOTP, Mechanism::structure(&params)))
}

fn len_of(count: usize) -> CK_ULONG {
    CK_ULONG::try_from(count).unwrap()
}

/// The counter and the password of a signature.
fn sign(hsm: &Hsm, key: Key, params: &[Otp<'_>]) -> Answer<(u64, Vec<u8>)> {
    let mut out = [0; 128];
    with(params, |how| {
        hsm.client.sign(how, key, Way::Whole, &[], &mut out)
    })
    .map(|written| read(&out[..written]))
}

/// What a CK_OTP_SIGNATURE_INFO says, whose pointers lead into `signature`.
fn read(signature: &[u8]) -> (u64, Vec<u8>) {
    let within = signature.as_ptr_range();
    // SAFETY: the structure that the library wrote there.
    let info: CK_OTP_SIGNATURE_INFO = unsafe {
        signature
            .as_ptr()
            .cast::<CK_OTP_SIGNATURE_INFO>()
            .read_unaligned()
    };
    let (mut counter, mut password) = (None, None);
    for index in 0..usize::try_from(info.ulCount).unwrap() {
        let at = info.pParams.wrapping_add(index);
        assert!(within.contains(&at.cast::<u8>().cast_const()));
        // SAFETY: in `signature`, as was just seen.
        let param: CK_OTP_PARAM = unsafe { at.read_unaligned() };
        let offset = param.pValue.addr() - within.start.addr();
        let value = &signature[offset..offset + usize::try_from(param.ulValueLen).unwrap()];
        match param.type_ {
            CK_OTP_COUNTER => counter = Some(u64::from_be_bytes(value.try_into().unwrap())),
            CK_OTP_VALUE => password = Some(value.to_vec()),
            other => panic!("parameter {other}"),
        }
    }
    (counter.unwrap(), password.unwrap())
}

fn verify(hsm: &Hsm, key: Key, params: &[Otp<'_>], password: &[u8]) -> Answer<()> {
    with(params, |how| {
        hsm.client.verify(how, key, Way::Whole, &[], password)
    })
}

fn counter(hsm: &Hsm, key: Key) -> u64 {
    let mut counter = [0; 8];
    let read = hsm
        .client
        .attributes(key, &mut [(CKA_OTP_COUNTER, &mut counter)]);
    assert_eq!(read, Ok(vec![8]));
    u64::from_be_bytes(counter)
}

test! {
    fn the_passwords_of_rfc_4226_come_one_after_another(hsm) {
        for home in [FALSE, TRUE] {
            let key = key(hsm, &[(CKA_TOKEN, home)]).unwrap();
            for (at, record) in (0..).zip(records(include_str!("../vectors/hotp.rsp"))) {
                assert_eq!(record["key"], SECRET);
                assert_eq!(record["counter"], u64::to_be_bytes(at));
                assert_eq!(counter(hsm, key), at);
                assert_eq!(sign(hsm, key, &[]), Ok((at, record["password"].clone())));
                let params = [(CK_OTP_COUNTER, &record["counter"][..])];
                assert_eq!(verify(hsm, key, &params, &record["password"]), Ok(()));
                // A verification moves no counter.
                assert_eq!(counter(hsm, key), at + 1);
                let mut wrong = record["password"].clone();
                wrong[5] ^= 1;
                assert_eq!(verify(hsm, key, &params, &wrong), Err(CKR_SIGNATURE_INVALID));
                assert_eq!(verify(hsm, key, &params, &wrong[1..]), Err(CKR_SIGNATURE_LEN_RANGE));
                let next = (at + 1).to_be_bytes();
                let refused = verify(hsm, key, &[(CK_OTP_COUNTER, &next)], &record["password"]);
                assert_eq!(refused, Err(CKR_SIGNATURE_INVALID));
            }
        }
    }

    fn a_question_for_the_length_takes_no_counter(hsm) {
        let key = key(hsm, &[(CKA_TOKEN, TRUE)]).unwrap();
        Mechanism::Plain(CKM_HOTP).with(|how| assert_eq!(call!(hsm, C_SignInit(how, key)), CKR_OK));
        let length = needed(|out, room| call!(hsm, C_Sign(null_mut(), 0, out, room))).unwrap();
        let room = usize::try_from(length).unwrap();
        for room in [0, room - 1] {
            let refused = into(room, |out, room| call!(hsm, C_Sign(null_mut(), 0, out, room)));
            assert_eq!(refused, Err(CKR_BUFFER_TOO_SMALL));
        }
        assert_eq!(counter(hsm, key), 0);
        let signature = into(room, |out, room| call!(hsm, C_Sign(null_mut(), 0, out, room)));
        assert_eq!(signature.unwrap().len(), room);
        assert_eq!(counter(hsm, key), 1);
        // Data end the operation before a counter is taken.
        let mut out = [0; 128];
        let refused = hsm.client.sign(Mechanism::Plain(CKM_HOTP), key, Way::Whole, b"x", &mut out);
        assert_eq!(refused, Err(CKR_DATA_LEN_RANGE));
        assert_eq!(sign(hsm, key, &[]).unwrap().0, 1);
    }

    fn keys_are_made_copied_wrapped_and_kept(hsm) {
        let make = |len: u64| {
            let template = [(CKA_VALUE_LEN, &len.to_ne_bytes()[..]), (CKA_TOKEN, TRUE), (CKA_EXTRACTABLE, TRUE)];
            hsm.client.generate(Mechanism::Plain(CKM_HOTP_KEY_GEN), &template)
        };
        for len in [0, 15, 4097] {
            assert_eq!(make(len), Err(CKR_KEY_SIZE_RANGE));
        }
        let made = make(20).unwrap();
        assert_eq!(sign(hsm, made, &[]).unwrap().0, 0);
        let (mut class, mut uses) = ([0; 8], [[0; 1]; 4]);
        let [a, b, c, d] = &mut uses;
        hsm.client.attributes(made, &mut [
            (CKA_CLASS, &mut class), (CKA_SIGN, a), (CKA_VERIFY, b), (CKA_WRAP, c), (CKA_LOCAL, d),
        ]).unwrap();
        assert_eq!((class, uses), (CKO_OTP_KEY.to_ne_bytes(), [[1], [1], [0], [1]]));
        // The counter moves by signatures alone; a copy goes on from where it was made.
        let refused = hsm.client.change(made, &[(CKA_OTP_COUNTER, &[0; 8])]);
        assert_eq!(refused, Err(CKR_ATTRIBUTE_READ_ONLY));
        let copy = hsm.client.copy(made, &[(CKA_TOKEN, FALSE)]).unwrap();
        assert_eq!(sign(hsm, copy, &[]), sign(hsm, made, &[]));
        let refused = hsm.client.copy(made, &[(CKA_OTP_COUNTER, &[0; 8])]);
        assert_eq!(refused, Err(CKR_ATTRIBUTE_READ_ONLY));
        assert_eq!(hsm.client.find(&[(CKA_CLASS, OTP_KEY)]).unwrap(), [copy, made]);

        let wrapping = hsm.client.secret(CKK_AES, &[7; 32]).unwrap();
        let (how, mut blob) = (Mechanism::Plain(CKM_AES_KEY_WRAP_KWP), [0; 64]);
        let len = hsm.client.wrap(how, wrapping, made, &mut blob).unwrap();
        let again = [(CKA_CLASS, OTP_KEY), (CKA_KEY_TYPE, HOTP), (CKA_OTP_COUNTER, &[0, 0, 0, 0, 0, 0, 0, 1])];
        let unwrapped = hsm.client.unwrap(how, wrapping, &blob[..len], &again).unwrap();
        let one = [(CK_OTP_COUNTER, &[0, 0, 0, 0, 0, 0, 0, 1][..])];
        assert_eq!(sign(hsm, unwrapped, &[]), sign(hsm, made, &one));

        // It is a key of no other mechanism, and no other key makes passwords.
        let mut out = [0; 128];
        let refused = hsm.client.sign(Mechanism::Plain(CKM_SHA_1_HMAC), made, Way::Whole, &[], &mut out);
        assert_eq!(refused, Err(CKR_KEY_TYPE_INCONSISTENT));
        assert_eq!(sign(hsm, hsm.generic(SECRET), &[]), Err(CKR_KEY_TYPE_INCONSISTENT));
        let secret = CKO_SECRET_KEY.to_ne_bytes();
        let refused = hsm.client.create(&[(CKA_CLASS, &secret[..]), (CKA_KEY_TYPE, HOTP), (CKA_VALUE, SECRET)]);
        assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
        let mut value = [0; 20];
        let hidden = key(hsm, &[]).unwrap();
        let refused = hsm.client.attributes(hidden, &mut [(CKA_VALUE, &mut value)]);
        assert_eq!(refused, Err(CKR_ATTRIBUTE_SENSITIVE));
    }

    fn a_parameter_says_which_password(hsm) {
        let number = |number: CK_ULONG| number.to_ne_bytes();
        let key_of = |more: &[Attribute<'_>]| key(hsm, more).unwrap();
        let (four, key) = (4_u64.to_be_bytes(), key_of(&[]));
        let given = (CK_OTP_COUNTER, &four[..]);
        // 1640338314 is the whole number for counter 4.
        for (digits, password) in [(6, &b"338314"[..]), (7, b"0338314"), (8, b"40338314")] {
            let digits = number(digits);
            let params = [given, (CK_OTP_OUTPUT_LENGTH, &digits), (CK_OTP_PIN, b"1234"), (CK_OTP_TIME, b"")];
            assert_eq!(sign(hsm, key, &params), Ok((4, password.to_vec())));
            assert_eq!(verify(hsm, key, &params, password), Ok(()));
            let long = key_of(&[(CKA_OTP_LENGTH, &digits)]);
            assert_eq!(sign(hsm, long, &[given]), Ok((4, password.to_vec())));
        }
        assert_eq!(counter(hsm, key), 0);
        let flags = |flags: CK_FLAGS| sign(hsm, key, &[given, (CK_OTP_FLAGS, &number(flags))]);
        let harmless = CKF_EXCLUDE_TIME | CKF_EXCLUDE_CHALLENGE | CKF_EXCLUDE_PIN | CKF_USER_FRIENDLY_OTP;
        assert_eq!(flags(harmless), Ok((4, b"338314".to_vec())));
        for bad in [CKF_NEXT_OTP, CKF_EXCLUDE_COUNTER, 0x40] {
            assert_eq!(flags(bad), Err(CKR_MECHANISM_PARAM_INVALID), "{bad:#x}");
        }
        let decimal = number(CK_OTP_FORMAT_DECIMAL);
        assert!(sign(hsm, key, &[given, (CK_OTP_OUTPUT_FORMAT, &decimal)]).is_ok());
        for bad in [
            &[given, given][..],
            &[(CK_OTP_COUNTER, &four[1..])],
            &[(CK_OTP_OUTPUT_LENGTH, &number(5))],
            &[(CK_OTP_OUTPUT_LENGTH, &number(9))],
            &[(CK_OTP_OUTPUT_LENGTH, &number(CK_ULONG::MAX))],
            &[(CK_OTP_OUTPUT_LENGTH, &[6])],
            &[(CK_OTP_OUTPUT_FORMAT, &number(CK_OTP_FORMAT_BINARY))],
            &[(CK_OTP_VALUE, b"338314")],
            &[(99, b"")],
        ] {
            assert_eq!(sign(hsm, key, bad), Err(CKR_MECHANISM_PARAM_INVALID), "{bad:?}");
        }
        assert_eq!(verify(hsm, key, &[], b"338314"), Err(CKR_MECHANISM_PARAM_INVALID));
        let no_list = CK_OTP_PARAMS { pParams: null_mut(), ulCount: 1 };
        let how = Mechanism::Bytes(CKM_HOTP, Mechanism::structure(&no_list));
        let refused = hsm.client.sign(how, key, Way::Whole, &[], &mut [0; 128]);
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));

        let unfriendly = key_of(&[(CKA_OTP_USER_FRIENDLY_MODE, FALSE)]);
        let refused = sign(hsm, unfriendly, &[(CK_OTP_FLAGS, &number(CKF_USER_FRIENDLY_OTP))]);
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
        let own = key_of(&[(CKA_OTP_COUNTER_REQUIREMENT, &number(CK_OTP_PARAM_IGNORED))]);
        assert_eq!(sign(hsm, own, &[given]), Ok((0, b"755224".to_vec())));
        assert_eq!(verify(hsm, own, &[given], b"338314"), Ok(()));
        let told = key_of(&[(CKA_OTP_COUNTER_REQUIREMENT, &number(CK_OTP_PARAM_MANDATORY))]);
        assert_eq!(sign(hsm, told, &[]), Err(CKR_MECHANISM_PARAM_INVALID));
        assert_eq!(sign(hsm, told, &[given]), Ok((4, b"338314".to_vec())));
    }

    fn the_last_counter_is_not_taken(hsm) {
        for home in [FALSE, TRUE] {
            let key = key(hsm, &[(CKA_TOKEN, home), (CKA_OTP_COUNTER, &(u64::MAX - 1).to_be_bytes())]).unwrap();
            assert_eq!(sign(hsm, key, &[]).unwrap().0, u64::MAX - 1);
            assert_eq!(sign(hsm, key, &[]), Err(CKR_FUNCTION_FAILED));
            assert_eq!(counter(hsm, key), u64::MAX);
            hsm.client.destroy(key).unwrap();
        }
    }

    fn a_key_that_is_gone_gives_no_password(hsm) {
        for home in [FALSE, TRUE] {
            let key = key(hsm, &[(CKA_TOKEN, home)]).unwrap();
            Mechanism::Plain(CKM_HOTP).with(|how| assert_eq!(call!(hsm, C_SignInit(how, key)), CKR_OK));
            hsm.client.destroy(key).unwrap();
            let refused = into(128, |out, room| call!(hsm, C_Sign(null_mut(), 0, out, room)));
            assert_eq!(refused, Err(CKR_KEY_HANDLE_INVALID));
        }
    }

    fn messages_take_a_counter_each(hsm) {
        let key = key(hsm, &[(CKA_TOKEN, TRUE)]).unwrap();
        Mechanism::Plain(CKM_HOTP).with(|how| assert_eq!(call!(hsm, C_MessageSignInit(how, key)), CKR_OK));
        for expected in 0..3 {
            let signature = into(128, |out, room| {
                call!(hsm, C_SignMessage(null_mut(), 0, null_mut(), 0, out, room))
            });
            assert_eq!(read(&signature.unwrap()).0, expected);
        }
        assert_eq!(call!(hsm, C_MessageSignFinal()), CKR_OK);
        assert_eq!(counter(hsm, key), 3);
    }
}
