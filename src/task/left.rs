//! What a killed engine has left running: commands, and whatever they have started. They are known by
//! their work folder, which stands in their environment, and are ended before a step runs again.

#[cfg(target_os = "linux")]
pub(crate) use self::linux::end_left;

/// Only Linux tells the environment of other processes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn end_left(_: &std::path::Path) -> std::io::Result<Left> {
    Ok(Left::default())
}

/// What has come of them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    /// Processes that were told to end.
    pub(crate) told: usize,
    /// Those that are there in spite of it.
    pub(crate) alive: usize,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};
    use std::{fs, io};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    use super::Left;

    /// How long it waits for an end before it looks again.
    const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

    /// They are told to end, made to after so many looks at which none had, and let be after so many.
    const LOOKS_UNTIL_KILL: usize = 20;
    const LOOKS_MAX: usize = 70;

    /// Ends the processes whose work folder is in `runs`: TERM, and KILL where none has ended for two
    /// seconds. Blocks until they are gone, or five seconds more.
    pub(crate) fn end_left(runs: &Path) -> io::Result<Left> {
        let runs = [std::path::absolute(runs)?, runs.canonicalize()?];
        let mut told = BTreeSet::new();
        let mut looks = 0;
        loop {
            let left = left(&runs);
            if left.is_empty() || looks == LOOKS_MAX {
                return Ok(Left { told: told.len(), alive: left.len() });
            }
            for (pid, process) in &left {
                // One that has ended meanwhile cannot be told, which is as good.
                if told.insert(*pid) {
                    let _ended = pidfd_send_signal(process, Signal::TERM);
                    let _ended = pidfd_send_signal(process, Signal::CONT);
                } else if looks >= LOOKS_UNTIL_KILL {
                    let _ended = pidfd_send_signal(process, Signal::KILL);
                }
            }
            let mut ends: Vec<_> =
                left.iter().map(|(_, process)| PollFd::new(process, PollFlags::IN)).collect();
            looks += usize::from(poll(&mut ends, Some(&LOOK_EVERY)) == Ok(0));
        }
    }

    /// Processes other than this one whose work folder is in one of `runs`.
    fn left(runs: &[PathBuf]) -> Vec<(i32, OwnedFd)> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let others = pids.filter(|pid| u32::try_from(*pid) != Ok(std::process::id()));
        others.filter_map(|pid| Some((pid, ours(pid, runs)?))).collect()
    }

    /// The process, if its work folder is in one of `runs`.
    fn ours(pid: i32, runs: &[PathBuf]) -> Option<OwnedFd> {
        // Opened before it is looked at: the number may be given to another process.
        let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        let work = variables.find_map(|variable| variable.strip_prefix(b"WINDLASS_WORK="))?;
        let work = Path::new(OsStr::from_bytes(work));
        runs.iter().any(|runs| work.starts_with(runs)).then_some(process)
    }
}
