//! Every order in which things can happen in a tiny pool: a search through the states of its world.
//!
//! Two kinds of order make no difference and are not tried. A frame comes at once to a worker that is not going to die
//! and is not slow: all that follows is an answer on its way. And the manager looks at once at what arrives: it takes
//! commands before arrivals in any case.

use super::network::Question;
use super::oracle;
use super::plan::{Step, Terms};
use super::tasks::Ending;
use super::worker::Life;
use super::world::{Consequence, Manner, World};
use futures_mpi_core::engine::{Frame, WorkerNumber};
use std::collections::HashSet;
use std::panic::{self, AssertUnwindSafe};

/// What happens in a tiny pool, in any order.
#[derive(Debug, Clone)]
pub struct Tiny {
    /// How many workers there are.
    pub workers: u32,
    /// By client: how many calls it makes, one after the other.
    pub calls: Vec<u32>,
    /// How long each takes in nanoseconds.
    pub nanos: u64,
    /// The calls that are cancelled, once they are made, by the number of their token.
    pub cancelled: Vec<u64>,
    /// The workers that die.
    pub killed: Vec<u32>,
    /// Whether others come in their place.
    pub replaced: bool,
    /// The clients that are shut down, and whether their queued tasks are cancelled.
    pub shut_down: Vec<(u32, bool)>,
    /// The workers to which frames come at any time, and which begin each call at any time after that.
    pub slow: Vec<u32>,
    /// How often so much time passes that the manager asks for what has been sent ahead.
    pub looks: usize,
}

/// So much time passes from one look of the manager to the next.
const LOOK_NANOS: u64 = 3_000_000;

/// How far the search went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Explored {
    /// How many different states there are.
    pub states: usize,
    /// In how many of them nothing can happen any more.
    pub ends: usize,
    /// How many things happen at most from the beginning to an end.
    pub longest: usize,
}

/// Something that can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Choice {
    Call(u32),
    Cancel(u64),
    Kill(u32),
    ShutDown(u32, bool),
    Turn,
    Deliver(u32),
    Arrive(u32),
    Notice(u32),
    /// A worker comes in the place of a lost one.
    Join,
    /// A worker looks at what waits there.
    GoOn(u32),
    /// Time passes.
    Look,
    /// A worker is asked for tasks.
    Ask(Question),
    /// Its answer comes to the manager.
    Recalled(u32, u64),
}

/// Tries every order.
///
/// # Errors
///
/// If something is wrong in a state, with the choices that lead there.
pub fn explore(tiny: &Tiny) -> Result<Explored, String> {
    let mut search = Search { tiny, seen: HashSet::new(), explored: Explored::default() };
    let mut path = Vec::new();
    let mut stack = vec![search.visit(&path)?];
    while let Some(choices) = stack.last_mut() {
        match choices.pop() {
            Some(choice) => {
                path.push(choice);
                stack.push(search.visit(&path)?);
            }
            None => {
                stack.pop();
                path.pop();
            }
        }
    }
    Ok(search.explored)
}

struct Search<'a> {
    tiny: &'a Tiny,
    seen: HashSet<u64>,
    explored: Explored,
}

impl Search<'_> {
    /// Goes to the end of a path; returns what can happen there, or nothing if that has been looked at before.
    fn visit(&mut self, path: &[Choice]) -> Result<Vec<Choice>, String> {
        let at_place = |wrong| format!("{wrong}\n{:#?}\nafter {path:#?}", self.tiny);
        let visit = || -> Result<(u64, Vec<Choice>), String> {
            let mut place = Place::new(self.tiny);
            if let Some((last, before)) = path.split_last() {
                before.iter().for_each(|choice| place.take(*choice));
                // What comes before was checked when its own end was visited.
                place.checked = true;
                place.take(*last);
            }
            let (state, choices) = (place.fingerprint(), place.choices());
            if choices.is_empty() && !self.seen.contains(&state) {
                place.finish()?;
            }
            Ok((state, choices))
        };
        let visited = panic::catch_unwind(AssertUnwindSafe(visit));
        let (state, choices) = visited.map_err(|_| at_place("it panics".to_owned()))?.map_err(at_place)?;
        if !self.seen.insert(state) {
            return Ok(Vec::new());
        }
        self.explored.states += 1;
        self.explored.ends += usize::from(choices.is_empty());
        self.explored.longest = self.explored.longest.max(path.len());
        Ok(choices)
    }
}

