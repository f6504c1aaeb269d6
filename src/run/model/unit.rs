//! What is executed, and one try at it.

use crate::clock::Timestamp;
use crate::plan::NodeId;

/// Where steps are instantiated: the run itself (0), one item of a fan-out, one iteration, a group.
///
/// Numbers are given in the order in which scopes open, and never twice within a run. They never
/// leave the engine: outside, a unit is its path (`files[3].fetch`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ScopeId(pub u32);

impl ScopeId {
    /// The run itself.
    pub const RUN: Self = Self(0);
}

/// One instance of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// Where the step is instantiated.
    pub scope: ScopeId,
    /// The step.
    pub node: NodeId,
}

impl Unit {
    /// The unit of a top-level step.
    pub const fn top(node: NodeId) -> Self {
        Self { scope: ScopeId::RUN, node }
    }

    /// Whether it stands in the run itself, and not in an item, iteration or group.
    pub const fn is_top(self) -> bool {
        self.scope.0 == ScopeId::RUN.0
    }
}

/// One try of a unit that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// What was tried.
    pub unit: Unit,
    /// The number of its dispatch within the run, from 1.
    pub dispatch: u32,
    /// When it started; where it never left its queue, when it ended.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

/// The epoch of the first owner of a shard.
pub(crate) const FIRST_EPOCH: u32 = 1;

/// The number that a handler can hand to a store which remembers the highest it has seen: it rises
/// with every call, across restarts. `epoch` rises with each owner of the run's shard.
pub(crate) fn fencing(epoch: u32, dispatch: u32) -> u64 {
    u64::from(epoch) * (1 << 21) + u64::from(dispatch)
}

/// The items in which a unit stands, from the outermost fan-out to the innermost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ItemPath {
    /// None: it stands in no fan-out.
    #[default]
    Outside,
    /// The index of its item, in one fan-out.
    Single(u32),
    /// The indices of its items, in fan-outs within each other.
    Nested(Box<[u32]>),
}

impl ItemPath {
    /// The path of these indices, the outermost first.
    pub(crate) fn of(indices: &[u32]) -> Self {
        match indices {
            [] => Self::Outside,
            [index] => Self::Single(*index),
            several => Self::Nested(several.into()),
        }
    }

    /// The indices, the outermost first.
    pub fn indices(&self) -> &[u32] {
        match self {
            Self::Outside => &[],
            Self::Single(index) => std::slice::from_ref(index),
            Self::Nested(indices) => indices,
        }
    }

    /// The index of the innermost item; `None` outside of fan-outs.
    pub fn last(&self) -> Option<u32> {
        self.indices().last().copied()
    }
}
