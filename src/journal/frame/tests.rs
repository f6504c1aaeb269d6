use super::*;
use crate::id::RunId;

fn run(n: u8) -> EntityId {
    RunId::from_bytes([n; 16]).into()
}

/// A segment of three records behind the sixth.
fn row() -> Vec<u8> {
    let before = Tail { seq: 6, chain: 0x0102_0304 };
    let mut frames = Vec::new();
    let mut push = |tail, kind, n, body: &[u8]| {
        push_frame(&mut frames, tail, (kind, run(n)), |to| to.extend_from_slice(body))
    };
    let one = push(before, RecordKind::Events, 1, b"one");
    let two = push(one, RecordKind::Events, 2, b"two");
    push(two, RecordKind::Snapshot, 1, b"");
    let size = u32::try_from(frames.len()).unwrap();
    let header = SegmentHeader { shard: ShardId::of(5), epoch: 77, before, count: 3, size };
    [&header.encode()[..], &frames].concat()
}

/// What is read of the row after `change`.
fn read(change: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let mut bytes = row();
    change(&mut bytes);
    let found = segments(bytes.into()).flat_map(|segment| match segment {
        Ok(segment) => segment.frames().map(told).collect(),
        Err(what) => vec![what.to_owned()],
    });
    found.collect()
}

fn told(found: Found) -> String {
    match found {
        Found::Record(seq, record) => format!("{seq} {:?}", record.body),
        Found::Body { seq, entity, what } => {
            format!("{seq} of {:x}: {what}", entity.to_bytes()[0])
        }
        Found::Header { seq, what } => format!("{seq}: {what}"),
    }
}

#[test]
fn a_row_gives_back_what_was_put_in() {
    assert_eq!(read(|_| {}), [r#"7 b"one""#, r#"8 b"two""#, r#"9 b"""#]);
}

#[test]
fn a_row_has_the_form_that_the_docs_draw() {
    let hex: String = row().iter().map(|byte| format!("{byte:02x}")).collect();
    expect_test::expect!["010500004d000000070000000000000004030201030000006600000056f3850a020100000300000001010101010101010101010101010101e9b2942a47ac3aa76f6e65020100000300000002020202020202020202020202020202a3b3d85277b6062574776f02020000000000000101010101010101010101010101010100000000fabd8411"].assert_eq(&hex);
}

#[test]
fn a_damaged_body_costs_its_own_run_alone() {
    let found = read(|row| row[SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES] ^= 4);
    assert_eq!(found[0], "7 of 1: a body that does not fit its checksum");
    assert_eq!(found[1..], [r#"8 b"two""#, r#"9 b"""#]);
}

#[test]
fn a_damaged_header_of_a_frame_ends_its_segment() {
    for at in SEGMENT_HEADER_BYTES..SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES {
        let found = read(|row| row[at] ^= 1);
        assert_eq!(found, ["7: a header that does not fit its checksum"], "byte {at}");
    }
}

#[test]
fn a_damaged_header_of_a_segment_ends_its_row() {
    for at in 0..SEGMENT_HEADER_BYTES {
        let found = read(|row| row[at] ^= 1);
        assert_eq!(found, ["the header of a segment does not fit its checksum"], "byte {at}");
    }
}

#[test]
fn a_row_that_is_cut_short_is_not_read_beyond_its_end() {
    let size = row().len();
    for end in 1..size {
        let found = read(|row| row.truncate(end));
        assert!(!found.iter().any(|found| found.contains(" b\"")), "{end} bytes gave {found:?}");
    }
}
