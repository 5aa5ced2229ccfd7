//! A transaction that is rolled back is made again: the caller hears of success, and there is one
//! effect.

use std::sync::Arc;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::{AuditUse, Config, LogTarget};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::store;
use tenon_pkcs11::api::token::{Event, Handle};

use super::faults::{Transactions, Unsteady};
use super::outside::{self, Import, MATERIAL, OTHER};
use super::tools::{last, records, token};
use crate::common::{
    Calls, Fixture, LABEL, RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, database, returns, secret,
    session,
};

/// A token whose every transaction is rolled back once.
pub(crate) struct UnsteadyToken {
    pub(crate) import: Import,
    transactions: Transactions,
}

impl UnsteadyToken {
    pub(crate) fn new() -> Self {
        Self::configured(|_| ())
    }

    pub(crate) fn configured(configure: impl Fn(&mut Config)) -> Self {
        let Fixture {
            module,
            session,
            clock,
            folder,
        } = Fixture::configured(&configure);
        drop((session, module));
        let mut config = Config::defaults();
        config.token_dir = folder.path().join("tokens");
        database::instead_of(folder.path(), &mut config);
        config.log_target = LogTarget::Off;
        configure(&mut config);
        let (catalog, transactions) = Unsteady::over(store::catalog(&config));
        let clock_of_module = Arc::new(clock.clone());
        let module = Module::over(catalog, config, clock_of_module, Arc::new(SystemRng)).unwrap();
        let session = session_of_user(&module);
        let fixture = Fixture {
            module,
            session,
            clock,
            folder,
        };
        Self {
            import: Import::over(fixture),
            transactions,
        }
    }

    fn module(&self) -> &Module {
        &self.import.fixture.module
    }

    pub(crate) fn session(&self) -> &Session {
        &self.import.fixture.session
    }

    /// How many transactions have waited for the disk.
    pub(crate) fn durable(&self) -> u64 {
        self.transactions.durable()
    }

    /// How many transactions have read the store.
    pub(crate) fn reads(&self) -> u64 {
        self.transactions.reads()
    }

    /// Runs a call that makes one change: it is rolled back once, and leaves one record of `event` and
    /// as many more objects as it should.
    #[track_caller]
    fn once<T>(&self, event: Event, more: i64, call: impl FnOnce() -> T) -> T {
        let look = || {
            let objects = token(self.module()).object_count().unwrap();
            (records(self.module()).len(), objects.cast_signed())
        };
        let (before, rolled_back) = (look(), self.transactions.rolled_back());
        let answer = call();
        assert_eq!(
            self.transactions.rolled_back(),
            rolled_back + 1,
            "{event:?}"
        );
        assert_eq!(look(), (before.0 + 1, before.1 + more), "{event:?}");
        assert_eq!(last(self.module()).event, event);
        answer
    }
}

fn session_of_user(module: &Module) -> Arc<Session> {
    let session = session(module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session
}

fn aes(session: &Session) -> Handle {
    let template = attrs![CKA_TOKEN => true, CKA_LABEL => "aes", CKA_DERIVE => true];
    secret(session, ck::CKK_AES, template).public
}

#[test]
fn every_change_of_objects_is_made_once() {
    let unsteady = UnsteadyToken::new();
    let (session, fixture) = (unsteady.session(), &unsteady.import.fixture);
    let key = unsteady.once(Event::Create, 1, || aes(session));
    unsteady.once(Event::Change, 0, || {
        let template = attrs![CKA_LABEL => "changed"];
        session.set_attributes(key, &template).unwrap();
    });
    let copy = unsteady.once(Event::Copy, 1, || {
        session.copy_object(key, &attrs![]).unwrap()
    });
    unsteady.once(Event::Destroy, -1, || session.destroy_object(copy).unwrap());
    unsteady.once(Event::Generate, 1, || {
        let template = attrs![CKA_TOKEN => true, CKA_VALUE_LEN => 32_u64];
        let request = fixture.plain(ck::CKM_AES_KEY_GEN);
        session.generate_key(request, &template).unwrap()
    });
    unsteady.once(Event::Generate, 2, || {
        let p256: &[u8] = &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
        let public = attrs![CKA_TOKEN => true, CKA_EC_PARAMS => p256];
        let request = fixture.plain(ck::CKM_EC_KEY_PAIR_GEN);
        let private = attrs![CKA_TOKEN => true];
        session
            .generate_key_pair(request, &public, &private)
            .unwrap()
    });
    unsteady.once(Event::Derive, 1, || {
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
            CKA_VALUE_LEN => 32_u64, CKA_TOKEN => true,
        ];
        let request = fixture.plain(ck::CKM_SHA256_KEY_DERIVATION);
        session.derive_key(request, key, &template).unwrap()
    });
    token(unsteady.module()).verify_audit().unwrap();
}

