//! Tokens that the real SoftHSM 2 makes, and the same tokens in the schema of its database.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::{AuthPin, Date};
use rusqlite::Connection;
use tenon_pkcs11::api::{ck, keytype};

pub(super) const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub(super) const SOURCE_PIN: &str = "softhsm-1234";
const DES3: u64 = 0x15;

/// How many keys, pairs and objects of each kind SoftHSM makes.
#[derive(Clone, Copy)]
pub(super) struct Mix {
    pub(super) aes: usize,
    pub(super) wrapping: usize,
    pub(super) generic: usize,
    pub(super) p256: usize,
    pub(super) p384: usize,
    pub(super) agreement: usize,
    pub(super) rsa: usize,
    pub(super) decrypting: usize,
    pub(super) edwards: usize,
    pub(super) des3: usize,
    pub(super) data: usize,
    pub(super) certificates: usize,
}

pub(super) const SMALL: Mix = Mix {
    aes: 3,
    wrapping: 2,
    generic: 2,
    p256: 2,
    p384: 1,
    agreement: 1,
    rsa: 1,
    decrypting: 1,
    edwards: 1,
    des3: 1,
    data: 4,
    certificates: 2,
};

pub(super) const LARGE: Mix = Mix {
    aes: 200,
    wrapping: 60,
    generic: 100,
    p256: 80,
    p384: 20,
    agreement: 20,
    rsa: 6,
    decrypting: 2,
    edwards: 20,
    des3: 5,
    data: 240,
    certificates: 120,
};

impl Mix {
    pub(super) fn pairs(&self) -> usize {
        self.p256 + self.p384 + self.agreement + self.rsa + self.decrypting + self.edwards
    }

    /// How many secret keys this token takes, and how many it refuses.
    pub(super) fn secret_keys(&self) -> (usize, usize) {
        let known = self.aes + self.wrapping + self.generic;
        match keytype::find(DES3) {
            Some(_) => (known + self.des3, 0),
            None => (known, self.des3),
        }
    }
}

#[test]
#[ignore = "runs as a child of the tests of `tenon migrate`"]
fn fill() {
    let mix = match std::env::var("TENON_TEST_MIX").as_deref() {
        Ok("large") => LARGE,
        Ok("small") => SMALL,
        _ => return,
    };
    let library = Pkcs11::new(MODULE).unwrap();
    library
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    let slot = library.get_all_slots().unwrap()[0];
    let so = AuthPin::from("softhsm-so".to_owned());
    let pin = AuthPin::from(SOURCE_PIN.to_owned());
    library.init_token(slot, &so, "old").unwrap();
    let slot = library.get_slots_with_initialized_token().unwrap()[0];
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&so)).unwrap();
    session.init_pin(&pin).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, Some(&pin)).unwrap();
    secret_keys(&session, mix);
    pairs(&session, mix);
    others(&session, mix);
}

/// A key that can be read, with a CKA_WRAP_TEMPLATE of one attribute.
#[test]
#[ignore = "runs as a child of the tests of `tenon migrate`"]
fn fill_template() {
    static EXTRACTABLE: u8 = 1;

    let library = Pkcs11::new(MODULE).unwrap();
    library
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .unwrap();
    let slot = library.get_slots_with_initialized_token().unwrap()[0];
    let session = library.open_rw_session(slot).unwrap();
    let pin = AuthPin::from(SOURCE_PIN.to_owned());
    session.login(UserType::User, Some(&pin)).unwrap();
    // A CK_ATTRIBUTE: type, address and length of the value.
    let entry = [
        usize::try_from(ck::CKA_EXTRACTABLE).unwrap(),
        (&raw const EXTRACTABLE).addr(),
        1,
    ];
    let entry = entry.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let kind = AttributeType::VendorDefined(ck::CKA_WRAP_TEMPLATE);
    let mut template = named("template", 0);
    template.extend([
        Attribute::ValueLen(32.into()),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
        Attribute::Wrap(true),
        Attribute::VendorDefined((kind, entry)),
    ]);
    session
        .generate_key(&Mechanism::AesKeyGen, &template)
        .unwrap();
}

