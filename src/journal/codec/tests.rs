use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::id::{DefinitionHash, Name, RunId};
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::{Accepted, Failure, RetryFrom, RunState, SkipReason, Unit};

const AT: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);
const LATER: Timestamp = Timestamp::from_micros(1_767_323_046_500_000);
const STEP: Unit = Unit::of(NodeId(3));
const ITEM: Unit = Unit::item(NodeId(300), 70_000);

fn text(json: &str) -> Payload {
    Payload::from_json(json.to_owned()).unwrap()
}

fn failure() -> Failure {
    Failure {
        class: ErrorClass::Exit(-1),
        message: "no such file".into(),
        retry_after: Some(Duration::from_millis(1_500)),
    }
}

fn accepted() -> Event {
    Event::Accepted(Arc::new(Accepted {
        workflow: Name::new("order").unwrap(),
        definition: DefinitionHash([7; 16]),
        input: text(r#"{"cents":5}"#),
        at: AT,
        begin: LATER,
        scheduled_at: AT,
        started_by: "cli".into(),
        key: Some(("order-7".into(), LATER)),
        priority: Some(-3),
        tags: vec![("team".into(), "shop".into())],
    }))
}

/// One of each kind, in the order of their codes.
fn events() -> Vec<Event> {
    let (unit, at, fencing, node) = (STEP, AT, 2, NodeId(9));
    let (started, output) = (AT, text("[1]"));
    vec![
        accepted(),
        Event::Began { at },
        Event::Ready { unit: ITEM, at },
        Event::Skipped { unit, at, reason: SkipReason::Needs(node) },
        Event::Blocked { unit, at, by: node },
        Event::FannedOut { node, at, items: vec![text("1"), text(r#""b""#)] },
        Event::Started { unit, fencing, at },
        Event::Slept { unit, fencing, at, until: LATER },
        Event::Succeeded { unit, fencing, started, at: LATER, output: output.clone() },
        Event::AttemptFailed { unit, fencing, started, at: LATER, failure: Box::new(failure()) },
        Event::RetryScheduled { unit, at, due: LATER },
        Event::Failed { unit, at, failure: Box::new(failure()) },
        Event::Crashed { unit, fencing, at },
        Event::Interrupted { unit, fencing, at },
        Event::Parked { unit, at },
        Event::Gathered { node, at },
        Event::Cancelled { unit, at },
        Event::CancelRequested { at, reason: "enough".into(), timed_out: true },
        Event::Reopened { at, units: vec![STEP, ITEM], from: RetryFrom::Step(node) },
        Event::Replayed { unit, at, input: Some(output.clone()), units: vec![STEP] },
        Event::Ended { at, state: RunState::Failed, output, failure: Some(failure().into()) },
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes stay as they are for ever: what is stored must be read by every later version. A
/// golden line may be added, never changed.
fn golden<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, expected: Expect) {
    let body = encode(value);
    expected.assert_eq(&hex(&body));
    assert_eq!(&decode::<T>(&body).unwrap(), value);
}

#[test]
fn events_keep_their_bytes() {
    let lines = events().into_iter().map(|event| {
        let body = encode_events(std::slice::from_ref(&event));
        assert_eq!(decode_events(&body).unwrap(), std::slice::from_ref(&event));
        format!("{} {}\n", event.name(), hex(&body))
    });
    expect![[r#"
        accepted 010100056f72646572070707070707070707070707070707070b7b2263656e7473223a357dfd80e699ecbd8e0c00fd40adc7ecbd8e0c00fd80e699ecbd8e0c0003636c6901076f726465722d37fd40adc7ecbd8e0c0001fd01047465616d0473686f70
        began 010101fd80e699ecbd8e0c00
        ready 010102fb2c01fc71110100fd80e699ecbd8e0c00
        skipped 0101030300fd80e699ecbd8e0c000109
        blocked 0101040300fd80e699ecbd8e0c0009
        fanned_out 01010509fd80e699ecbd8e0c0002013103226222
        started 010106030002fd80e699ecbd8e0c00
        slept 010107030002fd80e699ecbd8e0c00fd40adc7ecbd8e0c00
        succeeded 010108030002fd80e699ecbd8e0c00fd40adc7ecbd8e0c00035b315d
        attempt_failed 010109030002fd80e699ecbd8e0c00fd40adc7ecbd8e0c0006010c6e6f20737563682066696c650101fc0065cd1d
        retry_scheduled 01010a0300fd80e699ecbd8e0c00fd40adc7ecbd8e0c00
        failed 01010b0300fd80e699ecbd8e0c0006010c6e6f20737563682066696c650101fc0065cd1d
        crashed 01010c030002fd80e699ecbd8e0c00
        interrupted 01010d030002fd80e699ecbd8e0c00
        parked 01010e0300fd80e699ecbd8e0c00
        gathered 01010f09fd80e699ecbd8e0c00
        cancelled 0101100300fd80e699ecbd8e0c00
        cancel_requested 010111fd80e699ecbd8e0c0006656e6f75676801
        reopened 010112fd80e699ecbd8e0c00020300fb2c01fc711101000109
        replayed 0101130300fd80e699ecbd8e0c0001035b315d010300
        ended 010114fd80e699ecbd8e0c0005035b315d0106010c6e6f20737563682066696c650101fc0065cd1d
    "#]].assert_eq(&lines.collect::<String>());
}

#[test]
fn error_classes_and_states_keep_their_bytes() {
    let classes = [
        ErrorClass::Timeout,
        ErrorClass::Connection,
        ErrorClass::RateLimited,
        ErrorClass::ServerError,
        ErrorClass::ClientError,
        ErrorClass::Panic,
        ErrorClass::Exit(3),
        ErrorClass::Invalid,
        ErrorClass::Permanent,
        ErrorClass::Poison,
        ErrorClass::Named("out_of_stock".into()),
    ];
    golden(&classes.to_vec(), expect!["010b00010203040506060708090a0c6f75745f6f665f73746f636b"]);
    let states = [
        RunState::Pending,
        RunState::Running,
        RunState::Paused,
        RunState::Parked,
        RunState::Succeeded,
        RunState::Failed,
        RunState::Cancelled,
    ];
    golden(&states.to_vec(), expect!["010700010203040506"]);
    golden(
        &vec![RetryFrom::Failed, RetryFrom::Step(NodeId(1)), RetryFrom::Start],
        expect!["010300010102"],
    );
}

#[test]
fn what_stands_beside_the_log_keeps_its_bytes() {
    let run = RunId::from_bytes([5; 16]);
    golden(
        &KeyEntry { run, input: [6; 16], until: LATER },
        expect![
            "01100505050505050505050505050505050506060606060606060606060606060606fd40adc7ecbd8e0c00"
        ],
    );
    golden(
        &RunSummary {
            id: run,
            workflow: Name::new("order").unwrap(),
            definition: DefinitionHash([7; 16]),
            state: RunState::Failed,
            accepted: AT,
            ended: Some(LATER),
            failure: Some("step `charge`: timeout".into()),
        },
        expect![
            "011005050505050505050505050505050505056f726465720707070707070707070707070707070705fd80e699ecbd8e0c0001fd40adc7ecbd8e0c000116737465702060636861726765603a2074696d656f7574"
        ],
    );
    golden(
        &Source {
            text: "name = \"x\"".into(),
            path: "x.toml".into(),
            folder: Some(std::path::Path::new("/srv/flows").into()),
        },
        expect!["010a6e616d65203d2022782206782e746f6d6c010a2f7372762f666c6f7773"],
    );
}

#[test]
fn a_body_that_is_cut_or_longer_or_newer_is_refused() {
    let body = encode_events(&events());
    for end in 0..body.len() {
        assert!(decode_events(&body[..end]).is_err(), "{end} bytes");
    }
    let longer = [&body, &[0][..]].concat();
    assert_eq!(decode_events(&longer), Err(CodecError::Trailing(1)));
    let newer = [&[2], &body[1..]].concat();
    assert_eq!(decode_events(&newer), Err(CodecError::Version(2)));
    assert_eq!(decode_events(&[]), Err(CodecError::Empty));
}

#[test]
fn a_length_beyond_the_body_is_refused_before_memory_is_taken() {
    // A `Succeeded` event whose output claims to have 2^40 bytes.
    let mut body = encode_events(&[Event::Began { at: AT }]).to_vec();
    body.truncate(1);
    body.extend([1, 8, 3, 252, 255, 255, 255, 255, 2, 0, 0, 253]);
    body.extend((1u64 << 40).to_le_bytes());
    assert!(matches!(decode_events(&body), Err(CodecError::Malformed(_))));
}

#[test]
fn large_values_fit_the_limits() {
    let output = Payload::of(&"x".repeat(1 << 20)).unwrap();
    let items = vec![Payload::of(&1).unwrap(); 100_000];
    let all = [
        Event::FannedOut { node: NodeId(0), at: AT, items },
        Event::Succeeded { unit: STEP, fencing: 1, started: AT, at: AT, output },
        Event::Reopened { at: AT, units: vec![STEP; 100_000], from: RetryFrom::Start },
    ];
    assert!(decode_events(&encode_events(&all)).unwrap() == all);
}

#[test]
fn random_bytes_never_panic() {
    let mut seed = 1u64;
    for size in 0..2_000 {
        let mut body = vec![BODY_VERSION];
        for _ in 0..size % 64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            body.push(seed.to_be_bytes()[0]);
        }
        drop(decode_events(&body));
        drop(decode_summary(&body));
    }
}
