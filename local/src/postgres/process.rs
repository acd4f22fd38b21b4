//! Whether a process id still means what a file says it means.

use std::{fs, path::Path};

/// Whether the process is the postmaster of the cluster in `data`, which it names on its command line. A dead process
/// that nobody has waited for has no command line, and neither has another one that got the same id this one.
pub(super) fn is_postmaster(pid: i32, data: &Path) -> bool {
    let data = data.as_os_str().as_encoded_bytes();
    if cfg!(target_os = "linux") {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        return arguments.split(|byte| *byte == 0).any(|argument| argument == data);
    }
    let arguments = std::process::Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", &pid.to_string()])
        .output();
    arguments.is_ok_and(|output| output.stdout.windows(data.len()).any(|window| window == data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_with_the_id_is_no_postmaster() {
        let ours = i32::try_from(std::process::id()).unwrap();
        assert!(!is_postmaster(ours, Path::new("/no/such/cluster")));
    }
}
