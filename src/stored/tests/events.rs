//! The bytes of events and definitions.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::{AT, ITEM, LATER, STEP, failure, hex, text};
use crate::definition::ErrorClass;
use crate::id::{Name, RunId};
use crate::payload::Payload;
use crate::plan::{EdgeKind, ListEdge, ListEntry, NodeId, StoredDefinition};
use crate::run::{
    Attempt, EvaluationOf, Event, Failure, Origin, RetryFrom, RunState, SkipReason, StartedBy,
};
use crate::stored::{
    StoredError, decode_definition, decode_events, encode_definition, encode_events, write_events,
};

fn accepted(origin: Origin) -> Event {
    Event::Accepted(super::accepted(origin))
}

/// One of each kind, in the order of their tags.
fn events() -> Vec<Event> {
    let (unit, at, dispatch, node) = (STEP, AT, 2, NodeId(9));
    let attempt = Attempt { unit: ITEM, dispatch: 300, started: AT, ended: LATER };
    let (output, worker) = (text("[1]"), StartedBy::Worker(Name::new("w1").unwrap()));
    let lease = Some(Duration::from_secs(30));
    vec![
        accepted(Origin::Cli),
        Event::Began { at },
        Event::Ready { unit: ITEM, at },
        Event::Skipped { unit, at, reason: SkipReason::Needs(node) },
        Event::Blocked { unit, at, by: node },
        Event::FannedOut { unit, at, items: vec![text("1"), text(r#""b""#)] },
        Event::GroupOpened { unit, at },
        Event::Started { unit, dispatch, at, by: worker, lease },
        Event::Slept { unit, at, until: LATER },
        Event::Succeeded { attempt, output: output.clone() },
        Event::AttemptFailed { attempt, failure: Box::new(failure()) },
        Event::RetryScheduled { unit, at, due: LATER },
        Event::Failed { unit, at, failure: Box::new(failure()) },
        Event::Crashed { unit, dispatch, at, certain: true },
        Event::Interrupted { unit, dispatch, at },
        Event::Parked { unit, at },
        Event::Gathered { unit, at },
        Event::Cancelled { unit, at },
        Event::CancelRequested { at, reason: "enough".into(), timed_out: true },
        Event::Reopened { at, units: vec![STEP, ITEM], from: RetryFrom::Step(node) },
        Event::Replayed { unit, at, input: Some(output.clone()), units: vec![STEP] },
        Event::Ended { at, state: RunState::Failed, output, failure: Some(failure().into()) },
        Event::EvaluationRequested { of: EvaluationOf::Start(ITEM), at },
    ]
}

/// The other variants of what events hold.
fn variants() -> Vec<Event> {
    let (unit, at, dispatch) = (STEP, AT, 2);
    let run = RunId::from_bytes([9; 16]);
    let origins = [
        Origin::Library,
        Origin::Api,
        Origin::Schedule { id: "nightly".into(), tick: AT },
        Origin::Event { id: "e1".into(), subscription: "s1".into() },
        Origin::Webhook { path: "/pay".into(), delivery: "d1".into() },
        Origin::Parent { run, path: "files[3].build".into(), attempt: 2 },
        Origin::Rerun { of: run },
    ];
    let states = [
        RunState::Pending,
        RunState::Running,
        RunState::Paused,
        RunState::Parked,
        RunState::Succeeded,
        RunState::Cancelled,
        RunState::Damaged,
    ];
    let ended = |state| Event::Ended { at, state, output: Payload::NULL, failure: None };
    let failed = |class| {
        let failure = Box::new(Failure::new(class, "no"));
        Event::Failed { unit, at, failure }
    };
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
    let others = [
        Event::Skipped { unit, at, reason: SkipReason::When },
        Event::Started { unit, dispatch, at, by: StartedBy::Local, lease: None },
        Event::Reopened { at, units: Vec::new(), from: RetryFrom::Failed },
        Event::Reopened { at, units: Vec::new(), from: RetryFrom::Start },
        Event::EvaluationRequested { of: EvaluationOf::Output, at },
    ];
    let origins = origins.into_iter().map(accepted);
    let states = states.into_iter().map(ended);
    origins.chain(states).chain(classes.map(failed)).chain(others).collect()
}

/// The bytes stay as they are for ever: what is stored must be read by every later version. A
/// golden line may be added, never changed.
fn golden(events: Vec<Event>, expected: Expect) {
    let lines = events.into_iter().map(|event| {
        let mut body = Vec::new();
        write_events(std::slice::from_ref(&event), &mut body);
        assert_eq!(decode_events(&body).unwrap(), std::slice::from_ref(&event));
        format!("{} {}\n", event.name(), hex(&body))
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn events_keep_their_bytes() {
    golden(
        events(),
        expect![[r#"
            accepted 01930473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000001090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            began 0209fd80e699ecbd8e0c00
            ready 0311fc70110100fb2c01fd80e699ecbd8e0c00
            skipped 040d0003fd80e699ecbd8e0c000109
            blocked 050c0003fd80e699ecbd8e0c0009
            fanned_out 06120003fd80e699ecbd8e0c0002013103226222
            group_opened 070b0003fd80e699ecbd8e0c00
            started 0813000302fd80e699ecbd8e0c0001027731011e00
            slept 09100003fd80e699ecbd8e0c00fcc0c62d00
            succeeded 0a1dfc70110100fb2c01fb2c01fd80e699ecbd8e0c00fcc0c62d00035b315d
            attempt_failed 0b35fc70110100fb2c01fb2c01fd80e699ecbd8e0c00fcc0c62d0007657869743a2d310c6e6f20737563682066696c650101fc0065cd1d
            retry_scheduled 0c100003fd80e699ecbd8e0c00fcc0c62d00
            failed 0d270003fd80e699ecbd8e0c0007657869743a2d310c6e6f20737563682066696c650101fc0065cd1d
            crashed 0e0d000302fd80e699ecbd8e0c0001
            interrupted 0f0c000302fd80e699ecbd8e0c00
            parked 100b0003fd80e699ecbd8e0c00
            gathered 110b0003fd80e699ecbd8e0c00
            cancelled 120b0003fd80e699ecbd8e0c00
            cancel_requested 1311fd80e699ecbd8e0c0006656e6f75676801
            reopened 1416fd80e699ecbd8e0c00020003fc70110100fb2c010109
            replayed 15130003fd80e699ecbd8e0c0001035b315d010003
            ended 162bfd80e699ecbd8e0c0005035b315d0107657869743a2d310c6e6f20737563682066696c650101fc0065cd1d
            evaluation_requested 171201fc70110100fb2c01fd80e699ecbd8e0c00
        "#]],
    );
}

#[test]
fn what_events_hold_keeps_its_bytes() {
    golden(
        variants(),
        expect![[r#"
            accepted 01930473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000000090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            accepted 01930473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000002090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            accepted 01a40473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000003076e696768746c79fd80e699ecbd8e0c00090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            accepted 01990473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000004026531027331090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            accepted 019b0473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000005042f706179026431090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            accepted 01b30473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000006090909090909090909090909090909090e66696c65735b335d2e6275696c6402090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            accepted 01a30473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d00000709090909090909090909090909090909090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
            ended 1610fd80e699ecbd8e0c0000046e756c6c00
            ended 1610fd80e699ecbd8e0c0001046e756c6c00
            ended 1610fd80e699ecbd8e0c0002046e756c6c00
            ended 1610fd80e699ecbd8e0c0003046e756c6c00
            ended 1610fd80e699ecbd8e0c0004046e756c6c00
            ended 1610fd80e699ecbd8e0c0006046e756c6c00
            ended 1610fd80e699ecbd8e0c0007046e756c6c00
            failed 0d170003fd80e699ecbd8e0c000774696d656f7574026e6f00
            failed 0d1a0003fd80e699ecbd8e0c000a636f6e6e656374696f6e026e6f00
            failed 0d1c0003fd80e699ecbd8e0c000c726174655f6c696d69746564026e6f00
            failed 0d1c0003fd80e699ecbd8e0c000c7365727665725f6572726f72026e6f00
            failed 0d1c0003fd80e699ecbd8e0c000c636c69656e745f6572726f72026e6f00
            failed 0d150003fd80e699ecbd8e0c000570616e6963026e6f00
            failed 0d160003fd80e699ecbd8e0c0006657869743a33026e6f00
            failed 0d170003fd80e699ecbd8e0c0007696e76616c6964026e6f00
            failed 0d190003fd80e699ecbd8e0c00097065726d616e656e74026e6f00
            failed 0d160003fd80e699ecbd8e0c0006706f69736f6e026e6f00
            failed 0d1c0003fd80e699ecbd8e0c000c6f75745f6f665f73746f636b026e6f00
            skipped 040c0003fd80e699ecbd8e0c0000
            started 080e000302fd80e699ecbd8e0c000000
            reopened 140bfd80e699ecbd8e0c000000
            reopened 140bfd80e699ecbd8e0c000002
            evaluation_requested 170a00fd80e699ecbd8e0c00
        "#]],
    );
}

#[test]
fn a_definition_keeps_its_bytes() {
    let entry = |owner, path: &str, edges: Vec<ListEdge>| ListEntry {
        owner,
        path: path.into(),
        edges: edges.into(),
    };
    let edge = |target, kind, counted| ListEdge { target, kind, counted };
    let definition = StoredDefinition {
        name: Name::new("order").unwrap(),
        text: "[steps.a]\n".into(),
        edition: 1,
        list: Box::new([
            entry(None, "steps/a", vec![]),
            entry(None, "steps/b", vec![edge(0, EdgeKind::Data, true)]),
            entry(Some(1), "steps/c", vec![edge(2, EdgeKind::Order, false)]),
        ]),
    };
    let body = encode_definition(&definition);
    assert_eq!(decode_definition(&body).unwrap(), definition);
    expect!["01056f726465720a5b73746570732e615d0a0103000773746570732f6100000773746570732f620100010101010773746570732f6301020000"].assert_eq(&hex(&body));
}

#[test]
fn events_stand_behind_each_other_and_unknown_ones_are_told() {
    let (mut body, all) = (Vec::new(), events());
    write_events(&all, &mut body);
    assert_eq!(decode_events(&body).unwrap(), all);
    body.extend_from_slice(&[200, 0]);
    let told = decode_events(&body).unwrap_err();
    assert_eq!(told, StoredError::UnknownTag { what: "an event", tag: 200 });
}

#[test]
fn bytes_that_are_cut_or_random_never_panic_nor_ask_for_memory() {
    let mut body = Vec::new();
    write_events(&events(), &mut body);
    let whole = events();
    for end in 0..body.len() {
        if let Ok(read) = decode_events(&body[..end]) {
            assert!(read.len() < whole.len() && whole.starts_with(&read), "cut at {end}");
        }
    }
    let mut luck = crate::luck::Luck::new(7);
    for _ in 0..20_000 {
        let mut random = body.clone();
        for _ in 0..=luck.below(4) {
            let at = luck.index(random.len());
            random[at] = u8::try_from(luck.below(256)).unwrap();
        }
        drop(decode_events(&random));
    }
}

#[test]
fn large_values_fit() {
    let output = Payload::of(&"x".repeat((1 << 20) - 2)).unwrap();
    let items = vec![Payload::of(&1).unwrap(); 100_000];
    let attempt = Attempt { unit: STEP, dispatch: 1, started: AT, ended: AT };
    let all = [
        Event::FannedOut { unit: STEP, at: AT, items },
        Event::Succeeded { attempt, output },
        Event::Reopened { at: AT, units: vec![STEP; 100_000], from: RetryFrom::Start },
    ];
    assert!(decode_events(&encode_events(&all)).unwrap() == all);
}
