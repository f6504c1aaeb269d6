//! A command from its start to the end of its whole process group.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::time::timeout;

use super::capture::Sink;
use crate::task::{CancelSignal, StopReason, TaskLimits};

/// A command that was started.
pub(super) struct Running {
    // The order matters: a dropped attempt kills the group first, while its leader is not yet reaped.
    group: Group,
    child: Child,
    stdin: Option<Vec<u8>>,
}

impl Running {
    pub(super) fn new(child: Child, stdin: Option<Vec<u8>>) -> Self {
        Self { group: Group::of(&child), child, stdin }
    }
}

/// How a command ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Why it was told to end, if it was.
    pub(super) stopped: Option<StopReason>,
}

/// Waits for the end of the command, feeds it and listens to it meanwhile, stops it when asked.
///
/// # Errors
/// Where the system cannot say how it ended.
pub(super) async fn drive(
    mut running: Running,
    (out, err): (&mut Sink<'_>, &mut Sink<'_>),
    cancel: &CancelSignal,
    limits: &TaskLimits,
) -> io::Result<Ended> {
    let child = &mut running.child;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let input = running.stdin.take();
    let pipes = pin!(async {
        tokio::join!(feed(stdin, input), out.drain(stdout), err.drain(stderr));
    });
    let mut work = Work { child: &mut running.child, pipes, closed: false };
    let first = tokio::select! {
        status = work.leader() => Ok(status?),
        reason = cancel.wait() => Err(reason),
    };
    let stopped = match first {
        Ok(_) => {
            // A child of the command may hold its output open: for ever, if it is let.
            drop(timeout(limits.output_grace, work.rest()).await);
            None
        }
        Err(reason) => {
            running.group.signal(Signal::TERM);
            running.group.signal(Signal::CONT);
            drop(timeout(limits.kill_after, work.all()).await);
            Some(reason)
        }
    };
    running.group.kill();
    let status = work.leader().await?;
    if !work.closed {
        drop(timeout(limits.output_grace, work.rest()).await);
    }
    Ok(Ended { status, stopped })
}

/// The two ends of a command: that of its process, and that of its pipes.
struct Work<'a, P> {
    child: &'a mut Child,
    pipes: Pin<&'a mut P>,
    closed: bool,
}

impl<P: Future<Output = ()>> Work<'_, P> {
    /// Waits for the process; its pipes go on meanwhile. May be dropped and called again.
    async fn leader(&mut self) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = self.child.wait() => return status,
                () = self.pipes.as_mut(), if !self.closed => self.closed = true,
            }
        }
    }

    /// Waits for the pipes.
    async fn rest(&mut self) {
        if !self.closed {
            self.pipes.as_mut().await;
            self.closed = true;
        }
    }

    async fn all(&mut self) -> io::Result<ExitStatus> {
        let status = self.leader().await;
        self.rest().await;
        status
    }
}

/// Writes the standard input. A command that does not want it is free not to.
async fn feed(stdin: Option<ChildStdin>, input: Option<Vec<u8>>) {
    if let (Some(mut stdin), Some(input)) = (stdin, input) {
        drop(stdin.write_all(&input).await);
    }
}

/// A process group, until it is killed; killed when dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.0 {
            // An error says that the group has ended already, which is as good.
            let _ended = kill_process_group(pid, signal);
        }
    }

    /// Kills what is left of the group. Its number is not used afterwards: the system may give it to
    /// somebody else.
    fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
