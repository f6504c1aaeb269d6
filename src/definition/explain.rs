//! What each code means, at length, with a failing and a mended example.
//!
//! To add a code: a line in [`CODES`] (kept sorted) and a page in `explain/`. The page is a paragraph,
//! and after it, where an example of a few lines can show it, `Wrong:` and `Right:` with a workflow
//! each, four spaces in. The tests check that the wrong one gives the code and the right one does not.

/// The codes with their pages, sorted.
const CODES: &[(&str, &str)] = &[
    ("bad-default", include_str!("explain/bad-default.md")),
    ("bad-duration", include_str!("explain/bad-duration.md")),
    ("bad-error-class", include_str!("explain/bad-error-class.md")),
    ("bad-expression", include_str!("explain/bad-expression.md")),
    ("bad-name", include_str!("explain/bad-name.md")),
    ("bad-number", include_str!("explain/bad-number.md")),
    ("bad-pattern", include_str!("explain/bad-pattern.md")),
    ("bad-size", include_str!("explain/bad-size.md")),
    ("bad-text", include_str!("explain/bad-text.md")),
    ("bad-url", include_str!("explain/bad-url.md")),
    ("bare-expression", include_str!("explain/bare-expression.md")),
    ("contradiction", include_str!("explain/contradiction.md")),
    ("cycle", include_str!("explain/cycle.md")),
    ("does-not-fit", include_str!("explain/does-not-fit.md")),
    ("duplicate-key", include_str!("explain/duplicate-key.md")),
    ("empty", include_str!("explain/empty.md")),
    ("hidden-step", include_str!("explain/hidden-step.md")),
    ("join-too-large", include_str!("explain/join-too-large.md")),
    ("missing-key", include_str!("explain/missing-key.md")),
    ("missing-verb", include_str!("explain/missing-verb.md")),
    ("named-twice", include_str!("explain/named-twice.md")),
    ("no-effect", include_str!("explain/no-effect.md")),
    ("no-failed-items", include_str!("explain/no-failed-items.md")),
    ("no-steps", include_str!("explain/no-steps.md")),
    ("not-constant", include_str!("explain/not-constant.md")),
    ("not-here", include_str!("explain/not-here.md")),
    ("not-supported-yet", include_str!("explain/not-supported-yet.md")),
    ("nothing-to-read", include_str!("explain/nothing-to-read.md")),
    ("out-of-range", include_str!("explain/out-of-range.md")),
    ("secret-in-file", include_str!("explain/secret-in-file.md")),
    ("several-verbs", include_str!("explain/several-verbs.md")),
    ("single-attempt", include_str!("explain/single-attempt.md")),
    ("syntax", include_str!("explain/syntax.md")),
    ("timeout-cannot-fit", include_str!("explain/timeout-cannot-fit.md")),
    ("too-deep", include_str!("explain/too-deep.md")),
    ("too-large", include_str!("explain/too-large.md")),
    ("too-many-edges", include_str!("explain/too-many-edges.md")),
    ("too-many-items", include_str!("explain/too-many-items.md")),
    ("too-many-problems", include_str!("explain/too-many-problems.md")),
    ("too-many-queues", include_str!("explain/too-many-queues.md")),
    ("too-many-steps", include_str!("explain/too-many-steps.md")),
    ("unknown-class", include_str!("explain/unknown-class.md")),
    ("unknown-input", include_str!("explain/unknown-input.md")),
    ("unknown-key", include_str!("explain/unknown-key.md")),
    ("unknown-policy", include_str!("explain/unknown-policy.md")),
    ("unknown-secret", include_str!("explain/unknown-secret.md")),
    ("unknown-step", include_str!("explain/unknown-step.md")),
    ("unknown-task", include_str!("explain/unknown-task.md")),
    ("unknown-value", include_str!("explain/unknown-value.md")),
    ("wrong-type", include_str!("explain/wrong-type.md")),
];

/// What a code means: a paragraph, and mostly a failing and a mended example.
///
/// ```
/// let page = windlass::definition::explain("unknown-key").expect("it is a code");
/// assert!(page.contains("never ignored"));
/// ```
pub fn explain(code: &str) -> Option<&'static str> {
    let place = CODES.binary_search_by_key(&code, |(known, _)| known).ok()?;
    Some(CODES[place].1)
}

/// Every code, sorted.
pub fn codes() -> impl ExactSizeIterator<Item = &'static str> {
    CODES.iter().map(|(code, _)| *code)
}

#[cfg(test)]
mod tests;
