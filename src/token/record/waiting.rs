//! Shares of an external key's material that wait for others, as the key, and the import job that brought them,
//! list them.

use crate::attr::{Attributes, Value};
use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::store::Uid;

/// An entry of INTERNAL_WAITING_SHARES.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::token) struct WaitingShare {
    pub(in crate::token) number: u8,
    /// When the import job ends that brought it; 0 = never.
    pub(in crate::token) not_after: UnixTime,
    /// Of the share's own record.
    pub(in crate::token) uid: Uid,
}

impl WaitingShare {
    const LEN: usize = 1 + 8 + 16;

    fn encode(self) -> Vec<u8> {
        [&[self.number][..], &self.not_after.to_be_bytes(), &self.uid].concat()
    }

    fn decode(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (number, rest) = bytes.split_first()?;
        let (not_after, uid) = rest.split_first_chunk()?;
        Some(Self {
            number: *number,
            not_after: UnixTime::from_be_bytes(*not_after),
            uid: uid.try_into().ok()?,
        })
    }
}

/// Every share that is listed, also those whose job is over.
pub(in crate::token) fn entries(attributes: &Attributes) -> Vec<WaitingShare> {
    let bytes = attributes.bytes(ck::INTERNAL_WAITING_SHARES);
    let (entries, _) = bytes.unwrap_or_default().as_chunks();
    entries.iter().filter_map(WaitingShare::decode).collect()
}

pub(in crate::token) fn set_entries(attributes: &mut Attributes, entries: &[WaitingShare]) {
    let bytes: Vec<_> = entries.iter().flat_map(|entry| entry.encode()).collect();
    match bytes.is_empty() {
        true => drop(attributes.remove(ck::INTERNAL_WAITING_SHARES)),
        false => attributes.set(ck::INTERNAL_WAITING_SHARES, Value::Bytes(bytes)),
    }
}

/// The numbers of the shares that wait for others, in their order.
pub(in crate::token) fn waiting_numbers(attributes: &Attributes, now: UnixTime) -> Vec<u8> {
    let live = entries(attributes).into_iter();
    let live = live.filter(|entry| !byok::expired(entry.not_after, now));
    let mut numbers: Vec<_> = live.map(|entry| entry.number).collect();
    numbers.sort_unstable();
    numbers
}

/// When the last of the shares that wait ends with its job; 0 = never. `None` where none is listed.
pub(in crate::token) fn shares_end(attributes: &Attributes) -> Option<UnixTime> {
    let ends = entries(attributes).into_iter().map(|entry| entry.not_after);
    // 0 is later than every time.
    ends.max_by_key(|end| end.wrapping_sub(1))
}
