//! The library with a token, in a process of its own whose environment says where the token is.

use std::process::Command;
use std::ptr::null_mut;

use cryptoki_sys::*;
use tenon_pkcs11::api::mechanism;

use crate::client::{self, Client};

/// Set in the child processes of this program.
const CHILD: &str = "TENON_TEST_CHILD";

/// A session, with the user logged in.
pub(crate) struct Hsm {
    pub(crate) client: Client,
    pub(crate) table: &'static CK_FUNCTION_LIST_3_2,
    pub(crate) session: CK_SESSION_HANDLE,
}

/// The functions of a library that is not initialized.
pub(crate) type Table = &'static CK_FUNCTION_LIST_3_2;

/// Runs the body of the test named `test` in a process of its own, with a token.
pub(crate) fn run(test: &str, body: fn(&Hsm)) {
    isolated(test, &[], || with_token(body));
}

/// As `run`, where every mechanism is offered that the library has.
pub(crate) fn run_offering_all(test: &str, body: fn(&Hsm)) {
    let names = mechanism::all().map(|row| row.name);
    let all = names.collect::<Vec<_>>().join(",");
    isolated(test, &[("TENON_SLOTS_MECHANISMS", &all)], || {
        with_token(body)
    });
}

fn with_token(body: fn(&Hsm)) {
    let client = Client::start(&client::library());
    let table = client::newest_functions(&client::library());
    let session = client.session();
    body(&Hsm {
        client,
        table,
        session,
    });
}

/// Runs the body of the test named `test` in a process of its own, before C_Initialize.
pub(crate) fn run_uninitialized(test: &str, body: fn(Table)) {
    isolated(test, &[], || {
        body(client::newest_functions(&client::library()))
    });
}

fn isolated(test: &str, settings: &[(&str, &str)], body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env("TENON_DIRECTORIES_TOKENDIR", folder.path().join("tokens"))
        .env(LOG, folder.path().join("log"))
        .env("TENON_LOG_LEVEL", "DEBUG")
        .env(TRACE, folder.path().join("trace"))
        .env("TENON_CONF", "/dev/null")
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success() && text(&output.stdout).contains("1 passed"),
        "{test}:\n{}",
        text(&output.stderr)
    );
    // A test before C_Initialize has no trace.
    let trace = std::fs::read(folder.path().join("trace")).unwrap_or_default();
    let pin = std::str::from_utf8(client::PIN).unwrap();
    assert!(
        !text(&trace).contains(pin),
        "{test}: the PIN is in the trace"
    );
}

/// Says to the library of a child process where its trace goes.
pub(crate) const TRACE: &str = "TENON_LOG_TRACE";

/// Says to the library of a child process where its log goes.
const LOG: &str = "TENON_LOG_TARGET";

/// Whether the library of this child process has logged a call of `function`.
pub(crate) fn was_called(function: &str) -> bool {
    let log = std::fs::read_to_string(std::env::var_os(LOG).unwrap()).unwrap_or_default();
    log.contains(&format!("{function} called"))
}

/// Tests in processes of their own: with a token, or before C_Initialize.
macro_rules! test {
    ($(fn $name:ident($hsm:ident) $body:block)+) => {
        $crate::functions::hsm::test! { run: $(fn $name($hsm) $body)+ }
    };
    ($run:ident: $(fn $name:ident($hsm:ident) $body:block)+) => {$(
        #[test]
        fn $name() {
            let path = concat!(module_path!(), "::", stringify!($name));
            // Without the name of the program.
            let path = path.split_once("::").unwrap().1;
            $crate::functions::hsm::$run(path, |$hsm| $body);
        }
    )+};
}
pub(crate) use test;

/// A mechanism without parameter.
pub(crate) fn plain(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: null_mut(),
        ulParameterLen: 0,
    }
}

pub(crate) fn pointer(bytes: &[u8]) -> CK_BYTE_PTR {
    bytes.as_ptr().cast_mut()
}

pub(crate) fn len(bytes: &[u8]) -> CK_ULONG {
    CK_ULONG::try_from(bytes.len()).unwrap()
}

/// The output of a call into a buffer of `room` bytes, or its refusal.
pub(crate) fn into(
    room: usize,
    call: impl FnOnce(CK_BYTE_PTR, CK_ULONG_PTR) -> CK_RV,
) -> Result<Vec<u8>, CK_RV> {
    let mut out = vec![0xC5; room];
    let mut written = len(&out);
    match call(out.as_mut_ptr(), &raw mut written) {
        CKR_OK => {
            out.truncate(usize::try_from(written).unwrap());
            Ok(out)
        }
        rv => Err(rv),
    }
}

