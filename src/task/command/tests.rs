use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::{Value, json};

use crate::definition::{ErrorClass, SecretSource};
use crate::expression::Names;
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::plan::{InputFrom, Output};
use crate::run::{AttemptSource, ToRender};
use crate::task::fixture::{Fixture, text};
use crate::task::{AttemptFuture, StopReason};

/// What is given to a command comes out of it as it was.
const NASTY: [&str; 9] = [
    "\"; rm -rf / #",
    "$(touch injected)",
    "`touch injected`",
    "line one\nline two\n",
    "-n",
    "--help",
    "it's \\ \"quoted\" $HOME ${x} *",
    "",
    "ünï ☃ \u{1b}[31m\t",
];

#[tokio::test]
async fn a_value_is_one_word_of_a_shell_whatever_it_holds() {
    for nasty in NASTY {
        for shell in ["printf '%s|' ${{ input }}", "printf '%s|' \"${{ input }}\""] {
            let mut step = Fixture::shell(shell).input(json!(nasty));
            assert_eq!(step.run().await.unwrap(), json!(format!("{nasty}|")), "{shell}");
            assert!(!step.folder.path().join("injected").exists());
        }
    }
}

#[tokio::test]
async fn a_value_is_one_argument_whatever_it_holds() {
    for nasty in NASTY {
        let mut step = Fixture::argv(&["printf", "%s|", "${{ input }}"]).input(json!(nasty));
        assert_eq!(step.run().await.unwrap(), json!(format!("{nasty}|")));
    }
}

#[tokio::test]
async fn a_value_that_no_command_can_take_is_invalid() {
    let huge = "x".repeat(200 << 10);
    for (value, says) in [(json!("a\0b"), "NUL"), (json!(huge), "too large")] {
        let failed = Fixture::argv(&["true", "${{ input }}"]).input(value.clone()).run().await;
        let failure = failed.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Invalid);
        assert!(failure.message.contains(says), "{}", failure.message);
        let failed = Fixture::shell("true").env("BIG", "${{ input }}").input(value).run().await;
        assert_eq!(failed.unwrap_err().class, ErrorClass::Invalid);
    }
}

#[tokio::test]
async fn an_output_is_read_as_the_step_says() {
    let printed = "printf ' {\"a\": 1}\\n\\nx\\r\\n'";
    for (output, value) in [
        (Output::Default, json!(" {\"a\": 1}\n\nx")),
        (Output::Text, json!(" {\"a\": 1}\n\nx")),
        (Output::Lines, json!([" {\"a\": 1}", "", "x"])),
        (Output::None, Value::Null),
    ] {
        assert_eq!(Fixture::shell(printed).output(output).run().await.unwrap(), value);
    }
    let parsed = Fixture::shell("echo '[1, {\"b\":2}]'").output(Output::Json).run().await;
    assert_eq!(parsed.unwrap(), json!([1, { "b": 2 }]));
}

#[tokio::test]
async fn an_output_that_does_not_fit_is_invalid() {
    for (shell, output, says) in [
        ("echo not json", Output::Json, "the output is not JSON"),
        ("true", Output::Json, "is empty"),
        ("printf '\\377'", Output::Text, "no UTF-8 text (byte 0)"),
        ("true", Output::File(text("gone")), "has not written"),
        ("mkdir -p dir", Output::File(text("dir")), "is no file"),
    ] {
        let failure = Fixture::shell(shell).output(output).run().await.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Invalid);
        assert!(failure.message.contains(says), "{}", failure.message);
    }
    assert_eq!(Fixture::shell("printf '\\377'").run().await.unwrap(), json!("\u{fffd}"));
}

#[tokio::test]
async fn an_output_over_the_limit_is_read_to_its_end_and_refused() {
    let mut step = Fixture::shell("head -c 3000000 /dev/zero; echo done >&2");
    let failure = step.run().await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Invalid);
    assert!(failure.message.contains("3000000 bytes"), "{}", failure.message);
    assert!(failure.message.contains(&PAYLOAD_BYTES_MAX.to_string()));
    assert!(step.log().contains("done\n"));
}

