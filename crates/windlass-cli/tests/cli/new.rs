//! `windlass new`: templates that are right, and nothing overwritten.

use expect_test::expect;

use crate::support::Place;

#[test]
fn lists_the_templates() {
    expect![[r#"
        exit 0
        ── stdout
          hello      two commands, one input
          order      a business process: conditions, retries, a fan-out to four steps, a fan-in
          fan-out    one step for each item of a list that is known only at run time
          pipeline   one step after the other, each fed with the output of the one before
          http       requests with retries by the kind of error
          backup     pack a folder, checksum it, verify it, keep the last few

          windlass new TEMPLATE [NAME]
    "#]]
    .assert_eq(&Place::new().call("new").shown());
}

#[test]
fn every_template_is_a_right_workflow_under_any_name() {
    let place = Place::new();
    for template in ["hello", "order", "fan-out", "pipeline", "http", "backup"] {
        place.call(&format!("new {template} {template}-2")).code(0);
        let checked = place.call(&format!("check {template}-2.toml")).code(0);
        assert_eq!(checked.out, "", "{template}");
        assert!(place.read(&format!("{template}-2.toml")).contains(&format!("\"{template}-2\"")));
    }
}

#[test]
fn writes_a_file_and_never_overwrites() {
    let place = Place::new();
    expect![[r#"
        exit 0
        ── stderr
             Created flows/greeting.toml
                   → windlass run flows/greeting.toml
    "#]]
    .assert_eq(&place.call("new hello flows/greeting").shown());
    std::fs::write(place.path().join("flows/greeting.toml"), "mine").unwrap();
    expect![[r#"
        exit 2
        ── stderr
        error: flows/greeting.toml exists already
        help: give the workflow another name: windlass new TEMPLATE NAME
    "#]]
    .assert_eq(&place.call("new hello flows/greeting").shown());
    assert_eq!(place.read("flows/greeting.toml"), "mine");
}

#[test]
fn refuses_names_that_are_none() {
    let place = Place::new();
    expect![[r#"
        exit 4
        ── stderr
        error: there is no template `nothing`
        help: the templates are hello, order, fan-out, pipeline, http, backup
    "#]]
    .assert_eq(&place.call("new nothing").shown());
    expect![[r#"
        exit 2
        ── stderr
        error: `a$b` cannot be the name of a workflow
        help: use letters, digits, `_` and `-`, at most 128
    "#]]
    .assert_eq(&place.call("new hello a$b").shown());
}
