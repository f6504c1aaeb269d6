//! What this thread has found in large payloads, so that the items of a fan-out which all read the same
//! one do not each search or parse it again.
//!
//! A payload is known by the place of its bytes, which a clone of it keeps. What nobody else holds any
//! more is let go at the next look; the first read of a payload leaves nothing here.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use minijinja::Value;

use super::json;
use super::path::{self, Segment};
use crate::payload::Payload;
use crate::payload::scan::{Parts, unquoted};

/// Smaller payloads are read again each time.
const CACHED_BYTES_MIN: usize = 512;

/// The most payloads that a thread keeps, and the most bytes of them.
const PAYLOADS_MAX: usize = 16;
const PAYLOAD_BYTES_MAX: usize = 32 << 20;

/// The most bytes of JSON of which it keeps the values.
const VALUES_BYTES_MAX: usize = 8 << 20;

thread_local! {
    static CACHE: RefCell<Cache> = const { RefCell::new(Cache::new()) };
}

/// Where the part of `payload` stands that `segments` lead to.
pub(super) fn place(payload: &Payload, segments: &[Segment]) -> Option<Range<usize>> {
    let find = || path::place(payload.as_bytes(), segments);
    if payload.as_bytes().len() < CACHED_BYTES_MIN {
        return find();
    }
    CACHE.with_borrow_mut(|cache| match cache.known(payload) {
        Some(known) => known.place(segments),
        None => find(),
    })
}

/// The value of the part of `payload` that stands at `range`.
pub(super) fn value(payload: &Payload, range: Range<usize>) -> Value {
    let read = || json::read(payload.as_bytes().get(range.clone()).unwrap_or_default());
    if range.len() < CACHED_BYTES_MIN {
        return read();
    }
    CACHE.with_borrow_mut(|cache| {
        let Some(known) = cache.known(payload) else { return read() };
        if let Some(value) = known.values.get(&range.start) {
            return value.clone();
        }
        let value = read();
        cache.make_room(range.len());
        if let Some(known) = cache.payloads.first_mut() {
            known.values.insert(range.start, value.clone());
            known.values_bytes += range.len();
        }
        value
    })
}

struct Cache {
    /// The latest in front.
    payloads: Vec<Known>,
    /// Payloads that were read once: where their bytes stand, and how many.
    read_once: [(usize, usize); PAYLOADS_MAX],
    next: usize,
}

struct Known {
    payload: Payload,
    /// Of its large tables and lists, by where they begin.
    indexes: HashMap<usize, Index>,
    /// Values of its parts, by where these begin.
    values: HashMap<usize, Value>,
    /// How many bytes of JSON these values are.
    values_bytes: usize,
}

/// Where the rows of a table stand, sorted by key; or the items of a list.
struct Index(Vec<u32>);

impl Cache {
    const fn new() -> Self {
        Self { payloads: Vec::new(), read_once: [(0, 0); PAYLOADS_MAX], next: 0 }
    }

    /// What is known of a payload; `None` where this is the first time that it is seen.
    fn known(&mut self, payload: &Payload) -> Option<&mut Known> {
        let identity = identity(payload);
        self.payloads.retain(|known| !known.payload.is_unique());
        let is_it = |known: &Known| self::identity(&known.payload) == identity;
        if let Some(at) = self.payloads.iter().position(is_it) {
            self.payloads[..=at].rotate_right(1);
        } else if self.read_once.contains(&identity) {
            self.payloads.truncate(PAYLOADS_MAX - 1);
            self.payloads.insert(0, Known::new(payload.clone()));
            let mut bytes = 0;
            let fits = |known: &&Known| {
                bytes += known.payload.as_bytes().len();
                bytes <= PAYLOAD_BYTES_MAX
            };
            let fitting = self.payloads.iter().take_while(fits).count();
            self.payloads.truncate(fitting.max(1));
        } else {
            self.read_once[self.next] = identity;
            self.next = (self.next + 1) % PAYLOADS_MAX;
            return None;
        }
        self.payloads.first_mut()
    }

    /// Lets go of values, those of the payload first that was asked for longest ago, until there is
    /// room for so many bytes.
    fn make_room(&mut self, wanted: usize) {
        let mut bytes: usize = self.payloads.iter().map(|known| known.values_bytes).sum();
        for known in self.payloads.iter_mut().rev() {
            if bytes + wanted <= VALUES_BYTES_MAX {
                return;
            }
            known.values.clear();
            bytes -= std::mem::take(&mut known.values_bytes);
        }
    }
}

/// Where the bytes of a payload stand, and how many.
fn identity(payload: &Payload) -> (usize, usize) {
    let bytes = payload.as_bytes();
    (bytes.as_ptr().addr(), bytes.len())
}

impl Known {
    fn new(payload: Payload) -> Self {
        let (indexes, values) = (HashMap::new(), HashMap::new());
        Self { payload, indexes, values, values_bytes: 0 }
    }

    fn place(&mut self, segments: &[Segment]) -> Option<Range<usize>> {
        let mut range = 0..self.payload.as_bytes().len();
        for segment in segments {
            let json = self.payload.as_bytes().get(range.clone())?;
            let inner = if json.len() < CACHED_BYTES_MIN {
                path::pick(json, segment)?
            } else {
                let index = self.indexes.entry(range.start).or_insert_with(|| Index::of(json));
                index.pick(json, segment)?
            };
            range = range.start + inner.start..range.start + inner.end;
        }
        Some(range)
    }
}

impl Index {
    fn of(json: &[u8]) -> Self {
        let table = Parts::of_table(json);
        let is_table = table.is_some();
        let Some(mut parts) = table.or_else(|| Parts::of_list(json)) else {
            return Self(Vec::new());
        };
        let mut places = Vec::new();
        loop {
            // A payload is far below 4 GiB.
            let place = u32::try_from(parts.at()).unwrap_or(u32::MAX);
            if parts.next().is_none() {
                break;
            }
            places.push(place);
        }
        if is_table {
            places.sort_by(|a, b| key(json, *a).cmp(&key(json, *b)));
        }
        Self(places)
    }

    fn pick(&self, json: &[u8], segment: &Segment) -> Option<Range<usize>> {
        let (parts, at) = match segment {
            Segment::Key(wanted) => {
                let parts = Parts::of_table(json)?;
                let wanted = Some(Cow::Borrowed(wanted.as_ref()));
                (parts, self.0.binary_search_by(|at| key(json, *at).cmp(&wanted)).ok()?)
            }
            Segment::Index(index) => {
                let from_end =
                    || self.0.len().checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
                (Parts::of_list(json)?, usize::try_from(*index).ok().or_else(from_end)?)
            }
        };
        parts.from(wide(*self.0.get(at)?)).next_range()
    }
}

/// The key of the row of a table that begins there.
fn key(json: &[u8], at: u32) -> Option<Cow<'_, str>> {
    unquoted(Parts::of_table(json)?.from(wide(at)).next()?.0)
}

fn wide(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
