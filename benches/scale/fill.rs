//! The tokens: how they are opened, and what is in them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::SystemClock;
use tenon_pkcs11::api::config::{Config, LogTarget};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::mechanism::{Params, Request, find};
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::session::Session;

use crate::common::{LABEL, RW, SLOT, SO_PIN, USER_PIN, attrs, session};

/// Threads that fill a token: their changes share transactions.
const THREADS: u64 = 16;

pub(crate) fn open(folder: &Path) -> Module {
    let mut config = Config::defaults();
    config.token_dir = folder.join("tokens");
    config.log_target = LogTarget::Off;
    Module::open(config, Arc::new(SystemClock), Arc::new(SystemRng)).unwrap()
}

pub(crate) fn log_in(module: &Module) -> Arc<Session> {
    let session = session(module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session
}

pub(crate) fn plain(mechanism: ck::CK_MECHANISM_TYPE) -> Request {
    Request::new(find(mechanism).unwrap(), Params::None).unwrap()
}

/// Makes a token with so many objects, and tells how long one took.
pub(crate) fn fill(folder: &Path, objects: u64) -> Vec<(String, String)> {
    let module = open(folder);
    module.init_token(SLOT, SO_PIN, &padded(LABEL)).unwrap();
    let officer = session(&module, RW);
    officer.login(ck::CKU_SO, SO_PIN).unwrap();
    officer.init_pin(USER_PIN).unwrap();
    officer.logout().unwrap();
    let _user = log_in(&module);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let session = session(&module, RW);
            scope.spawn(move || {
                for number in (thread..objects).step_by(THREADS as usize) {
                    make(&session, number);
                }
            });
        }
    });
    let each = start.elapsed().as_secs_f64() * 1e6 / objects as f64;
    let file = folder.join("tokens/slot-0000.tenon");
    let wal = folder.join("tokens/slot-0000.tenon-wal");
    let len = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let bytes = (len(&file) + len(&wal)) as f64 / objects as f64;
    vec![
        (
            format!("make an object, {THREADS} threads"),
            format!("{each:.0} µs"),
        ),
        ("files, an object".into(), format!("{bytes:.0} bytes")),
    ]
}

/// Object `number` of a token.
fn make(session: &Session, number: u64) {
    let label = label(number);
    let mut template = attrs![
        CKA_TOKEN => true, CKA_LABEL => label.as_str(), CKA_ID => &number.to_be_bytes()[..],
    ];
    match number % 4 {
        0 | 1 => {
            template.extend(attrs![CKA_VALUE_LEN => 32_u64]);
            let made = session.generate_key(plain(ck::CKM_AES_KEY_GEN), &template);
            made.map(drop)
        }
        2 => {
            template.extend(attrs![
                CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_X_509,
                CKA_VALUE => &[number.to_be_bytes(); 100].concat()[..],
            ]);
            template.extend(subject(number));
            session.create_object(&template).map(drop)
        }
        _ => {
            template.extend(attrs![
                CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_RSA,
                CKA_PUBLIC_EXPONENT => &[1, 0, 1][..],
            ]);
            template.extend(modulus(number));
            session.create_object(&template).map(drop)
        }
    }
    .unwrap();
}

pub(crate) fn label(number: u64) -> String {
    format!("object {number}")
}

/// CKA_SUBJECT of a certificate: as long as one is, and no other's.
pub(crate) fn subject(number: u64) -> Vec<RawAttribute> {
    attrs![CKA_SUBJECT => &[number.to_be_bytes(); 10].concat()[..]]
}

/// CKA_MODULUS of a public key of 2048 bits.
pub(crate) fn modulus(number: u64) -> Vec<RawAttribute> {
    let mut modulus = [number.to_be_bytes(); 32].concat();
    modulus[0] |= 0x80;
    modulus[255] |= 1;
    attrs![CKA_MODULUS => &modulus[..]]
}
