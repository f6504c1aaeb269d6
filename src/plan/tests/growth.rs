//! Loading takes time in proportion to the text: four times the text takes about four times as long,
//! not sixteen.

use super::*;

const STEP: &str = "run = 'x'\n";

/// Loads texts of a size and of four times that, and from what is stored of them once more.
fn grows(what: &str, size: usize, text: impl Fn(usize) -> String) {
    crate::growth::grows(what, size, text, |text| match loaded(&text) {
        Ok(loaded) => drop(Plan::stored(&loaded.plan.definition()).unwrap()),
        Err(problems) => assert!(!problems.is_empty()),
    });
}

/// So many lines, each made from its number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(|number| line(number) + "\n").collect()
}

/// `'a0', 'a1', …`
fn names(count: usize, prefix: &str) -> String {
    let names: Vec<_> = (0..count).map(|number| format!("'{prefix}{number}'")).collect();
    names.join(", ")
}

/// An expression in a text.
fn expression(text: &str) -> String {
    format!("${{{{ {text} }}}}")
}

/// So many levels of steps, each of which waits for all of the level before it.
fn levels(count: usize, width: usize, keys: &str) -> String {
    lines(count * width, |step| {
        let (level, place) = (step / width, step % width);
        let on = level.checked_sub(1).map(|before| names(width, &format!("s{before}-")));
        let on = on.unwrap_or_default();
        format!("[steps.s{level}-{place}]\n{keys}depends_on = [{on}]")
    })
}

#[test]
fn steps_and_edges() {
    let step = |step: usize, on: &str| format!("[steps.s{step}]\n{STEP}depends_on = [{on}]");
    grows("a chain", 300, |n| {
        lines(n, |s| step(s, &s.checked_sub(1).map(|on| format!("'s{on}'")).unwrap_or_default()))
    });
    grows("a fan-in", 300, |n| {
        lines(n, |s| step(s, ""))
            + &format!("[steps.last]\n{STEP}depends_on = [{}]\n", names(n, "s"))
    });
    grows("a dense graph", 5, |n| levels(n, 50, STEP));
    grows("a step that is named over and over", 8_000, |n| {
        let on = vec!["'a'"; n].join(", ");
        format!("[steps.a]\n{STEP}[steps.b]\n{STEP}depends_on = [{on}]\n")
    });
    grows("one circle", 300, |n| lines(n, |s| step(s, &format!("'s{}'", (s + 1) % n))));
    grows("many circles", 300, |n| lines(n, |s| step(s, &format!("'s{}'", s ^ 1))));
    grows("a pipeline", 300, |n| {
        format!("pipeline = [{}]\n{}", names(n, "s"), lines(n, |s| step(s, "")))
    });
    let with = format!("task = 't'\nwith = '{}'\n", expression("steps"));
    grows("tables of all dependencies", 5, |n| levels(n, 30, &with));
}

#[test]
fn bodies() {
    let reads = |what: &str| format!("run = 'x {}'\n", expression(&format!("steps.{what}.output")));
    grows("bodies side by side", 100, |n| {
        lines(n, |s| format!("[steps.s{s}.steps.a]\n{STEP}[steps.s{s}.steps.b]\n{STEP}"))
    });
    for path in ["a.steps".to_owned(), vec!["n".repeat(100); 16].join(".steps.") + ".steps"] {
        grows(&format!("what {path} reads"), 100, |n| {
            let outer = |s: usize| format!("[steps.o{s}]\n{STEP}");
            lines(n, |s| format!("[steps.{path}.s{s}]\n{}{}", reads(&format!("o{s}")), outer(s)))
        });
    }
    grows("steps that hide others", 100, |n| {
        let hidden = |s: usize, path: &str| format!("[steps.{path}s{s}]\n{STEP}");
        lines(n, |s| hidden(s, "") + &hidden(s, "a.steps.") + &hidden(s, "a.steps.b.steps."))
    });
    grows("wrong names in bodies", 100, |n| {
        let step = |s: usize| format!("[steps.a.steps.s{s}]\n{}", reads(&format!("x{s}")));
        lines(n, |s| step(s) + &format!("depends_on = ['y{s}']\n[steps.o{s}.steps.i]\n{STEP}"))
    });
}

#[test]
fn expressions() {
    grows("expressions in one text", 300, |n| {
        format!("[steps.a]\nrun = '{}'\n", expression("input.x").repeat(n))
    });
    let table = |n: usize, input: &str| {
        let key = |k: usize| format!("k{k} = \"{}\"", expression(&format!("input.{input}{k}")));
        format!("[steps.a]\ntask = 't'\n[steps.a.with]\n{}", lines(n, key))
    };
    grows("a table of expressions", 300, |n| table(n, "x"));
    // It is read as `x`, and stands nowhere in the text.
    grows("a table of expressions with escapes", 5_000, |n| table(n, "\\u0078"));
    grows("a text of expressions with escapes", 3_000, |n| {
        format!("[steps.a]\nrun = \"{}\"\n", expression("input.\\u0078").repeat(n))
    });
    grows("a literal list", 1_000, |n| {
        format!("[steps.a]\nrun = 'x'\nfor_each = [{}]\n", names(n, "item"))
    });
    grows("inputs, secrets and outputs", 200, |n| {
        let inputs = lines(n, |k| format!("i{k} = 'string'"));
        let secrets = lines(n, |k| format!("s{k} = {{ env = 'S' }}"));
        let outputs = lines(n, |k| format!("o{k} = '{}'", expression(&format!("input.i{k}"))));
        let with = lines(n, |k| format!("x{k} = '{}'", expression(&format!("secrets.s{k}"))));
        let step = "[steps.a]\ntask = 't'\n[steps.a.with]\n";
        format!("[input]\n{inputs}[secrets]\n{secrets}[output]\n{outputs}{step}{with}")
    });
    grows("wrong inputs", 300, |n| {
        let reads = |s: usize| format!("run = 'x {}'", expression(&format!("input.j{s}")));
        let inputs = lines(n, |k| format!("i{k} = 'string'"));
        format!("[input]\n{inputs}{}", lines(n, |s| format!("[steps.s{s}]\n{}", reads(s))))
    });
}

#[test]
fn names_and_problems() {
    grows("wrong names", 300, |n| {
        let reads = |s: usize| expression(&format!("steps.t{s}.output"));
        lines(n, |s| format!("[steps.s{s}]\nrun = 'x {}'\ndepends_on = ['u{s}']", reads(s)))
    });
    grows("retry policies that do not exist", 300, |n| {
        let policies = lines(n, |p| format!("[retry.p{p}]\nattempts = 2"));
        policies + &lines(n, |s| format!("[steps.s{s}]\n{STEP}retry = 'q{s}'"))
    });
    grows("rules of one retry", 300, |n| {
        let rules = lines(n, |k| format!("{{ on = ['c{k}'], attempts = 2 }},"));
        format!("[steps.s]\n{STEP}retry = [{rules}]\n")
    });
    grows("keys that are not known", 2_000, |n| {
        format!("[steps.s]\n{STEP}{}", lines(n, |k| format!("key{k} = 1")))
    });
    grows("variables and labels", 300, |n| {
        let labels = lines(n, |k| format!("l{k} = 'x'"));
        let env = lines(n, |k| format!("v{k} = '{}'", expression("input.x")));
        format!("[labels]\n{labels}[steps.s]\n{STEP}[steps.s.env]\n{env}")
    });
    grows("tables that are defined twice", 4_000, |n| lines(n, |_| format!("[steps.a]\n{STEP}")));
    grows("broken lines", 2_000, |n| lines(n, |_| "= =".to_owned()));
}
