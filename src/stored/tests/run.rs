//! The bytes of a run that has one of everything.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use expect_test::expect;

use super::{AT, ITEM, LATER, STEP, accepted, failure, hex, text};
use crate::id::{DefinitionHash, RunId};
use crate::plan::NodeId;
use crate::run::scope::{
    Derived, DroppedScopes, ScopeArena, ScopeBlock, ScopeKind, ScopePhase, ScopeState,
};
use crate::run::unit::{
    Activity, AttemptEnd, PastAttempt, PastEnd, Phase, Race, RareState, Slot, UnitEnd, UnitState,
    Wait,
};
use crate::run::{Armed, Ending, Origin, Run, RunState, ScopeId, Stop};
use crate::seldom::Seldom;
use crate::stored::tagged::Entries;
use crate::stored::{StoredError, decode_run, write_run};

/// Every place where a unit can stand.
fn phases() -> [Phase; 18] {
    [
        Phase::Pending(300),
        Phase::Waiting(Wait::Slot),
        Phase::Waiting(Wait::Retry),
        Phase::Waiting(Wait::Sleep),
        Phase::Waiting(Wait::Person),
        Phase::Active(Activity::Queued),
        Phase::Active(Activity::Running),
        Phase::Active(Activity::Scopes),
        Phase::Judged(AttemptEnd::Failed),
        Phase::Judged(AttemptEnd::Crashed),
        Phase::Judged(AttemptEnd::Interrupted),
        Phase::Ended(UnitEnd::Succeeded),
        Phase::Ended(UnitEnd::Failed),
        Phase::Ended(UnitEnd::Skipped),
        Phase::Ended(UnitEnd::SkippedFor(NodeId(3))),
        Phase::Ended(UnitEnd::Blocked(NodeId(4))),
        Phase::Ended(UnitEnd::Cancelled),
        Phase::Waiting(Wait::Evaluation),
    ]
}

fn rare() -> RareState {
    let past = |end| PastAttempt { attempt: 2, dispatch: 5, started: AT, ended: LATER, end };
    RareState {
        tries: 2,
        deaths: 1,
        died_for_certain: true,
        race: Some(Race { wanted: 1, spare: 2, lost: true }),
        first: Some(AT),
        edited: Some(text("5")),
        failure: Some(Box::new(failure())),
        past: vec![
            past(PastEnd::Succeeded),
            past(PastEnd::Failed(Box::new(failure()))),
            past(PastEnd::Interrupted),
            past(PastEnd::Crashed),
            past(PastEnd::Cancelled),
        ],
        dropped: 7,
    }
}

