//! The names for Rust programs that link the module: the command line of `cli/`, tests and
//! benchmarks. A PKCS#11 client needs none of them; it calls `C_GetFunctionList`.
//!
//! Each name lies under the room that defines it; whatever is not named here is private.

#![expect(
    missing_docs,
    reason = "a module here has the name and the purpose of its room"
)]

pub mod attr {
    pub use crate::attr::{
        AttributeInfo, RawAttribute, RawValue, Revealed, ValueForm, is_material, known_attributes,
        name,
    };
}

pub mod byok {
    pub use crate::byok::{
        ALGORITHMS, Algorithm, AlgorithmName, Curve, Deed, Job, OaepHash, Profile, Rotation, Rule,
        Spec, SpecName, State, Usage, WrappingKey, WrappingScheme, expired, parse_tags,
    };

    pub mod profile {
        pub use crate::byok::profile::{all, find, is_usage_of_hmac, read_spec, read_usage};
    }
}

pub mod ck {
    pub use crate::ck::*;
}

pub mod client {
    pub use crate::client::Client;
}

pub mod clock {
    pub use crate::clock::{Clock, Deadline, ManualClock, SharedClock, SystemClock, UnixTime, utc};
}

pub mod config {
    pub use crate::config::{
        AuditUse, Choice, Config, LogLevel, LogTarget, MechanismFilter, Origin, Settings, Target,
    };
}

pub mod crypto {
    pub mod aes {
        pub use crate::crypto::aes::{Cbc, Direction, Key};
    }

    pub mod dh {
        pub use crate::crypto::dh::{DhMaterial, Group, generate};
    }

    pub mod dsa {
        pub use crate::crypto::dsa::{DsaMaterial, Group, generate};
    }

    pub mod ec {
        pub use crate::crypto::ec::{Curve, EcMaterial, PrivateKey, PublicKey, generate};

        pub mod sm2 {
            pub use crate::crypto::ec::sm2::raw_len;
        }
    }

    pub mod encoding {
        pub use crate::crypto::encoding::{octet_string, to_octet_string};
    }

    pub mod hash {
        pub use crate::crypto::hash::{Hash, Hmac, hmac_sha256};
    }

    pub mod kdf {
        pub use crate::crypto::kdf::{hkdf_expand, hkdf_sha256, pbkdf2};
    }

    pub mod mldsa {
        pub use crate::crypto::mldsa::{MlDsaMaterial, ParameterSet, generate};
    }

    pub mod mlkem {
        pub use crate::crypto::mlkem::{MlKemMaterial, ParameterSet, generate, spki};
    }

    pub mod okp {
        pub use crate::crypto::okp::{Curve, PublicKey, generate};
    }

    pub mod rand {
        pub use crate::crypto::rand::{SystemRng, fill};
    }

    pub mod rsa {
        pub use crate::crypto::rsa::{PrivateKey, PublicKey, RsaMaterial, generate, spki};
    }

    pub mod slhdsa {
        pub use crate::crypto::slhdsa::{ParameterSet, SlhDsaMaterial, generate};
    }

    pub mod xwing {
        pub use crate::crypto::xwing::spki;
    }

    pub mod shares {
        pub use crate::crypto::shares::{Sharing, check_value};
    }
}

pub mod error {
    pub use crate::error::{Error, Result};
}

pub mod keytype {
    pub use crate::keytype::{
        Form, KeyLengths, KeyType, Material, NamedKey, Need, Numbered, PublicValue, PublicValues,
        Values, all, find, from_spki, name_of, named_secrets, patterns, public_key,
    };
}

pub mod log {
    pub use crate::log::configure;
}

pub mod mechanism {
    pub use crate::mechanism::{
        ByDefault, Ecdh, EcdhWrap, Hedge, HkdfSalt, IkeBase, IkeParam, IkeParams, IkeStep, Kbkdf,
        KbkdfMode, KbkdfPart, KbkdfPrf, Key, Mechanism, NumberFormat, Oaep, OtpParams, ParamKind,
        Params, PrivateForm, Pss, Request, Scheme, SharedKdf, SignContext, TlsKeys, TlsParam,
        TlsParams, TlsPrf, Unit, all, find,
    };
}

pub mod module {
    pub use crate::module::{Module, NewToken, padded};
}

pub mod out {
    pub use crate::out::Out;
}

pub mod policy {
    pub use crate::policy::{Login, Use};
}

pub mod rng {
    pub use crate::rng::{Rng, random, secret};
}

pub mod secret {
    pub use crate::secret::Secret;
}

pub mod session {
    pub use crate::session::{
        After, Decrypt, Digest, Encrypt, Find, Keyed, MessageDecrypt, MessageEncrypt, MessageSign,
        MessageVerify, Operation, Phase, Produces, Session, Sign, SignRecover, Takes, Verify,
        VerifyRecover, VerifySignature,
    };
}

pub mod store {
    pub use crate::store::{
        AuditRow, Catalog, CopyProgress, DatabaseStatus, DuePlace, Durability, Engine, Error,
        FileCopy, Generation, Head, Loss, MaterialRow, Moving, Options, Posting, Result, Row, Run,
        SLOT_LIMIT, SearchConditions, SearchPlace, Snapshot, Store, Ticket, Tx, Uid, catalog,
        remove,
    };
}

pub mod token {
    pub use crate::token::{
        APPROVAL_SIGNATURES, AnchorStatus, Archived, AuditEntry, AuditExport, ClockStatus,
        CopyStatus, DerivedKeys, Event, Handle, KeyFile, MoveState, NoneDerived, Place, Receipt,
        Repeated, SealedKey, SealedVersion, Swept, Token, TokenCopy, TokenStatus, Touch, Touched,
        Undone, Verified, VerifiedArchives, Version, approval_statement, check_new_pin,
        material_proof,
    };
}