/// A tiny pool on its way.
struct Place<'a> {
    tiny: &'a Tiny,
    world: World,
    made: Vec<u32>,
    done: Vec<Choice>,
    /// What the manager has not looked at, in its order.
    unseen: Vec<Choice>,
    dying: Vec<u32>,
    /// How many workers are to come in the place of lost ones.
    wanted: usize,
    /// What is on its way to workers and back beside frames.
    asked: Vec<Question>,
    answered: Vec<(u32, u64)>,
    looks: usize,
    now: u64,
    /// Whether the invariants are checked at every turn.
    checked: bool,
}

impl<'a> Place<'a> {
    fn new(tiny: &'a Tiny) -> Self {
        let clients = tiny.calls.len();
        let manner = Manner { replacing: tiny.replaced, apart: true, ..Manner::default() };
        let mut world = World::new(&vec![1; tiny.workers as usize], &vec![None; clients], manner);
        world.attach(false);
        let (done, unseen, dying) = (Vec::new(), Vec::new(), Vec::new());
        let made = vec![0; clients];
        let mut place = Place {
            tiny,
            world,
            made,
            done,
            unseen,
            dying,
            wanted: 0,
            asked: Vec::new(),
            answered: Vec::new(),
            looks: 0,
            now: 0,
            checked: false,
        };
        place.turn();
        place
    }

    fn choices(&self) -> Vec<Choice> {
        let tiny = self.tiny;
        let mut choices = Vec::new();
        let calls = (0..).zip(&tiny.calls).filter(|(client, calls)| self.made[*client as usize] < **calls);
        choices.extend(calls.map(|(client, _)| Choice::Call(client)));
        let cancels = tiny.cancelled.iter().filter(|call| **call < self.world.calls.len());
        choices.extend(cancels.map(|call| Choice::Cancel(*call)));
        choices.extend(tiny.killed.iter().map(|worker| Choice::Kill(*worker)));
        choices.extend(tiny.shut_down.iter().map(|(client, cancel)| Choice::ShutDown(*client, *cancel)));
        choices.retain(|choice| matches!(choice, Choice::Call(_)) || !self.done.contains(choice));
        if !self.unseen.is_empty() {
            choices.push(Choice::Turn);
        }
        let network = self.world.network().lock();
        for (number, worker) in (0..).zip(self.world.workers()) {
            let (down, up) = network.under_way(WorkerNumber(number));
            if down > 0 && worker.life() == Life::Working && self.takes_its_time(number) {
                choices.push(Choice::Deliver(number));
            }
            if worker.waiting() > 0 {
                choices.push(Choice::GoOn(number));
            }
            if up > 0 {
                choices.push(Choice::Arrive(number));
            }
        }
        choices.extend(self.dying.iter().map(|worker| Choice::Notice(*worker)));
        choices.extend((self.wanted > 0 && !self.world.is_over()).then_some(Choice::Join));
        choices.extend((self.looks < tiny.looks && self.world.has_ahead()).then_some(Choice::Look));
        choices.extend(self.asked.iter().map(|question| Choice::Ask(*question)));
        choices.extend(self.answered.iter().map(|(worker, begun)| Choice::Recalled(*worker, *begun)));
        choices
    }

    fn takes_its_time(&self, worker: u32) -> bool {
        self.tiny.killed.contains(&worker) || self.tiny.slow.contains(&worker)
    }

