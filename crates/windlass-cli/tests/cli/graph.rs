//! Pictures of a workflow.

use expect_test::{Expect, expect};

use crate::support::Place;

const ORDER: &str = r#"
name = "order"

[steps.validate]
run = "true"

[steps.inventory]
for_each     = "[1, 2, 3]"
max_parallel = 2
depends_on   = ["validate"]
steps.look   = { run = "true" }
steps.hold   = { run = "echo ${{ item }}", depends_on = ["look"] }

[steps.fraud]
http.url   = "https://risk.example.com/"
depends_on = ["validate"]
retry      = { attempts = 3 }

[steps.charge]
task        = "payments.charge"
with.holds  = "${{ steps.inventory.output }}"
depends_on  = ["fraud"]
queue       = "payments"

[steps.mail]
run           = "true"
depends_on    = ["charge"]
allow_failure = true

[steps.ship]
run        = "true"
depends_on = ["charge", "validate"]
when       = "steps.charge.output.ok"

[steps.record]
run        = "true"
depends_on = ["mail", "ship"]
join       = "settled"
"#;

fn check(form: &str, expected: Expect) {
    let place = Place::new();
    place.file("order.toml", ORDER);
    expected.assert_eq(&place.call(&format!("graph order --as {form}")).shown());
}

#[test]
fn text() {
    check(
        "text",
        expect![[r#"
        exit 0
        ── stdout
        order · 9 steps in 5 waves, at most 2 at once

                                                    ╭───────────╮
                                                    │ validate  │
                                                    │ run       │
                                                    ╰─────┬─────╯
                        ╭─────────────────────────────────┴─┬─────────────────────────╮
         ╭──────────────▼──────────────╮         ╭──────────▼──────────╮              │
         │ inventory                   │         │ fraud               │              │
         │ steps · for each, 2 at once │         │ http GET · 3 tries  │              │
         ╰──────────────┬──────────────╯         ╰──────────┬──────────╯              │
                        ╰──────────────────┬────────────────╯                         │
                        ╭──────────────────▼──────────────────╮                       │
                        │ charge                              │                       │
                        │ task payments.charge · queue paym…  │                       │
                        ╰──────────────────┬──────────────────╯                       │
                                           ├─────────────────────────────────────────╮╰╮
                                  ╭────────▼────────╮                          ╭─────▼─▼─────╮
                                  │ mail            │                          │ ship        │
                                  │ run · may fail  │                          │ run · when  │
                                  ╰────────┬────────╯                          ╰──────┬──────╯
                                           ╰──────────────┬───────────────────────────╯
                                                  ╭───────▼───────╮
                                                  │ record        │
                                                  │ run · settled │
                                                  ╰───────────────╯

        inventory for each item:
          look run
          hold run ← look
    "#]],
    );
}

#[test]
fn mermaid() {
    check(
        "mermaid",
        expect![[r#"
        exit 0
        ── stdout
        ---
        title: order
        ---
        flowchart TD
            n0["<b>validate</b><br/>run"]
            subgraph n1 ["inventory · steps · for each, 2 at once"]
                n7["<b>look</b><br/>run"]
                n8["<b>hold</b><br/>run"]
            end
            n2["<b>fraud</b><br/>http GET · 3 tries"]
            n3["<b>charge</b><br/>task payments.charge · queue payments"]
            n4["<b>mail</b><br/>run · may fail"]
            n5["<b>ship</b><br/>run · when"]
            n6["<b>record</b><br/>run · settled"]
            n0 -.-> n1
            n0 -.-> n2
            n2 -.-> n3
            n1 --> n3
            n3 -.-> n4
            n3 --> n5
            n0 -.-> n5
            n4 -.-> n6
            n5 -.-> n6
            n7 -.-> n8
    "#]],
    );
}

#[test]
fn dot() {
    check(
        "dot",
        expect![[r#"
        exit 0
        ── stdout
        digraph "order" {
            rankdir=TB;
            compound=true;
            node [shape=box, style=rounded, fontname="Helvetica", fontsize=11];
            edge [arrowsize=0.7];
            n0 [label="validate\nrun"];
            n1 [label="inventory\nsteps · for each, 2 at once"];
            subgraph cluster_1 {
                label="inventory: for each item";
                style=dashed;
                n7 [label="look\nrun"];
                n8 [label="hold\nrun"];
            }
            n1 -> n7 [lhead=cluster_1, style=dotted, dir=none];
            n2 [label="fraud\nhttp GET · 3 tries"];
            n3 [label="charge\ntask payments.charge · queue payments"];
            n4 [label="mail\nrun · may fail"];
            n5 [label="ship\nrun · when"];
            n6 [label="record\nrun · settled"];
            n0 -> n1 [style=dashed];
            n0 -> n2 [style=dashed];
            n2 -> n3 [style=dashed];
            n1 -> n3;
            n3 -> n4 [style=dashed];
            n3 -> n5;
            n0 -> n5 [style=dashed];
            n4 -> n6 [style=dashed];
            n5 -> n6 [style=dashed];
            n7 -> n8 [style=dashed];
        }
    "#]],
    );
}

#[test]
fn json() {
    check(
        "json",
        expect![[r#"
        exit 0
        ── stdout
        {
          "v": 1,
          "name": "order",
          "nodes": [
            {
              "id": "validate",
              "parent": null,
              "verb": "run",
              "notes": [],
              "wave": 1
            },
            {
              "id": "inventory",
              "parent": null,
              "verb": "steps",
              "notes": [
                "for each, 2 at once"
              ],
              "wave": 2
            },
            {
              "id": "fraud",
              "parent": null,
              "verb": "http GET",
              "notes": [
                "3 tries"
              ],
              "wave": 2
            },
            {
              "id": "charge",
              "parent": null,
              "verb": "task payments.charge",
              "notes": [
                "queue payments"
              ],
              "wave": 3
            },
            {
              "id": "mail",
              "parent": null,
              "verb": "run",
              "notes": [
                "may fail"
              ],
              "wave": 4
            },
            {
              "id": "ship",
              "parent": null,
              "verb": "run",
              "notes": [
                "when"
              ],
              "wave": 4
            },
            {
              "id": "record",
              "parent": null,
              "verb": "run",
              "notes": [
                "settled"
              ],
              "wave": 5
            },
            {
              "id": "look",
              "parent": "inventory",
              "verb": "run",
              "notes": [],
              "wave": 1
            },
            {
              "id": "hold",
              "parent": "inventory",
              "verb": "run",
              "notes": [],
              "wave": 2
            }
          ],
          "edges": [
            {
              "from": "validate",
              "to": "inventory",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "validate",
              "to": "fraud",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "fraud",
              "to": "charge",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "inventory",
              "to": "charge",
              "parent": null,
              "kind": "data"
            },
            {
              "from": "charge",
              "to": "mail",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "charge",
              "to": "ship",
              "parent": null,
              "kind": "data"
            },
            {
              "from": "validate",
              "to": "ship",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "mail",
              "to": "record",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "ship",
              "to": "record",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "look",
              "to": "hold",
              "parent": "inventory",
              "kind": "order"
            }
          ]
        }
    "#]],
    );
}

#[test]
fn svg_is_one_standalone_file() {
    let place = Place::new();
    place.file("order.toml", ORDER);
    let svg = place.call("graph order --as svg").code(0).out;
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("prefers-color-scheme: dark") && !svg.contains("href"));
    for step in ["validate", "inventory", "fraud", "charge", "mail", "ship", "record"] {
        assert!(svg.contains(&format!("id=\"step-{step}\"")), "{step}");
    }
    assert_eq!(svg.matches("<path class=\"edge").count(), 9);
}

#[test]
fn a_graph_that_is_too_wide_is_a_list_of_waves() {
    let place = Place::new();
    let steps: String = (0..40).map(|n| format!("[steps.step-{n}]\nrun = \"true\"\n")).collect();
    let last = "[steps.last]\nrun = \"true\"\ndepends_on = [\"step-0\", \"step-1\"]\n";
    place.file("wide.toml", &format!("{steps}{last}"));
    let text = place.call("graph wide.toml").code(0).out;
    assert!(text.contains("wave 1 (40 steps)\n  step-0 run\n"), "{text}");
    assert!(text.contains("wave 2 (1 step)\n  last run ← step-0, step-1\n"), "{text}");
}

#[test]
fn bodies_within_bodies_are_drawn_too() {
    let place = Place::new();
    let text = r#"
name = "nested"
[steps.build]
for_each = "[{ 'parts': [1, 2] }]"
steps.fetch.run = "true"
[steps.build.steps.parts]
for_each = "item.parts"
depends_on = ["fetch"]
steps.make.run = "echo ${{ steps.fetch.output }} ${{ item }}"
[steps.report]
depends_on = ["build"]
steps.mail.run = "true"
"#;
    place.file("nested.toml", text);
    let forms = ["text", "mermaid", "dot", "json"];
    let drawn = forms.map(|form| place.call(&format!("graph nested --as {form}")).code(0).out);
    expect![[r#"
        nested · 6 steps in 2 waves, at most 1 at once

         ╭───────────────────╮
         │ build             │
         │ steps · for each  │
         ╰─────────┬─────────╯
                   │
              ╭────▼────╮
              │ report  │
              │ steps   │
              ╰─────────╯

        build for each item:
          fetch run
          parts steps · for each ← fetch

        report steps:
          mail run

        build.parts for each item:
          make run
        ---
        title: nested
        ---
        flowchart TD
            subgraph n0 ["build · steps · for each"]
                n2["<b>fetch</b><br/>run"]
                subgraph n3 ["parts · steps · for each"]
                    n5["<b>make</b><br/>run"]
                end
            end
            subgraph n1 ["report · steps"]
                n4["<b>mail</b><br/>run"]
            end
            n0 -.-> n1
            n2 --> n3
        digraph "nested" {
            rankdir=TB;
            compound=true;
            node [shape=box, style=rounded, fontname="Helvetica", fontsize=11];
            edge [arrowsize=0.7];
            n0 [label="build\nsteps · for each"];
            subgraph cluster_0 {
                label="build: for each item";
                style=dashed;
                n2 [label="fetch\nrun"];
                n3 [label="parts\nsteps · for each"];
                subgraph cluster_3 {
                    label="parts: for each item";
                    style=dashed;
                    n5 [label="make\nrun"];
                }
                n3 -> n5 [lhead=cluster_3, style=dotted, dir=none];
            }
            n0 -> n2 [lhead=cluster_0, style=dotted, dir=none];
            n1 [label="report\nsteps"];
            subgraph cluster_1 {
                label="report: steps";
                style=dashed;
                n4 [label="mail\nrun"];
            }
            n1 -> n4 [lhead=cluster_1, style=dotted, dir=none];
            n0 -> n1 [style=dashed];
            n2 -> n3;
        }
        {
          "v": 1,
          "name": "nested",
          "nodes": [
            {
              "id": "build",
              "parent": null,
              "verb": "steps",
              "notes": [
                "for each"
              ],
              "wave": 1
            },
            {
              "id": "report",
              "parent": null,
              "verb": "steps",
              "notes": [],
              "wave": 2
            },
            {
              "id": "fetch",
              "parent": "build",
              "verb": "run",
              "notes": [],
              "wave": 1
            },
            {
              "id": "parts",
              "parent": "build",
              "verb": "steps",
              "notes": [
                "for each"
              ],
              "wave": 2
            },
            {
              "id": "mail",
              "parent": "report",
              "verb": "run",
              "notes": [],
              "wave": 1
            },
            {
              "id": "make",
              "parent": "build.parts",
              "verb": "run",
              "notes": [],
              "wave": 1
            }
          ],
          "edges": [
            {
              "from": "build",
              "to": "report",
              "parent": null,
              "kind": "order"
            },
            {
              "from": "fetch",
              "to": "parts",
              "parent": "build",
              "kind": "data"
            }
          ]
        }
    "#]]
    .assert_eq(&drawn.concat());
    let svg = place.call("graph nested --as svg").code(0).out;
    for line in ["▸ fetch  run", "▸ parts  steps", "\u{a0}\u{a0}▸ make  run", "▸ mail  run"]
    {
        assert!(svg.contains(line), "{line}: {svg}");
    }
}
