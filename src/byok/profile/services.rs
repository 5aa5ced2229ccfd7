//! ONE table of the services' rows. Each names the documents that it follows and the day on which they
//! were read.

use crate::keytype::{Curve, MlKemSet, Spec};

use super::super::algorithm::WrappingKey;
use super::super::metadata::Metadata;
use super::names;
use super::row::{
    Allowed, DAY, Expiry, HmacSizes, JobRules, NO_EXPIRY, NO_HMAC, Profile, Rotation, Source,
    Unfit, Wrapping,
};
use super::usage::{GENERAL, UsageWords};

/// The day on which the documents were read.
const READ: &str = "2026-11-29";

const MINUTE: u64 = 60;

const RSA_2048: &[WrappingKey] = &[WrappingKey::Rsa(2048)];
const RSA_4096: &[WrappingKey] = &[WrappingKey::Rsa(4096)];
const RSA_ALL: &[WrappingKey] = &[
    WrappingKey::Rsa(2048),
    WrappingKey::Rsa(3072),
    WrappingKey::Rsa(4096),
];
const RSA_ALL_AND_SM2: &[WrappingKey] = &[
    WrappingKey::Rsa(2048),
    WrappingKey::Rsa(3072),
    WrappingKey::Rsa(4096),
    WrappingKey::Sm2,
];
const ALIBABA_KEYS: &[WrappingKey] = &[WrappingKey::Rsa(2048), WrappingKey::Sm2];

const AES_ALL: &[Spec] = &[Spec::Aes(256), Spec::Aes(192), Spec::Aes(128)];

pub(super) const OPEN: Profile = Profile {
    name: "open",
    service: "the open profile",
    source: Source {
        documents: &[],
        read: READ,
        note: "no service's rules: every algorithm and every spec that the token can",
    },
    wrapping: Wrapping {
        secret: Allowed::Any,
        rsa: Allowed::Any,
        ec: Allowed::Any,
    },
    keys: Allowed::Any,
    unfit: &[],
    specs: Allowed::Any,
    hmac: HmacSizes::Any,
    aes_signs: true,
    sm2_encrypts: true,
    spec_names: &[],
    algorithm_names: &[],
    usage_words: GENERAL,
    long_material_id: false,
    inner_bits: None,
    expiry: NO_EXPIRY,
    deletion_days: 7..=30,
    cancelled_is_disabled: false,
    job: JobRules {
        life: Some(DAY),
        lives: None,
        serves_many: false,
    },
    metadata: Metadata::Free,
    rotation: Rotation::No,
    own_origin: "TENON",
};

/// The defaults of the services' rows.
const SERVICE: Profile = Profile {
    hmac: NO_HMAC,
    aes_signs: false,
    own_origin: "GENERATED",
    ..OPEN
};

const ALIBABA_DOCUMENTS: &[&str] = &[
    "https://www.alibabacloud.com/help/en/kms/key-management-service/user-guide/import-key-material",
    "https://www.alibabacloud.com/help/en/kms/key-management-service/developer-reference/api-kms-2016-01-20-getparametersforimport",
    "https://www.alibabacloud.com/help/en/kms/key-management-service/developer-reference/api-kms-2016-01-20-schedulekeydeletion",
];

const ALIBABA_DEFAULT: Profile = Profile {
    name: "alibaba-default",
    service: "Alibaba Cloud KMS (default key)",
    source: Source {
        documents: ALIBABA_DOCUMENTS,
        read: READ,
        note: "the user guide deletes a key after 7 to 30 days, as here; ScheduleKeyDeletion takes 7 to 366",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[1, 2, 3]),
        rsa: Allowed::These(&[]),
        ec: Allowed::These(&[]),
    },
    keys: Allowed::These(RSA_2048),
    specs: Allowed::These(&[Spec::Aes(256)]),
    spec_names: names::ALIBABA,
    usage_words: UsageWords {
        encrypt: "ENCRYPT/DECRYPT",
        decrypt: "ENCRYPT/DECRYPT",
        sign: "SIGN/VERIFY",
        mac: "GENERATE/VERIFY/MAC",
    },
    metadata: Metadata::Alibaba,
    own_origin: "Aliyun_KMS",
    ..SERVICE
};

const ALIBABA_SOFTWARE: Profile = Profile {
    name: "alibaba-software",
    service: "Alibaba Cloud KMS (software-protected)",
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 3]),
        rsa: Allowed::These(&[6, 7]),
        ec: Allowed::These(&[6, 7]),
    },
    keys: Allowed::These(ALIBABA_KEYS),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::Secp256k1),
        Spec::Ec(Curve::Sm2),
    ]),
    rotation: Rotation::Manual,
    ..ALIBABA_DEFAULT
};

const ALIBABA_HARDWARE: Profile = Profile {
    name: "alibaba-hardware",
    service: "Alibaba Cloud KMS (hardware-protected)",
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Aes(192),
        Spec::Aes(128),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::Secp256k1),
        Spec::Ec(Curve::Sm2),
    ]),
    aes_signs: true,
    rotation: Rotation::No,
    ..ALIBABA_SOFTWARE
};