/// What most objects have: a label and an ID of their own, on the token.
fn named(kind: &str, number: usize) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Label(format!("{kind}-{number}").into_bytes()),
        Attribute::Id(format!("{kind}{number}").into_bytes()),
    ]
}

fn secret_keys(session: &Session, mix: Mix) {
    for number in 0..mix.aes {
        let mut template = named("aes", number);
        template.extend([
            Attribute::ValueLen([16, 24, 32][number % 3].into()),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(number % 2 == 0),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ]);
        if number == 1 {
            template.push(Attribute::Modifiable(false));
            template.push(Attribute::EndDate(
                Date::new_from_str_slice("2099", "12", "31").unwrap(),
            ));
        }
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .unwrap();
    }
    for number in 0..mix.wrapping {
        let mut template = named("wrapping", number);
        template.extend([
            Attribute::ValueLen(32.into()),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(false),
            Attribute::Decrypt(false),
            Attribute::Sign(false),
            Attribute::Verify(false),
            Attribute::Wrap(true),
            Attribute::Unwrap(true),
        ]);
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .unwrap();
    }
    for number in 0..mix.generic {
        let mut template = named("generic", number);
        template.extend([
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Private(true),
            Attribute::Sensitive(number % 2 == 0),
            Attribute::Extractable(true),
            Attribute::Sign(true),
            Attribute::Verify(true),
            Attribute::Value(
                (0..=255)
                    .cycle()
                    .skip(number)
                    .take(32 + number % 9)
                    .collect(),
            ),
        ]);
        session.create_object(&template).unwrap();
    }
    for number in 0..mix.des3 {
        let mut template = named("des3", number);
        template.extend([
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ]);
        session
            .generate_key(&Mechanism::Des3KeyGen, &template)
            .unwrap();
    }
}

/// DER of the OIDs of P-256 and P-384, and SoftHSM's name of edwards25519.
const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22];
const EDWARDS: &[u8] = b"\x13\x0cedwards25519";

fn pairs(session: &Session, mix: Mix) {
    let ec = |params: &[u8]| vec![Attribute::EcParams(params.to_vec())];
    let rsa = || {
        vec![
            Attribute::ModulusBits(2048.into()),
            Attribute::PublicExponent(vec![1, 0, 1]),
        ]
    };
    let make = |kind: &str,
                count: usize,
                mechanism: Mechanism<'_>,
                public: Vec<Attribute>,
                use_: fn(bool) -> Attribute,
                uses: Attribute| {
        for number in 0..count {
            let mut private = named(kind, number);
            private.extend([
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Sign(false),
                Attribute::Decrypt(false),
                Attribute::Unwrap(false),
                Attribute::Derive(false),
            ]);
            let used = use_(true);
            private.retain(|one| std::mem::discriminant(one) != std::mem::discriminant(&used));
            private.push(used);
            let mut template = named(kind, number);
            template.extend(public.clone());
            template.push(uses.clone());
            session
                .generate_key_pair(&mechanism, &template, &private)
                .unwrap();
        }
    };
    let signs = Attribute::Verify(true);
    make(
        "p256",
        mix.p256,
        Mechanism::EccKeyPairGen,
        ec(P256),
        Attribute::Sign,
        signs.clone(),
    );
    make(
        "p384",
        mix.p384,
        Mechanism::EccKeyPairGen,
        ec(P384),
        Attribute::Sign,
        signs.clone(),
    );
    make(
        "agreement",
        mix.agreement,
        Mechanism::EccKeyPairGen,
        ec(P256),
        Attribute::Derive,
        Attribute::Derive(true),
    );
    make(
        "rsa",
        mix.rsa,
        Mechanism::RsaPkcsKeyPairGen,
        rsa(),
        Attribute::Sign,
        signs.clone(),
    );
    make(
        "decrypting",
        mix.decrypting,
        Mechanism::RsaPkcsKeyPairGen,
        rsa(),
        Attribute::Decrypt,
        Attribute::Encrypt(true),
    );
    make(
        "edwards",
        mix.edwards,
        Mechanism::EccEdwardsKeyPairGen,
        ec(EDWARDS),
        Attribute::Sign,
        signs,
    );
}

