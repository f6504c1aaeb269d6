//! What a command prints: into the step's log at once, and as much of it as is asked for kept.

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::task::log::StepLog;
use crate::task::secret::Masks;

/// Takes one stream of a command.
pub(super) struct Sink<'a> {
    log: &'a StepLog,
    masks: &'a Masks,
    /// The begin of a line whose end has not come yet: a secret may stand across two reads.
    line: Vec<u8>,
    kept: Kept,
}

/// What is kept of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The stream is only drained.
    Nothing,
    /// The first bytes.
    First {
        /// What is kept.
        bytes: Vec<u8>,
        /// At most so many.
        max: usize,
        /// How many there were.
        total: u64,
    },
    /// The last bytes.
    Last {
        /// What is kept; up to twice as much as asked for.
        bytes: Vec<u8>,
        /// At least so many, if there are.
        max: usize,
        /// Whether there were more.
        cut: bool,
    },
}

/// The longest piece that is read at once, in bytes.
const READ_BYTES_MAX: usize = 64 << 10;

/// The first piece that is read, in bytes: most commands say little.
const READ_BYTES_MIN: usize = 8 << 10;

impl<'a> Sink<'a> {
    pub(super) fn new(log: &'a StepLog, masks: &'a Masks, kept: Kept) -> Self {
        Self { log, masks, line: Vec::new(), kept }
    }

    /// Reads the stream to its end. An error of the stream is its end.
    pub(super) async fn drain(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = Vec::with_capacity(READ_BYTES_MIN);
        while matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            self.take(&buffer);
            if buffer.len() == buffer.capacity() && buffer.len() < READ_BYTES_MAX {
                buffer.reserve(READ_BYTES_MAX);
            }
            buffer.clear();
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.kept.take(bytes);
        if self.masks.is_empty() {
            return self.log.write(bytes);
        }
        self.line.extend_from_slice(bytes);
        let whole = match self.line.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if self.line.len() > READ_BYTES_MAX => self.line.len(),
            None => return,
        };
        let lines: Vec<u8> = self.line.drain(..whole).collect();
        self.log.write(&self.masks.apply(&lines));
    }

    /// The stream is over: what was kept of it.
    pub(super) fn finish(self) -> Kept {
        self.log.write(&self.masks.apply(&self.line));
        self.kept
    }
}

impl Kept {
    /// The first `max` bytes.
    pub(super) fn first(max: usize) -> Self {
        Self::First { bytes: Vec::new(), max, total: 0 }
    }

    /// The last `max` bytes.
    pub(super) fn last(max: usize) -> Self {
        Self::Last { bytes: Vec::new(), max, cut: false }
    }

    fn take(&mut self, more: &[u8]) {
        match self {
            Self::Nothing => {}
            Self::First { bytes, max, total } => {
                *total = total.saturating_add(u64::try_from(more.len()).unwrap_or(u64::MAX));
                let room = max.saturating_sub(bytes.len());
                bytes.extend_from_slice(&more[..more.len().min(room)]);
            }
            Self::Last { bytes, max, cut } => {
                bytes.extend_from_slice(more);
                if bytes.len() > *max * 2 {
                    bytes.drain(..bytes.len() - *max);
                    *cut = true;
                }
            }
        }
    }

    /// The last whole lines of what was kept, without white space around them.
    pub(super) fn last_lines(&self) -> String {
        let (bytes, max, cut) = match self {
            Self::Nothing | Self::First { .. } => return String::new(),
            Self::Last { bytes, max, cut } => (bytes.trim_ascii_end(), *max, *cut),
        };
        let from = bytes.len().saturating_sub(max);
        let tail = &bytes[from..];
        let begun = cut || from > 0;
        // A line whose begin is gone is left out, unless it is the only one.
        let first = tail.iter().position(|byte| *byte == b'\n').filter(|_| begun);
        let lines = &tail[first.map_or(0, |end| end + 1)..];
        String::from_utf8_lossy(lines.trim_ascii()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(mut kept: Kept, pieces: &[&str]) -> Kept {
        for piece in pieces {
            kept.take(piece.as_bytes());
        }
        kept
    }

    #[test]
    fn the_first_bytes_are_kept_and_all_are_counted() {
        let seen = kept(Kept::first(4), &["abc", "def", "ghi"]);
        assert_eq!(seen, Kept::First { bytes: b"abcd".to_vec(), max: 4, total: 9 });
    }

    #[test]
    fn the_last_lines_are_whole() {
        assert_eq!(kept(Kept::last(20), &["\n one\n", "two\n\n"]).last_lines(), "one\ntwo");
        assert_eq!(kept(Kept::last(8), &["first line\n", "abc\ndef\n"]).last_lines(), "def");
        assert_eq!(kept(Kept::last(4), &["abcdefghijklmn"]).last_lines(), "klmn");
        assert_eq!(kept(Kept::last(6), &["abc\n", "x\nlast\n"]).last_lines(), "last");
    }
}
