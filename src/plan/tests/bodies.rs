use super::*;

/// `[steps.a0.steps.a1.…]`, so many bodies deep, with a command at the end.
fn nested(depth: usize) -> String {
    let ids: Vec<_> = (0..=depth).map(|depth| format!("a{depth}")).collect();
    format!("[steps.{}]\nrun = 'x'\n", ids.join(".steps."))
}

const BUILD: &str = r#"
[steps.list]
run = "ls"
output = "lines"
[steps.day]
run = "date"
[steps.build]
for_each = "steps.list.output"
[steps.build.steps.fetch]
run = "fetch ${{ item }}"
[steps.build.steps.parts]
for_each = "item.parts"
when = "item.size > 0"
[steps.build.steps.parts.steps.make]
task = "make"
with = { part = "${{ item }}", from = "${{ steps.fetch.output }}", day = "${{ steps.day.output }}" }
[steps.build.steps.parts.steps.sign]
task = "sign"
depends_on = ["make"]
[steps.build.steps.parts.steps.note]
task = "note"
[steps.report]
depends_on = ["build"]
[steps.report.steps.write]
task = "write"
with = "${{ steps.build.output }}"
[steps.report.steps.send.steps.mail]
task = "mail"
with = "${{ steps.write.output }} ${{ steps.day.output }}"
[steps.report.steps.send.steps.chat]
task = "chat"
"#;

const NAMES: &str = r#"
[steps.a]
run = "x"
[steps.out]
for_each = "[1, 2]"
[steps.out.steps.b]
run = "x ${{ item }}"
[steps.out.steps.in.steps.a]
run = "x ${{ item }} ${{ steps.b.output }} ${{ steps.deep.output }}"
[steps.out.steps.in.steps.c]
run = "x ${{ steps.a.output }} ${{ steps.other.output }}"
depends_on = ["b", "deep"]
[steps.out.steps.in.steps.d.steps.deep]
run = "x ${{ steps.out.output }}"
[steps.group.steps.other]
run = "x ${{ item }}"
when = "item > 1"
[steps.group.steps.each]
for_each = "[item]"
run = "x ${{ index }} ${{ steps.b.output }}"
depends_on = ["b", "oter"]
[steps.last]
run = "x ${{ steps.deep.output }} ${{ steps.other.output }} ${{ steps.grop.output }}"
depends_on = ["deep", "other"]
"#;

