//! The text that a failed test prints about its launch.

use super::outcome::Outcome;
use std::fmt::Write;

/// How many of the last lines of each output are shown.
const LINES: usize = 25;

pub(super) fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    let at_limit = if outcome.limit_passed { ", ended because its time was over" } else { "" };
    line(&mut text, "command", &outcome.command_line);
    line(&mut text, "end", &format!("{}{at_limit}", outcome.end));
    let seconds = format!("{:.2} s of {:.2} s", outcome.duration.as_secs_f64(), outcome.limit.as_secs_f64());
    line(&mut text, "duration", &seconds);
    for process in &outcome.left_over {
        line(&mut text, "left over", &process.to_string());
    }
    if outcome.folder.is_kept() {
        line(&mut text, "outputs", &outcome.folder().display().to_string());
    }
    let launcher = if outcome.ranks.is_empty() { "the program" } else { "the launcher" };
    output(&mut text, launcher, "stdout", &outcome.launcher_stdout);
    output(&mut text, launcher, "stderr", &outcome.launcher_stderr);
    for rank in &outcome.ranks {
        let name = format!("rank {}", rank.rank);
        output(&mut text, &name, "stdout", &rank.stdout);
        output(&mut text, &name, "stderr", &rank.stderr);
    }
    text
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {:<10} {value}", format!("{name}:"));
}

fn output(text: &mut String, who: &str, stream: &str, said: &str) {
    let count = said.lines().count();
    let hidden = count.saturating_sub(LINES);
    let _ = match (count, hidden) {
        (0, _) => writeln!(text, "--- {who}, {stream}: nothing"),
        (_, 0) => writeln!(text, "--- {who}, {stream}:"),
        _ => writeln!(text, "--- {who}, {stream}: the last {LINES} of {count} lines"),
    };
    for said in said.lines().skip(hidden) {
        let _ = writeln!(text, "    {said}");
    }
}