#[tokio::test]
async fn a_log_ends_at_its_limit_while_the_command_goes_on() {
    let mut step = Fixture::shell("head -c 5000000 /dev/zero | tr '\\0' x; touch done");
    step.limits.log_bytes = 1000;
    step = step.output(Output::None);
    step.run().await.unwrap();
    assert!(step.log().ends_with("x\n… truncated: a log holds 1000 bytes\n"));
    assert!(step.folder.path().join("done").exists());
}

#[tokio::test]
async fn a_file_is_told_with_its_size() {
    let mut step = Fixture::shell("printf 12345 > report").output(Output::File(text("report")));
    let file = step.folder.path().join("report");
    assert_eq!(step.run().await.unwrap(), json!({ "file": file, "size": 5 }));
}

#[tokio::test]
async fn an_end_has_its_class_and_the_last_words() {
    for (shell, code, message) in [
        ("exit 3", 3, "exit code 3"),
        ("echo first >&2; echo last >&2; exit 70", 70, "first\nlast"),
        ("kill -9 $$", 137, "ended by signal 9"),
        ("echo ouch >&2; kill -SEGV $$", 139, "ended by signal 11\nouch"),
    ] {
        let failure = Fixture::shell(shell).run().await.unwrap_err();
        assert_eq!((failure.class, &*failure.message), (ErrorClass::Exit(code), message));
    }
    let failure = Fixture::shell("seq 100000 >&2; exit 1").run().await.unwrap_err();
    assert!(failure.message.len() <= 4096 && failure.message.ends_with("\n100000"));
    assert!(failure.message.lines().all(|line| line.len() >= 5));
}

#[tokio::test]
async fn a_program_that_cannot_be_started_ends_as_a_shell_would_say() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    // Not written by this process: a program that anybody holds open for writing cannot be executed.
    let written =
        std::process::Command::new("sh").args(["-c", "echo hello > \"$0\""]).arg(&plain).status();
    assert!(written.unwrap().success());
    let code = async |path: &Path| {
        let failed = Fixture::argv(&[path.to_str().unwrap()]).run().await;
        failed.unwrap_err().class
    };
    assert_eq!(code(Path::new("windlass-no-such-program")).await, ErrorClass::Exit(127));
    assert_eq!(code(&folder.path().join("none")).await, ErrorClass::Exit(127));
    assert_eq!(code(&plain).await, ErrorClass::Exit(126));
    std::fs::set_permissions(&plain, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(code(&plain).await, ErrorClass::Exit(126));
    assert_eq!(code(Path::new("")).await, ErrorClass::Invalid);
}

#[tokio::test]
async fn a_command_knows_its_attempt() {
    let names = "RUN STEP ITEM ATTEMPT DIR WORK";
    let print = format!(
        "for n in {names}; do eval echo \\$WINDLASS_$n; done; pwd; echo $IDEMPOTENCY_KEY $X"
    );
    let mut step = Fixture::shell(&print).output(Output::Lines).env("X", "${{ input.x }}");
    step = step.input(json!({ "x": [1] }));
    (step.item, step.attempt) = (Some(4), 2);
    let home = step.folder.path().to_str().unwrap().to_owned();
    let said = step.run().await.unwrap();
    let run = said[0].as_str().unwrap();
    let work = format!("{home}/runs/{run}/work/4");
    let key = format!("{run}/work/4 [1]");
    assert_eq!(said, json!([run, "work", "4", "2", home, work, work, key]));
}

#[tokio::test]
async fn a_plain_step_runs_beside_its_workflow() {
    let script = "pwd; echo \"$0 ${WINDLASS_ITEM-none} $WINDLASS_WORK\"";
    let mut step = Fixture::argv(&["./tool", "-c", script, "a b"]);
    std::os::unix::fs::symlink("/bin/sh", step.folder.path().join("tool")).unwrap();
    let home = step.folder.path().to_str().unwrap().to_owned();
    let said = step.run().await.unwrap();
    let work = step.run_folder();
    assert_eq!(said, json!(format!("{home}\na b none {}", work.display())));
}

