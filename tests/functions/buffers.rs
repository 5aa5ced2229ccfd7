//! NULLs, lengths and canaries for every function that takes or gives bytes.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{into, len, pointer, test};
use super::steps::{Bench, CLEAR, ECB, Given, Start, Step};
use crate::client::Way;

const HUGE: CK_ULONG = CK_ULONG::MAX;

/// Lengths that no memory holds: the function refuses them, since an allocation that fails ends the
/// program. From 1 TiB to the greatest slice and the greatest number.
const BEYOND: [CK_ULONG; 7] = [
    1 << 40,
    1 << 47,
    (1 << 63) - 1,
    1 << 63,
    HUGE / 2 + 1,
    HUGE - 1,
    HUGE,
];

const CANARY: u8 = 0xC7;

/// Runs `check` on every function that gives bytes, with what it gives and a buffer of canaries.
fn outputs(bench: &Bench<'_>, check: impl Fn(&Step<'_>, &[u8], &mut [u8])) {
    for step in bench.steps().iter().filter(|step| step.gives) {
        let expected = bench.expected(step);
        assert!(!expected.is_empty(), "{}", step.name);
        let mut buffer = vec![CANARY; expected.len() + 8];
        check(step, &expected, &mut buffer);
        assert!(
            buffer[expected.len()..].iter().all(|byte| *byte == CANARY),
            "{}",
            step.name
        );
    }
}

/// Runs `check` on every function that takes bytes.
fn inputs(bench: &Bench<'_>, check: impl Fn(&Step<'_>, &dyn Fn(CK_BYTE_PTR, CK_ULONG) -> CK_RV)) {
    for step in bench.steps().iter().filter(|step| step.input.is_some()) {
        check(step, &|data, len| {
            let (mut out, mut out_len) = ([0; 512], 512);
            let (out, out_len) = (out.as_mut_ptr(), &raw mut out_len);
            bench.call(
                step,
                Given {
                    data,
                    len,
                    out,
                    out_len,
                },
            )
        });
    }
}

/// A bad argument has ended the operation.
fn is_ended(bench: &Bench<'_>, step: &Step<'_>) {
    if !step.after.is_empty() {
        let (mut out, mut out_len) = ([0; 512], 512);
        let given = step.given(out.as_mut_ptr(), &raw mut out_len);
        let rv = bench.call(step, given);
        assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED, "{}", step.name);
    }
}

