//! External keys.

use super::{Mechanism, ROW};
use crate::ck;
use crate::keytype;

pub(super) static ROWS: &[Mechanism] = &[Mechanism {
    id: ck::CKM_TENON_EXTERNAL_KEY_GEN,
    name: "CKM_TENON_EXTERNAL_KEY_GEN",
    key_types: keytype::EXTERNAL,
    generate_external: true,
    ..ROW
}];