#[tokio::test]
async fn an_edited_item_is_what_the_command_sees() {
    let mut step = Fixture::argv(&["echo", "${{ item }}", "${{ input }}"]);
    step.item = Some(0);
    step.input = InputFrom::Item;
    let payload = |value: &str| Payload::of(value).unwrap();
    let names =
        Names { item: Some((0, payload("old"))), input: payload("run"), ..Names::default() };
    let input = Some(payload("new"));
    step.source = AttemptSource::Rendered(Box::new(ToRender { names, input }));
    assert_eq!(step.run().await.unwrap(), json!("new run"));
}

#[tokio::test]
async fn standard_input_of_any_size_is_fed_while_the_output_is_read() {
    let big = "0123456789".repeat(100_000);
    let mut step = Fixture::shell("cat").stdin("${{ input }}").input(json!(big));
    assert_eq!(step.run().await.unwrap(), json!(big));
    let mut step = Fixture::shell("exec <&-; echo unread").stdin("${{ input }}").input(json!(big));
    assert_eq!(step.run().await.unwrap(), json!("unread"));
    assert_eq!(Fixture::shell("cat").run().await.unwrap(), json!(""));
}

#[tokio::test]
async fn a_log_holds_both_streams_as_they_came() {
    let mut step = Fixture::shell("echo one; echo two >&2; printf '\\033[31mred'; exit 1");
    step.run().await.unwrap_err();
    let log = step.log();
    for part in ["one\n", "two\n", "\u{1b}[31mred"] {
        assert!(log.contains(part), "{log:?}");
    }
    let mut silent = Fixture::shell("true");
    silent.run().await.unwrap();
    assert!(!silent.run_folder().join("work.log").exists());
}

#[tokio::test]
async fn a_secret_reaches_the_command_and_nothing_else() {
    let mut step =
        Fixture::shell("echo \"t=$TOKEN e=$HIDDEN\"; echo $TOKEN >&2; exit ${{ input }}")
            .env("TOKEN", "${{ secrets.token }}")
            .input(json!(0));
    let file = step.folder.path().join("token");
    std::fs::write(&file, "s3cr3t-value\n").unwrap();
    let token = SecretSource::File("token".to_owned());
    step.secrets.push(("token".to_owned(), token.clone()));
    // HOME stands for any variable of the engine's that a workflow calls a secret.
    step.secrets.push(("home".to_owned(), SecretSource::Env("HOME".to_owned())));
    step = step.env("SEEN", "x");
    assert_eq!(step.run().await.unwrap(), json!("t=*** e="));
    assert_eq!(step.log().replace("***\n", ""), "t=*** e=\n");

    let mut step = Fixture::shell("echo ${{ secrets.token }} ${HOME-gone} >&2; exit 9");
    std::fs::write(step.folder.path().join("token"), "s3cr3t-value").unwrap();
    step.secrets.push(("token".to_owned(), token));
    step.secrets.push(("home".to_owned(), SecretSource::Env("HOME".to_owned())));
    assert_eq!(&*step.run().await.unwrap_err().message, "*** gone");

    let mut step = Fixture::shell("true").env("X", "${{ secrets.none }}");
    step.secrets.push(("none".to_owned(), SecretSource::Env("WINDLASS_NOT_SET".to_owned())));
    let failure = step.run().await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Invalid);
    assert!(failure.message.contains("`WINDLASS_NOT_SET`"), "{}", failure.message);
}

/// Polls until the command has made the file `ready` in the workflow's folder.
async fn until_ready(step: &Fixture, work: &mut AttemptFuture) {
    let ready = step.folder.path().join("ready");
    while !ready.exists() {
        let turn = tokio::time::timeout(Duration::from_millis(5), work.as_mut()).await;
        assert!(turn.is_err(), "ended early: {turn:?}");
    }
}

/// Whether a process is there and no zombie.
fn lives(folder: &Path, name: &str) -> bool {
    let pid = std::fs::read_to_string(folder.join(name)).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    status.is_ok_and(|status| !status.contains(") Z "))
}

