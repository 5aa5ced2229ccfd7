//! How a transaction ended, told to every thread whose change is in it.

use parking_lot::{Condvar, Mutex};

use super::error::Result;

#[derive(Debug, Default)]
pub(super) struct Outcome {
    result: Mutex<Option<Result<()>>>,
    known: Condvar,
}

impl Outcome {
    pub(super) fn set(&self, result: Result<()>) {
        *self.result.lock() = Some(result);
        self.known.notify_all();
    }

    pub(super) fn wait(&self) -> Result<()> {
        let mut result = self.result.lock();
        loop {
            if let Some(result) = &*result {
                return result.clone();
            }
            self.known.wait(&mut result);
        }
    }
}
