//! A version of a workflow, as it is stored: version byte, then name, text, edition and the list.

use serde::{Deserialize, Serialize};

use super::common::name;
use crate::plan::{EdgeKind, ListEdge, ListEntry, StoredDefinition};
use crate::stored::StoredError;
use crate::stored::tagged::{Values, encode, write_list};

const VERSION: u8 = 1;

/// Something that can be instantiated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct EntryRecord<'a> {
    owner: Option<u32>,
    path: &'a str,
    edges: Vec<EdgeRecord>,
}

/// A resolved edge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct EdgeRecord {
    target: u32,
    kind: EdgeKindRecord,
    counted: bool,
}

/// What a dependency is waited for; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum EdgeKindRecord {
    Order,
    Data,
}

/// Appends a definition.
pub(in crate::stored) fn encode_definition(out: &mut Vec<u8>, definition: &StoredDefinition) {
    let StoredDefinition { name, text, edition, list } = definition;
    out.push(VERSION);
    encode(out, name.as_str());
    encode(out, text.as_ref());
    encode(out, edition);
    write_list(out, list.iter().map(EntryRecord::from));
}

/// Reads what [`encode_definition`] appended.
pub(in crate::stored) fn decode_definition(body: &[u8]) -> Result<StoredDefinition, StoredError> {
    let mut values = Values::of("a definition", VERSION, body)?;
    let name = name(values.next()?)?;
    let text: &str = values.next()?;
    let edition = values.next()?;
    let list = values.list(|entry: EntryRecord<'_>| Ok(ListEntry::from(entry)))?;
    values.end()?;
    Ok(StoredDefinition { name, text: text.into(), edition, list: list.into() })
}

impl<'a> From<&'a ListEntry> for EntryRecord<'a> {
    fn from(ListEntry { owner, path, edges }: &'a ListEntry) -> Self {
        let edge = |edge: &ListEdge| EdgeRecord {
            target: edge.target,
            kind: match edge.kind {
                EdgeKind::Order => EdgeKindRecord::Order,
                EdgeKind::Data => EdgeKindRecord::Data,
            },
            counted: edge.counted,
        };
        Self { owner: *owner, path, edges: edges.iter().map(edge).collect() }
    }
}

impl From<EntryRecord<'_>> for ListEntry {
    fn from(EntryRecord { owner, path, edges }: EntryRecord<'_>) -> Self {
        let edge = |edge: EdgeRecord| ListEdge {
            target: edge.target,
            kind: match edge.kind {
                EdgeKindRecord::Order => EdgeKind::Order,
                EdgeKindRecord::Data => EdgeKind::Data,
            },
            counted: edge.counted,
        };
        Self { owner, path: path.into(), edges: edges.into_iter().map(edge).collect() }
    }
}