#[test]
fn every_change_of_an_external_key_is_made_once() {
    let unsteady = UnsteadyToken::new();
    let (session, fixture) = (unsteady.session(), &unsteady.import.fixture);
    let soon = (TODAY + 60).to_be_bytes();
    let expiring = attrs![CKA_ID => "soon", CKA_TENON_EXPIRES_AT => &soon];
    unsteady.once(Event::Import, 1, || {
        unsteady.import.import(MATERIAL, expiring).unwrap()
    });
    let key = unsteady.once(Event::Generate, 1, || {
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 32_u64,
            CKA_ENCRYPT => true, CKA_ID => outside::ID, CKA_TENON_PROFILE => "alibaba-software",
        ];
        let request = outside::request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
        session.generate_key(request, &template).unwrap()
    });
    let import = |material| unsteady.import.import(material, vec![]).unwrap();
    unsteady.once(Event::Import, 0, || import(MATERIAL));
    unsteady.once(Event::Rotate, 0, || session.rotate(key, true).unwrap());
    unsteady.once(Event::Import, 1, || import(OTHER));
    unsteady.once(Event::EraseMaterial, 0, || {
        session.destroy_object(key).unwrap();
    });
    fixture.clock.set(TODAY + 60);
    unsteady.once(Event::Expire, 0, || {
        let swept = token(unsteady.module()).sweep().unwrap();
        assert_eq!((swept.materials, swept.failed), (1, 0));
    });
    token(unsteady.module()).verify_audit().unwrap();
}

#[test]
fn pins_are_counted_and_changed_once() {
    let unsteady = UnsteadyToken::new();
    let (session, module) = (unsteady.session(), unsteady.module());
    let tries = || token(module).status().unwrap().user_tries.unwrap();
    session.logout().unwrap();
    let before = tries();
    let rolled_back = unsteady.transactions.rolled_back();
    returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    // The count, and the record of the refusal.
    assert_eq!(unsteady.transactions.rolled_back(), rolled_back + 2);
    assert_eq!(tries(), before - 1);
    assert_eq!(last(module).event, Event::LoginRefused);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    assert_eq!(tries(), before);

    let new = b"another PIN";
    unsteady.once(Event::SetPin, 0, || session.set_pin(USER_PIN, new).unwrap());
    session.logout().unwrap();
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    unsteady.once(Event::InitPin, 0, || session.init_pin(USER_PIN).unwrap());
    unsteady.once(Event::ClockAccepted, 0, || {
        token(module).accept_clock(false).unwrap();
    });
    session.logout().unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    token(module).verify_audit().unwrap();
}

#[test]
fn uses_are_recorded_once() {
    let unsteady = UnsteadyToken::configured(|config| config.audit_use = AuditUse::On);
    let (session, fixture) = (unsteady.session(), &unsteady.import.fixture);
    let key = aes(session);
    unsteady.once(Event::Use, 0, || {
        let request = fixture.plain(ck::CKM_AES_ECB);
        session.encrypt_init(request, key).unwrap();
    });
    session.logout().unwrap();
    unsteady.once(Event::Login, 0, || {
        session.login(ck::CKU_USER, USER_PIN).unwrap();
    });
}