async fn until_gone(folder: &Path, name: &str) {
    while lives(folder, name) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_command_may_end_in_order_when_it_is_told_to() {
    let mut step = Fixture::shell(
        "trap 'echo cleaned; exit 0' TERM; touch ready; while :; do sleep 0.01; done",
    );
    let mut work = step.start();
    until_ready(&step, &mut work).await;
    step.cancel.set(StopReason::TimedOut);
    assert_eq!(work.await.unwrap_err().class, ErrorClass::Timeout);
    // The shell itself may tell of the end of its `sleep`.
    assert!(step.log().contains("cleaned\n"));
}

#[tokio::test]
async fn a_command_that_ignores_term_is_killed_with_its_children() {
    let mut step = Fixture::shell(
        "trap '' TERM; sh -c 'echo $$ > child; while :; do sleep 0.01; done' & \
         while ! test -s child; do :; done; echo $$ > leader; touch ready; wait; while :; do :; done",
    );
    step.limits.kill_after = Duration::from_millis(50);
    let mut work = step.start();
    until_ready(&step, &mut work).await;
    step.cancel.set(StopReason::Cancelled);
    assert_eq!(work.await.unwrap_err().class, ErrorClass::Named("cancelled".into()));
    for name in ["leader", "child"] {
        until_gone(step.folder.path(), name).await;
    }
}

#[tokio::test]
async fn a_dropped_attempt_kills_the_whole_group() {
    let mut step = Fixture::shell(
        "trap '' TERM HUP; echo $$ > leader; sleep 1000 & echo $! > child; touch ready; wait",
    );
    let mut work = step.start();
    until_ready(&step, &mut work).await;
    drop(work);
    for name in ["leader", "child"] {
        until_gone(step.folder.path(), name).await;
    }
}

#[tokio::test]
async fn a_child_that_holds_the_output_open_does_not_hold_the_step() {
    let mut step = Fixture::shell("sleep 1000 & echo $! > child; echo started");
    step.limits.output_grace = Duration::from_millis(20);
    assert_eq!(step.run().await.unwrap(), json!("started"));
    until_gone(step.folder.path(), "child").await;
}

#[tokio::test]
async fn a_child_that_ends_soon_is_heard_to_its_end() {
    let mut step = Fixture::shell("(sleep 0.05; echo late) & echo early");
    assert_eq!(step.run().await.unwrap(), json!("early\nlate"));
}

#[tokio::test]
async fn a_child_left_behind_ends_with_its_step() {
    let mut step = Fixture::shell("sleep 1000 >/dev/null 2>&1 & echo $! > child; echo started");
    assert_eq!(step.run().await.unwrap(), json!("started"));
    until_gone(step.folder.path(), "child").await;
}

#[tokio::test]
async fn nothing_starts_before_the_first_poll_or_after_a_signal() {
    let mut step = Fixture::shell("touch started");
    drop(step.start());
    let mut late = Fixture::shell("touch started");
    late.cancel.set(StopReason::Shutdown);
    let mut work = late.start();
    let turn = Pin::new(&mut work).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(turn, Poll::Ready(Err(_))));
    for step in [step, late] {
        assert!(!step.folder.path().join("started").exists());
    }
}

#[tokio::test]
async fn without_a_data_folder_the_log_stays_in_memory() {
    let mut step = Fixture::shell("echo here; pwd");
    step.item = Some(0);
    let mut attempt = step.made();
    attempt.runs_folder = None;
    let run = attempt.run;
    let executor = crate::task::Executor::new(crate::task::Registry::new());
    let work = executor.start(attempt).await.unwrap().parse::<String>().unwrap();
    let folder = work.lines().nth(1).unwrap().to_owned();
    assert_eq!(executor.memory_logs(run), ["work.0"]);
    assert_eq!(executor.memory_log(run, "work.0"), format!("here\n{folder}\n"));
    assert!(Path::new(&folder).exists());
    drop(executor);
    assert!(!Path::new(&folder).exists());
}
