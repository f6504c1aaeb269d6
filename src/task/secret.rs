//! Secrets: looked up when an attempt starts, and taken out of all that it says.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use super::Attempt;
use super::error::{failure, invalid};
use crate::definition::SecretSource;
use crate::payload::Payload;
use crate::run::Failure;

/// Shorter secrets are not looked for in logs and results, in bytes: they would be found everywhere.
pub const SECRET_BYTES_MIN: usize = 4;

/// The largest secret, in bytes.
pub const SECRET_BYTES_MAX: u64 = 64 << 10;

/// The value of a secret, now.
///
/// # Errors
/// Class `invalid`, where it is not there.
pub(crate) fn resolve(attempt: &Attempt, name: &str) -> Result<Box<str>, Failure> {
    let known = attempt.plan.secrets.iter().find(|(secret, _)| secret == name);
    let (_, source) = known.ok_or_else(|| invalid(format_args!("no secret `{name}`")))?;
    match source {
        SecretSource::Env(variable) => match std::env::var(variable) {
            Ok(value) => Ok(value.into()),
            Err(error) => {
                let text =
                    format_args!("secret `{name}`: environment variable `{variable}`: {error}");
                Err(invalid(text))
            }
        },
        SecretSource::File(path) => {
            let home = attempt.home.as_deref().unwrap_or_else(|| Path::new(""));
            read_file(&home.join(path))
                .map_err(|error| invalid(format_args!("secret `{name}`: file `{path}`: {error}")))
        }
    }
}

fn read_file(path: &Path) -> Result<Box<str>, String> {
    let known = fs::metadata(path).map_err(|error| error.to_string())?;
    if known.len() > SECRET_BYTES_MAX {
        return Err(format!("larger than a secret may be ({SECRET_BYTES_MAX} bytes)"));
    }
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    Ok(without_line_end(&text).into())
}

/// The text without its last line end.
pub(crate) fn without_line_end(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

/// What must not be shown: the secrets that an attempt has read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Masks(Vec<Vec<u8>>);

impl Masks {
    /// The masks of these secrets: each as it is, each of its lines, and as JSON writes it.
    pub(crate) fn of(secrets: &[(Box<str>, Box<str>)]) -> Self {
        let mut found = Vec::new();
        for (_, secret) in secrets {
            let lines = secret.lines().map(str::trim).filter(|line| *line != secret.as_ref());
            for text in std::iter::once(secret.trim()).chain(lines) {
                let json = serde_json::to_string(text).unwrap_or_default();
                found.push(text.as_bytes().to_vec());
                found.push(json.trim_matches('"').as_bytes().to_vec());
            }
        }
        found.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
        // A secret that holds another is hidden as a whole.
        found.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        found.dedup();
        Self(found)
    }

    /// Whether there is nothing to hide.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes with each secret replaced.
    pub(crate) fn apply<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut shown = Cow::Borrowed(bytes);
        for secret in &self.0 {
            if let Some(replaced) = replaced(&shown, secret) {
                shown = Cow::Owned(replaced);
            }
        }
        shown
    }

    /// The text with each secret replaced.
    pub(crate) fn apply_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.apply(text.as_bytes())).into_owned()
    }

    /// The result of an attempt with each secret replaced.
    pub(crate) fn hide(&self, result: Result<Payload, Failure>) -> Result<Payload, Failure> {
        match result {
            Ok(output) => match self.apply(output.as_bytes()) {
                Cow::Borrowed(_) => Ok(output),
                Cow::Owned(shown) => Payload::from_json(shown)
                    .map_err(|_| invalid("the output holds a secret where JSON has no text")),
            },
            Err(failure) => Err(self.hide_failure(failure)),
        }
    }

    /// The failure with each secret replaced.
    pub(crate) fn hide_failure(&self, hidden: Failure) -> Failure {
        Failure {
            retry_after: hidden.retry_after,
            ..failure(hidden.class, self.apply_text(&hidden.message))
        }
    }
}

/// `None` where the secret is not in there.
fn replaced(bytes: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let find = |from: usize| {
        bytes.get(from..)?.windows(secret.len()).position(|part| part == secret).map(|at| from + at)
    };
    let mut at = find(0)?;
    let mut shown = Vec::with_capacity(bytes.len());
    let mut from = 0;
    loop {
        shown.extend_from_slice(&bytes[from..at]);
        shown.extend_from_slice(MASK);
        from = at + secret.len();
        match find(from) {
            Some(next) => at = next,
            None => break,
        }
    }
    shown.extend_from_slice(&bytes[from..]);
    Some(shown)
}

const MASK: &[u8] = b"***";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::ErrorClass;

    fn masks(secrets: &[&str]) -> Masks {
        let named: Vec<_> = secrets.iter().map(|s| (Box::from("s"), Box::from(*s))).collect();
        Masks::of(&named)
    }

    #[test]
    fn each_secret_is_hidden_wherever_it_stands() {
        let masks = masks(&["hunter2", "hunter2-long", "abc", "line one\nline two\n", "a\"quote"]);
        for (said, shown) in [
            ("nothing", "nothing"),
            ("hunter2 and hunter2-long", "*** and ***"),
            ("abc is too short", "abc is too short"),
            ("> line two", "> ***"),
            (r#"{"k":"a\"quote"}"#, r#"{"k":"***"}"#),
            ("hunter2hunter2", "******"),
        ] {
            assert_eq!(masks.apply_text(said), shown);
        }
    }

    #[test]
    fn a_result_does_not_tell_a_secret() {
        let masks = masks(&["hunter2"]);
        let output = masks.hide(Payload::of("x hunter2").map_err(|_| unreachable!()));
        assert_eq!(output.unwrap().as_str(), r#""x ***""#);
        let error = masks.hide(Err(failure(ErrorClass::Permanent, "hunter2?"))).unwrap_err();
        assert_eq!((error.class, &*error.message), (ErrorClass::Permanent, "***?"));
    }
}