/// The length that a call says it needs.
pub(crate) fn needed(
    call: impl FnOnce(CK_BYTE_PTR, CK_ULONG_PTR) -> CK_RV,
) -> Result<CK_ULONG, CK_RV> {
    let mut needed = 0;
    match call(null_mut(), &raw mut needed) {
        CKR_OK => Ok(needed),
        rv => Err(rv),
    }
}

const TRUE: &[u8] = &[CK_TRUE];

const CKO_SECRET_KEY_BYTES: &[u8] = &CKO_SECRET_KEY.to_ne_bytes();
pub(crate) const CKK_GENERIC_SECRET_BYTES: &[u8] = &CKK_GENERIC_SECRET.to_ne_bytes();

/// The template of a secret key of type `kind`, in the bytes of its number, whose value can be read.
pub(crate) fn open(kind: &[u8]) -> Vec<client::Attribute<'_>> {
    vec![
        (CKA_CLASS, CKO_SECRET_KEY_BYTES),
        (CKA_KEY_TYPE, kind),
        (CKA_SENSITIVE, &[CK_FALSE]),
        (CKA_EXTRACTABLE, TRUE),
    ]
}

impl Hsm {
    /// A new RSA-2048 key pair that signs and verifies, with and without recovery, but for `without`.
    pub(crate) fn rsa(&self, without: &[CK_ATTRIBUTE_TYPE]) -> client::Pair {
        let kept = |kinds: &[CK_ATTRIBUTE_TYPE]| {
            let mut template = Vec::new();
            for kind in kinds {
                let allowed: &[u8] = if without.contains(kind) {
                    &[CK_FALSE]
                } else {
                    TRUE
                };
                template.push((*kind, allowed));
            }
            template
        };
        let bits = 2048_u64.to_ne_bytes();
        let mut public = kept(&[CKA_VERIFY, CKA_VERIFY_RECOVER]);
        public.push((CKA_MODULUS_BITS, &bits));
        let private = kept(&[CKA_SIGN, CKA_SIGN_RECOVER]);
        let mechanism = client::Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        self.client
            .generate_pair(mechanism, &public, &private)
            .unwrap()
    }

    /// An AES key that encrypts, decrypts, signs and verifies.
    pub(crate) fn aes(&self) -> CK_OBJECT_HANDLE {
        self.cipher_key(CKK_AES)
    }

    /// A key of 32 bytes that encrypts, decrypts, signs and verifies.
    pub(crate) fn cipher_key(&self, kind: CK_KEY_TYPE) -> CK_OBJECT_HANDLE {
        self.secret(kind, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY])
    }

    /// A generic secret that derives, signs and verifies, and whose value can be read.
    pub(crate) fn generic(&self, value: &[u8]) -> CK_OBJECT_HANDLE {
        let mut template = open(CKK_GENERIC_SECRET_BYTES);
        template.push((CKA_VALUE, value));
        template.extend([CKA_DERIVE, CKA_SIGN, CKA_VERIFY].map(|kind| (kind, TRUE)));
        self.client.create(&template).unwrap()
    }

    /// The value of a key that may be read.
    pub(crate) fn value(&self, key: CK_OBJECT_HANDLE) -> Vec<u8> {
        let mut value = vec![0; 4096];
        let read = self.client.attributes(key, &mut [(CKA_VALUE, &mut value)]);
        value.truncate(read.unwrap()[0]);
        value
    }

    /// A key of 32 bytes that has these attributes.
    pub(crate) fn secret(
        &self,
        kind: CK_KEY_TYPE,
        having: &[CK_ATTRIBUTE_TYPE],
    ) -> CK_OBJECT_HANDLE {
        let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), kind.to_ne_bytes());
        let mut template = vec![
            (CKA_CLASS, &class[..]),
            (CKA_KEY_TYPE, &kind),
            (CKA_VALUE, &[0x5A; 32]),
        ];
        template.extend(having.iter().map(|kind| (*kind, TRUE)));
        self.client.create(&template).unwrap()
    }

    pub(crate) fn flags(&self, kind: CK_MECHANISM_TYPE) -> CK_FLAGS {
        self.client.info(kind).unwrap().flags
    }
}
