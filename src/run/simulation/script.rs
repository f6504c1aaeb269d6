//! What handlers do, as a function of the seed, the unit, the era and the try: so the order in which
//! things happen changes no result.

use std::time::Duration;

use crate::definition::ErrorClass;
use crate::luck::hash;
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::{Failure, ItemPath};

const CLASSES: [&str; 5] = ["timeout", "connection", "boom", "permanent", "rate_limited"];

/// A unit as the outside knows it: whatever happens, the same place has the same luck.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spot {
    pub(super) node: NodeId,
    pub(super) items: ItemPath,
}

/// The handlers of one seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    pub(super) seed: u64,
}

/// How an attempt of a script fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Miss {
    pub(super) class: &'static str,
    /// The wait that the error asks for, in milliseconds.
    pub(super) asked: u64,
}

impl Script {
    /// What a try of a unit comes to. In later eras most things have healed.
    pub(super) fn try_of(self, spot: &Spot, era: u32, attempt: u32) -> Result<Payload, Miss> {
        let mut place = vec![self.seed, u64::from(spot.node.0), u64::from(era)];
        place.extend(spot.items.indices().iter().map(|item| u64::from(*item)));
        let luck = hash(&place);
        let (good, flaky) = if era == 0 { (60, 85) } else { (85, 95) };
        let misses = match luck % 100 {
            mood if mood < good => 0,
            mood if mood < flaky => 1 + luck / 100 % 3,
            _ => u64::MAX,
        };
        let luck = hash(&[luck, u64::from(attempt)]);
        if u64::from(attempt) <= misses {
            let class = CLASSES[usize::try_from(luck % 5).unwrap()];
            return Err(Miss { class, asked: 5 + luck / 5 % 500 });
        }
        let items: Vec<u64> = (0..luck / 100 % 5).collect();
        let who = format!("{}.{:?}.{era}.{attempt}", spot.node.0, spot.items.indices());
        Ok(Payload::of(&serde_json::json!({ "n": luck % 10, "list": items, "who": who })).unwrap())
    }

    /// The same as a worker tells it.
    pub(super) fn outcome(self, spot: &Spot, era: u32, attempt: u32) -> Result<Payload, Failure> {
        self.try_of(spot, era, attempt).map_err(|miss| {
            let class = ErrorClass::parse(miss.class).unwrap();
            let mut failure = Failure::new(class, "the script says so");
            failure.retry_after = Some(Duration::from_millis(miss.asked));
            failure
        })
    }
}
