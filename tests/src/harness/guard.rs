//! Ends a launch when the test process itself is ended (Ctrl-C, a time limit of CI) and can no longer do so.

use std::io::Write;
use std::process::{Child, Command, Stdio};

/// A small process that waits for a word from us, and ends the launch's process group if our end closes without it.
#[derive(Debug)]
pub(super) struct Guard {
    process: Child,
}

impl Guard {
    /// Watches over the process group `group`. It has a session of its own, so that it outlives a Ctrl-C.
    pub(super) fn over(group: u32) -> Guard {
        let script = r#"read -r word || kill -s KILL -- "-$0""#;
        let process = Command::new("setsid")
            .args(["sh", "-c", script])
            .arg(group.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`setsid` can be started");
        Guard { process }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.process.stdin.take() {
            let _ = stdin.write_all(b"ended\n");
        }
        let _ = self.process.wait();
    }
}
