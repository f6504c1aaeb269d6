//! `status:failed workflow:order since:1d`: which runs are meant.

use windlass::clock::Timestamp;
use windlass::definition::parse_duration;
use windlass::id::Name;
use windlass::journal::RunFilter;
use windlass::run::RunState;

use crate::exit::Problem;

/// The states by their names.
pub(crate) const STATES: [RunState; 8] = [
    RunState::Pending,
    RunState::Running,
    RunState::Paused,
    RunState::Parked,
    RunState::Succeeded,
    RunState::Failed,
    RunState::Cancelled,
    RunState::Damaged,
];

/// Reads the words of a filter.
pub(crate) fn parse(words: &[String], limit: usize, now: Timestamp) -> Result<RunFilter, Problem> {
    let mut filter = RunFilter { limit, ..RunFilter::default() };
    for word in words.iter().flat_map(|w| w.split_whitespace()) {
        let (key, value) = word.split_once(':').ok_or_else(|| {
            Problem::usage(format!("`{word}` is not a filter"))
                .help("write status:failed, workflow:order or since:1d")
        })?;
        match key {
            "status" => filter.state = Some(state(value)?),
            "workflow" => filter.workflow = Some(workflow(value)?),
            "since" => filter.since = Some(since(value, now)?),
            _ => {
                return Err(Problem::usage(format!("a filter knows no `{key}`"))
                    .help("it knows status:, workflow: and since:"));
            }
        }
    }
    Ok(filter)
}

fn state(value: &str) -> Result<RunState, Problem> {
    STATES.into_iter().find(|state| state.as_str() == value).ok_or_else(|| {
        Problem::usage(format!("`{value}` is not the status of a run"))
            .help(format!("it is one of {}", STATES.map(RunState::as_str).join(", ")))
    })
}

fn workflow(value: &str) -> Result<Name, Problem> {
    Name::new(value)
        .ok_or_else(|| Problem::usage(format!("`{value}` cannot be the name of a workflow")))
}

/// A duration before now, or a time.
fn since(value: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    if let Some(at) = Timestamp::parse(value) {
        return Ok(at);
    }
    let span = parse_duration(value).map_err(|why| {
        Problem::usage(format!("since:{value} cannot be read: {why}"))
            .help("write a duration such as since:1d, or a time such as since:2026-01-31T00:00:00Z")
    })?;
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Ok(Timestamp::from_micros(now.as_micros().saturating_sub(micros)))
}

#[cfg(test)]
mod tests {
    use windlass::clock::Timestamp;
    use windlass::run::RunState;

    use super::parse;

    const NOW: Timestamp = Timestamp::from_micros(100_000_000_000);

    #[test]
    fn reads_all_keys() {
        let words = ["status:failed workflow:order".to_owned(), "since:1h".to_owned()];
        let filter = parse(&words, 5, NOW).unwrap();
        assert_eq!(filter.state, Some(RunState::Failed));
        assert_eq!(filter.workflow.unwrap().as_str(), "order");
        assert_eq!(filter.since, Some(Timestamp::from_micros(96_400_000_000)));
        assert_eq!(filter.limit, 5);
    }

    #[test]
    fn names_what_it_does_not_know() {
        let problem = |word: &str| parse(&[word.to_owned()], 0, NOW).unwrap_err().message;
        assert_eq!(problem("failed"), "`failed` is not a filter");
        assert_eq!(problem("status:bad"), "`bad` is not the status of a run");
        assert_eq!(problem("colour:red"), "a filter knows no `colour`");
        assert_eq!(
            problem("since:1"),
            "since:1 cannot be read: `1` has no unit: write `1s` or `1ms`"
        );
    }
}