#[test]
fn records_move_to_an_archive_once() {
    let unsteady = UnsteadyToken::new();
    for _ in 0..3 {
        aes(unsteady.session());
    }
    let file = unsteady.import.fixture.folder.path().join("archive");
    let token = token(unsteady.module());
    let end = token.audit_end().unwrap();
    let rolled_back = unsteady.transactions.rolled_back();
    let archived = token.archive_audit(&file, |_| ()).unwrap();
    assert_eq!(unsteady.transactions.rolled_back(), rolled_back + 1);
    assert_eq!((archived.records, archived.up_to), (end - 1, end - 1));
    assert_eq!(token.audit_end().unwrap(), end + 1, "the record of that");
    // What is kept of archived objects is summed up once.
    token.verify_audit().unwrap();
    let verified = token.verify_archives(&[&file]).unwrap();
    assert_eq!((verified.first, verified.last), (1, end - 1));
}

#[test]
fn a_token_is_initialized_again_once() {
    let unsteady = UnsteadyToken::new();
    unsteady.session().logout().unwrap();
    let Import { fixture, .. } = unsteady.import;
    let Fixture {
        module, session, ..
    } = fixture;
    module.close_all_sessions(SLOT).unwrap();
    drop(session);
    let rolled_back = unsteady.transactions.rolled_back();
    module.init_token(SLOT, SO_PIN, &padded(LABEL)).unwrap();
    assert_eq!(unsteady.transactions.rolled_back(), rolled_back + 1);
    assert_eq!(records(&module).len(), 1);
    assert_eq!(last(&module).event, Event::InitToken);
    assert_eq!(token(&module).object_count().unwrap(), 0);
}

/// An Init whose key no other process has touched since reads nothing of the store, whatever else they change;
/// a change of the key, and the clock mark, are seen by the next one.
#[test]
fn an_init_reads_the_store_only_where_its_key_changed() {
    let unsteady = UnsteadyToken::new();
    let (fixture, here) = (&unsteady.import.fixture, unsteady.session());
    let template = |id: &[u8]| attrs![CKA_TOKEN => true, CKA_ID => id, CKA_VALUE_LEN => 32];
    let generate = |session: &Session, id: &[u8]| {
        let made = session.generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template(id));
        made.unwrap()
    };
    let key = generate(here, b"used");
    let init = || {
        let before = unsteady.transactions.reads();
        let begun = here.encrypt_init(fixture.plain(ck::CKM_AES_ECB), key);
        here.cancel(ck::CKF_ENCRYPT);
        (begun, unsteady.transactions.reads() - before)
    };
    let (begun, reads) = init();
    begun.unwrap();
    assert_eq!(
        reads, 1,
        "the first use reads the key's row and material together"
    );

    let other = fixture.another();
    let there = session_of_user(&other);
    there.find_init(&attrs![CKA_ID => b"used"]).unwrap();
    let seen = there.find(2).unwrap()[0];
    there.find_final().unwrap();
    init().0.unwrap();
    let mut reads = 0;
    for n in 0..20_u8 {
        let more = generate(&there, &[n]);
        there.destroy_object(more).unwrap();
        let (begun, read) = init();
        begun.unwrap();
        reads += read;
    }
    // A filter of 64 bits may take another object for this one.
    assert!(
        reads <= 6,
        "{reads} reads for 20 times two changes of others"
    );

    fixture.clock.set(TODAY + 1);
    generate(&there, b"later");
    assert!(init().1 > 0, "the clock mark is read again");
    there
        .set_attributes(seen, &attrs![CKA_ENCRYPT => false])
        .unwrap();
    returns!(init().0, CKR_KEY_FUNCTION_NOT_PERMITTED);
    there.destroy_object(seen).unwrap();
    returns!(init().0, CKR_KEY_HANDLE_INVALID);
}