#[test]
fn bodies_nest() {
    let plan = loaded(BUILD).unwrap().plan;
    for place in 0..plan.nodes.len() {
        let id = NodeId(u32::try_from(place).unwrap());
        assert_eq!(plan.find(&plan.path(id)), Some(id), "{}", plan.path(id));
    }
    for nothing in
        ["build.make", "parts.make", "build.parts.fetch", "build.parts.make.x", "build..fetch"]
    {
        assert_eq!(plan.find(nothing), None, "{nothing}");
    }
    assert_eq!(draw(&Plan::stored(&plan.definition()).unwrap()), draw(&plan));
    expect![[r#"
        0 list needs [] input run default
        1 day needs [] input run default
        2 build needs [list! day!?] input item reads [list] fan Expression(steps.list.output) body 4..6 default
        3 report needs [build! day!?] input [build day] body 6..8 default
        4 build.fetch needs [] input item default
        5 build.parts needs [build.fetch!?] input item fan Expression(item.parts) body 8..11 default
        6 report.write needs [] input Template[Expression(steps.build.output)] reads [build] default
        7 report.send needs [report.write!?] input report.write body 11..13 default
        8 build.parts.make needs [] input Template[Expression(item), Expression(steps.fetch.output), Expression(steps.day.output)] reads [day build.fetch] default
        9 build.parts.sign needs [build.parts.make] input build.parts.make default
        10 build.parts.note needs [] input item default
        11 report.send.mail needs [] input Template[Expression(steps.write.output), Expression(steps.day.output)] reads [day report.write] default
        12 report.send.chat needs [] input run default
        waves list day | build | report
        longest list build report
        roots list day leaves report
    "#]].assert_eq(&draw(&plan));
}

#[test]
fn paths_name_the_items_of_the_fan_outs_around() {
    let plan = loaded(BUILD).unwrap().plan;
    let path = |id: &str, items: &[u32]| plan.path_of_items(plan.find(id).unwrap(), items);
    assert_eq!(path("build", &[]), "build");
    assert_eq!(path("build.fetch", &[3]), "build[3].fetch");
    assert_eq!(path("build.parts", &[3]), "build[3].parts");
    assert_eq!(path("build.parts.make", &[3, 0]), "build[3].parts[0].make");
    assert_eq!(path("report.send.mail", &[]), "report.send.mail");
}

#[test]
fn the_direct_steps_of_each_owner_stand_beside_each_other() {
    let text = "
[steps.a.steps.x.steps.i]
run = 'x'
[steps.b]
run = 'x'
[steps.c.steps.z.steps.k]
run = 'x'
[steps.c.steps.y]
run = 'x'
[steps.a.steps.w.steps.j]
run = 'x'
";
    let plan = loaded(text).unwrap().plan;
    let paths: Vec<_> = (0..).map(NodeId).take(plan.nodes.len()).map(|id| plan.path(id)).collect();
    let expected = "a b c a.x a.w c.z c.y a.x.i a.w.j c.z.k";
    assert_eq!(paths.join(" "), expected);
    let stored = plan.definition();
    assert_eq!(stored.path(9), "steps/c/steps/z/steps/k");
    for (place, node) in plan.nodes.iter().enumerate() {
        let id = NodeId(u32::try_from(place).unwrap());
        let children = plan.nodes.iter().filter(|child| child.parent == Some(id)).count();
        assert_eq!(plan.body(id).count(), children, "{}", node.id);
        assert!(plan.body(id).all(|child| plan.node(child).parent == Some(id)), "{}", node.id);
    }
}

#[test]
fn names_are_those_of_the_own_level_and_of_the_enclosing_ones() {
    check(
        NAMES,
        expect![[r#"
            Warning hidden-step 8:`a` in the body of `out.in`, `a` hides the step outside
                2:`a` this one cannot be read there
            Error unknown-step 9:`steps.deep.output` step `out.in.a` reads `steps.deep`, but there is no step `deep`
                help: `deep` is inside of `out.in.d`: read `steps.d.output`
            Error unknown-step 11:`steps.other.output` step `out.in.c` reads `steps.other`, but there is no step `other`
                help: `other` is inside of `group`: read `steps.group.output`
            Error unknown-step 12:`"b"` step `out.in.c` waits for `b`, which does not exist
                help: `b` is outside of the body: put it into `depends_on` of `out.in`
            Error unknown-step 12:`"deep"` step `out.in.c` waits for `deep`, which does not exist
                help: `deep` is inside of `d`: depend on `d`
            Error cycle 14:`steps.out.output` step `out.in.d.deep` reads `out`, in whose body it stands
                help: read the steps of the body
            Error not-here 16:`item` step `group.other`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error not-here 17:`item` step `group.other`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error not-here 19:`item` step `group.each`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error unknown-step 20:`steps.b.output` step `group.each` reads `steps.b`, but there is no step `b`
                help: `b` is inside of `out`: read `steps.out.output`
            Error unknown-step 21:`"b"` step `group.each` waits for `b`, which does not exist
            Error unknown-step 21:`"oter"` step `group.each` waits for `oter`, which does not exist
                help: did you mean `other`?
            Error unknown-step 23:`steps.deep.output` step `last` reads `steps.deep`, but there is no step `deep`
                help: `deep` is inside of `out.in.d`, and what is inside of a body is read only there
            Error unknown-step 23:`steps.other.output` step `last` reads `steps.other`, but there is no step `other`
                help: `other` is inside of `group`: read `steps.group.output`
            Error unknown-step 23:`steps.grop.output` step `last` reads `steps.grop`, but there is no step `grop`
                help: did you mean `group`?
            Error unknown-step 24:`"deep"` step `last` waits for `deep`, which does not exist
            Error unknown-step 24:`"other"` step `last` waits for `other`, which does not exist
                help: `other` is inside of `group`: depend on `group`
        "#]],
    );
}

#[test]
fn bodies_have_a_depth() {
    let deepest = loaded(&nested(16)).unwrap().plan;
    assert_eq!(deepest.line(NodeId(16)).len(), 17);
    check(
        &nested(17),
        expect![[r#"
        Error too-deep 1:`steps` step `a0.a1.a2.a3.a4.a5.a6.a7.a8.a9.a10.a11.a12.a13.a14.a15.a16`: bodies are nested more than 16 deep
            help: make a workflow of its own of the inner steps
    "#]],
    );
}
