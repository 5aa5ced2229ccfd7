//! One token's database: opening, making and closing it.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::config::LogLevel;
use crate::log;
use crate::store::door::Tx;
use crate::store::epoch;
use crate::store::error::{Error, Result};
use crate::store::group::GroupCommit;
use crate::store::modes::Options;

use super::connection::{Purpose, connect, keep_log};
use super::counted::CountedWriter;
use super::counter::Counter;
use super::draft::Draft;
use super::folder::Umask;
use super::only_copy::OnlyCopy;
use super::open_files::OpenFiles;
use super::queue::Queue;
use super::readers::Readers;
use super::reserve::Reserve;
use super::writer::StoreWriter;
use super::{files, folder, gen_file, log_file, old_format, schema, sys};

pub(super) struct FileStore {
    open_files: Arc<OpenFiles>,
    readers: Readers,
    queue: Queue,
    access: Access,
    epoch: u64,
    /// Last, so that it outlives the descriptors of the database.
    _only_copy: Option<OnlyCopy>,
}

enum Access {
    Write(Box<FileWriting>, Reserve),
    Read(Option<Counter>),
}

/// What changes the database, and the counter in which it says so.
pub(super) struct FileWriting {
    pub(super) group: GroupCommit<CountedWriter>,
    counter: Arc<Counter>,
}

