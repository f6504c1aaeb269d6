use super::*;

fn run(n: u8) -> RunId {
    RunId::from_bytes([n; 16])
}

fn rows() -> (Vec<Row>, Tail) {
    let record = |n, body: &'static [u8]| Record {
        run: run(n),
        kind: RecordKind::Events,
        body: Bytes::from_static(body),
    };
    let mut writer = RowWriter::after(Tail { lsn: 6, chain: 0x0102_0304 }, 0);
    writer.add(&Frames::of(&[record(1, b"one"), record(2, b"two")]));
    writer.add(&Frames::of(&[Record { kind: RecordKind::Snapshot, ..record(1, b"") }]));
    writer.finish()
}

/// What is read of a row after `change`.
fn read(key: u64, change: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
    let (mut rows, _) = rows();
    let mut bytes = rows.remove(0).bytes;
    change(&mut bytes);
    let found = RowReader::new(key, bytes.into()).unwrap();
    found
        .map(|found| match found {
            Found::Record(lsn, record) => format!("{lsn} {:?}", record.body),
            Found::Body { lsn, run, what } => format!("{lsn} of {:x}: {what}", run.to_bytes()[0]),
            Found::Header { lsn, what } => format!("{lsn}: {what}"),
        })
        .collect()
}

#[test]
fn a_row_gives_back_what_was_put_in() {
    let (rows, tail) = rows();
    assert_eq!((rows.len(), rows[0].key, rows[0].last, tail.lsn), (1, 7, tail, 9));
    assert_eq!(read(7, |_| {}), [r#"7 b"one""#, r#"8 b"two""#, r#"9 b"""#]);
}

#[test]
fn a_row_has_the_form_that_the_docs_draw() {
    let (rows, _) = rows();
    let hex: String = rows[0].bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    expect_test::expect!["04030201010100000300000001010101010101010101010101010101e9b2942aea47e8446f6e65010100000300000002020202020202020202020202020202a3b3d8529731ffe274776f01020000000000000101010101010101010101010101010100000000bceed369"].assert_eq(&hex);
}

#[test]
fn a_damaged_body_costs_its_own_run_alone() {
    let found = read(7, |row| row[ROW_HEADER_BYTES + HEADER_BYTES] ^= 4);
    assert_eq!(found[0], "7 of 1: a body that does not fit its checksum");
    assert_eq!(found[1..], [r#"8 b"two""#, r#"9 b"""#]);
}

#[test]
fn a_damaged_header_ends_the_row() {
    for at in ROW_HEADER_BYTES..ROW_HEADER_BYTES + HEADER_BYTES {
        let found = read(7, |row| row[at] ^= 1);
        assert_eq!(found, ["7: a header that does not fit its checksum"], "byte {at}");
    }
}

#[test]
fn a_row_under_another_key_or_behind_another_chain_is_not_read() {
    assert_eq!(read(8, |_| {}), ["8: a header that does not fit its checksum"]);
    assert_eq!(read(7, |row| row[0] ^= 1), ["7: a header that does not fit its checksum"]);
}

#[test]
fn a_row_that_is_cut_short_is_not_read_beyond_its_end() {
    let size = rows().0[0].bytes.len();
    for end in ROW_HEADER_BYTES + 1..size {
        let found = read(7, |row| row.truncate(end));
        let whole = found.iter().filter(|found| found.contains(" b\"")).count();
        assert!(whole < 3, "{end} bytes gave {found:?}");
    }
}

#[test]
fn rows_stay_small_unless_a_record_is_large() {
    let record =
        |size| Record { run: run(1), kind: RecordKind::Events, body: vec![0; size].into() };
    let records: Vec<_> = [30_000, 30_000, 30_000, 100_000, 10].map(record).into();
    let mut writer = RowWriter::after(Tail::default(), 0);
    writer.add(&Frames::of(&records));
    let (rows, _) = writer.finish();
    assert_eq!(rows.iter().map(|row| row.key).collect::<Vec<_>>(), [1, 3, 4, 5]);
}
