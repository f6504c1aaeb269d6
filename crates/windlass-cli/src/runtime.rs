//! The tokio runtime of a verb, and its log if one was asked for.

use std::fs::File;
use std::future::Future;
use std::io;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::args::Common;
use crate::exit::Problem;

/// What still runs at the end has so long to be stopped.
const STOP_WITHIN: Duration = Duration::from_millis(500);

/// The engine's own threads: steps are processes, so two are plenty.
const THREADS: usize = 2;

/// So many descriptors must be free at the start: a dozen for the engine, and those of one command.
const DESCRIPTORS_MIN: usize = 32;

/// With too few descriptors the runtime itself would panic.
fn has_descriptors() -> Result<(), Problem> {
    let held: io::Result<Vec<File>> =
        (0..DESCRIPTORS_MIN).map(|_| File::open("/dev/null")).collect();
    match held {
        Err(error) if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) => {
            let text = format!("windlass needs {DESCRIPTORS_MIN} free descriptors: {error}");
            Err(Problem::failed(text).help("raise the limit, as in `ulimit -n 256`"))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What the system says when it, or this process, has no descriptor left.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

/// Runs a verb to its end.
pub(crate) fn block_on<T>(
    common: Common,
    verb: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    log(common);
    has_descriptors()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|e| Problem::failed(format!("the runtime cannot start: {e}")))?;
    let done = runtime.block_on(verb);
    runtime.shutdown_timeout(STOP_WITHIN);
    done
}

/// The log goes to standard error, if -v or `RUST_LOG` ask for one.
fn log(common: Common) {
    let wanted = std::env::var("RUST_LOG").ok().filter(|w| !w.is_empty());
    let filter = match (wanted, common.verbose) {
        (None, 0) => return,
        (Some(wanted), _) => EnvFilter::new(wanted),
        (None, 1) => EnvFilter::new("warn"),
        (None, 2) => EnvFilter::new("windlass=debug,warn"),
        (None, _) => EnvFilter::new("debug"),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(crate::output::notes_have_color());
    // A second subscriber in one process cannot be: then the first one stays.
    subscriber.try_init().unwrap_or(());
}