    fn take(&mut self, choice: Choice) {
        match choice {
            Choice::Call(client) => {
                self.made[client as usize] += 1;
                let (long, nanos) = (false, self.tiny.nanos);
                self.act(choice, &Step::Submit { client, long, nanos, ending: Ending::Value, terms: Terms::default() });
            }
            Choice::Cancel(call) => self.act(choice, &Step::Cancel(call)),
            Choice::Kill(worker) => self.act(choice, &Step::Kill(worker)),
            Choice::ShutDown(client, cancel) => self.act(choice, &Step::Shutdown { client, cancel }),
            Choice::Turn => self.turn(),
            Choice::Deliver(worker) => drop(self.world.deliver(worker)),
            Choice::Arrive(worker) => {
                self.world.arrive(worker);
                self.turn();
            }
            Choice::Notice(worker) => {
                self.dying.retain(|dying| *dying != worker);
                self.world.notice(worker);
                self.turn();
            }
            Choice::Join => {
                self.wanted -= 1;
                self.world.join(true);
                self.turn();
            }
            Choice::GoOn(worker) => drop(self.world.go_on(worker)),
            Choice::Look => {
                self.looks += 1;
                // What has been answered is seen, and then that nothing has been since.
                for _ in 0..2 {
                    self.now += LOOK_NANOS;
                    self.world.rest(self.now);
                    self.turn();
                }
            }
            Choice::Ask(question) => {
                self.asked.retain(|asked| *asked != question);
                let answer = self.world.ask(question);
                self.answered.extend(answer.map(|(begun, replies)| {
                    assert!(replies.is_empty(), "calls are looked at one by one, so that no reply is held back");
                    (question.worker, begun)
                }));
            }
            Choice::Recalled(worker, begun) => {
                self.answered.retain(|answer| *answer != (worker, begun));
                self.world.recalled(worker, begun, Frame::default());
                self.turn();
            }
        }
        self.world.rest(self.now);
    }

    fn turn(&mut self) {
        self.unseen.clear();
        self.world.turn(self.checked);
        let mut network = self.world.network().lock();
        self.wanted += network.take_wanted();
        self.asked.extend(network.take_asked());
        let sent = network.take_sent();
        drop(network);
        for WorkerNumber(worker) in sent {
            if !self.takes_its_time(worker) {
                self.world.deliver(worker);
                self.world.rest(self.now);
                while self.world.workers()[worker as usize].waiting() > 0 {
                    self.world.go_on(worker);
                    self.world.rest(self.now);
                }
            }
        }
    }

    fn act(&mut self, choice: Choice, step: &Step) {
        self.done.push(choice);
        if !matches!(choice, Choice::Kill(_)) {
            self.unseen.push(choice);
        }
        if let Consequence::Death(worker) = self.world.act(step) {
            self.dying.push(worker);
        }
    }

    fn fingerprint(&self) -> u64 {
        // What is asked of users in which order makes no difference, except as far as the manager has not seen it.
        let mut done = self.done.clone();
        done.sort_unstable();
        self.world.fingerprint_with(&(
            done,
            &self.unseen,
            &self.dying,
            self.wanted,
            &self.asked,
            &self.answered,
            self.looks,
        ))
    }

    /// Lets the pool end, and judges what became of the calls.
    fn finish(mut self) -> Result<(), String> {
        self.world.end_all();
        self.unseen.push(Choice::Turn);
        // Whatever is to happen now happens in the same order.
        while let Some(choice) = self.choices().into_iter().next() {
            self.take(choice);
        }
        let judgement = match self.world.is_over() {
            true => oracle::judge(&mut self.world).map(drop),
            false => Err("nothing is left to happen, and the pool has not ended".to_owned()),
        };
        if judgement.is_err() {
            // An executor that is dropped waits for what may never come.
            std::mem::forget(self);
        }
        judgement
    }
}
