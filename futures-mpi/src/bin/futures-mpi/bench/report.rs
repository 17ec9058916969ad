//! Figures for people, as a table, and for programs, as JSON.

use super::rows::{Figure, Row};

/// Prints figures as they come.
pub(super) struct Report {
    json: bool,
}

impl Report {
    pub(super) fn new(json: bool, workers: usize, spawned: bool) -> Self {
        if !json {
            let mode = if spawned { "spawned" } else { "of one world" };
            let plural = if workers == 1 { "worker" } else { "workers" };
            println!("{workers} {plural} {mode}\n");
            println!("{:<28} {:>12} {:>12} {:<8} {:>7}", "", "this library", "reference", "unit", "ratio");
        }
        Report { json }
    }

    pub(super) fn add(&mut self, figure: &Figure) {
        let Figure { name, value, unit, reference } = figure;
        let ratio = value / reference;
        if self.json {
            println!(
                r#"{{"name": "{name}", "value": {value:.4}, "unit": "{unit}", "reference": {reference:.4}, "ratio": {ratio:.4}}}"#
            );
        } else {
            println!("{name:<28} {:>12} {:>12} {unit:<8} {ratio:>7.3}", short(*value), short(*reference));
        }
    }

    pub(super) fn skip(&mut self, row: Row, why: &str) {
        if !self.json {
            println!("{:<28} {why}", row.name());
        }
    }
}

/// Four digits of a number, or all before the point.
fn short(number: f64) -> String {
    match number.abs() {
        n if n >= 1000.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    }
}
