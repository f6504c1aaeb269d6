//! Help texts, completions, and what a wrong command line gives.

use expect_test::{Expect, expect};

use crate::support::Place;

fn check(arguments: &str, expected: Expect) {
    expected.assert_eq(&Place::new().call(arguments).shown());
}

#[test]
fn help_lists_the_verbs() {
    check(
        "--help",
        expect![[r#"
            exit 0
            ── stdout
            Runs workflows: DAGs in TOML, with retries, dead letters and a journal that survives crashes

            Usage: windlass [OPTIONS] <COMMAND>

            Commands:
              run          Run a workflow and follow it to its end
              check        Check workflow files: every problem, with its place and its fix
              explain      Explain the code of a diagnostic
              graph        Draw a workflow's graph
              new          Write a workflow file to start from
              start        Accept a run without executing it, and print its id
              runs         List runs, newest first
              show         Show a run: its state, steps, attempts, input and output
              logs         Show what the steps of a run have printed
              retry        Run a finished run again: what failed, or from a step on
              cancel       End an unfinished run: nothing more of it is executed
              resume       Go on with a run that was interrupted, or with all of them
              dlq          Look at dead letters, replay them, drop them
              db           Look after the data folder: sizes, check, backup
              completions  Print a completion script for a shell

            Options:
              -q, --quiet       Say less: only what went wrong
              -v, --verbose...  Say more (-vv: the engine's own log, as `RUST_LOG` says)
              -h, --help        Print help
              -V, --version     Print version

            Exit codes: 0 done, 1 the run failed, 2 usage, 3 invalid workflow, 4 no such thing,
                        5 server not reachable, 6 timed out, 130 interrupted
        "#]],
    );
}

#[test]
fn help_of_run() {
    check(
        "run --help",
        expect![[r#"
            exit 0
            ── stdout
            Run a workflow and follow it to its end

            Usage: windlass run [OPTIONS] <FILE|NAME>

            Arguments:
              <FILE|NAME>
                      The workflow's file, or its name (NAME.toml here or in workflows/)

            Options:
                  --input <F.json>
                      The input as a JSON file; `-`: standard input

              -i <KEY=VALUE>
                      One input: text, or what its type in `[input]` says. KEY:=JSON is JSON, whatever the type

                  --dry-run
                      Check the workflow and the input, say what would run, and run nothing

              -o, --output <MODE>
                      How progress is shown; default: live on a terminal, else lines

                      Possible values:
                      - live:  Finished steps as lines, running ones and a bar below
                      - lines: A line for each step that ends
                      - json:  One JSON object per line on standard output

                  --trace <F.jsonl>
                      Write every attempt as JSON lines to this file, at the end

                  --data <DIR>
                      The data folder

                      [env: WINDLASS_DATA]
                      [default: .windlass]

              -q, --quiet
                      Say less: only what went wrong

              -v, --verbose...
                      Say more (-vv: the engine's own log, as `RUST_LOG` says)

              -h, --help
                      Print help (see a summary with '-h')

            The output of the run goes to standard output, everything else to standard error.
            Queues are set in engine.toml in the current folder. Ctrl-C stops in order, twice at once;
            either way `windlass resume` goes on with the run.
        "#]],
    );
}

#[test]
fn help_of_check() {
    check(
        "check --help",
        expect![[r#"
            exit 0
            ── stdout
            Check workflow files: every problem, with its place and its fix

            Usage: windlass check [OPTIONS] [PATHS]...

            Arguments:
              [PATHS]...
                      Files, or folders (all *.toml below); default: `workflows`, or else this folder

            Options:
                  --format <FORMAT>
                      How problems are written

                      Possible values:
                      - human:  For people, as cargo draws them
                      - json:   One JSON object per problem and line
                      - github: Annotations of GitHub Actions

                      [default: human]

                  --tasks <NAMES>
                      The tasks that the program registers, separated by commas; any other is an error

              -q, --quiet
                      Say less: only what went wrong

              -v, --verbose...
                      Say more (-vv: the engine's own log, as `RUST_LOG` says)

              -h, --help
                      Print help (see a summary with '-h')
        "#]],
    );
}

#[test]
fn help_of_each_other_verb_stays_short() {
    let place = Place::new();
    let verbs = "explain graph new start runs show logs retry cancel resume dlq db completions";
    for verb in verbs.split(' ').chain(["dlq replay", "dlq drop", "db backup"]) {
        let help = place.call(&format!("{verb} -h")).code(0).out;
        assert!(help.lines().count() < 40, "{help}");
        assert!(help.starts_with(|c: char| c.is_uppercase()), "{help}");
    }
}

#[test]
fn a_wrong_verb_is_a_usage_error() {
    check(
        "rnu x.toml",
        expect![[r#"
            exit 2
            ── stderr
            error: unrecognized subcommand 'rnu'

              tip: a similar subcommand exists: 'runs'

            Usage: windlass [OPTIONS] <COMMAND>

            For more information, try '--help'.
        "#]],
    );
}

#[test]
fn a_missing_argument_is_a_usage_error() {
    check(
        "graph",
        expect![[r#"
        exit 2
        ── stderr
        error: the following required arguments were not provided:
          <FILE|NAME>

        Usage: windlass graph <FILE|NAME>

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn completions_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let answer = Place::new().call(&format!("completions {shell}")).code(0);
        assert!(answer.out.contains("windlass"), "{shell}");
    }
}