fn block(kind: ScopeKind) -> ScopeBlock {
    let scope = |phase| ScopeState {
        value: text(r#""x""#),
        open: 2,
        phase,
        failed: true,
        cancelled: false,
    };
    let all = [
        ScopePhase::Waiting,
        ScopePhase::Active,
        ScopePhase::Succeeded,
        ScopePhase::Failed,
        ScopePhase::Cancelled,
    ];
    ScopeBlock {
        first: ScopeId(1),
        owner: STEP,
        kind,
        place: 18,
        node: NodeId(9),
        width: 2,
        scopes: all.map(scope).into(),
        again: VecDeque::from([4]),
        next: 3,
        active: 1,
        failed: 2,
        cancelled: 0,
        stopped: true,
        bytes: 0,
        output: text("[1]"),
        failed_items: Derived::default(),
        frame_bytes: Derived::default(),
    }
}

/// A run with one of everything. No run is like that.
fn whole() -> Run {
    let unit = |phase| UnitState {
        rare: (phase == Phase::FAILED).then(|| Box::new(rare())),
        started: AT,
        ended: LATER,
        phase,
        dispatch: 4,
        slot: Slot::of_number(6),
    };
    let span = Some(Duration::from_secs(3));
    let armed = |number, span| Armed { number, due: LATER, span };
    let kept = vec![(Some(Box::new(rare())), None), (None, Slot::of_number(2))];
    let dropped = DroppedScopes { first: ScopeId(90), count: 1, units: kept };
    let kinds = [ScopeKind::Item, ScopeKind::Iteration, ScopeKind::Group];
    let blocks = kinds.map(block).into();
    let mut run = Run {
        id: RunId::from_bytes([9; 16]),
        accepted: accepted(Origin::Cli),
        definition: DefinitionHash([6; 16]),
        state: RunState::Running,
        stop: Stop::Starts,
        priority: Some(-3),
        attempt: 2,
        began: AT,
        ended: LATER,
        units: phases().map(unit).into(),
        top: 12,
        arena: ScopeArena { blocks, given: 91, dropped: BTreeMap::from([(ITEM, dropped)]) }.into(),
        outputs: vec![text("1"), text(r#"{"a":2}"#)],
        work: VecDeque::from([STEP, ITEM]),
        held: BTreeMap::from([(-5, VecDeque::from([ITEM])), (100, VecDeque::from([STEP]))]).into(),
        waits: BTreeMap::from([(STEP, armed(8, span)), (ITEM, armed(9, None))]).into(),
        alarm: Some(Box::new(armed(7, span))),
        dispatches: 300,
        timers: 9,
        open: 0,
        busy: 0,
        slots: 0,
        parked: 0,
        bytes: 0,
        ending: Some(Box::new(Ending {
            cancel: Some(("enough".into(), true)),
            output: text("3"),
            failure: Some(Box::new(failure())),
            evaluation: Some(300),
        })),
    };
    run.count_units();
    run
}

/// A golden line may be added, never changed.
#[test]
fn the_sections_of_a_run_keep_their_bytes() {
    let (run, mut bytes) = (whole(), Vec::new());
    write_run(&run, &mut bytes);
    assert_eq!(decode_run(&bytes).unwrap(), run);
    let lines = Entries::of(&bytes).map(|entry| {
        let (tag, body) = entry.unwrap();
        format!("{tag} {}\n", hex(body))
    });
    expect![[r#"
        1 010473686f70056f726465720707070707070707070707070707070701092f7372762f73686f700b7b2263656e7473223a357dfd80e699ecbd8e0c00fcc0c62d000001090909090909090909090909090909090101076f726465722d37fc80510100000808080808080808080808080808080801013701fd01047465616d0473686f700103616e6e010930302d312d322d303101
        2 010909090909090909090909090909090906060606060606060606060606060606010102fd80e699ecbd8e0c00fd40adc7ecbd8e0c000cfb2c01090107fd40adc7ecbd8e0c00010300
        3 011200fb2c010406fd80e699ecbd8e0c00fcc0c62d00010406fd80e699ecbd8e0c00fcc0c62d00020406fd80e699ecbd8e0c00fcc0c62d00030406fd80e699ecbd8e0c00fcc0c62d00040406fd80e699ecbd8e0c00fcc0c62d00050406fd80e699ecbd8e0c00fcc0c62d00060406fd80e699ecbd8e0c00fcc0c62d00070406fd80e699ecbd8e0c00fcc0c62d00080406fd80e699ecbd8e0c00fcc0c62d00090406fd80e699ecbd8e0c00fcc0c62d000a0406fd80e699ecbd8e0c00fcc0c62d000b0406fd80e699ecbd8e0c00fcc0c62d000c0406fd80e699ecbd8e0c00fcc0c62d000d0406fd80e699ecbd8e0c00fcc0c62d000e030406fd80e699ecbd8e0c00fcc0c62d000f040406fd80e699ecbd8e0c00fcc0c62d00100406fd80e699ecbd8e0c00fcc0c62d00110406fd80e699ecbd8e0c00fcc0c62d00
        4 015b0301000300120902050322782202000100032278220201010003227822020201000322782202030100032278220204010001040301020001035b315d01000301120902050322782202000100032278220201010003227822020201000322782202030100032278220204010001040301020001035b315d01000302120902050322782202000100032278220201010003227822020201000322782202030100032278220204010001040301020001035b315d01fc70110100fb2c015a0102010201010101020101fd80e699ecbd8e0c000101350107657869743a2d310c6e6f20737563682066696c650101fc0065cd1d050205fd80e699ecbd8e0c00fcc0c62d00000205fd80e699ecbd8e0c00fcc0c62d000107657869743a2d310c6e6f20737563682066696c650101fc0065cd1d0205fd80e699ecbd8e0c00fcc0c62d00020205fd80e699ecbd8e0c00fcc0c62d00030205fd80e699ecbd8e0c00fcc0c62d000407000002
        5 0102000308fd40adc7ecbd8e0c00010300fc70110100fb2c0109fd40adc7ecbd8e0c0000
        6 01020131077b2261223a327d
        7 01010c0201010101020101fd80e699ecbd8e0c000101350107657869743a2d310c6e6f20737563682066696c650101fc0065cd1d050205fd80e699ecbd8e0c00fcc0c62d00000205fd80e699ecbd8e0c00fcc0c62d000107657869743a2d310c6e6f20737563682066696c650101fc0065cd1d0205fd80e699ecbd8e0c00fcc0c62d00020205fd80e699ecbd8e0c00fcc0c62d00030205fd80e699ecbd8e0c00fcc0c62d000407
        8 01020003fc70110100fb2c0102fb01fc70110100fb2c0164010003
        9 010106656e6f7567680101330107657869743a2d310c6e6f20737563682066696c650101fc0065cd1d
        10 01fb2c01
    "#]].assert_eq(&lines.collect::<String>());
}

#[test]
fn what_has_been_stopped_keeps_its_byte() {
    let stops = [Stop::Nothing, Stop::Starts, Stop::Attempts, Stop::Run];
    let lines = stops.map(|stop| {
        let (run, mut bytes) = (Run { stop, ..whole() }, Vec::new());
        write_run(&run, &mut bytes);
        assert_eq!(decode_run(&bytes).unwrap().stop, stop);
        let (_, head) = Entries::of(&bytes).nth(1).unwrap().unwrap();
        format!("{stop:?} {}\n", hex(&head[..40]))
    });
    expect![[r#"
        Nothing 010909090909090909090909090909090906060606060606060606060606060606010002fd80e699
        Starts 010909090909090909090909090909090906060606060606060606060606060606010102fd80e699
        Attempts 010909090909090909090909090909090906060606060606060606060606060606010202fd80e699
        Run 010909090909090909090909090909090906060606060606060606060606060606010302fd80e699
    "#]]
    .assert_eq(&lines.concat());
}

#[test]
fn a_run_of_a_later_version_is_told_and_not_guessed() {
    let mut bytes = Vec::new();
    write_run(&whole(), &mut bytes);
    let mut other = bytes.clone();
    other.extend_from_slice(&[99, 1, 1]);
    let told = decode_run(&other).unwrap_err();
    assert_eq!(told, StoredError::UnknownTag { what: "a section", tag: 99 });
    // A tag and a length of one byte each stand before the version.
    assert_eq!(std::mem::replace(&mut bytes[2], 2), 1);
    assert!(decode_run(&bytes).is_err());
    assert_eq!(decode_run(&[]).unwrap_err(), StoredError::Missing("the head of a run"));
}

/// What is derived from a run that has just begun is little.
#[test]
fn sections_that_are_empty_are_left_out() {
    let empty = Run {
        units: Vec::new(),
        arena: Seldom::default(),
        outputs: Vec::new(),
        work: VecDeque::new(),
        held: Seldom::default(),
        waits: Seldom::default(),
        ending: None,
        ..whole()
    };
    let mut bytes = Vec::new();
    write_run(&empty, &mut bytes);
    let tags: Vec<u16> = Entries::of(&bytes).map(|entry| entry.unwrap().0).collect();
    assert_eq!(tags, [1, 2]);
}
