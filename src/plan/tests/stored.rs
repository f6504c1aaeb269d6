use super::*;
use crate::id::Name;

const ETL: &str = r#"
name = "etl"
[input]
day = "date"
[steps.load]
task = "load"
depends_on = ["clean"]
with.rows = "${{ steps.list.output }}"
[steps.list]
run = "ls ${{ input.day }}"
output = "lines"
[steps.clean]
for_each = "steps.list.output"
tolerate = "5%"
[steps.clean.steps.check]
run = "check ${{ item }} ${{ steps.list.status }}"
[steps.clean.steps.mend]
task = "mend"
depends_on = ["check"]
[output]
rows = "${{ steps.load.output }}"
"#;

fn stored(text: &str) -> StoredDefinition {
    loaded(text).unwrap().plan.definition()
}

/// The nodes of the plan of a stored definition, or why there is none.
fn check_stored(stored: &StoredDefinition, expected: Expect) {
    let drawn = Plan::stored(stored).map_or_else(|error| error.to_string(), |plan| draw(&plan));
    expected.assert_eq(&drawn);
}

/// The list, one entry a line; `!` needs the output, `?` is not counted.
fn listed(stored: &StoredDefinition) -> String {
    let line = |place: usize| {
        let edges = stored.list[place].edges.iter().map(|edge| {
            let data = if edge.kind == EdgeKind::Data { "!" } else { "" };
            let counted = if edge.counted { "" } else { "?" };
            format!(" {}{data}{counted}", edge.target)
        });
        format!("{place} {}{}\n", stored.path(place), edges.collect::<String>())
    };
    (0..stored.list.len()).map(line).collect()
}

