//! Who imports whom: the files of a crate as a graph, circles in it, and arrows that run up from room to room.
//!
//! A file imports another if a `use` of it, or a path in its code, leads to an item there; re-exports on the way are
//! followed. Code for tests does not count.

mod modules;
mod paths;

use super::Violation;
use super::files::Text;
use modules::{Crate, Target};
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::{BTreeMap, BTreeSet};

/// What holds for the files of one crate.
pub struct House {
    /// The file with which the crate begins.
    pub root: &'static str,
    /// Its rooms, from the top down: a folder beside the root, or a file there without its ending. Files that are not
    /// named here belong to the first room.
    pub rooms: &'static [&'static str],
    /// Circles that have not been untied, with the reason.
    pub circles: &'static [(&'static [&'static str], &'static str)],
    /// Imports that run up still, each as the two files.
    pub up: &'static [(&'static str, &'static str)],
}

/// An import of one file by another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    from: String,
    to: String,
    /// Whether it is only passed on to others by `pub use`.
    passed_on: bool,
    line: usize,
    name: String,
}

/// Every import within the crate, by the first line of each file in which it stands.
pub fn arrows(files: &[Text], root: &str) -> Result<Vec<Arrow>, String> {
    let crate_ = Crate::read(files, root)?;
    let mut arrows = BTreeMap::new();
    for (number, module) in crate_.modules.iter().enumerate() {
        let mut add = |target: usize, name: String, line: usize, passed_on: bool| {
            let to = &crate_.modules[target].file;
            if *to != module.file {
                let key = (module.file.clone(), to.clone(), passed_on);
                let found: &mut (usize, String) = arrows.entry(key).or_insert((line, name.clone()));
                if line < found.0 {
                    *found = (line, name);
                }
            }
        };
        for import in &module.imports {
            match crate_.resolve(number, &import.path) {
                Some(Target::Item(target)) => add(target, import.path.join("::"), import.line, import.passed_on),
                Some(Target::Module(target)) if import.is_glob => {
                    add(target, format!("{}::*", import.path.join("::")), import.line, import.passed_on);
                }
                // What is used of a module is seen where it is used.
                _ => {}
            }
        }
        for (path, line) in &module.paths {
            if let Some(Target::Item(target)) = crate_.resolve(number, path) {
                add(target, path.join("::"), *line, false);
            }
        }
    }
    let arrow = |((from, to, passed_on), (line, name))| Arrow { from, to, passed_on, line, name };
    Ok(arrows.into_iter().map(arrow).collect())
}

/// The sets of files that import each other in a circle, each sorted. What is only passed on does not count.
pub fn circles(arrows: &[Arrow]) -> Vec<BTreeSet<&str>> {
    let used = arrows.iter().filter(|arrow| !arrow.passed_on);
    let graph: DiGraphMap<&str, ()> = used.map(|arrow| (arrow.from.as_str(), arrow.to.as_str())).collect();
    let components = tarjan_scc(&graph).into_iter().filter(|component| component.len() > 1);
    components.map(|component| component.into_iter().collect()).collect()
}

/// No files import each other in a circle, but for those of which the house says why.
pub fn no_circles(house: &House, arrows: &[Arrow]) -> Vec<Violation> {
    let found = circles(arrows);
    let allowed: Vec<BTreeSet<&str>> = house.circles.iter().map(|(files, _)| files.iter().copied().collect()).collect();
    let new = found.iter().filter(|circle| !allowed.contains(circle));
    let new = new.flat_map(|circle| {
        let inside = |arrow: &&Arrow| circle.contains(&*arrow.from) && circle.contains(&*arrow.to) && !arrow.passed_on;
        arrows.iter().filter(inside).map(|arrow| {
            let message = format!("`{}` of {} is one step of a circle of {} files", arrow.name, arrow.to, circle.len());
            Violation::new(&arrow.from, arrow.line, message)
        })
    });
    let gone = allowed.iter().filter(|circle| !found.contains(circle));
    let gone = gone.map(|circle| {
        Violation::new(house.root, 0, format!("this circle is there no more, so it needs no permission: {circle:?}"))
    });
    new.chain(gone).collect()
}

/// Imports run down from room to room, never up.
pub fn runs_down(house: &House, arrows: &[Arrow]) -> Vec<Violation> {
    let floor = |file: &str| {
        let folder = house.root.rsplit_once('/').map_or("", |(folder, _)| folder);
        let inside = file.strip_prefix(folder).unwrap_or(file).trim_start_matches('/');
        let room = inside.split('/').next().unwrap_or(inside);
        let room = room.strip_suffix(".rs").unwrap_or(room);
        house.rooms.iter().position(|known| *known == room).unwrap_or(0)
    };
    let up: Vec<&Arrow> = arrows.iter().filter(|arrow| floor(&arrow.to) < floor(&arrow.from)).collect();
    let allowed = |arrow: &Arrow| house.up.contains(&(&*arrow.from, &*arrow.to));
    let new = up.iter().filter(|arrow| !allowed(arrow)).map(|arrow| {
        let rooms = (house.rooms[floor(&arrow.from)], house.rooms[floor(&arrow.to)]);
        let message = format!("`{}` of {}: {} may not import from {}", arrow.name, arrow.to, rooms.0, rooms.1);
        Violation::new(&arrow.from, arrow.line, message)
    });
    let is_there = |(from, to): &(&str, &str)| up.iter().any(|arrow| arrow.from == *from && arrow.to == *to);
    let gone = house.up.iter().filter(|permission| !is_there(permission));
    let gone = gone.map(|(from, to)| {
        Violation::new(from, 0, format!("it does not import from {to} any more, so it needs no permission"))
    });
    new.chain(gone).collect()
}

#[cfg(test)]
mod tests;
