//! The bytes of what stands beside the log: letters, summaries, runs that were set aside.

use expect_test::expect;

use super::{AT, ITEM, LATER, failure, hex, text};
use crate::dead_letter::{AttemptRecord, CauseId, DeadLetter, DeadLetterId};
use crate::id::{DefinitionHash, Name, RunId};
use crate::run::{Damaged, RunState, RunSummary};
use crate::stored::{
    StoredError, decode_damaged, decode_letter, decode_summary, encode_damaged, encode_letter,
    write_summary,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[test]
fn a_dead_letter_keeps_its_bytes() {
    let attempt = |ended, class: Option<&str>| AttemptRecord {
        attempt: 2,
        started: AT,
        ended,
        class: class.map(str::to_owned),
        message: class.map(|_| "no such file".into()),
    };
    let letter = DeadLetter {
        id: DeadLetterId(7),
        queue: name("default"),
        run: RunId::from_bytes([9; 16]),
        workflow: name("order"),
        definition: DefinitionHash([6; 16]),
        step: name("charge"),
        path: "files[3].charge".into(),
        item: Some(3),
        input: text(r#"{"cents":5}"#),
        failure: failure(),
        attempts: vec![attempt(Some(LATER), Some("exit:3")), attempt(None, None)],
        at: LATER,
        cause: CauseId(8),
        unit: ITEM,
        dispatch: 300,
    };
    let body = encode_letter(&letter);
    assert_eq!(decode_letter(&body).unwrap(), letter);
    expect!["01070764656661756c7409090909090909090909090909090909056f7264657206060606060606060606060606060606066368617267650f66696c65735b335d2e63686172676501030b7b2263656e7473223a357d07657869743a2d310c6e6f20737563682066696c650101fc0065cd1d0202fd80e699ecbd8e0c0001fd40adc7ecbd8e0c000106657869743a33010c6e6f20737563682066696c6502fd80e699ecbd8e0c00000000fd40adc7ecbd8e0c0008fc70110100fb2c01fb2c01"].assert_eq(&hex(&body));
}

#[test]
fn a_summary_keeps_its_bytes() {
    let summary = RunSummary {
        id: RunId::from_bytes([5; 16]),
        workflow: name("order"),
        definition: DefinitionHash([7; 16]),
        state: RunState::Failed,
        accepted: AT,
        ended: Some(LATER),
        failure: Some("step `charge`: timeout".into()),
    };
    let mut body = Vec::new();
    write_summary(&summary, &mut body);
    assert_eq!(decode_summary(&body).unwrap(), summary);
    expect!["0105050505050505050505050505050505056f726465720707070707070707070707070707070705fd80e699ecbd8e0c0001fcc0c62d000116737465702060636861726765603a2074696d656f7574"].assert_eq(&hex(&body));
    body[0] = 2;
    let what = "a summary of a run";
    let newer = StoredError::UnknownVersion { what, version: 2 };
    assert_eq!(decode_summary(&body).unwrap_err(), newer);
}

#[test]
fn why_a_run_was_set_aside_keeps_its_bytes() {
    let damaged = Damaged {
        run: RunId::from_bytes([5; 16]),
        at: AT,
        version: "0.1.0".into(),
        reason: "its rules panicked".into(),
        whole: true,
        workflow: Some(name("order")),
        accepted: Some(AT),
    };
    let body = encode_damaged(&damaged);
    assert_eq!(decode_damaged(&body).unwrap(), damaged);
    expect!["0105050505050505050505050505050505fd80e699ecbd8e0c0005302e312e30126974732072756c65732070616e69636b65640101056f7264657201fd80e699ecbd8e0c00"].assert_eq(&hex(&body));
}