#[test]
fn a_definition_has_one_list_with_its_edges() {
    let definition = stored(ETL);
    assert_eq!(definition.edition, EDITION);
    assert_eq!(definition.hash(), loaded(ETL).unwrap().plan.hash);
    expect![[r#"
        0 steps/load 2 1!?
        1 steps/list
        2 steps/clean 1!
        3 steps/clean/steps/check
        4 steps/clean/steps/mend 3
    "#]]
    .assert_eq(&listed(&definition));
}

#[test]
fn a_stored_definition_gives_the_plan_that_it_was_made_from() {
    let plan = loaded(ETL).unwrap().plan;
    let again = Plan::stored(&plan.definition()).unwrap();
    assert_eq!(draw(&again), draw(&plan));
    assert_eq!((again.hash, &again.name, again.edition), (plan.hash, &plan.name, plan.edition));
    assert_eq!(again.definition(), plan.definition());
    assert_eq!((again.order, again.by_id), (plan.order, plan.by_id));
}

#[test]
fn a_workflow_that_is_named_by_its_file_keeps_the_name() {
    let loaded = load("flows/nightly.toml", "[steps.a]\nrun = 'true'", None, &KnownTasks::Any);
    let plan = loaded.unwrap().plan;
    let again = Plan::stored(&plan.definition()).unwrap();
    assert_eq!((again.name.as_str(), again.hash), ("nightly", plan.hash));
}

#[test]
fn a_version_is_its_name_and_text() {
    let text = "[steps.a]\nrun = 'true'";
    let version = |file: &str, text: &str| load(file, text, None, &KnownTasks::Any).unwrap().plan;
    let hash = version("a.toml", text).hash;
    assert_eq!(version("elsewhere/a.toml", text).hash, hash);
    assert_ne!(version("b.toml", text).hash, hash);
    assert_ne!(version("a.toml", &format!("{text}\n")).hash, hash);
}

/// A later planner may see other edges in the same text; the run keeps those that it has.
#[test]
fn edges_are_those_of_the_list() {
    let mut definition = stored(ETL);
    let mend = ListEdge { target: 4, kind: EdgeKind::Data, counted: true };
    definition.list[3].edges = Box::new([mend]);
    definition.list[4].edges = Box::default();
    definition.list[0].edges = Box::default();
    check_stored(
        &definition,
        expect![[r#"
            0 load needs [] input Template[Expression(steps.list.output)] reads [list] default
            1 list needs [] input run default
            2 clean needs [list!] input item reads [list] fan Expression(steps.list.output) body 3..5 default
            3 clean.check needs [clean.mend!] input clean.mend reads [list] default
            4 clean.mend needs [] input item default
            waves load list | clean
            longest list clean
            roots load list leaves load clean
        "#]],
    );
}

/// Each of these texts is refused as a new file.
#[test]
fn a_stored_text_is_not_checked_again() {
    let texts = [
        ("an unknown step", "[steps.a]\ntask = 't'\nwith = '${{ steps.b.output }}'"),
        ("an unknown dependency", "[steps.a]\ntask = 't'\ndepends_on = ['b']"),
        ("an unknown secret", "[steps.a]\ntask = 't'\nwith = '${{ secrets.b }}'"),
        ("a join that is never reached", "[steps.a]\ntask = 't'\njoin = 3"),
        ("a circle in the text", "[steps.a]\ntask = 't'\ndepends_on = ['a']"),
        ("too many items", "[steps.a]\ntask = 't'\nfor_each = [1, 2]\nmax_items = 1"),
        ("an expression in a comment", "[steps.a]\nrun = 'true # ${{ input }}'"),
    ];
    for (what, text) in texts {
        assert!(loaded(text).is_err(), "{what} is not refused in a new file");
        let mut definition = stored("[steps.a]\ntask = 't'");
        definition.text = text.into();
        let plan = Plan::stored(&definition);
        let plan = plan.unwrap_or_else(|error| panic!("{what} in a stored text: {error}"));
        assert_eq!(plan.nodes.len(), 1, "{what}");
    }
}

#[test]
fn what_does_not_fit_is_told() {
    let change = |change: fn(&mut StoredDefinition)| {
        let mut definition = stored(ETL);
        change(&mut definition);
        Plan::stored(&definition).map_or_else(|error| error.to_string(), |plan| draw(&plan)) + "\n"
    };
    let edge = |from: usize, target| {
        let mut definition = stored(ETL);
        definition.list[from].edges =
            Box::new([ListEdge { target, kind: EdgeKind::Order, counted: true }]);
        Plan::stored(&definition).map_or_else(|error| error.to_string(), |plan| draw(&plan)) + "\n"
    };
    let told = [
        change(|stored| stored.edition = 2),
        change(|stored| stored.text = "[steps".into()),
        change(|stored| stored.text = "[steps.load]\nrun = 1".into()),
        change(|stored| stored.text = stored.text.replace("mend]", "trim]").into()),
        change(|stored| stored.text = stored.text.replace("date", "dates").into()),
        change(|stored| stored.text = stored.text.replace("{{ item }}", "{{ item + }}").into()),
        change(|stored| stored.text = stored.text.replace("{{ steps.load", "{{ +").into()),
        change(|stored| stored.list = stored.list[..4].into()),
        change(|stored| stored.list = [&*stored.list, &stored.list[4..]].concat().into()),
        change(|stored| stored.list.swap(3, 4)),
        change(|stored| stored.list[4].owner = None),
        change(|stored| stored.list[4].owner = Some(4)),
        change(|stored| stored.list[0].path = "finally/load".into()),
        edge(0, 3),
        edge(3, 2),
        edge(0, u32::MAX),
        edge(1, 0),
        edge(4, 4),
    ];
    expect![[r#"
        it was stored with edition 2 of the rules, and this windlass knows 1
        its text cannot be read: this is not TOML: unclosed table, expected `]`
        its text cannot be read: step `load`: `run` must be a shell command, or a list of a program and its arguments, not the number 1
        its list does not fit its text at `steps/clean/steps/mend`
        its text cannot be read: input `day`: unknown type `dates`
        step `clean.check` cannot be compiled
        `[output]` cannot be compiled
        its list has 4 entries, and its text 5
        its list has 6 entries, and its text 5
        its list does not fit its text at `steps/clean/steps/mend`
        its list does not fit its text at `steps/mend`
        its list does not fit its text at `steps/mend`
        its list does not fit its text at `finally/load`
        its list has an edge of `steps/load` that leads nowhere
        its list has an edge of `steps/clean/steps/check` that leads nowhere
        its list has an edge of `steps/load` that leads nowhere
        the edges of its list form a circle
        the edges of its list form a circle
    "#]].assert_eq(&told.concat());
}

#[test]
fn names_of_steps_do_not_make_the_list_long() {
    // Each of 16 levels of long names would stand in every path below it.
    let name = Name::new(&"n".repeat(128)).unwrap();
    let definition = stored(&format!("[steps.{name}]\nrun = 'true'"));
    assert_eq!(definition.list[0].path.len(), "steps/".len() + 128);
}