const HUAWEI: Profile = Profile {
    name: "huawei",
    service: "Huawei Cloud KMS",
    source: Source {
        documents: &[
            "https://support.huaweicloud.com/intl/en-us/usermanual-dew/dew_01_0089.html",
            "https://pypi.org/project/huaweicloudsdkkms/3.1.219/ (CreateKeyRequestBody, DeleteKey)",
        ],
        read: READ,
        note: "SM2, SM4, SECP256K1, ED25519, SM2_ENCRYPT and 7 to 1096 days are of the SDK, not of the user guide; \
               wrapping keys of 3072 and 4096 bits are taken too",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 8]),
        rsa: Allowed::These(&[5]),
        ec: Allowed::These(&[5]),
    },
    keys: Allowed::These(RSA_ALL_AND_SM2),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Sm4,
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::Secp256k1),
        Spec::Ec(Curve::Ed25519),
        Spec::Ec(Curve::Sm2),
    ]),
    sm2_encrypts: false,
    spec_names: names::HUAWEI,
    algorithm_names: names::HUAWEI_ALGORITHMS,
    expiry: Expiry {
        default_life: Some(DAY),
        ..NO_EXPIRY
    },
    deletion_days: 7..=1096,
    metadata: Metadata::Huawei,
    own_origin: "kms",
    ..SERVICE
};

const AWS: Profile = Profile {
    name: "aws",
    service: "AWS KMS",
    source: Source {
        documents: &[
            "https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-get-public-key-and-token.html",
            "https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys-encrypt-key-material.html",
            "https://pypi.org/project/botocore/1.44.8/ (kms/2014-11-01: KeySpec, AlgorithmSpec, WrappingKeySpec, ImportType)",
        ],
        read: READ,
        note: "the API reference names RSA_AES_KEY_WRAP_SHA_* for RSA and ECC material; here secret keys come by it \
               too. SM2PKE and SM2 are of the China regions. HMAC_n takes a key of n bits",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[1, 2, 4, 5, 8]),
        rsa: Allowed::These(&[4, 5]),
        ec: Allowed::These(&[1, 2, 4, 5, 8]),
    },
    keys: Allowed::These(RSA_ALL_AND_SM2),
    unfit: &[Unfit {
        spec: Spec::Ec(Curve::P521),
        algorithms: &[1, 2],
        key: WrappingKey::Rsa(2048),
    }],
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::P521),
        Spec::Ec(Curve::Secp256k1),
        Spec::Ec(Curve::Ed25519),
        Spec::Ec(Curve::Sm2),
    ]),
    hmac: HmacSizes::These(&[224, 256, 384, 512]),
    spec_names: names::AWS,
    long_material_id: true,
    expiry: Expiry {
        named: true,
        greatest_life: Some(365 * DAY),
        ..NO_EXPIRY
    },
    cancelled_is_disabled: true,
    rotation: Rotation::Pending { most: 25 },
    own_origin: "AWS_KMS",
    ..SERVICE
};

const GOOGLE: Profile = Profile {
    name: "google",
    service: "Google Cloud KMS",
    source: Source {
        documents: &[
            "https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.importJobs",
            "https://cloud.google.com/sdk/gcloud/reference/kms/keys/versions/import",
            "https://pypi.org/project/google-cloud-kms/3.18.0/ (CryptoKeyVersionAlgorithm, ImportMethod)",
            "https://docs.cloud.google.com/kms/docs/quantum-safe-key-import",
        ],
        read: READ,
        note: "the HPKE methods are a preview of the service's",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 4, 5, 14, 15, 16]),
        rsa: Allowed::These(&[4, 5, 14, 15, 16]),
        ec: Allowed::These(&[2, 4, 5, 14, 15, 16]),
    },
    keys: Allowed::These(&[
        WrappingKey::Rsa(3072),
        WrappingKey::Rsa(4096),
        WrappingKey::XWing,
        WrappingKey::MlKem(MlKemSet::MlKem768),
        WrappingKey::MlKem(MlKemSet::MlKem1024),
    ]),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Aes(128),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::Secp256k1),
        Spec::Ec(Curve::Ed25519),
    ]),
    hmac: HmacSizes::These(&[160, 224, 256, 384, 512]),
    spec_names: names::GOOGLE,
    algorithm_names: names::GOOGLE_ALGORITHMS,
    usage_words: UsageWords {
        encrypt: "ENCRYPT_DECRYPT",
        decrypt: "ASYMMETRIC_DECRYPT",
        sign: "ASYMMETRIC_SIGN",
        mac: "MAC",
    },
    deletion_days: 1..=120,
    job: JobRules {
        life: Some(3 * DAY),
        lives: None,
        serves_many: true,
    },
    rotation: Rotation::OnImport,
    ..SERVICE
};

