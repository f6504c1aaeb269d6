//! What handlers do, as a function of the seed, the unit, the era and the try: so the order in which
//! things happen changes no result.

use std::time::Duration;

use super::luck::hash;
use crate::definition::ErrorClass;
use crate::payload::Payload;
use crate::run::{Failure, Unit};

const CLASSES: [&str; 5] = ["timeout", "connection", "boom", "permanent", "rate_limited"];

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
    pub(super) fn try_of(self, unit: Unit, era: u32, attempt: u32) -> Result<Payload, Miss> {
        let place = [self.seed, u64::from(unit.node.0), u64::from(unit.item), u64::from(era)];
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
        let who = format!("{}.{}.{era}.{attempt}", unit.node.0, unit.item);
        Ok(Payload::of(&serde_json::json!({ "n": luck % 10, "list": items, "who": who })).unwrap())
    }

    /// The same as a worker tells it.
    pub(super) fn outcome(self, unit: Unit, era: u32, attempt: u32) -> Result<Payload, Failure> {
        self.try_of(unit, era, attempt).map_err(|miss| {
            let class = ErrorClass::parse(miss.class).unwrap();
            let mut failure = Failure::new(class, "the script says so");
            failure.retry_after = Some(Duration::from_millis(miss.asked));
            failure
        })
    }
}
