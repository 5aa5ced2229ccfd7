//! The error that reaches a caller: a PKCS#11 return value and what a person needs to act on it.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::ck;

/// Result of everything above `crypto`, `store` and `byok`, which have their own errors.
pub type Result<T> = std::result::Result<T, Error>;

/// A refusal or failure of a call. It is one pointer, so that results of calls that succeed are moved in registers.
pub struct Error(Box<Reason>);

/// What an error says.
///
/// `what` says what was wrong and, where there is something to do, what to do. It never holds a
/// PIN, key material or argument bytes.
pub struct Reason {
    /// The CKR_ number that the C function returns.
    pub rv: ck::CK_RV,
    /// One sentence for the log.
    pub what: Cow<'static, str>,
    /// The attribute, mechanism or file that the error is about.
    pub at: Option<String>,
    /// The lower error that caused it.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Deref for Error {
    type Target = Reason;

    fn deref(&self) -> &Reason {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Reason {
        &mut self.0
    }
}

impl Error {
    /// An error with return value `rv`.
    #[cold]
    pub fn new(rv: ck::CK_RV, what: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason {
            rv,
            what: what.into(),
            at: None,
            source: None,
        }))
    }

    /// Sets `at`.
    #[must_use]
    pub fn at(mut self, at: impl Into<String>) -> Self {
        self.at = Some(at.into());
        self
    }

    /// Sets `source`.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

pub(crate) fn refuse<T>(rv: ck::CK_RV, what: impl Into<Cow<'static, str>>) -> Result<T> {
    Err(Error::new(rv, what))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", ck::rv_name(self.rv), self.what)?;
        if let Some(at) = &self.at {
            write!(f, " ({at})")?;
        }
        let mut source = self.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}
