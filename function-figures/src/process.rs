//! What a process has used.

use std::fs;
use std::time::Duration;

use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Failure;

/// Resident memory, in bytes.
pub(crate) fn resident_memory(process: u32) -> Result<u64, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .ok_or("the process has no memory any more")?;
    Ok(kibibytes.parse::<u64>()? * 1024)
}

/// Processor time of all its threads, those that have ended too.
pub(crate) fn processor_time(process: u32) -> Result<Duration, Failure> {
    let clock = clock_getcpuclockid(Pid::from_raw(process.try_into()?))?;
    Ok(clock.now()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_in_the_processor_time() {
        let own = std::process::id();
        let before = processor_time(own).unwrap();
        let mut sum = 0_u64;
        while processor_time(own).unwrap() == before {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(processor_time(own).unwrap() > before, "{sum}");
    }

    #[test]
    fn a_process_has_memory() {
        assert!(resident_memory(std::process::id()).unwrap() > 100_000);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        // Above what Linux ever gives out.
        assert!(resident_memory(1 << 23).is_err());
        assert!(processor_time(1 << 23).is_err());
    }
}