test! {
    fn a_query_and_a_small_buffer_learn_the_length_and_end_nothing(hsm) {
        let bench = Bench::new(hsm);
        outputs(&bench, |step, expected, buffer| {
            let out = buffer.as_mut_ptr();
            bench.prepare(step);
            for before in [0, 1, HUGE] {
                let mut out_len = before;
                let rv = bench.call(step, step.given(null_mut(), &raw mut out_len));
                // How many data a signature holds is known when it is opened.
                let most = if step.name == "C_VerifyRecover" { 245 } else { len(expected) };
                assert_eq!((rv, out_len), (CKR_OK, most), "{}", step.name);
            }
            for room in [0, 1, expected.len() - 1] {
                let mut out_len = len(&expected[..room]);
                let rv = bench.call(step, step.given(out, &raw mut out_len));
                let wanted = (CKR_BUFFER_TOO_SMALL, len(expected));
                assert_eq!((rv, out_len), wanted, "{}", step.name);
            }
            assert!(buffer.iter().all(|byte| *byte == CANARY), "{}", step.name);
            let mut out_len = len(expected);
            let rv = bench.call(step, step.given(out, &raw mut out_len));
            assert_eq!((rv, out_len), (CKR_OK, len(expected)), "{}", step.name);
            assert_eq!(buffer[..expected.len()], *expected, "{}", step.name);
        });
    }

    fn output_fills_its_length_and_no_more(hsm) {
        let bench = Bench::new(hsm);
        outputs(&bench, |step, expected, buffer| {
            for room in [expected.len(), expected.len() + 1, buffer.len()] {
                bench.prepare(step);
                let mut out_len = CK_ULONG::try_from(room).unwrap();
                let rv = bench.call(step, step.given(buffer.as_mut_ptr(), &raw mut out_len));
                assert_eq!((rv, out_len), (CKR_OK, len(expected)), "{}", step.name);
                assert_eq!(buffer[..expected.len()], *expected, "{}", step.name);
            }
        });
    }

    fn output_without_length_or_with_an_impossible_one_is_refused(hsm) {
        let bench = Bench::new(hsm);
        outputs(&bench, |step, _, buffer| {
            let out = buffer.as_mut_ptr();
            for start in [out, null_mut()] {
                bench.prepare(step);
                let rv = bench.call(step, step.given(start, null_mut()));
                assert_eq!(rv, CKR_ARGUMENTS_BAD, "{}", step.name);
                is_ended(&bench, step);
            }
            for impossible in [HUGE, HUGE / 2 + 1] {
                bench.prepare(step);
                let mut out_len = impossible;
                let rv = bench.call(step, step.given(out, &raw mut out_len));
                assert_eq!((rv, out_len), (CKR_ARGUMENTS_BAD, impossible), "{}", step.name);
                is_ended(&bench, step);
            }
            assert!(buffer.iter().all(|byte| *byte == CANARY), "{}", step.name);
        });
    }

    fn an_error_writes_no_length(hsm) {
        let bench = Bench::new(hsm);
        let mut out = [CANARY; 16];
        bench.start(&[Start::Encrypt(ECB)]);
        let mut out_len = 16;
        let rv = call!(hsm, C_Encrypt(pointer(CLEAR), 15, out.as_mut_ptr(), &raw mut out_len));
        assert_eq!((rv, out_len, out), (CKR_DATA_LEN_RANGE, 16, [CANARY; 16]));
    }

    fn input_may_be_null_only_without_length(hsm) {
        let bench = Bench::new(hsm);
        inputs(&bench, |step, call| {
            for start in [null_mut(), pointer(b"x")] {
                bench.prepare(step);
                assert_eq!(call(start, 0), step.empty, "{}", step.name);
            }
            bench.prepare(step);
            assert_eq!(call(null_mut(), 1), CKR_ARGUMENTS_BAD, "{}", step.name);
            is_ended(&bench, step);
        });
    }

    fn input_beyond_all_memory_is_refused(hsm) {
        let bench = Bench::new(hsm);
        inputs(&bench, |step, call| {
            for size in BEYOND {
                for start in [pointer(b"x"), null_mut()] {
                    bench.prepare(step);
                    assert_eq!(call(start, size), CKR_ARGUMENTS_BAD, "{} {size:#x}", step.name);
                    is_ended(&bench, step);
                }
            }
        });
    }

    fn the_session_is_judged_before_every_argument(hsm) {
        let bench = Bench::new(hsm);
        for step in bench.steps() {
            let bad = Given { len: HUGE, ..Given::output(null_mut(), null_mut()) };
            let rv = bench.call_on(hsm.session + 1, &step, bad);
            assert_eq!(rv, CKR_SESSION_HANDLE_INVALID, "{}", step.name);
        }
    }

    fn input_and_output_may_share_memory(hsm) {
        let bench = Bench::new(hsm);
        outputs(&bench, |step, expected, _| {
            let Some(input) = &step.input else { return };
            // Where the input begins and where the output does: the same, each inside the other, apart.
            for (from, to) in [(8, 8), (8, 0), (0, 8), (0, 15), (15, 0), (0, 300), (300, 0)] {
                let mut memory = [0_u8; 1024];
                memory[from..from + input.len()].copy_from_slice(input);
                let start = memory.as_mut_ptr();
                let mut out_len = len(expected);
                // SAFETY: both stay inside `memory`.
                let (data, out) = unsafe { (start.add(from), start.add(to)) };
                let (size, out_len) = (len(input), &raw mut out_len);
                bench.prepare(step);
                let rv = bench.call(step, Given { data, len: size, out, out_len });
                assert_eq!(rv, CKR_OK, "{}", step.name);
                let made = &memory[to..to + expected.len()];
                assert_eq!(made, expected, "{} {from} {to}", step.name);
            }
        });
    }

    fn the_second_half_of_a_dual_function_sees_the_clear_text(hsm) {
        let bench = Bench::new(hsm);
        let (client, key) = (&hsm.client, bench.key);
        let mut hidden = [0; 240];
        client.encrypt(ECB, key, Way::Whole, CLEAR, &mut hidden).unwrap();
        let (mut digest, mut mac) = ([0; 32], [0; 32]);
        client.digest(CKM_SHA256, CLEAR, &mut digest).unwrap();
        let hmac = crate::client::Mechanism::Plain(CKM_SHA256_HMAC);
        client.sign(hmac, key, Way::Whole, CLEAR, &mut mac).unwrap();
        macro_rules! dual {
            ($name:ident, $starts:expr, $input:expr, $output:expr) => {
                bench.start(&$starts);
                let dual = |out, len| call!(hsm, $name(pointer($input), 240, out, len));
                // A query, and a buffer that is too small, give the second half nothing.
                let mut needed = 0;
                assert_eq!(dual(null_mut(), &raw mut needed), CKR_OK);
                assert_eq!(into(239, dual), Err(CKR_BUFFER_TOO_SMALL));
                assert_eq!(into(240, dual).unwrap(), $output);
            };
        }
        use Start::{Decrypt, Digest, Encrypt, Sign, Verify};
        dual!(C_DigestEncryptUpdate, [Encrypt(ECB), Digest], CLEAR, hidden);
        assert_eq!(into(32, |out, len| call!(hsm, C_DigestFinal(out, len))).unwrap(), digest);
        dual!(C_SignEncryptUpdate, [Encrypt(ECB), Sign], CLEAR, hidden);
        assert_eq!(into(32, |out, len| call!(hsm, C_SignFinal(out, len))).unwrap(), mac);
        dual!(C_DecryptDigestUpdate, [Decrypt(ECB), Digest], &hidden, *CLEAR);
        assert_eq!(into(32, |out, len| call!(hsm, C_DigestFinal(out, len))).unwrap(), digest);
        dual!(C_DecryptVerifyUpdate, [Decrypt(ECB), Verify], &hidden, *CLEAR);
        assert_eq!(call!(hsm, C_VerifyFinal(pointer(&mac), 32)), CKR_OK);
    }
}
