//! The steps that an expression may read, by id.

use std::sync::OnceLock;

use super::StepValue;
use crate::id::Name;

/// Fewer steps are looked through.
const MANY_MIN: usize = 16;

/// `steps`: those that are read, in the order in which they were given.
#[derive(Debug, Clone, Default)]
pub struct StepValues {
    rows: Vec<(Name, StepValue)>,
    /// The places of many, sorted by id; made when the first one is looked for.
    by_id: OnceLock<Box<[usize]>>,
}

impl StepValues {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(Name, StepValue)> {
        self.rows.iter()
    }

    /// The step with this id.
    pub fn get(&self, id: &str) -> Option<&(Name, StepValue)> {
        self.rows.get(self.place(id)?)
    }

    /// The step with this id, to be changed.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut StepValue> {
        let place = self.place(id)?;
        self.rows.get_mut(place).map(|(_, step)| step)
    }

    fn place(&self, id: &str) -> Option<usize> {
        let id_at = |place: usize| self.rows[place].0.as_str();
        if self.rows.len() < MANY_MIN {
            return (0..self.rows.len()).find(|place| id_at(*place) == id);
        }
        let by_id = self.by_id.get_or_init(|| {
            let mut places: Box<[usize]> = (0..self.rows.len()).collect();
            places.sort_by_key(|place| id_at(*place));
            places
        });
        let found = by_id.binary_search_by(|place| id_at(*place).cmp(id)).ok()?;
        Some(by_id[found])
    }
}

impl FromIterator<(Name, StepValue)> for StepValues {
    fn from_iter<I: IntoIterator<Item = (Name, StepValue)>>(rows: I) -> Self {
        Self { rows: rows.into_iter().collect(), by_id: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_found_by_its_id_however_many_there_are() {
        for count in [0, 1, MANY_MIN - 1, MANY_MIN, 100] {
            let id = |place: usize| Name::new(&format!("s{}", (place * 7) % 101)).unwrap();
            let mut steps: StepValues =
                (0..count).map(|place| (id(place), StepValue::default())).collect();
            for place in 0..count {
                assert_eq!(steps.get(id(place).as_str()).unwrap().0, id(place));
                steps.get_mut(id(place).as_str()).unwrap().status = "failed";
            }
            assert!(steps.iter().all(|(_, step)| step.status == "failed"));
            assert!(steps.get("t").is_none() && steps.get_mut("").is_none());
        }
    }
}