const AZURE: Profile = Profile {
    name: "azure",
    service: "Azure Key Vault",
    source: Source {
        documents: &[
            "https://learn.microsoft.com/en-us/azure/key-vault/keys/byok-specification",
            "https://learn.microsoft.com/en-us/azure/key-vault/keys/about-keys-details",
        ],
        read: READ,
        note: "oct keys are of Managed HSM; 7 to 90 days are the retention of soft delete",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[4]),
        rsa: Allowed::These(&[4]),
        ec: Allowed::These(&[4]),
    },
    keys: Allowed::These(RSA_ALL),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Aes(192),
        Spec::Aes(128),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::P521),
        Spec::Ec(Curve::Secp256k1),
    ]),
    spec_names: names::AZURE,
    algorithm_names: names::AZURE_ALGORITHMS,
    deletion_days: 7..=90,
    job: JobRules {
        life: None,
        lives: None,
        serves_many: true,
    },
    ..SERVICE
};

const TENCENT: Profile = Profile {
    name: "tencent",
    service: "Tencent Cloud KMS",
    source: Source {
        documents: &[
            "https://cloud.tencent.com/document/product/573/38497 (GetParametersForImport)",
            "https://pypi.org/project/tencentcloud-sdk-python-kms/3.1.192/ (v20190118)",
        ],
        read: READ,
        note: "",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[1, 2, 3]),
        rsa: Allowed::These(&[]),
        ec: Allowed::These(&[]),
    },
    keys: Allowed::These(RSA_2048),
    specs: Allowed::These(&[Spec::Aes(256), Spec::Sm4]),
    expiry: Expiry {
        latest: Some(2_147_443_200),
        ..NO_EXPIRY
    },
    own_origin: "TENCENT_KMS",
    ..SERVICE
};

const OCI: Profile = Profile {
    name: "oci",
    service: "OCI Vault",
    source: Source {
        documents: &[
            "https://docs.oracle.com/iaas/Content/KeyManagement/Tasks/importingkeys.htm",
            "https://docs.oracle.com/en-us/iaas/tools/python/latest/api/key_management/models/oci.key_management.models.WrappedImportKey.html",
        ],
        read: READ,
        note: "",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 5]),
        rsa: Allowed::These(&[5]),
        ec: Allowed::These(&[]),
    },
    keys: Allowed::These(RSA_4096),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Aes(192),
        Spec::Aes(128),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
    ]),
    algorithm_names: names::OCI_ALGORITHMS,
    job: JobRules {
        life: None,
        lives: None,
        serves_many: true,
    },
    rotation: Rotation::Manual,
    ..SERVICE
};

const VAULT: Profile = Profile {
    name: "vault",
    service: "Vault transit",
    source: Source {
        documents: &[
            "https://developer.hashicorp.com/vault/api-docs/secret/transit (import, import_version, wrapping_key)",
            "https://developer.hashicorp.com/vault/docs/secrets/transit/key-wrapping-guide",
        ],
        read: READ,
        note: "a key of type hmac has 32 to 512 bytes; its spec says how many, as HMAC_256",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[4, 5, 9, 10, 11]),
        rsa: Allowed::These(&[4, 5, 9, 10, 11]),
        ec: Allowed::These(&[4, 5, 9, 10, 11]),
    },
    keys: Allowed::These(RSA_4096),
    specs: Allowed::These(&[
        Spec::Aes(256),
        Spec::Aes(128),
        Spec::Rsa(2048),
        Spec::Rsa(3072),
        Spec::Rsa(4096),
        Spec::Ec(Curve::P256),
        Spec::Ec(Curve::P384),
        Spec::Ec(Curve::P521),
        Spec::Ec(Curve::Ed25519),
    ]),
    hmac: HmacSizes::Between(256, 4096),
    spec_names: names::VAULT,
    inner_bits: Some(256),
    job: JobRules {
        life: None,
        lives: None,
        serves_many: true,
    },
    rotation: Rotation::OnImport,
    ..SERVICE
};

const IBM: Profile = Profile {
    name: "ibm",
    service: "IBM Key Protect",
    source: Source {
        documents: &[
            "https://cloud.ibm.com/docs/key-protect?topic=key-protect-create-import-tokens",
            "https://cloud.ibm.com/docs/key-protect?topic=key-protect-import-root-keys",
        ],
        read: READ,
        note: "an import token lives 5 minutes to 24 hours, 10 minutes unless said. The service counts how often a token \
               is retrieved (1 to 500 times); here the parameters are answered once, when they are made",
    },
    wrapping: Wrapping {
        secret: Allowed::These(&[2, 4, 5]),
        rsa: Allowed::These(&[]),
        ec: Allowed::These(&[]),
    },
    keys: Allowed::These(RSA_4096),
    specs: Allowed::These(AES_ALL),
    job: JobRules {
        life: Some(10 * MINUTE),
        lives: Some((5 * MINUTE, DAY)),
        serves_many: true,
    },
    ..SERVICE
};

pub(super) static PROFILES: &[Profile] = &[
    OPEN,
    ALIBABA_DEFAULT,
    ALIBABA_SOFTWARE,
    ALIBABA_HARDWARE,
    HUAWEI,
    AWS,
    GOOGLE,
    AZURE,
    TENCENT,
    OCI,
    VAULT,
    IBM,
];
