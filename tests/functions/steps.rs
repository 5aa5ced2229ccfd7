//! Every function that takes or gives bytes, with what must be active before it.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, len, pointer};
use crate::client::{Mechanism, Pair, Way};

/// An operation to be made active.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Encrypt(Mechanism<'static>),
    Decrypt(Mechanism<'static>),
    Digest,
    Sign,
    SignRecover,
    Verify,
    VerifyRecover,
    VerifySignature,
}

pub(crate) const ECB: Mechanism<'static> = Mechanism::Plain(CKM_AES_ECB);
const GCM: Mechanism<'static> = Mechanism::Gcm {
    iv: &[7; 12],
    aad: b"",
    tag_bits: 128,
};
const HMAC: Mechanism<'static> = Mechanism::Plain(CKM_SHA256_HMAC);
const RSA: Mechanism<'static> = Mechanism::Plain(CKM_RSA_PKCS);
const WRAP: Mechanism<'static> = Mechanism::Plain(CKM_AES_KEY_WRAP);

/// Fifteen blocks that differ, in clear.
pub(crate) const CLEAR: &[u8; 240] = &{
    let mut clear = [0; 240];
    let mut at = 0;
    while at < 240 {
        clear[at as usize] = at;
        at += 1;
    }
    clear
};

type Call<'a> = Box<dyn Fn(CK_SESSION_HANDLE, Given) -> CK_RV + 'a>;

/// Pointers and lengths of a call; functions that take no input, or give no output, do without.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    pub(crate) data: CK_BYTE_PTR,
    pub(crate) len: CK_ULONG,
    pub(crate) out: CK_BYTE_PTR,
    pub(crate) out_len: CK_ULONG_PTR,
}

impl Given {
    pub(crate) fn output(out: CK_BYTE_PTR, out_len: CK_ULONG_PTR) -> Self {
        let (data, len) = (null_mut(), 0);
        Self {
            data,
            len,
            out,
            out_len,
        }
    }
}

/// A function that takes or gives bytes.
pub(crate) struct Step<'a> {
    pub(crate) name: &'static str,
    /// Empty for functions that are no step of an operation.
    pub(crate) after: &'static [Start],
    /// What it takes; `None` where it takes nothing.
    pub(crate) input: Option<Vec<u8>>,
    /// What it answers to an input of no bytes.
    pub(crate) empty: CK_RV,
    pub(crate) gives: bool,
    call: Call<'a>,
}

