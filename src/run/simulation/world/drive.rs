//! How an input gets into the run: as in the engine, or past a planted fault.

use super::*;

impl World {
    /// The run goes on after a death.
    pub(super) fn recover(&mut self) -> Result<Decision, String> {
        if self.fault.is_none() {
            let mut decision = Decision::default();
            self.run.recover(&self.plan, Vec::new(), self.now, &mut decision);
            return Ok(decision);
        }
        let mut settled = self.advance(&mut Input::Settle)?;
        let died = self.advance(&mut Input::Died { maybe: Vec::new() })?;
        settled.events.extend(died.events);
        settled.effects.extend(died.effects);
        settled.effects.retain(|effect| {
            matches!(effect, Effect::AddDeadLetter { .. } | Effect::RemoveDeadLetter { .. })
        });
        settled.effects.extend(self.run.owed(self.now));
        Ok(settled)
    }

    /// The run takes an input in. With a planted fault it goes step by step, and the fault has its
    /// way with what is decided.
    pub(super) fn advance(&mut self, input: &mut Input) -> Result<Decision, String> {
        let mut decision = Decision::default();
        let Some(fault) = self.fault else {
            self.run.advance(&self.plan, input, self.now, &mut decision);
            return Ok(decision);
        };
        let run = &mut self.run;
        fault.input(input, |unit| run.unit(unit).map_or(0, |state| state.dispatch));
        for _ in 0..INPUTS_MAX {
            let mut events = Vec::new();
            run.decide(&self.plan, input, self.now, &mut events);
            fault.events(&mut events, input, |unit| matches!(run.phase(unit), Phase::Judged(_)));
            if events.is_empty() && matches!(input, Input::Settle) {
                return Ok(decision);
            }
            for event in &events {
                run.apply(&self.plan, event, &mut decision.effects);
            }
            decision.events.extend(events);
            *input = Input::Settle;
        }
        Err("it never settles".to_owned())
    }
}
