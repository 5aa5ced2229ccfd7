//! An engine behind the store's door whose transactions are rolled back at their first run.

use std::cell::RefCell;
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tenon_pkcs11::api::clock::Deadline;
use tenon_pkcs11::api::store::{
    Catalog, CopyProgress, Durability, Engine, Error, FileCopy, Generation, Moving, Options,
    Result, Run, Snapshot, Store, Ticket, Tx,
};

/// How many transactions there were so far.
#[derive(Clone, Default)]
pub(crate) struct Transactions {
    rolled_back: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
    durable: Arc<AtomicU64>,
}

impl Transactions {
    pub(crate) fn rolled_back(&self) -> u64 {
        self.rolled_back.load(Ordering::SeqCst)
    }

    /// Those that waited for the disk and were kept.
    pub(crate) fn durable(&self) -> u64 {
        self.durable.load(Ordering::SeqCst)
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }
}

/// The stores of another catalog; each change that would be kept is rolled back once.
pub(crate) struct Unsteady {
    catalog: Arc<dyn Catalog>,
    transactions: Transactions,
}

impl Unsteady {
    pub(crate) fn over(catalog: Arc<dyn Catalog>) -> (Arc<dyn Catalog>, Transactions) {
        let transactions = Transactions::default();
        let unsteady = Self {
            catalog,
            transactions: transactions.clone(),
        };
        (Arc::new(unsteady), transactions)
    }
}

impl Catalog for Unsteady {
    fn slots(&self) -> Result<Vec<u64>> {
        self.catalog.slots()
    }

    fn is_taken(&self, slot: u64) -> bool {
        self.catalog.is_taken(slot)
    }

    fn misnamed(&self) -> Result<Vec<String>> {
        self.catalog.misnamed()
    }

    fn open(&self, slot: u64, options: &Options) -> Result<Store> {
        Ok(Store::over(UnsteadyStore {
            store: self.catalog.open(slot, options)?,
            transactions: self.transactions.clone(),
        }))
    }

    fn lock(&self, wait: Duration) -> Result<Ticket> {
        self.catalog.lock(wait)
    }

    fn make_filled(&self, slot: u64, fill: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()> {
        self.catalog.make_filled(slot, fill)
    }

    fn take_in(
        &self,
        slot: u64,
        moving: &Moving<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        self.catalog.take_in(slot, moving, progress)
    }

    fn remove(&self, slot: u64) -> Result<()> {
        self.catalog.remove(slot)
    }

    fn read_backup(&self, file: &Path, progress: CopyProgress) -> Result<FileCopy> {
        self.catalog.read_backup(file, progress)
    }

    fn check_unused(&self, slot: u64) -> Result<()> {
        self.catalog.check_unused(slot)
    }

    fn install(&self, copy: FileCopy, slot: u64) -> Result<()> {
        self.catalog.install(copy, slot)
    }

    fn is_of_files(&self) -> bool {
        self.catalog.is_of_files()
    }

    fn name(&self) -> String {
        self.catalog.name()
    }

    fn is_place_of_token(&self, path: &Path) -> bool {
        self.catalog.is_place_of_token(path)
    }

    fn location(&self, slot: u64) -> String {
        self.catalog.location(slot)
    }
}

struct UnsteadyStore {
    store: Store,
    transactions: Transactions,
}

/// Why a change was not kept.
enum NotKept {
    ByItself,
    By(Error),
}

impl From<Error> for NotKept {
    fn from(error: Error) -> Self {
        Self::By(error)
    }
}

impl Engine for UnsteadyStore {
    fn read(&self, look: &mut dyn FnMut(&Snapshot<'_>)) -> Result<()> {
        self.transactions.reads.fetch_add(1, Ordering::SeqCst);
        let look = RefCell::new(look);
        self.store.read(|snapshot| {
            (look.borrow_mut())(snapshot);
            Ok(())
        })
    }

    fn change(&self, run: Run, change: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()> {
        let change = RefCell::new(change);
        let attempt = |tx: &Tx<'_>| {
            if !(change.borrow_mut())(tx) {
                return Err(NotKept::ByItself);
            }
            if run.again {
                return Ok(());
            }
            self.transactions.rolled_back.fetch_add(1, Ordering::SeqCst);
            Err(NotKept::By(Error::RolledBack))
        };
        let made = match run.durability {
            Durability::Full => {
                let made = self.store.write(attempt);
                let kept = u64::from(made.is_ok());
                self.transactions.durable.fetch_add(kept, Ordering::SeqCst);
                made
            }
            Durability::Process => self.store.write_relaxed(attempt),
        };
        match made {
            Ok(()) | Err(NotKept::ByItself) => Ok(()),
            Err(NotKept::By(error)) => Err(error),
        }
    }

    fn generation(&self) -> Generation {
        self.store.generation()
    }

    fn untouched(&self, keys: &[&[u8]], since: u64) -> Option<u64> {
        self.store.untouched(keys, since)
    }

    fn is_shared_by_lease(&self) -> bool {
        self.store.is_shared_by_lease()
    }

    fn queue(
        &self,
        line: NonZeroU8,
        deadline: Deadline,
        admit: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Ticket>> {
        self.store
            .queue(line, deadline, |ahead| Ok::<_, Error>(admit(ahead)))
    }

    fn finish_erasing(&self) -> Result<()> {
        self.store.finish_erasing()
    }

    fn give_back_space(&self) -> Result<()> {
        self.store.give_back_space()
    }

    fn with_reserve(&self, again: &mut dyn FnMut()) {
        let again = RefCell::new(again);
        let done: Result<()> = self.store.with_reserve(|| {
            (again.borrow_mut())();
            Ok(())
        });
        done.unwrap();
    }

    fn copy(&self, target: &Path, progress: CopyProgress) -> Result<FileCopy> {
        self.store.copy(target, progress)
    }

    fn file(&self) -> Option<&Path> {
        self.store.file()
    }

    fn is_gone(&self) -> bool {
        self.store.is_gone()
    }

    fn was_there_lately(&self) -> bool {
        self.store.was_there_lately()
    }

    fn is_replaced(&self) -> bool {
        self.store.is_replaced()
    }

    fn is_of_this_process(&self) -> bool {
        self.store.is_of_this_process()
    }
}
