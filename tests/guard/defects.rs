//! A defect inside the module, wherever a call meets it: the source of randomness and the clock panic at their Nth use,
//! for every N of a client's calls. The boundary of the C functions makes CKR_GENERAL_ERROR of it: `src/abi/door.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, ManualClock, UnixTime};
use tenon_pkcs11::api::config::{Config, LogTarget};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::rng::Rng;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{
    Calls, RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, database, full, open, session, with,
};

const OTHER_PIN: &[u8] = b"user-pin-2";

/// A clock and a source of randomness, one of whose uses to come panics.
#[derive(Clone, Default)]
struct Defect {
    /// How many uses go well before it; `u64::MAX`: all.
    left: Arc<AtomicU64>,
}

impl Defect {
    fn after(&self, uses: u64) {
        self.left.store(uses, Ordering::SeqCst);
    }

    fn use_up(&self) {
        let left = self.left.load(Ordering::SeqCst);
        match left {
            u64::MAX => {}
            0 => {
                self.after(u64::MAX);
                // A panic of which no hook is told.
                resume_unwind(Box::new("a defect"));
            }
            _ => self.after(left - 1),
        }
    }
}

impl Clock for Defect {
    fn now(&self) -> UnixTime {
        self.use_up();
        TODAY
    }
}

impl Rng for Defect {
    fn fill(&self, out: &mut [u8]) {
        self.use_up();
        SystemRng.fill(out);
    }

    fn seed(&self, seed: &[u8]) {
        SystemRng.seed(seed);
    }
}

/// Makes a call, and makes it again where it met the defect. It may have been done before it was met: the second call is
/// then refused by `done`.
fn call<T>(met: &mut u64, done: ck::CK_RV, mut call: impl FnMut() -> Result<T>) -> Option<T> {
    if let Ok(answer) = catch_unwind(AssertUnwindSafe(&mut call)) {
        return Some(answer.unwrap());
    }
    *met += 1;
    match call() {
        Ok(answer) => Some(answer),
        Err(error) => {
            assert_eq!(error.rv, done, "{error:?}");
            None
        }
    }
}

fn request(module: &Module, id: ck::CK_MECHANISM_TYPE) -> Request {
    Request::new(module.mechanism(id).unwrap(), Params::None).unwrap()
}

fn found(session: &Session) -> Result<Vec<Handle>> {
    let _ = session.find_final();
    session.find_init(&[])?;
    let found = session.find(100)?;
    session.find_final()?;
    Ok(found)
}

/// What a client does with objects, none of which it leaves. Says how often it met the defect.
fn objects(module: &Module, session: &Session) -> u64 {
    let mut count = 0;
    let met = &mut count;
    let never = ck::CKR_OK;
    let key = attrs![CKA_TOKEN => true, CKA_VALUE_LEN => 32];
    let uses = attrs![CKA_WRAP => true, CKA_UNWRAP => true, CKA_ENCRYPT => true];
    let make = |template: &[RawAttribute]| {
        session.generate_key(request(module, ck::CKM_AES_KEY_GEN), template)
    };
    let wrapping = call(met, never, || make(&with(key.clone(), uses.clone()))).unwrap();
    let extractable = with(key, attrs![CKA_EXTRACTABLE => true]);
    let secret = call(met, never, || make(&extractable)).unwrap();
    let kwp = || request(module, ck::CKM_AES_KEY_WRAP_KWP);
    let wrap = || full(|out| session.wrap_key(kwp(), wrapping, secret, out));
    let blob = call(met, never, wrap).unwrap();
    let aes =
        attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_TOKEN => true];
    call(met, never, || {
        session.unwrap_key(kwp(), wrapping, &blob, &aes)
    });
    let label = attrs![CKA_LABEL => "again"];
    call(met, never, || session.set_attributes(secret, &label));
    call(met, never, || session.copy_object(secret, &label));
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    call(met, never, || session.create_object(&data));
    call(met, never, || {
        session.encrypt_init(request(module, ck::CKM_AES_ECB), wrapping)?;
        full(|out| session.encrypt(&[0; 16], out))
    });
    for object in call(met, never, || found(session)).unwrap() {
        call(met, never, || session.attributes(object, &[ck::CKA_LABEL]));
        let gone = ck::CKR_OBJECT_HANDLE_INVALID;
        call(met, gone, || session.destroy_object(object));
    }
    assert!(call(met, never, || found(session)).unwrap().is_empty());
    count
}

/// What a client does with its PIN. Says how often it met the defect.
fn pins(_: &Module, session: &Session) -> u64 {
    let mut count = 0;
    let met = &mut count;
    call(met, ck::CKR_USER_NOT_LOGGED_IN, || session.logout());
    for (old, new) in [(USER_PIN, OTHER_PIN), (OTHER_PIN, USER_PIN)] {
        call(met, ck::CKR_PIN_INCORRECT, || session.set_pin(old, new));
    }
    let twice = ck::CKR_USER_ALREADY_LOGGED_IN;
    call(met, twice, || session.login(ck::CKU_USER, USER_PIN));
    count
}

#[test]
fn after_a_defect_the_same_call_works_and_nothing_is_left_by_half() {
    let folder = tempfile::tempdir().unwrap();
    let defect = Defect::default();
    defect.after(u64::MAX);
    let mut config = Config::defaults();
    config.token_dir = folder.path().join("tokens");
    database::instead_of(folder.path(), &mut config);
    config.log_target = LogTarget::Off;
    let module = Module::open(config, Arc::new(defect.clone()), Arc::new(defect.clone())).unwrap();
    module.init_token(SLOT, SO_PIN, &padded("defects")).unwrap();
    let session = session(&module, RW);
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    session.init_pin(USER_PIN).unwrap();
    session.logout().unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();

    for (work, least) in [(objects as fn(&_, &_) -> u64, 50), (pins, 5)] {
        let mut place = 0;
        loop {
            defect.after(place);
            let met = work(&module, &session);
            defect.after(u64::MAX);
            if met == 0 {
                break;
            }
            assert_eq!(met, 1, "place {place}");
            place += 1;
        }
        println!("{place} places");
        assert!(place >= least, "{place}");
    }

    module.token(SLOT).unwrap().verify_audit().unwrap();
    drop((session, module));
    let module = open(&folder, &ManualClock::at(TODAY), |_| ()).unwrap();
    let session = self::session(&module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    assert!(found(&session).unwrap().is_empty());
}
