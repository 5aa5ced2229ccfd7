//! What a key is for, and the words that the services have for it (BYOK rule 9).

use crate::keytype::Spec;

/// What a key is for, as the services know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// ENCRYPT_DECRYPT: CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP or CKA_UNWRAP.
    pub encrypt: bool,
    /// SIGN_VERIFY, or GENERATE_VERIFY_MAC of an HMAC key: CKA_SIGN or CKA_VERIFY.
    pub sign: bool,
}

impl Usage {
    /// ENCRYPT_DECRYPT alone.
    pub const ENCRYPT: Self = Self {
        encrypt: true,
        sign: false,
    };
    /// SIGN_VERIFY alone.
    pub const SIGN: Self = Self {
        encrypt: false,
        sign: true,
    };

    /// KeyUsage of a key with this usage in the words that most services share; empty for a key of no
    /// usage, two words for one of both. Without a spec the key is of a size or curve that no service has.
    #[must_use]
    pub fn name(self, spec: Option<Spec>) -> String {
        GENERAL.name(self, spec)
    }
}

/// A service's words for KeyUsage.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UsageWords {
    /// A secret key encrypts and decrypts.
    pub(super) encrypt: &'static str,
    /// A private key decrypts.
    pub(super) decrypt: &'static str,
    /// A key signs and verifies.
    pub(super) sign: &'static str,
    /// An HMAC key does.
    pub(super) mac: &'static str,
}

/// The words of AWS and Huawei, which stand for services without such words too.
pub(super) const GENERAL: UsageWords = UsageWords {
    encrypt: "ENCRYPT_DECRYPT",
    decrypt: "ENCRYPT_DECRYPT",
    sign: "SIGN_VERIFY",
    mac: "GENERATE_VERIFY_MAC",
};

impl UsageWords {
    pub(super) fn name(&self, usage: Usage, spec: Option<Spec>) -> String {
        let encrypts = match spec {
            Some(spec) if spec.private() => self.decrypt,
            _ => self.encrypt,
        };
        let signs = match spec {
            Some(Spec::Hmac(_)) => self.mac,
            _ => self.sign,
        };
        let words = [(usage.encrypt, encrypts), (usage.sign, signs)].into_iter();
        let words: Vec<_> = words
            .filter_map(|(has, word)| has.then_some(word))
            .collect();
        words.join(", ")
    }

    /// The usage that one of these words stands for: capitals do not count, and one character that is no
    /// letter is as good as another.
    pub(super) fn read(&self, text: &str) -> Option<Usage> {
        let is = |word: &&str| plain(word).eq(plain(text));
        if [self.encrypt, self.decrypt].iter().any(is) {
            return Some(Usage::ENCRYPT);
        }
        [self.sign, self.mac].iter().any(is).then_some(Usage::SIGN)
    }

    /// Whether `text` is the word for HMAC keys, which other keys that sign do not share.
    pub(super) fn is_of_hmac(&self, text: &str) -> bool {
        let is = |word: &str| plain(word).eq(plain(text));
        is(self.mac) && !is(self.sign)
    }
}

fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|letter| match letter {
        letter if letter.is_ascii_alphabetic() => letter.to_ascii_uppercase(),
        _ => '_',
    })
}
