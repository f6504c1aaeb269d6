//! How deep a text nests, found without parsing it: a file made to overflow the stack never
//! reaches a parser.

/// The deepest nesting of tables and lists that is read.
pub(super) const NESTING_MAX: usize = 64;

/// The place where `text` goes deeper than [`NESTING_MAX`].
///
/// Brackets and the dots of keys count, strings and comments do not. One pass.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open: Vec<usize> = Vec::new();
    let mut depth = 0;
    let mut dots = 0;
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'"' | b'\'' => {
                place = string_end(bytes, place);
                continue;
            }
            b'#' => {
                place = line_end(bytes, place);
                continue;
            }
            b'[' | b'{' => {
                open.push(1 + dots);
                depth += 1 + dots;
                dots = 0;
            }
            b']' | b'}' => {
                depth -= open.pop().unwrap_or(0);
                dots = 0;
            }
            b'.' => dots += 1,
            b',' | b'\n' => dots = 0,
            _ => {}
        }
        if depth + dots > NESTING_MAX {
            return Some(place);
        }
        place += 1;
    }
    None
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| start + at)
}

/// The place after the string that begins at `start`; one that is not closed ends with its line.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let escapes = quote == b'"';
    let long = bytes[start..].starts_with(&[quote; 3]);
    let mut place = start + if long { 3 } else { 1 };
    while let Some(byte) = bytes.get(place) {
        match byte {
            b'\\' if escapes => place += 1,
            b'\n' if !long => return place,
            byte if *byte == quote && !long => return place + 1,
            byte if *byte == quote && bytes[place..].starts_with(&[quote; 3]) => {
                // Up to two more quotes may stand before the closing three.
                let quotes = bytes[place..].iter().take_while(|byte| **byte == quote).count();
                return place + quotes;
            }
            _ => {}
        }
        place += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_dots_count_and_strings_do_not() {
        assert_eq!(too_deep("a = [[[1]]]\n[b.c]\nd.e = { f = [1.5] }"), None);
        assert_eq!(too_deep(&"[".repeat(100_000)), Some(64));
        assert_eq!(too_deep(&format!("a = {}", "{a=".repeat(100_000))), Some(4 + 64 * 3));
        assert_eq!(too_deep(&format!("a{} = 1", ".a".repeat(100_000))), Some(1 + 64 * 2));
        assert_eq!(too_deep(&format!("a = {}", "{a.b.c=".repeat(1_000))), Some(4 + 21 * 7 + 2));
        assert_eq!(too_deep(&format!("a = \"{}\"", "[".repeat(1_000))), None);
        assert_eq!(too_deep(&format!("a = '''{}'''", "[\n".repeat(1_000))), None);
        assert_eq!(too_deep(&format!("a = \"\"\"{}\\\"\"\"\"", "[\"".repeat(1_000))), None);
        assert_eq!(too_deep(&format!("# {}\nb=1", "[".repeat(1_000))), None);
        assert_eq!(too_deep(&"[a]\n".repeat(1_000)), None);
    }
}
