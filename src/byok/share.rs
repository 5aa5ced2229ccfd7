//! Material in shares: which imports a key takes whose material comes so.

use std::fmt;

/// Why a share, or material that is not in shares, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShareRefusal {
    /// The key takes shares, and the import names none.
    Whole,
    /// The key's material does not come in shares.
    NotInShares,
    /// The key has so many shares, and none with this number.
    Number(u8),
    /// The wrapping algorithm does not tell whether the share is the one that was wrapped.
    Unproven,
    /// Another share with this number waits already.
    Differs,
    /// A share with the same value, under another number, waits already.
    Repeats,
    /// The shares make a material of zeros alone.
    Zero,
    /// The shares make no material with the key's check value, or none that fits the key.
    Wrong,
    /// The shares make none of the key's materials, and no check value says that they make a new one.
    Unchecked,
    /// The key has no material, and shares of it wait for others.
    Waiting,
}

/// Whether an import brings what the key takes: a share, where its material comes in `of` shares, else whole
/// material.
///
/// # Errors
/// `Number`, `Whole`, `NotInShares`.
pub(crate) fn may_bring(of: Option<u8>, number: Option<u8>) -> Result<(), ShareRefusal> {
    match (of, number) {
        (None, None) => Ok(()),
        (Some(of), Some(number)) if (1..=of).contains(&number) => Ok(()),
        (Some(of), Some(_)) => Err(ShareRefusal::Number(of)),
        (Some(_), None) => Err(ShareRefusal::Whole),
        (None, Some(_)) => Err(ShareRefusal::NotInShares),
    }
}

impl fmt::Display for ShareRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str(
                "the key's material comes in shares: each import names its share by CKA_TENON_SHARE (`tenon byok \
                 import --share N`)",
            ),
            Self::NotInShares => f.write_str(
                "the key takes its material whole: leave CKA_TENON_SHARE (`--share`) out, or make a key with \
                 CKA_TENON_SHARES (`tenon byok create --shares K/N`)",
            ),
            Self::Number(of) => write!(f, "the key's shares have the numbers 1 to {of}"),
            Self::Unproven => f.write_str(
                "shares come by algorithms that prove a blob's integrity, as those with OAEP, with \
                 RSA_AES_KEY_WRAP or with SM2 alone do: ask for the parameters of such a one",
            ),
            Self::Differs => f.write_str(
                "another share with this number waits already: to send this one, erase the shares that wait \
                 (`tenon byok delete-material`), and send all again",
            ),
            Self::Repeats => f.write_str(
                "a share with the same bytes waits under another number already, so one of the two has a wrong \
                 number: send each custodian's own share under its own number. If the one that waits is the wrong \
                 one, erase it (`tenon byok delete-material`), and send all again",
            ),
            Self::Zero => f.write_str(
                "the shares make a key of zeros alone, which no key is: some of them were sent more than once, or \
                 are of different splits. Nothing has changed: erase the shares that wait (`tenon byok \
                 delete-material`), and send all again",
            ),
            Self::Wrong => f.write_str(
                "the shares do not make the key's material: one of them is wrong, or has a wrong number, or they \
                 were split for another count. Nothing has changed: erase the shares that wait (`tenon byok \
                 delete-material`), and send all again",
            ),
            Self::Unchecked => f.write_str(
                "the shares make none of the key's materials: one of them is wrong, or has a wrong number. Where \
                 they are of a new version, say so by its check value (CKA_TENON_SHARES_CHECK_VALUE, `tenon byok \
                 import --check-value`). Nothing has changed",
            ),
            Self::Waiting => f.write_str(
                "shares of the key's material have come, and others are missing: import those (`tenon byok import \
                 --share`); `tenon byok describe` shows how many make the material, and which wait",
            ),
        }
    }
}
