//! What a killed engine has left running: commands, and whatever they have started. They are known by
//! their run and their work folder, which stand in their environment, and are ended before their steps
//! run again.

#[cfg(not(target_os = "linux"))]
use crate::id::RunId;

#[cfg(target_os = "linux")]
pub(crate) use self::linux::end_left;

/// Only Linux tells the environment of other processes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_left(_: &std::path::Path, _: impl Fn(RunId) -> bool) -> std::io::Result<Left> {
    Ok(Left::default())
}

/// What has come of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// How many processes were told to end.
    pub(crate) told: usize,
    /// The ids of those that are there in spite of it.
    pub(crate) alive: Vec<i32>,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};
    use std::{fs, io};

    use rustix::event::{Timespec, poll};
    use rustix::io::Errno;
    use rustix::process::{
        Pid, PidfdFlags, Signal, getpgid, getpgrp, getpid, pidfd_open, pidfd_send_signal,
    };

    use super::Left;
    use crate::id::RunId;

    /// The pause before each look but the first.
    const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

    /// They are told to end, made to after so many looks, and left alone after so many: two seconds,
    /// and seven, where a look takes no time.
    const LOOKS_UNTIL_KILL: usize = 100;
    const LOOKS_MAX: usize = 350;

    /// Ends the processes whose work folder is in `runs` and whose run is wanted: TERM, and KILL after
    /// two seconds. Blocks until they are gone, or five seconds more.
    ///
    /// Processes that this one comes from, and those of its group, are let be: somebody may have
    /// called us from within a step.
    ///
    /// # Errors
    /// Where the folder is not there, or the system does not let one of them be ended.
    pub(crate) fn end_left(runs: &Path, is_wanted: impl Fn(RunId) -> bool) -> io::Result<Left> {
        let search = Search {
            runs: [std::path::absolute(runs)?, runs.canonicalize()?],
            spared: ancestors(),
            is_wanted,
        };
        let mut told = BTreeSet::new();
        for look in 0.. {
            let left = search.left()?;
            if left.is_empty() || look == LOOKS_MAX {
                let alive = left.iter().map(|(pid, _)| *pid).collect();
                return Ok(Left { told: told.len(), alive });
            }
            for (pid, process) in &left {
                // One that has ended meanwhile cannot be told, which is as good.
                if look >= LOOKS_UNTIL_KILL {
                    let _ended = pidfd_send_signal(process, Signal::KILL);
                }
                if told.insert(*pid) {
                    let _ended = pidfd_send_signal(process, Signal::TERM);
                    let _ended = pidfd_send_signal(process, Signal::CONT);
                }
            }
            // Waits for nothing but the time.
            let _interrupted = poll(&mut [], Some(&PAUSE));
        }
        Ok(Left::default())
    }

    struct Search<F> {
        /// The folder of the runs, as it is called and as it is.
        runs: [PathBuf; 2],
        spared: BTreeSet<i32>,
        is_wanted: F,
    }

    impl<F: Fn(RunId) -> bool> Search<F> {
        fn left(&self) -> io::Result<Vec<(i32, OwnedFd)>> {
            let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
            let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            let mut left = Vec::new();
            for pid in pids.filter(|pid| self.is_left(*pid)) {
                match Pid::from_raw(pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
                    // Looked at once more: the number may have been given to another process.
                    Some(Ok(process)) if self.is_left(pid) => left.push((pid, process)),
                    Some(Ok(_) | Err(Errno::SRCH)) | None => {}
                    Some(Err(error)) => return Err(error.into()),
                }
            }
            Ok(left)
        }

        fn is_left(&self, pid: i32) -> bool {
            let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
            let variable = |name: &[u8]| {
                let mut all = environment.split(|byte| *byte == 0);
                all.find_map(|text| text.strip_prefix(name)?.strip_prefix(b"="))
            };
            let run = variable(b"WINDLASS_RUN").and_then(|run| std::str::from_utf8(run).ok());
            run.and_then(RunId::parse).is_some_and(&self.is_wanted)
                && variable(b"WINDLASS_WORK").is_some_and(|work| self.is_in_runs(work))
                && !self.is_spared(pid)
        }

        fn is_in_runs(&self, work: &[u8]) -> bool {
            let work = Path::new(OsStr::from_bytes(work));
            let real = work.canonicalize().unwrap_or_default();
            self.runs.iter().any(|runs| work.starts_with(runs) || real.starts_with(runs))
        }

        fn is_spared(&self, pid: i32) -> bool {
            self.spared.contains(&pid) || getpgid(Pid::from_raw(pid)) == Ok(getpgrp())
        }
    }

    /// This process and those that it comes from.
    fn ancestors() -> BTreeSet<i32> {
        let of = |pid: &i32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
        };
        let own = getpid().as_raw_nonzero().get();
        std::iter::successors(Some(own), of).take_while(|pid| *pid > 1).collect()
    }
}
