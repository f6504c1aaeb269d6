use super::*;

#[test]
fn names_that_do_not_exist() {
    check(
        r#"
pipeline = ["a", "nope"]
[input]
order_id = "string"
[secrets]
smtp = { env = "SMTP" }
[steps.Build]
run = "make ${{ input.ordr_id }} ${{ secrets.smpt }}"
[steps.a]
task = "t"
depends_on = ["build", "x"]
with = { one = 1, two = ["${{ steps.Buidl.output }}", "${{ steps.a1.output.deep }} ${{ inputs.x }}"] }
when = "steps.gone.output > 3 and item.x"
[output]
o = "${{ steps.c.output }}"
"#,
        expect![[r#"
            Error unknown-step 2:`"nope"` `pipeline` names `nope`, which does not exist
            Error unknown-input 8:`input.ordr_id` step `Build` reads `input.ordr_id`, which `[input]` does not have
                help: did you mean `order_id`?
            Error unknown-secret 8:`secrets.smpt` step `Build` reads `secrets.smpt`, which `[secrets]` does not have
                help: did you mean `smtp`?
            Error unknown-step 11:`"build"` step `a` waits for `build`, which does not exist
                help: did you mean `Build`?
            Error unknown-step 11:`"x"` step `a` waits for `x`, which does not exist
            Error unknown-step 12:`steps.Buidl.output` step `a` reads `steps.Buidl`, but there is no step `Buidl`
                help: did you mean `Build`?
            Error unknown-step 12:`steps.a1.output.deep` step `a` reads `steps.a1`, but there is no step `a1`
            Error bad-expression 12:`inputs` step `a`: unknown name `inputs`
                help: did you mean `input`?
            Error unknown-step 13:`steps.gone.output` step `a` reads `steps.gone`, but there is no step `gone`
            Error not-here 13:`item.x` step `a`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error unknown-step 15:`steps.c.output` output `o` reads `steps.c`, but there is no step `c`
        "#]],
    );
}

#[test]
fn circles_are_told_once_each() {
    check(
        r#"
[steps.a]
run = "a"
depends_on = ["d"]
[steps.b]
run = "b"
depends_on = ["a"]
[steps.c]
run = "c"
stdin = "${{ steps.b.output }}"
[steps.d]
run = "d"
depends_on = ["c"]
[steps.ok]
run = "ok"
[steps.self]
run = "x"
depends_on = ["self", "ok"]
[steps.after]
run = "x"
depends_on = ["a"]
[steps.fan]
for_each = "[1]"
[steps.fan.steps.x]
run = "x"
depends_on = ["y"]
[steps.fan.steps.y]
run = "y ${{ steps.x.output }} ${{ steps.fan.status }}"
"#,
        expect![[r#"
            Error cycle 4:`"d"` steps wait for each other in a circle: b → c → d → a
                13:`"c"` `d` waits for `c`
                10:`steps.b.output` `c` waits for `b`
                7:`"a"` `b` waits for `a`
                help: remove one of these
            Error cycle 18:`"self"` step `self` waits for itself
                help: take it out
            Error cycle 26:`"y"` steps wait for each other in a circle: fan.y → fan.x
                28:`steps.x.output` `fan.y` waits for `fan.x`
                help: remove one of these
            Error cycle 28:`steps.fan.status` step `fan.y` reads `fan`, in whose body it stands
                help: read the steps of the body
        "#]],
    );
}

#[test]
fn expressions_that_are_none() {
    check(
        r#"
[steps.a]
run = "x"
[steps.a-b]
run = "x"
[steps.b]
task = "t"
when = "steps.a-b.output == 1"
with.a = "${{ steps.a.output | uper }}"
with.b = "${{ 1 + }}"
with.c = "text ${{ steps.a.outptu }} ${{ steps.a.output"
with.d = "${{ 'x' * 1000000000 }}"
with.e = "${{ range(1000000000) }}"
with.f = "${{ steps.a.output.strip() }}"
with.g = "${{ {% include 'x' %} }}"
with.h = "${{ run.idd }} ${{ run }} ${{ secrets }}"
with.i = "${{ input.x is defnied }}"
with.j = "${{ }}"
[steps.c]
run = "echo `${{ input.x }}` # ${{ input.y }}"
for_each = "{'a': 1}"
"#,
        expect![[r#"
            Error bad-expression 8:`a-b` step `b`: `steps.a-b` reads as `steps.a` minus `b`
                help: write `steps['a-b']`
            Error bad-expression 9:`uper` step `b`: unknown filter `uper`
                help: did you mean `upper`?
            Error bad-expression 10:`` step `b`: the expression ends where a value is missing
            Error bad-expression 11:`steps.a.outptu` step `b`: a step has no field `outptu`
                help: did you mean `output`?
            Error bad-expression 11:` steps.a.output` step `b`: `${{` is never closed
                help: close it with `}}`; a literal `${{` is written `$${{`
            Error bad-expression 12:` 'x' * 1000000000 ` step `b`: the expression handles too much data, in `'x' * 1000000000`
            Error bad-expression 13:` range(1000000000) ` step `b`: range has too many elements, in `range(1000000000)`
            Error bad-expression 14:`strip` step `b`: values have no methods
                help: use a filter: `value | upper`
            Error bad-expression 15:`%` step `b`: unexpected `%`, expected a value
            Error bad-expression 16:`run.idd` step `b`: a run has no field `idd`
                help: did you mean `id`?
            Error bad-expression 16:`run` step `b`: `run` is read by field
                help: there are `run.id`, `run.attempt`, `run.scheduled_at`, `run.scheduled_day`, `run.started_by`
            Error bad-expression 16:`secrets` step `b`: a secret is read by its name: `secrets.name`
            Error bad-expression 17:`defnied` step `b`: unknown test `defnied`
                help: did you mean `defined`?
            Error bad-expression 18:` ` step `b`: the expression is empty
            Error bad-expression 20:` input.x ` step `c`: an expression cannot stand behind a backquote; use `$(…)`
                help: hand the value over in `env`, and let the shell read the variable
            Error bad-expression 20:` input.y ` step `c`: an expression cannot stand behind a backquote; use `$(…)`
                help: hand the value over in `env`, and let the shell read the variable
            Error bad-expression 21:`"{'a': 1}"` step `c`: `for_each`: expected a list, found a table, in `{'a': 1}`
        "#]],
    );
}

#[test]
fn names_stand_where_they_are_known() {
    check(
        r#"
[input]
day = { type = "date", default = "${{ run.scheduled_day }}" }
other = { type = "string", default = "${{ input.day }} ${{ steps.a.output }} ${{ secrets.s }}" }
[secrets]
s = { env = "S" }
[steps.a]
run = "echo ${{ item }} ${{ index }}"
when = "secrets.s == 'x'"
idempotency_key = "${{ secrets.s }}"
[steps.fan]
for_each = "item.list"
run = "echo ${{ item }} ${{ index }} ${{ secrets.s }}"
when = "item == 1"
[steps.t]
task = "t"
with = "${{ steps }}"
[steps.wait]
sleep = "${{ secrets.s }}"
[output]
x = "${{ item }} ${{ secrets.s }}"
"#,
        expect![[r#"
            Error not-here 4:`input.day` input `other`: `input` is not known in a default
                help: a default may read `run` only
            Error not-here 4:`steps.a.output` input `other`: `steps` is not known in a default
                help: a default may read `run` only
            Error not-here 4:`secrets.s` input `other`: `secrets` is not known in a default
                help: a default may read `run` only
            Error not-here 8:`item` step `a`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error not-here 8:`index` step `a`: `index` is not known here
                help: only the verb of a fan-out and its body have items
            Error bad-expression 9:`secrets.s` step `a`: `secrets.s` is opaque here
                help: a secret may be inserted, joined and encoded, never compared or branched on
            Error not-here 10:`secrets.s` step `a`: `secrets` is not known here
                help: secrets are known only inside of an attempt: in `with`, `env`, `run`, `http`
            Error not-here 12:`item.list` step `fan`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error not-here 14:`item` step `fan`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error nothing-to-read 17:`steps` step `t` reads `steps`, but depends on no step
                help: name the steps in `depends_on`
            Error not-here 19:`secrets.s` step `wait`: `secrets` is not known here
                help: secrets are known only inside of an attempt: in `with`, `env`, `run`, `http`
            Error not-here 21:`item` output `x`: `item` is not known here
                help: only the verb of a fan-out and its body have items
            Error not-here 21:`secrets.s` output `x`: `secrets` is not known here
                help: secrets are known only inside of an attempt: in `with`, `env`, `run`, `http`
        "#]],
    );
}

#[test]
fn joins_bodies_and_tables() {
    check(
        r#"
[steps.a]
run = "x"
[steps.b]
run = "x"
depends_on = ["a"]
stdin = "${{ steps.a.output }}"
join = 2
[steps.c]
run = "x"
join = "any"
[steps.d]
run = "x ${{ steps.a.failed }} ${{ steps.inner.output }}"
depends_on = ["inner"]
[steps.fan]
for_each = "[1, 2, 3]"
max_items = 2
[steps.fan.steps.inner]
run = "x"
depends_on = ["a"]
[steps.fan.steps.b]
run = "x"
for_each = "[1]"
[steps.fan.steps.nest.steps.x]
run = "x"
"#,
        expect![[r#"
            Error join-too-large 8:`2` step `b` waits for 2 successes of one step
                help: name at least as many steps in `depends_on`, or lower it
            Error join-too-large 11:`"any"` step `c` has a `join`, but waits for no step that it counts
                help: name at least as many steps in `depends_on`, or lower it
            Warning no-failed-items 13:`steps.a.failed` step `a` is not a fan-out and has no failed items
                help: read `.error` or `.status`
            Error unknown-step 13:`steps.inner.output` step `d` reads `steps.inner`, but there is no step `inner`
                help: `inner` is inside of `fan`: read `steps.fan.output`
            Error unknown-step 14:`"inner"` step `d` waits for `inner`, which does not exist
                help: `inner` is inside of `fan`: depend on `fan`
            Error too-many-items 16:`"[1, 2, 3]"` step `fan` has 3 items; at most 2 are allowed
            Error unknown-step 20:`"a"` step `fan.inner` waits for `a`, which does not exist
                help: `a` is outside of the body: put it into `depends_on` of `fan`
            Warning hidden-step 21:`b` in the body of `fan`, `b` hides the step outside
                4:`b` this one cannot be read there
        "#]],
    );
}

/// Where steps are named, what is only read does not make a join reachable; neither does what a body reads.
#[test]
fn a_join_counts_what_is_named() {
    check(
        r#"
pipeline = ["a", "piped"]
[steps.a]
run = "x"
[steps.b]
run = "x"
[steps.named]
run = "x ${{ steps.b.output }}"
depends_on = ["a"]
join = 2
[steps.piped]
run = "x ${{ steps.b.output }}"
join = 2
[steps.both]
run = "x ${{ steps.b.output }} ${{ steps.a.output }} ${{ steps.a.status }}"
depends_on = ["a", "b"]
join = 2
[steps.reads]
run = "x ${{ steps.b.output }} ${{ steps.b.status }}"
when = "steps.a.output == 'x'"
join = 2
[steps.reads-less]
run = "x ${{ steps.b.output }} ${{ steps.b.status }}"
join = 2
[steps.list]
for_each = "[1]"
join = "any"
[steps.list.steps.c]
run = "x ${{ steps.a.output }} ${{ steps.b.output }}"
"#,
        expect![[r#"
            Error join-too-large 10:`2` step `named` waits for 2 successes of one step
                help: what is only read is waited for and not counted: name at least as many steps in `depends_on`, or lower it
            Error join-too-large 13:`2` step `piped` waits for 2 successes of one step
                help: what is only read is waited for and not counted: name at least as many steps in `depends_on`, or lower it
            Error join-too-large 24:`2` step `reads-less` waits for 2 successes of one step
                help: name at least as many steps in `depends_on`, or lower it
            Error join-too-large 27:`"any"` step `list` has a `join`, but waits for no step that it counts
                help: name at least as many steps in `depends_on`, or lower it
        "#]],
    );
}

#[test]
fn times_that_cannot_fit() {
    check(
        r#"
timeout = "1h"
[defaults]
timeout = "2h"
[steps.a]
run = "x"
[steps.b]
run = "x"
[steps.c]
run = "x"
timeout = "3h"
start_within = "90m"
retry = { attempts = 3, delay = "5m", within = "1m" }
[steps.d]
sleep = "2d"
"#,
        expect![[r#"
            Warning timeout-cannot-fit 4:`"2h"` step `a`: `timeout` of 2h cannot fit: the whole run has 1h
                2:`"1h"` the whole run
                help: shorten it, or give the run more time
            Warning timeout-cannot-fit 11:`"3h"` step `c`: `timeout` of 3h cannot fit: the whole run has 1h
                2:`"1h"` the whole run
                help: shorten it, or give the run more time
            Warning timeout-cannot-fit 12:`"90m"` step `c`: `start_within` of 1h 30m cannot fit: the whole run has 1h
                2:`"1h"` the whole run
                help: shorten it, or give the run more time
            Warning timeout-cannot-fit 13:`retry` step `c`: one try has 3h, but all of them together 1m
                help: raise `within`
            Warning timeout-cannot-fit 15:`"2d"` step `d`: `sleep` of 2d cannot fit: the whole run has 1h
                2:`"1h"` the whole run
                help: shorten it, or give the run more time
        "#]],
    );
}

#[test]
fn tasks_are_known_or_refused() {
    let tasks = KnownTasks::Only(BTreeSet::from(["mail.send".to_owned()]));
    let text =
        "[steps.a]\ntask = 'mail.sent'\n[steps.b]\ntask = 'mail.send'\n[steps.c]\ntask = 'x'\n";
    expect![[r#"
        Error unknown-task 2:`'mail.sent'` step `a` calls the task `mail.sent`, which is not registered
            help: did you mean `mail.send`?
        Error unknown-task 6:`'x'` step `c` calls the task `x`, which is not registered
    "#]].assert_eq(&problems(text, &tasks));
}

#[test]
fn a_workflow_has_steps() {
    check(
        "name = 'x'",
        expect![[r#"
        Error no-steps 1:`'x'` the workflow has no steps
            help: add a table `[steps.<id>]`
    "#]],
    );
    check(
        "",
        expect![[r#"
        Error no-steps 1:`` the workflow has no steps
            help: add a table `[steps.<id>]`
    "#]],
    );
}