/// Keys for every function, and what they made before.
pub(crate) struct Bench<'a> {
    hsm: &'a Hsm,
    pub(crate) key: CK_OBJECT_HANDLE,
    rsa: Pair,
    hidden: Vec<u8>,
    sealed: Vec<u8>,
    mac: Vec<u8>,
    recoverable: Vec<u8>,
    blob: Vec<u8>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(hsm: &'a Hsm) -> Self {
        let client = &hsm.client;
        let key = hsm.secret(
            CKK_AES,
            &[
                CKA_ENCRYPT,
                CKA_DECRYPT,
                CKA_SIGN,
                CKA_VERIFY,
                CKA_WRAP,
                CKA_UNWRAP,
                CKA_EXTRACTABLE,
            ],
        );
        let rsa = hsm.rsa(&[]);
        let output = |give: &dyn Fn(&mut [u8]) -> Result<usize, CK_RV>| {
            let mut out = vec![0; 512];
            let written = give(&mut out).unwrap();
            out.truncate(written);
            out
        };
        Self {
            hidden: output(&|out| client.encrypt(ECB, key, Way::Whole, CLEAR, out)),
            sealed: output(&|out| client.encrypt(GCM, key, Way::Whole, CLEAR, out)),
            mac: output(&|out| client.sign(HMAC, key, Way::Whole, b"", out)),
            recoverable: output(&|out| client.sign(RSA, rsa.private, Way::Whole, CLEAR, out)),
            blob: output(&|out| client.wrap(WRAP, key, key, out)),
            hsm,
            key,
            rsa,
        }
    }

    /// Makes the operations active, and no others.
    pub(crate) fn start(&self, operations: &[Start]) {
        let (hsm, key) = (self.hsm, self.key);
        assert_eq!(call!(hsm, C_SessionCancel(CK_FLAGS::MAX)), CKR_OK);
        for operation in operations {
            let rv = match operation {
                Start::Encrypt(how) => how.with(|how| call!(hsm, C_EncryptInit(how, key))),
                Start::Decrypt(how) => how.with(|how| call!(hsm, C_DecryptInit(how, key))),
                Start::Digest => {
                    Mechanism::Plain(CKM_SHA256).with(|how| call!(hsm, C_DigestInit(how)))
                }
                Start::Sign => HMAC.with(|how| call!(hsm, C_SignInit(how, key))),
                Start::Verify => HMAC.with(|how| call!(hsm, C_VerifyInit(how, key))),
                Start::SignRecover => {
                    RSA.with(|how| call!(hsm, C_SignRecoverInit(how, self.rsa.private)))
                }
                Start::VerifyRecover => {
                    RSA.with(|how| call!(hsm, C_VerifyRecoverInit(how, self.rsa.public)))
                }
                Start::VerifySignature => {
                    let (mac, mac_len) = (pointer(&self.mac), len(&self.mac));
                    HMAC.with(|how| call!(hsm, C_VerifySignatureInit(how, key, mac, mac_len)))
                }
            };
            assert_eq!(rv, CKR_OK);
        }
    }

    /// Calls the function of the step on this session, whatever is active.
    pub(crate) fn call(&self, step: &Step<'_>, given: Given) -> CK_RV {
        (step.call)(self.hsm.session, given)
    }

    /// As `call`, on another session.
    pub(crate) fn call_on(
        &self,
        session: CK_SESSION_HANDLE,
        step: &Step<'_>,
        given: Given,
    ) -> CK_RV {
        (step.call)(session, given)
    }

    /// Makes active what the step needs.
    pub(crate) fn prepare(&self, step: &Step<'_>) {
        self.start(step.after);
        // Functions that end a cipher have something to give.
        let (table, session) = (self.hsm.table, self.hsm.session);
        let (mut out, mut out_len) = ([0; 512], 512);
        let (out, out_len) = (out.as_mut_ptr(), &raw mut out_len);
        let rv = match step.name {
            "C_EncryptFinal" => {
                function!(
                    table,
                    C_EncryptUpdate(session, pointer(CLEAR), 240, out, out_len)
                )
            }
            "C_DecryptFinal" => {
                let (sealed, sealed_len) = (pointer(&self.sealed), len(&self.sealed));
                function!(
                    table,
                    C_DecryptUpdate(session, sealed, sealed_len, out, out_len)
                )
            }
            _ => CKR_OK,
        };
        assert_eq!(rv, CKR_OK, "{}", step.name);
    }

    /// What the step gives for its own input.
    pub(crate) fn expected(&self, step: &Step<'_>) -> Vec<u8> {
        self.prepare(step);
        let mut out = vec![0; 512];
        let mut out_len = len(&out);
        let given = step.given(out.as_mut_ptr(), &raw mut out_len);
        assert_eq!(self.call(step, given), CKR_OK, "{}", step.name);
        out.truncate(usize::try_from(out_len).unwrap());
        out
    }

    /// Every function.
    pub(crate) fn steps(&self) -> Vec<Step<'a>> {
        let table = self.hsm.table;
        macro_rules! step {
            ($name:ident, $after:expr, $input:expr) => {
                Step {
                    name: stringify!($name),
                    after: $after,
                    input: Some($input.to_vec()),
                    empty: CKR_OK,
                    gives: true,
                    call: Box::new(
                        |h,
                         Given {
                             data,
                             len,
                             out,
                             out_len,
                         }| { function!(table, $name(h, data, len, out, out_len)) },
                    ),
                }
            };
        }
        macro_rules! last {
            ($name:ident, $after:expr) => {
                Step {
                    input: None,
                    call: Box::new(|h, given| function!(table, $name(h, given.out, given.out_len))),
                    ..step!(C_Encrypt, $after, b"").named(stringify!($name))
                }
            };
        }
        macro_rules! takes {
            ($name:ident, $after:expr) => {
                Step {
                    gives: false,
                    call: Box::new(|h, given| function!(table, $name(h, given.data, given.len))),
                    ..step!(C_Encrypt, $after, CLEAR).named(stringify!($name))
                }
            };
        }
        use Start::{
            Decrypt, Digest, Encrypt, Sign, SignRecover, Verify, VerifyRecover, VerifySignature,
        };
        vec![
            step!(C_Encrypt, &[Encrypt(ECB)], CLEAR),
            step!(C_EncryptUpdate, &[Encrypt(ECB)], CLEAR),
            last!(C_EncryptFinal, &[Encrypt(GCM)]),
            step!(C_Decrypt, &[Decrypt(ECB)], self.hidden),
            step!(C_DecryptUpdate, &[Decrypt(ECB)], self.hidden),
            last!(C_DecryptFinal, &[Decrypt(GCM)]),
            step!(C_Digest, &[Digest], CLEAR),
            takes!(C_DigestUpdate, &[Digest]),
            last!(C_DigestFinal, &[Digest]),
            step!(C_Sign, &[Sign], CLEAR),
            takes!(C_SignUpdate, &[Sign]),
            last!(C_SignFinal, &[Sign]),
            step!(C_SignRecover, &[SignRecover], CLEAR),
            self.verify(),
            takes!(C_VerifyUpdate, &[Verify]),
            takes!(C_VerifySignatureUpdate, &[VerifySignature]),
            Step {
                empty: CKR_SIGNATURE_LEN_RANGE,
                ..step!(C_VerifyRecover, &[VerifyRecover], self.recoverable)
            },
            step!(C_DigestEncryptUpdate, &[Encrypt(ECB), Digest], CLEAR),
            step!(C_SignEncryptUpdate, &[Encrypt(ECB), Sign], CLEAR),
            step!(C_DecryptDigestUpdate, &[Decrypt(ECB), Digest], self.hidden),
            step!(C_DecryptVerifyUpdate, &[Decrypt(ECB), Verify], self.hidden),
            takes!(C_SeedRandom, &[]),
            self.wrap(),
            self.unwrap(),
        ]
    }

    /// C_Verify of no bytes, whose MAC is a right one.
    fn verify(&self) -> Step<'a> {
        let (table, mac) = (self.hsm.table, self.mac.clone());
        Step {
            name: "C_Verify",
            after: &[Start::Verify],
            input: Some(Vec::new()),
            empty: CKR_OK,
            gives: false,
            call: Box::new(move |h, given| {
                let (mac, mac_len) = (pointer(&mac), len(&mac));
                function!(table, C_Verify(h, given.data, given.len, mac, mac_len))
            }),
        }
    }

    fn wrap(&self) -> Step<'a> {
        let (table, key) = (self.hsm.table, self.key);
        Step {
            name: "C_WrapKey",
            after: &[],
            input: None,
            empty: CKR_OK,
            gives: true,
            call: Box::new(move |h, Given { out, out_len, .. }| {
                WRAP.with(|how| function!(table, C_WrapKey(h, how, key, key, out, out_len)))
            }),
        }
    }

    fn unwrap(&self) -> Step<'a> {
        let (table, key) = (self.hsm.table, self.key);
        Step {
            name: "C_UnwrapKey",
            after: &[],
            input: Some(self.blob.clone()),
            empty: CKR_WRAPPED_KEY_LEN_RANGE,
            gives: false,
            call: Box::new(move |h, Given { data, len, .. }| {
                let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_AES.to_ne_bytes());
                let mut template = [of(CKA_CLASS, &class), of(CKA_KEY_TYPE, &kind)];
                let (template, mut unwrapped) = (template.as_mut_ptr(), 0);
                let place = &raw mut unwrapped;
                WRAP.with(|how| {
                    function!(
                        table,
                        C_UnwrapKey(h, how, key, data, len, template, 2, place)
                    )
                })
            }),
        }
    }
}

impl Step<'_> {
    fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The step's own input, and this place for its output.
    pub(crate) fn given(&self, out: CK_BYTE_PTR, out_len: CK_ULONG_PTR) -> Given {
        let input = self.input.as_deref().unwrap_or_default();
        Given {
            data: pointer(input),
            len: len(input),
            out,
            out_len,
        }
    }
}

/// An attribute that the library only reads.
pub(crate) fn of(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: pointer(value).cast(),
        ulValueLen: len(value),
    }
}

/// An attribute whose value is this number or flag.
pub(crate) fn attribute<T>(kind: CK_ATTRIBUTE_TYPE, value: &T) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: std::ptr::from_ref(value).cast_mut().cast(),
        ulValueLen: CK_ULONG::try_from(size_of::<T>()).unwrap(),
    }
}
