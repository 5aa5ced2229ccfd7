//! The writer with the counter that it announces its commits in.

use std::sync::Arc;

use crate::clock::Deadline;
use crate::store::error::Result;
use crate::store::group::{AppliedChange, Writing};
use crate::store::modes::Durability;

use super::counter::Counter;
use super::rows::FileRows;
use super::writer::StoreWriter;

pub(in crate::store) struct CountedWriter {
    writer: StoreWriter,
    counter: Arc<Counter>,
}

impl CountedWriter {
    pub(super) fn new(writer: StoreWriter, counter: Arc<Counter>) -> Self {
        Self { writer, counter }
    }

    pub(in crate::store) fn store_writer(&mut self) -> &mut StoreWriter {
        &mut self.writer
    }
}

impl Writing for CountedWriter {
    type Rows<'c> = FileRows<'c>;

    fn change(
        &mut self,
        durability: Durability,
        deadline: Deadline,
        change: &mut dyn FnMut(&FileRows<'_>) -> bool,
    ) -> Result<AppliedChange> {
        self.writer.change(durability, deadline, change)
    }

    fn takes_more(&self) -> bool {
        self.writer.takes_more()
    }

    fn end(&mut self) {
        self.writer.end(&self.counter);
    }
}
