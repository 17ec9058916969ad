//! A run of a plan: events in the order of their virtual times, from a queue.

use super::clock;
use super::network::Question;
use super::oracle::{self, Tally};
use super::plan::{Boot, LOOK_NANOS, Plan, Replacing, TOO_LONG};
use super::random::Random;
use super::trace::Trace;
use super::world::{BOOT_LIMIT, Consequence, Manner, Reaction, World};
use futures_mpi_core::engine::Frame;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{self, AssertUnwindSafe};

/// With more calls than this the invariants are checked now and then instead of after every step.
const CHECKED_CALLS: u64 = 500;

/// A run that went as it should.
#[derive(Debug)]
pub struct Report {
    /// What happened.
    pub trace: Trace,
    /// What became of the calls.
    pub tally: Tally,
    /// How long it took, in virtual time.
    pub nanos: u64,
}

/// What was wrong with a run.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    /// What had happened until then; empty if the fault was a panic.
    pub(super) trace: Trace,
}

/// Carries out a plan and judges the result.
pub(super) fn run(plan: &Plan) -> Result<Report, Fault> {
    let attempt = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut run = Run::new(plan);
        let judgement = run.go().and_then(|()| oracle::judge(&mut run.world));
        let trace = std::mem::take(&mut run.world.trace);
        match judgement {
            Ok(tally) => Ok(Report { trace, tally, nanos: clock::now() }),
            Err(message) => {
                // An executor that is dropped waits for what may never come.
                std::mem::forget(run);
                Err(Fault { message, trace })
            }
        }
    }));
    attempt.unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let message = format!("panic: {}", message.unwrap_or_default());
        Err(Fault { message, trace: Trace::default() })
    })
}

/// Something that is going to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Attach,
    /// The step of this number is taken.
    Step(usize),
    /// The manager looks at what has come.
    Turn,
    /// Time has passed.
    Tick,
    /// The same, while workers have tasks ahead.
    Look,
    /// A worker is asked for tasks.
    Ask(Question),
    /// The answer of this number comes to the manager.
    Recalled(u32, u64, usize),
    /// A frame comes to a worker.
    Deliver(u32),
    /// A worker is free again.
    Free(u32),
    /// A frame comes to the manager.
    Arrive(u32),
    /// The manager notices the death of a worker.
    Notice(u32),
    /// An attempt to replace a worker ends: one comes, or not.
    Join(bool),
}