impl FileStore {
    /// See `Store::make`.
    pub(super) fn make<E: From<Error>>(
        path: &Path,
        umask: Umask,
        fill: impl FnOnce(&Tx<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let parent = path.parent().unwrap_or(Path::new(""));
        folder::make(parent, umask)?;
        let target = files::resolve(path)?;
        gen_file::path_of(&target)?;
        Reserve::of(&target)?;
        Queue::of(&target)?;

        let (draft, file) = Draft::beside(&target)?;
        umask
            .apply(&file, target.parent().unwrap_or(parent))
            .map_err(|e| Error::io(&e, draft.path()))?;
        // SQLite's locks end when any descriptor of its file is closed, so close this one first.
        drop(file);
        schema::create(draft.path(), fill)?;
        Ok(draft.publish(&target)?)
    }

    /// See `Store::open`.
    pub(super) fn open(path: &Path, options: &Options) -> Result<Self> {
        Self::open_knowing(path, options, schema::MIGRATIONS)
    }

    pub(super) fn open_knowing(asked: &Path, options: &Options, known: &[&str]) -> Result<Self> {
        let path = files::resolve(asked)?;
        let counter_path = gen_file::path_of(&path)?;
        let reserve = Reserve::of(&path)?;
        if options.read_only {
            return Self::open_read_only((path, asked), &counter_path, options, known);
        }
        match Self::open_writable((&path, asked), &counter_path, options, known) {
            // The log and its index may need space on a full disk.
            Err(Error::Full) => {
                reserve.give_up_some();
                Self::open_writable((&path, asked), &counter_path, options, known)
            }
            opened => opened,
        }
    }

    fn open_writable(
        (path, asked): (&Path, &Path),
        counter_path: &Path,
        options: &Options,
        known: &[&str],
    ) -> Result<Self> {
        let metadata = files::regular(path)?;
        let reserve = Reserve::of(path)?;
        let queue = Queue::of(path)?;
        let only_copy = OnlyCopy::claim(&queue, true)?;
        let open_files = Arc::new(OpenFiles::of(path, asked, true)?);
        if let Some(aside) = log_file::prepare(path, known)? {
            note_stale_log(path, &aside);
        }
        let mut conn = connect(path, Purpose::Write, options.busy_timeout)?;
        schema::recognize(&conn)?;
        keep_log(&conn)?;
        sys::keep_log_file(&conn);
        open_files.opened()?;
        schema::admit_upgraded(&mut conn, known, &|found| old_format::keep(path, found))?;
        let mut writer = StoreWriter::new(
            conn,
            Arc::clone(&open_files),
            queue.clone(),
            schema::newest(known),
            options.busy_timeout,
        );
        let counter = Arc::new(writer.attach(counter_path)?);
        writer.finish_erasing()?;
        files::share_log(path, &metadata);
        reserve.keep(&metadata);
        let writer = CountedWriter::new(writer, Arc::clone(&counter));
        let writing = FileWriting {
            group: GroupCommit::new(writer, options.busy_timeout),
            counter,
        };
        Ok(Self {
            readers: Readers::new(Arc::clone(&open_files), Purpose::Read, options.busy_timeout),
            queue,
            access: Access::Write(Box::new(writing), reserve),
            epoch: epoch::of_this_process(),
            open_files,
            _only_copy: only_copy,
        })
    }

    fn open_read_only(
        (path, asked): (PathBuf, &Path),
        counter_path: &Path,
        options: &Options,
        known: &[&str],
    ) -> Result<Self> {
        let queue = Queue::of(&path)?;
        let only_copy = OnlyCopy::claim(&queue, false)?;
        if log_file::is_stale(&path) {
            return Err(Error::StaleLog(files::beside(&path, "-wal")));
        }
        let open_files = Arc::new(OpenFiles::of(&path, asked, false)?);
        let (readers, conn) = Readers::read_only(Arc::clone(&open_files), options.busy_timeout)?;
        open_files.opened()?;
        schema::admit(&conn, known)?;
        readers.keep(conn);
        let counter = match Counter::open(counter_path, &open_files) {
            // Without the counter each look at the store is slower.
            Err(Error::PermissionsRefused(_)) => None,
            opened => opened?,
        };
        Ok(Self {
            queue,
            readers,
            access: Access::Read(counter),
            epoch: epoch::of_this_process(),
            open_files,
            _only_copy: only_copy,
        })
    }

    /// The file at `path`, which `conn` has open, without its log.
    pub(super) fn immutable(path: &Path, conn: Connection) -> Result<Self> {
        let open_files = Arc::new(OpenFiles::of(path, path, false)?);
        let readers = Readers::new(Arc::clone(&open_files), Purpose::Immutable, Duration::ZERO);
        readers.keep(conn);
        Ok(Self {
            queue: Queue::of(path)?,
            readers,
            access: Access::Read(None),
            epoch: epoch::of_this_process(),
            open_files,
            _only_copy: None,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.open_files.path()
    }

    pub(super) fn open_files(&self) -> &OpenFiles {
        &self.open_files
    }

    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What changes the database, and its reserve of disk space; `None` where it is only read.
    pub(super) fn writing(&self) -> Option<(&FileWriting, &Reserve)> {
        match &self.access {
            Access::Write(writing, reserve) => Some((writing, reserve)),
            Access::Read(_) => None,
        }
    }

    pub(super) fn counter(&self) -> Option<&Counter> {
        match &self.access {
            Access::Write(writing, _) => Some(&writing.counter),
            Access::Read(counter) => counter.as_ref(),
        }
    }

    /// False in a child of the process that opened the database.
    pub(super) fn is_of_this_process(&self) -> bool {
        epoch::of_this_process() == self.epoch
    }
}

impl Drop for FileStore {
    /// In a forked child nothing is closed: SQLite's handles belong to the parent, and closing them in
    /// the child could damage the database.
    fn drop(&mut self) {
        if self.is_of_this_process() {
            return;
        }
        self.readers.leak();
        mem::forget(mem::replace(&mut self.access, Access::Read(None)));
    }
}

/// `path` was opened without the log now at `aside`: nothing of that log is in the store, nothing lost.
fn note_stale_log(path: &Path, aside: &Path) {
    log::note(
        LogLevel::Error,
        &format!(
            "a log that did not belong to {} was set aside as {}: the token is as its file has it",
            path.display(),
            aside.display()
        ),
    );
}
