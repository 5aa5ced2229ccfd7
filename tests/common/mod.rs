//! A token of its own for each test, and short ways to say what a client says.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]
#![allow(
    dead_code,
    unused_imports,
    reason = "each test program uses its own part"
)]
mod calls;
pub(crate) mod database;
mod keys;
mod output;
mod reading;
mod template;

use std::sync::Arc;

use tempfile::TempDir;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, ManualClock};
use tenon_pkcs11::api::config::{Config, LogTarget};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::session::Session;

pub(crate) use calls::Calls;
pub(crate) use keys::{
    Pair, dh_material, dh_pair, dsa_pair, dsa_parameters, ec_material, ec_pair, external,
    ml_dsa_pair, ml_kem_pair, no_uses, okp_pair, rsa_material, rsa_pair, secret, slh_dsa_pair,
    sm2_material, sm2_pair, xwing_pair,
};
pub(crate) use output::{exactly, full, needed};
pub(crate) use reading::{bytes, number, state, uid};
pub(crate) use template::{ToAttribute, with};

pub(crate) const SO_PIN: &[u8] = b"so-pin-1";
pub(crate) const USER_PIN: &[u8] = b"user-pin-1";
pub(crate) const SLOT: ck::CK_SLOT_ID = 0;
pub(crate) const LABEL: &str = "slot 0";
/// When all clocks of the tests begin: 2027-01-15.
pub(crate) const TODAY: u64 = 1_800_000_000;

pub(crate) const RO: ck::CK_FLAGS = ck::CKF_SERIAL_SESSION;
pub(crate) const RW: ck::CK_FLAGS = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;

/// The return value of a call, by name.
pub(crate) fn rv<T>(outcome: &Result<T>) -> &'static str {
    ck::rv_name(
        outcome
            .as_ref()
            .map_or_else(|error| error.rv, |_| ck::CKR_OK),
    )
}

/// Asserts what a call returns: `returns!(call, CKR_PIN_INCORRECT)`.
macro_rules! returns {
    ($call:expr, $rv:ident) => {
        assert_eq!($crate::common::rv(&$call), stringify!($rv))
    };
    ($call:expr, $rv:ident, $($context:tt)+) => {
        assert_eq!($crate::common::rv(&$call), stringify!($rv), $($context)+)
    };
}
pub(crate) use returns;

/// A template: `attrs![CKA_TOKEN => true, CKA_LABEL => "a"]`.
macro_rules! attrs {
    ($($kind:ident => $value:expr),* $(,)?) => {
        vec![$($crate::common::ToAttribute::attribute($value, tenon_pkcs11::api::ck::$kind)),*]
    };
}
pub(crate) use attrs;

/// A folder of tokens, and the module that has it open.
pub(crate) struct Fixture {
    pub(crate) module: Module,
    /// Read/write, logged in as the user.
    pub(crate) session: Arc<Session>,
    pub(crate) clock: ManualClock,
    pub(crate) folder: TempDir,
}

impl Fixture {
    /// A token in slot 0, with its user logged in.
    pub(crate) fn new() -> Self {
        Self::configured(|_| ())
    }

    pub(crate) fn configured(configure: impl FnOnce(&mut Config)) -> Self {
        let fixture = Self::blank(configure);
        fixture.init();
        fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
        fixture
    }

    /// A token in slot 0 with both PINs, a read/write session and nobody logged in.
    pub(crate) fn blank(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(TODAY);
        let module = open(&folder, &clock, configure).unwrap();
        module.init_token(SLOT, SO_PIN, &padded(LABEL)).unwrap();
        let session = session(&module, RW);
        Self {
            module,
            session,
            clock,
            folder,
        }
    }

    fn init(&self) {
        self.session.login(ck::CKU_SO, SO_PIN).unwrap();
        self.session.init_pin(USER_PIN).unwrap();
        self.session.logout().unwrap();
    }

    /// Both PINs are set, and nobody is logged in.
    pub(crate) fn logged_out() -> Self {
        let fixture = Self::blank(|_| ());
        fixture.init();
        fixture
    }

    /// Another module on the same folder, as another process would have it.
    pub(crate) fn another(&self) -> Module {
        self.another_configured(|_| ())
    }

    pub(crate) fn another_configured(&self, configure: impl FnOnce(&mut Config)) -> Module {
        open(&self.folder, &self.clock, configure).unwrap()
    }

    /// Closes the module and opens it again, as a new process would.
    pub(crate) fn reopened(self) -> Self {
        self.reopened_with(|_| ())
    }

    pub(crate) fn reopened_with(self, configure: impl FnOnce(&mut Config)) -> Self {
        let Self {
            module,
            session,
            clock,
            folder,
        } = self;
        drop((session, module));
        let module = open(&folder, &clock, configure).unwrap();
        let session = self::session(&module, RW);
        Self {
            module,
            session,
            clock,
            folder,
        }
    }

    /// As `reopened`, with the user logged in.
    pub(crate) fn reopened_as_user(self) -> Self {
        let fixture = self.reopened();
        fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
        fixture
    }

    /// One more session with slot 0.
    pub(crate) fn open(&self, flags: ck::CK_FLAGS) -> Arc<Session> {
        session(&self.module, flags)
    }

    pub(crate) fn request(&self, id: ck::CK_MECHANISM_TYPE, params: Params) -> Request {
        let row = self.module.mechanism(id).unwrap();
        Request::new(row, params).unwrap()
    }

    /// A mechanism without parameter.
    pub(crate) fn plain(&self, id: ck::CK_MECHANISM_TYPE) -> Request {
        self.request(id, Params::None)
    }

    pub(crate) fn token_flags(&self) -> ck::CK_FLAGS {
        self.module.token_info(SLOT).unwrap().flags
    }
}

/// A module on `folder`.
pub(crate) fn open(
    folder: &TempDir,
    clock: &(impl Clock + Clone + 'static),
    configure: impl FnOnce(&mut Config),
) -> Result<Module> {
    let mut config = Config::defaults();
    config.token_dir = folder.path().join("tokens");
    database::instead_of(folder.path(), &mut config);
    config.log_target = LogTarget::Off;
    configure(&mut config);
    Module::open(config, Arc::new(clock.clone()), Arc::new(SystemRng))
}

/// A session with slot 0 of `module`.
pub(crate) fn session(module: &Module, flags: ck::CK_FLAGS) -> Arc<Session> {
    module
        .session(module.open_session(SLOT, flags).unwrap())
        .unwrap()
}