struct Run<'a> {
    plan: &'a Plan,
    world: World,
    random: Random,
    /// By time, then in the order in which they were added.
    queue: BinaryHeap<Reverse<(u64, u64, Event)>>,
    added: u64,
    attached: bool,
    /// Whether a turn of the manager is in the queue.
    turn_due: bool,
    look_due: bool,
    /// The replies that came along with answers, by their numbers.
    answers: Vec<Frame>,
    /// By worker: when the last frame to it, and from it, comes; frames do not overtake one another.
    last_down: Vec<u64>,
    last_up: Vec<u64>,
    events: u64,
    turns: u64,
    /// When the pool had ended.
    ended_at: Option<u64>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let workers = plan.workers as usize;
        let Plan { exits, owning, apart, isolating, .. } = *plan;
        let manner = Manner { exits, owning, replacing: plan.replacing.is_some(), apart, isolating };
        let mut run = Run {
            plan,
            world: World::new(&plan.slowness, &plan.preparations, manner),
            random: Random::new(plan.seed),
            queue: BinaryHeap::new(),
            added: 0,
            attached: false,
            turn_due: false,
            look_due: false,
            answers: Vec::new(),
            last_down: vec![0; workers],
            last_up: vec![0; workers],
            events: 0,
            turns: 0,
            ended_at: None,
        };
        run.add(plan.boot_nanos, Event::Attach);
        if plan.preparations.iter().flatten().any(|preparations| preparations.nanos >= TOO_LONG) {
            (1..20).for_each(|tick| run.add(plan.boot_nanos + tick * TOO_LONG / 10, Event::Tick));
        }
        for (number, (time, _)) in plan.steps.iter().enumerate() {
            run.add(*time, Event::Step(number));
        }
        run
    }

    fn go(&mut self) -> Result<(), String> {
        self.drain()?;
        self.world.end_all();
        self.ask_for_turn();
        self.drain()?;
        // Nothing is left to happen; now only time can help.
        let limit = clock::now() + 2 * BOOT_LIMIT.as_nanos() as u64;
        let mut pause = 100_000;
        while !self.world.is_over() && clock::now() < limit {
            clock::set(clock::now() + pause);
            pause = (pause * 2).min(BOOT_LIMIT.as_nanos() as u64 / 10);
            self.turn();
            self.drain()?;
        }
        if !self.world.is_over() {
            return Err("nothing is left to happen, and the pool has not ended".to_owned());
        }
        let (taken, longest) = (self.ended_at.unwrap_or(0), self.plan.longest_nanos());
        if taken > longest && !self.world.mishaps.boot {
            return Err(format!(
                "it took {:.3} ms instead of at most {:.3} ms",
                taken as f64 / 1e6,
                longest as f64 / 1e6
            ));
        }
        match &self.world.hang_up()[..] {
            [] => Ok(()),
            forgotten => Err(format!("workers {forgotten:?} were not told to stop")),
        }
    }

    /// Lets everything happen that is in the queue, and what comes of it.
    fn drain(&mut self) -> Result<(), String> {
        let calls = self.plan.calls();
        let links = self.world.workers().len() as u64 * u64::from(self.plan.clients + 2);
        let links = links + 30 * self.plan.faults() * u64::from(self.plan.replacing.is_some());
        let most = 200 + 12 * calls + 10 * (links + self.plan.steps.len() as u64);
        while let Some(Reverse((time, _, event))) = self.queue.pop() {
            clock::set(time);
            self.happen(event);
            if self.world.is_over() {
                self.ended_at.get_or_insert(time);
            }
            self.events += u64::from(event != Event::Look);
            if self.events > most {
                return Err(format!("more than {most} events for {calls} calls"));
            }
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Attach => self.attach(),
            Event::Turn => self.turn(),
            Event::Tick => self.ask_for_turn(),
            Event::Look => {
                self.look_due = false;
                self.ask_for_turn();
            }
            Event::Ask(question) => {
                if let Some(later) = self.world.comes_to_wait(question.worker) {
                    // It is executed ahead of its time, and cannot give back now what it begins only then.
                    self.add(later, Event::Ask(question));
                } else if let Some((begun, replies)) = self.world.ask(question) {
                    let delay = self.delay();
                    self.add(clock::now() + delay, Event::Recalled(question.worker, begun, self.answers.len()));
                    self.answers.push(replies);
                }
            }
            Event::Recalled(worker, begun, answer) => {
                let replies = std::mem::take(&mut self.answers[answer]);
                self.world.recalled(worker, begun, replies);
                self.ask_for_turn();
            }
            Event::Step(number) => {
                let consequence = self.world.act(&self.plan.steps[number].1);
                match consequence {
                    Consequence::Nothing => {}
                    Consequence::Death(worker) => {
                        let delay = self.delay();
                        self.add(clock::now() + delay, Event::Notice(worker));
                    }
                    Consequence::Message(worker) => self.send_up(worker, clock::now()),
                }
                self.ask_for_turn();
            }
            Event::Deliver(worker) => {
                let reaction = self.world.deliver(worker);
                self.follow(worker, &reaction);
            }
            Event::Free(worker) => {
                let reaction = self.world.go_on(worker);
                self.follow(worker, &reaction);
            }
            Event::Arrive(worker) => {
                self.world.arrive(worker);
                self.ask_for_turn();
            }
            Event::Notice(worker) => {
                self.world.notice(worker);
                self.ask_for_turn();
            }
            Event::Join(comes) => {
                self.world.join(comes);
                self.last_down.resize(self.world.workers().len(), 0);
                self.last_up.resize(self.world.workers().len(), 0);
                self.ask_for_turn();
            }
        }
    }

    fn attach(&mut self) {
        self.attached = true;
        self.world.attach(self.plan.boot == Boot::Fails);
        match self.plan.boot {
            Boot::Silent(worker) => self.world.silence(worker),
            Boot::Refuses(worker) => self.world.spoil_greeting(worker),
            Boot::Good | Boot::Fails => {}
        }
        self.send_down();
        self.ask_for_turn();
    }

    fn ask_for_turn(&mut self) {
        if self.attached && !self.turn_due {
            self.turn_due = true;
            let delay = self.random.below(self.plan.turn_nanos);
            self.add(clock::now() + delay, Event::Turn);
        }
    }

    fn turn(&mut self) {
        self.turn_due = false;
        self.turns += 1;
        self.world.turn(self.world.calls.len() < CHECKED_CALLS || self.turns.is_multiple_of(64));
        self.send_down();
        self.follow_met();
        self.bring_workers();
        // These go another way than frames, and overtake them.
        let asked = self.world.network().lock().take_asked();
        for question in asked {
            let delay = self.delay();
            self.add(clock::now() + delay, Event::Ask(question));
        }
        if self.world.has_ahead() && !self.look_due {
            self.look_due = true;
            self.add(clock::now() + LOOK_NANOS, Event::Look);
        }
    }

    /// Sees to it that the workers come that the manager has asked for, or some of them.
    fn bring_workers(&mut self) {
        let wanted = self.world.network().lock().take_wanted();
        let Some(Replacing { nanos, failing }) = self.plan.replacing else { return };
        for _ in 0..wanted {
            let (delay, comes) = (self.random.below(nanos + 1), !self.random.percent(failing));
            self.add(clock::now() + delay, Event::Join(comes));
        }
    }

    /// Sees to it that what the manager has sent comes to the workers.
    fn send_down(&mut self) {
        let sent = self.world.network().lock().take_sent();
        for worker in sent {
            let at = self.last_down[worker.index()].max(clock::now() + self.delay());
            self.last_down[worker.index()] = at;
            self.add(at, Event::Deliver(worker.0));
        }
    }

    /// Sees to it that what a worker sends at this time comes to the manager.
    fn send_up(&mut self, worker: u32, sent_at: u64) {
        let at = self.last_up[worker as usize].max(sent_at + self.delay());
        self.last_up[worker as usize] = at;
        self.add(at, Event::Arrive(worker));
    }

    fn follow(&mut self, worker: u32, reaction: &Reaction) {
        reaction.sent.iter().for_each(|sent_at| self.send_up(worker, *sent_at));
        if let Some(free_at) = reaction.free_at {
            self.add(free_at, Event::Free(worker));
        }
        self.follow_met();
    }

    /// Sees to what the workers do that need not wait any more.
    fn follow_met(&mut self) {
        for (worker, reaction) in self.world.meet() {
            self.follow(worker, &reaction);
        }
    }

    fn delay(&mut self) -> u64 {
        self.plan.distance_nanos + self.random.below(self.plan.delay_nanos)
    }

    fn add(&mut self, time: u64, event: Event) {
        self.added += 1;
        self.queue.push(Reverse((time.max(clock::now()), self.added, event)));
    }
}