fn others(session: &Session, mix: Mix) {
    for number in 0..mix.data {
        let mut template = named("data", number);
        template.retain(|one| !matches!(one, Attribute::Id(_)));
        template.extend([
            Attribute::Class(ObjectClass::DATA),
            Attribute::Private(number % 4 != 0),
            Attribute::Application(b"test".to_vec()),
            Attribute::Value(format!("content {number}").into_bytes()),
        ]);
        session.create_object(&template).unwrap();
    }
    for number in 0..mix.certificates {
        let mut template = named("cert", number);
        template.extend([
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(cryptoki::object::CertificateType::X_509),
            Attribute::Private(false),
            Attribute::Subject(b"\x30\x00".to_vec()),
            Attribute::SerialNumber(vec![2, 1, 1]),
            Attribute::Value(super::common::file("web-certificate.der")),
        ]);
        session.create_object(&template).unwrap();
    }
}

/// Writes the tokens of `files` anew into `databases`, by the schema of SoftHSM's other back end.
pub(super) fn as_database(files: &Path, databases: &Path) {
    for token in fs::read_dir(files).unwrap() {
        let token = token.unwrap().path();
        let folder = databases.join(token.file_name().unwrap());
        fs::create_dir_all(&folder).unwrap();
        let database = Connection::open(folder.join("sqlite3.db")).unwrap();
        database
            .execute(
                "create table object (id integer primary key autoincrement)",
                [],
            )
            .unwrap();
        for (table, value) in TABLES {
            let columns = format!(
                "create table {table} (value {value}, type integer, object_id integer references \
                 object(id) on delete cascade, id integer primary key autoincrement)"
            );
            database.execute(&columns, []).unwrap();
        }
        for file in object_files(&token) {
            write_object(&database, &fs::read(file).unwrap());
        }
    }
}

const TABLES: [(&str, &str); 4] = [
    ("attribute_boolean", "boolean"),
    ("attribute_integer", "integer"),
    ("attribute_binary", "blob"),
    ("attribute_array", "blob"),
];

/// The file of the token, then those of its objects in order.
fn object_files(token: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(token).unwrap();
    let mut files: BTreeMap<_, PathBuf> = BTreeMap::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.extension() == Some(OsStr::new("object")) {
            let first = path.file_name() != Some(OsStr::new("token.object"));
            files.insert((first, path.clone()), path);
        }
    }
    files.into_values().collect()
}

fn write_object(database: &Connection, mut file: &[u8]) {
    database
        .execute("insert into object default values", [])
        .unwrap();
    let object = database.last_insert_rowid();
    let mut take = |len: usize| {
        let (taken, rest) = file.split_at(len);
        file = rest;
        (taken, rest.is_empty())
    };
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap());
    let mut end = take(8).1;
    while !end {
        let kind = number(take(8).0).cast_signed();
        let tag = number(take(8).0);
        let insert = |table: &str, value: &dyn rusqlite::ToSql| {
            let sql = format!("insert into {table} (value, type, object_id) values (?1, ?2, ?3)");
            database.execute(&sql, (value, kind, object)).unwrap();
        };
        match tag {
            1 => {
                let (value, last) = take(1);
                end = last;
                insert("attribute_boolean", &i64::from(value != [0]));
            }
            2 => {
                let (value, last) = take(8);
                end = last;
                insert("attribute_integer", &number(value).cast_signed());
            }
            3 => {
                let len = usize::try_from(number(take(8).0)).unwrap();
                let (value, last) = take(len);
                end = last;
                insert("attribute_binary", &value);
            }
            5 => {
                let count = usize::try_from(number(take(8).0)).unwrap();
                let (value, last) = take(count * 8);
                end = last;
                let native: Vec<u8> = value
                    .chunks(8)
                    .flat_map(|one| number(one).to_ne_bytes())
                    .collect();
                insert("attribute_binary", &native);
            }
            4 => {
                let (len, last) = take(8);
                assert_eq!(number(len), 0, "no test makes templates within objects");
                end = last;
                insert("attribute_array", &Vec::<u8>::new());
            }
            other => panic!("tag {other}"),
        }
    }
}
