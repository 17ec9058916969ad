//! The scheduler's promises: single cases as tables, then random histories checked against an oracle.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const A: ClientNumber = ClientNumber(0);
const B: ClientNumber = ClientNumber(1);

fn task(number: u64) -> TaskNumber {
    TaskNumber(number)
}

fn worker(number: u32) -> WorkerNumber {
    WorkerNumber(number)
}

/// A task of the only function that most cases need.
fn submit(client: ClientNumber, number: u64) -> Event {
    Submit(client, task(number), FunctionNumber(0), Prefetch::Returnable)
}

/// Runs events one by one, checks the invariants after each, and returns the actions of the last.
fn after(events: &[Event]) -> Vec<Action> {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    for event in events {
        actions.clear();
        scheduler.handle(*event, &mut actions);
        scheduler.check();
    }
    actions
}

use Action::*;
use Event::*;

#[test]
fn tasks_wait_for_workers_and_go_out_in_order() {
    let submitted = [Open(A), submit(A, 1), submit(A, 2)];
    assert_eq!(after(&submitted), []);
    let joined = [&submitted[..], &[Join(worker(3))]].concat();
    assert_eq!(after(&joined), [Dispatch(worker(3), task(1))]);
    let finished = [&joined[..], &[Finish(worker(3), task(1), 1_000_000_000)]].concat();
    assert_eq!(after(&finished), [Dispatch(worker(3), task(2))]);
}

#[test]
fn a_long_task_is_never_put_behind_another() {
    let mut events = vec![Open(A), Join(worker(0)), Join(worker(1))];
    events.extend((0..4).map(|number| submit(A, number)));
    assert_eq!(after(&events), []);
    events.push(Finish(worker(1), task(1), 5_000_000));
    assert_eq!(after(&events), [Dispatch(worker(1), task(2))]);
}

#[test]
fn short_tasks_are_sent_ahead() {
    let mut events = vec![Open(A), Join(worker(0))];
    events.extend((0..4).map(|number| submit(A, number)));
    events.push(Finish(worker(0), task(0), 300));
    assert_eq!(after(&events), [Dispatch(worker(0), task(1)), Dispatch(worker(0), task(2))]);
}

/// Each worker reports the oldest of its tasks in turn, by `nanos`; whether at that time one had more than one, by how
/// many were queued.
fn ahead_by_queued(workers: u32, tasks: u64, nanos: impl Fn(u64) -> u64) -> Vec<(u64, bool)> {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    scheduler.handle(Open(A), &mut actions);
    (0..workers).for_each(|number| scheduler.handle(Join(worker(number)), &mut actions));
    (0..tasks).for_each(|number| scheduler.handle(submit(A, number), &mut actions));
    let mut held: Vec<VecDeque<TaskNumber>> = vec![VecDeque::new(); workers as usize];
    let mut ahead = Vec::new();
    let mut queued = tasks;
    for turn in (0..workers).cycle() {
        for action in actions.drain(..) {
            let Dispatch(worker, task) = action else { panic!("{action:?} is not expected") };
            held[worker.index()].push_back(task);
            queued -= 1;
        }
        if held.iter().all(VecDeque::is_empty) {
            break;
        }
        let Some(task) = held[turn as usize].pop_front() else { continue };
        ahead.push((queued, held.iter().any(|held| held.len() > 1)));
        scheduler.handle(Finish(worker(turn), task, nanos(task.0)), &mut actions);
    }
    ahead
}

#[test]
fn one_medium_task_is_sent_ahead_while_many_are_queued() {
    for (queued, ahead) in ahead_by_queued(2, 100, |_| 5_000_000) {
        // At first nothing is known of them; later those that are left go to whoever is free first.
        assert!(!(20..=90).contains(&queued) || ahead, "{queued} are queued");
        assert!(queued >= 12 || !ahead, "{queued} are queued");
    }
    let none = |ahead: Vec<(u64, bool)>| ahead.iter().all(|(_, ahead)| !ahead);
    assert!(none(ahead_by_queued(2, 100, |_| 30_000_000)), "long ones have none behind them");
    assert!(none(ahead_by_queued(2, 10, |_| 5_000_000)), "of a few, each is for whoever is free");
    let mixed = |task| if task < 3 { 600_000_000 } else { 1_000_000 };
    assert!(none(ahead_by_queued(2, 100, mixed)), "one of them may be long again");
}

#[test]
fn the_master_leaves_workers_alone_for_no_longer_than_they_have_work() {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    scheduler.handle(Open(A), &mut actions);
    scheduler.handle(Join(worker(0)), &mut actions);
    // A few short ones between long ones, which do not fit behind them.
    let nanos = |number: u64| if number % 33 < 30 { 15_000_000 } else { 100_000 };
    for number in 0..330 {
        let function = FunctionNumber(u32::from(nanos(number) < 15_000_000));
        scheduler.handle(Submit(A, task(number), function, Prefetch::Returnable), &mut actions);
    }
    let mut longest = 0;
    for number in 0..330 {
        let held: u64 = scheduler.held(worker(0)).map(|task| nanos(task.0)).sum();
        let patience = u64::from(scheduler.patience_nanos());
        assert!(patience < held, "{patience} ns, while the worker has work for {held}");
        longest = longest.max(patience);
        scheduler.handle(Finish(worker(0), task(number), nanos(number)), &mut actions);
    }
    assert!(longest > 1_000_000, "it leaves them alone for {longest} ns at the most");
}

#[test]
fn what_is_known_of_one_function_says_nothing_of_another() {
    let mut events = vec![Open(A), Join(worker(0)), submit(A, 0), submit(A, 1), submit(A, 2)];
    events.push(Finish(worker(0), task(0), 300));
    events.push(Submit(A, task(3), FunctionNumber(1), Prefetch::default()));
    events.push(submit(A, 4));
    events.push(Finish(worker(0), task(1), 300));
    assert_eq!(after(&events), [], "task 3 waits for an idle worker, and nothing overtakes it");
    events.push(Finish(worker(0), task(2), 300));
    assert_eq!(after(&events), [Dispatch(worker(0), task(3))]);
}

#[test]
fn clients_take_turns() {
    let mut events = vec![Open(A), Open(B)];
    events.extend((0..100).map(|number| submit(A, number)));
    events.extend((100..102).map(|number| submit(B, number)));
    events.push(Join(worker(0)));
    let mut order = vec![0];
    for _ in 0..4 {
        let last = *order.last().expect("it is not empty");
        events.push(Finish(worker(0), task(last), 1_000_000_000));
        let [Dispatch(_, next)] = after(&events)[..] else { panic!("one task goes out") };
        order.push(next.0);
    }
    assert_eq!(order, [0, 100, 1, 101, 2]);
}

#[test]
fn only_a_queued_task_can_be_cancelled() {
    let events = [Open(A), Join(worker(0)), submit(A, 0), submit(A, 1)];
    assert_eq!(after(&[&events[..], &[Cancel(task(1))]].concat()), [Cancelled(task(1))]);
    assert_eq!(after(&[&events[..], &[Cancel(task(0))]].concat()), []);
    assert_eq!(after(&[&events[..], &[Cancel(task(9))]].concat()), []);
    let withdrawn = [&events[..], &[Withdraw(worker(0), task(0))]].concat();
    assert_eq!(after(&withdrawn), [Dispatch(worker(0), task(1))]);
}

#[test]
fn a_closed_client_drains_and_refuses() {
    let events = [Open(A), Join(worker(0)), submit(A, 0), submit(A, 1), Close(A)];
    assert_eq!(after(&events), []);
    assert_eq!(after(&[&events[..], &[submit(A, 2)]].concat()), [Rejected(task(2))]);
    let cancelled = [&events[..], &[CancelAll(A)]].concat();
    assert_eq!(after(&cancelled), [Cancelled(task(1))]);
    assert_eq!(after(&[&cancelled[..], &[Finish(worker(0), task(0), 1)]].concat()), [Drained(A)]);
    assert_eq!(after(&[Open(A), Close(A)]), [Drained(A)]);
    assert_eq!(after(&[Open(A), Close(A), Close(A)]), []);
}

#[test]
fn a_lost_worker_loses_what_it_holds_and_nothing_else() {
    let events = [Open(A), Join(worker(0)), submit(A, 0), submit(A, 1), Lose(worker(0))];
    assert_eq!(after(&events), [Lost(worker(0), task(0))]);
    assert_eq!(after(&[&events[..], &[Finish(worker(0), task(0), 1)]].concat()), []);
    assert_eq!(after(&[&events[..], &[Join(worker(1))]].concat()), [Dispatch(worker(1), task(1))]);
}

#[test]
fn a_broken_pool_gives_up_everything() {
    let events = [Open(A), Join(worker(0)), submit(A, 0), submit(A, 1), Break];
    assert_eq!(after(&events), [Abandoned(task(0)), Abandoned(task(1))]);
    assert_eq!(after(&[&events[..], &[submit(A, 2)]].concat()), [Abandoned(task(2))]);
    assert_eq!(after(&[&events[..], &[Close(A)]].concat()), [Drained(A)]);
}

#[test]
fn an_engaged_worker_takes_nothing_until_it_is_released() {
    let events = [Open(A), PauseWorker(worker(0)), PauseWorker(worker(0)), Join(worker(0)), submit(A, 0)];
    assert_eq!(after(&events), []);
    let released = [&events[..], &[ResumeWorker(worker(0))]].concat();
    assert_eq!(after(&released), [], "it was engaged twice");
    assert_eq!(after(&[&released[..], &[ResumeWorker(worker(0))]].concat()), [Dispatch(worker(0), task(0))]);
    assert_eq!(after(&[&events[..], &[Join(worker(1))]].concat()), [Dispatch(worker(1), task(0))]);
    assert_eq!(after(&[&events[..], &[Break, ResumeWorker(worker(0)), PauseWorker(worker(1))]].concat()), []);
}

#[test]
fn a_broken_client_gives_up_what_is_queued_and_leaves_others_alone() {
    let events = [Open(A), Open(B), Join(worker(0)), submit(A, 0), submit(A, 1), submit(B, 2), BreakClient(A)];
    assert_eq!(after(&events), [Unfit(A, task(1))]);
    assert_eq!(after(&[&events[..], &[submit(A, 3)]].concat()), [Unfit(A, task(3))]);
    let finished = [&events[..], &[Finish(worker(0), task(0), 1_000_000_000)]].concat();
    assert_eq!(after(&finished), [Dispatch(worker(0), task(2))]);
    assert_eq!(after(&[&finished[..], &[Close(A)]].concat()), [Drained(A)]);
}

#[test]
fn a_task_may_rest_and_come_back() {
    let rested = [Open(A), Join(worker(0)), submit(A, 0), submit(A, 1), Postpone(worker(0), task(0))];
    assert_eq!(after(&rested), [Dispatch(worker(0), task(1))]);
    let more = |events: &[Event]| after(&[&rested[..], events].concat());
    assert_eq!(more(&[Resume(task(0)), Finish(worker(0), task(1), 1)]), [Dispatch(worker(0), task(0))]);
    assert_eq!(more(&[Resume(task(1)), Resume(task(7))]), [], "only a task that rests is resumed");
    assert_eq!(more(&[Cancel(task(0))]), [Cancelled(task(0))]);
    assert_eq!(more(&[Cancel(task(0)), Resume(task(0))]), []);
    assert_eq!(more(&[CancelAll(A)]), [Cancelled(task(0))]);
    assert_eq!(more(&[BreakClient(A)]), [Unfit(A, task(0))]);
    assert_eq!(more(&[Break]), [Abandoned(task(0)), Abandoned(task(1))]);
    let closed = [Close(A), Finish(worker(0), task(1), 1)];
    assert_eq!(more(&closed), [], "a client is not drained while one of its tasks rests");
    assert_eq!(more(&[&closed[..], &[Resume(task(0))]].concat()), [Dispatch(worker(0), task(0))]);
    assert_eq!(more(&[&closed[..], &[Cancel(task(0))]].concat()), [Cancelled(task(0)), Drained(A)]);
}

#[test]
fn a_task_whose_client_is_broken_is_not_tried_again() {
    let events = [Open(A), Join(worker(0)), submit(A, 0), BreakClient(A), Postpone(worker(0), task(0))];
    assert_eq!(after(&[&events[..], &[Resume(task(0))]].concat()), [Unfit(A, task(0))]);
}

/// Worker 0 has tasks 0 to 2, of which the first has been seen to be short; task 3 is queued.
const AHEAD: [Event; 7] = [
    Open(A),
    Join(WorkerNumber(0)),
    Submit(A, TaskNumber(0), FunctionNumber(0), Prefetch::Returnable),
    Submit(A, TaskNumber(1), FunctionNumber(0), Prefetch::Returnable),
    Submit(A, TaskNumber(2), FunctionNumber(0), Prefetch::Returnable),
    Submit(A, TaskNumber(3), FunctionNumber(0), Prefetch::Returnable),
    Finish(WorkerNumber(0), TaskNumber(0), 300),
];

#[test]
fn what_comes_back_is_given_out_first_and_in_its_order() {
    let more = |events: &[Event]| after(&[&AHEAD[..], events].concat());
    assert_eq!(more(&[]), [Dispatch(worker(0), task(1)), Dispatch(worker(0), task(2))]);
    let back = [PauseWorker(worker(0)), TakeBack(worker(0), task(1)), TakeBack(worker(0), task(2))];
    assert_eq!(more(&back), [Returned(task(2))]);
    let with = |events: &[Event]| more(&[&back[..], events].concat());
    assert_eq!(with(&[GiveOut]), [], "worker 0 is engaged");
    assert_eq!(with(&[GiveOut, Join(worker(1))])[0], Dispatch(worker(1), task(1)));
    assert_eq!(with(&[TakeBack(worker(0), task(1))]), [], "it has come back before");
    assert_eq!(with(&[GiveOut, Cancel(task(1))]), [Cancelled(task(1))]);
    assert_eq!(with(&[GiveOut, CancelAll(A)]), [1, 2, 3].map(|number| Cancelled(task(number))));
    assert_eq!(with(&[GiveOut, Close(A), CancelAll(A)]).last(), Some(&Drained(A)));
    // Two that are idle get one each, the oldest first.
    let idle = [Cancel(task(3)), Join(worker(1)), Join(worker(2))];
    let one_each = [1, 2].map(|number| Dispatch(worker(number), task(u64::from(number))));
    assert_eq!(more(&[&idle[..], &back[..], &[GiveOut]].concat()), one_each);
}

#[test]
fn what_comes_back_of_a_broken_client_ends_with_it() {
    let events = [&AHEAD[..], &[BreakClient(A), TakeBack(worker(0), task(2))]].concat();
    assert_eq!(after(&events), [Unfit(A, task(2))]);
    assert_eq!(after(&[&events[..], &[Close(A), GiveOut, Finish(worker(0), task(1), 1)]].concat()), [Drained(A)]);
}

#[test]
fn nothing_is_sent_ahead_where_nothing_comes_back() {
    let isolated = [&AHEAD[..1], &[Isolate(worker(0))], &AHEAD[1..]].concat();
    assert_eq!(after(&isolated), [Dispatch(worker(0), task(1))]);
    assert_eq!(after(&[&isolated[..], &[Finish(worker(0), task(1), 300)]].concat()), [Dispatch(worker(0), task(2))]);
    assert_eq!(after(&[&AHEAD[..], &[Isolate(worker(0)), Finish(worker(0), task(1), 300)]].concat()), []);
}

#[test]
fn what_a_program_says_about_sending_ahead_holds_for_its_tasks() {
    let done = |number| Finish(worker(0), task(number), 300);
    let short = [&AHEAD[..], &[Cancel(task(3)), done(1)]].concat();
    let more = |events: &[Event]| after(&[&short[..], events].concat());
    let next = |prefetch| Submit(A, task(9), FunctionNumber(0), prefetch);
    let sent = [Dispatch(worker(0), task(9))];
    assert_eq!(more(&[next(Prefetch::Returnable)]), sent);
    let never = [next(Prefetch::Never), submit(A, 10)];
    assert_eq!(more(&never), []);
    assert_eq!(more(&[&never[..], &[done(2)]].concat()), sent);
    assert_eq!(more(&[&never[..], &[done(2), done(9)]].concat()), [Dispatch(worker(0), task(10))]);
    assert_eq!(more(&[Isolate(worker(0)), next(Prefetch::Returnable)]), []);
    assert_eq!(more(&[Isolate(worker(0)), next(Prefetch::Always)]), sent);
}

#[test]
fn many_cancellations_do_not_leave_the_queue_long() {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    scheduler.handle(Open(A), &mut actions);
    scheduler.handle(submit(A, 0), &mut actions);
    for number in 1..10_000 {
        scheduler.handle(submit(A, number), &mut actions);
        scheduler.handle(Cancel(task(number)), &mut actions);
    }
    assert!(scheduler.clients[0].queue.len() <= 66);
    scheduler.check();
}

/// What the worker reports of a task that needs its worker for itself.
const EXCLUSIVE: u64 = crate::task::EXCLUSIVE_NANOS;

/// Runs parallel tasks on `workers` workers, one behind the other, `calls` calls in all, each of which ends only when
/// every worker is in as many calls as its own; `pick` chooses who reports next. Returns how many calls were never run.
fn run_parallel_tasks(workers: u32, calls: u64, nanos: u64, mut pick: impl FnMut(usize) -> usize) -> u64 {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    // What each worker has been given and has not reported, and how many calls it has begun.
    let mut held: Vec<VecDeque<TaskNumber>> = vec![VecDeque::new(); workers as usize];
    let mut begun = vec![0; workers as usize];
    let mut ended = 0;
    let mut events: VecDeque<Event> = [Open(A)].into_iter().chain((0..workers).map(|n| Join(worker(n)))).collect();
    events.extend((0..calls).map(|number| submit(A, number)));
    loop {
        while let Some(event) = events.pop_front() {
            scheduler.handle(event, &mut actions);
            scheduler.check();
        }
        for action in actions.drain(..) {
            let Dispatch(worker, task) = action else { panic!("{action:?} is not expected") };
            held[worker.index()].push_back(task);
            if held[worker.index()].len() == 1 {
                begun[worker.index()] += 1;
            }
        }
        // A worker leaves its call when all have begun as many; then it begins the next that it holds.
        let met = begun.iter().min().copied().unwrap_or(0);
        let free: Vec<usize> = (0..held.len()).filter(|at| !held[*at].is_empty() && begun[*at] <= met).collect();
        if free.is_empty() {
            return calls - ended;
        }
        let at = free[pick(free.len()) % free.len()];
        let task = held[at].pop_front().expect("it has one");
        begun[at] += u64::from(!held[at].is_empty());
        ended += 1;
        events.push_back(Finish(worker(at as u32), task, nanos));
    }
}

#[test]
fn a_parallel_task_of_short_calls_would_wait_for_itself() {
    // The first worker that reports a short call gets two more, and one of those waits behind the other.
    assert!(run_parallel_tasks(2, 4, 300, |_| 0) > 0);
    assert_eq!(run_parallel_tasks(2, 4, EXCLUSIVE, |_| 0), 0);
}

proptest! {
    /// Parallel tasks end, one behind the other, whoever reports first: each worker gets one call of each.
    #[test]
    fn parallel_tasks_have_every_worker_once(
        workers in 1..6u32,
        groups in 1..6u64,
        picks in prop::collection::vec(any::<usize>(), 1..50),
    ) {
        let mut picks = picks.into_iter().cycle();
        let left = run_parallel_tasks(workers, groups * u64::from(workers), EXCLUSIVE, |_| picks.next().unwrap_or(0));
        prop_assert_eq!(left, 0);
    }
}

#[test]
fn a_million_tasks_of_one_client_do_not_delay_another() {
    let mut scheduler = Scheduler::default();
    let mut actions = Vec::new();
    let mut run = |event| {
        actions.clear();
        scheduler.handle(event, &mut actions);
        actions.clone()
    };
    for event in [Open(A), Open(B)].into_iter().chain((0..4).map(|number| Join(worker(number)))) {
        run(event);
    }
    let mut running: VecDeque<(WorkerNumber, TaskNumber)> = VecDeque::new();
    let take = |actions: Vec<Action>, running: &mut VecDeque<_>| {
        actions.iter().for_each(|action| {
            let Dispatch(worker, task) = *action else { panic!("{action:?} is not expected") };
            running.push_back((worker, task));
        })
    };
    for number in 0..1_000_000 {
        take(run(submit(A, number)), &mut running);
    }
    for number in 1_000_000..1_000_010 {
        take(run(submit(B, number)), &mut running);
    }
    // B waits for a worker, then has every other turn.
    let mut finished = 0;
    let mut left = 10;
    while left > 0 {
        let (worker, task) = running.pop_front().expect("all workers are busy");
        finished += 1;
        left -= usize::from(task.0 >= 1_000_000);
        take(run(Finish(worker, task, 1_000_000)), &mut running);
    }
    assert!(finished <= 4 + 2 * 10 + 4, "{finished} tasks are finished when the ten are");
}

/// A task that only this worker may execute.
fn submit_to(client: ClientNumber, number: u64, to: u32) -> Event {
    SubmitTo(client, task(number), FunctionNumber(1), worker(to))
}

#[test]
fn a_bound_task_waits_for_its_worker_and_nothing_is_sent_behind_it() {
    let busy = [Open(A), Join(worker(0)), Join(worker(1)), submit(A, 1), submit(A, 2), submit(A, 3), submit(A, 4)];
    let bound = [&busy[..], &[submit_to(A, 5, 1)]].concat();
    assert_eq!(after(&bound), [], "both are busy");
    let other = [&bound[..], &[Finish(worker(0), task(1), 300)]].concat();
    assert_eq!(after(&other), [Dispatch(worker(0), task(3)), Dispatch(worker(0), task(4))], "the other one goes on");
    let own = [&bound[..], &[Finish(worker(1), task(2), 300)]].concat();
    assert_eq!(after(&own), [Dispatch(worker(1), task(5))]);
    assert_eq!(after(&[Open(A), Join(worker(0)), Join(worker(1)), submit_to(A, 1, 1)]), [Dispatch(worker(1), task(1))]);
}

#[test]
fn bound_tasks_and_others_have_their_turns() {
    let mut events = vec![Open(A), Open(B), Join(worker(0)), submit(A, 100)];
    events.extend((0..4).map(|number| submit(A, number)));
    events.extend((10..13).map(|number| submit_to(A, number, 0)));
    events.push(submit_to(B, 20, 0));
    let (mut running, mut order) = (100, Vec::new());
    while order.len() < 8 {
        events.push(Finish(worker(0), task(running), 1_000_000_000));
        let actions = after(&events);
        let [Dispatch(_, next)] = actions[..] else { panic!("one takes the place of another: {actions:?}") };
        running = next.0;
        order.push(running);
    }
    // Own ones and queued ones in turn, and the clients of the own ones, too.
    assert_eq!(order, [10, 0, 20, 1, 11, 2, 12, 3]);
}

#[test]
fn bound_tasks_end_with_their_worker_and_hold_nobody_when_they_are_cancelled() {
    let busy = [Open(A), Join(worker(0)), submit(A, 1), submit_to(A, 2, 0), submit_to(A, 3, 0)];
    let lost = [&busy[..], &[Lose(worker(0))]].concat();
    assert_eq!(after(&lost), [1, 2, 3].map(|number| Lost(worker(0), task(number))));
    assert_eq!(after(&[&lost[..], &[submit_to(A, 4, 0)]].concat()), [Lost(worker(0), task(4))]);
    let cancelled = [&busy[..], &[Cancel(task(3)), Cancel(task(2)), Finish(worker(0), task(1), 300)]].concat();
    assert_eq!(after(&cancelled), []);
    assert_eq!(after(&[&cancelled[..], &[submit(A, 5)]].concat()), [Dispatch(worker(0), task(5))]);
    let paused = [Open(A), Join(worker(0)), PauseWorker(worker(0)), submit_to(A, 1, 0)];
    assert_eq!(after(&paused), []);
    assert_eq!(after(&[&paused[..], &[Block(worker(0))]].concat()), [Blocked(worker(0), task(1))]);
    let blocked = [&paused[..], &[Block(worker(0)), submit(A, 2), ResumeWorker(worker(0))]].concat();
    assert_eq!(after(&blocked), [Dispatch(worker(0), task(2))], "others have it when it is free");
    assert_eq!(after(&[&paused[..], &[ResumeWorker(worker(0))]].concat()), [Dispatch(worker(0), task(1))]);
    assert_eq!(after(&[&paused[..], &[Close(A), CancelAll(A)]].concat()), [Cancelled(task(1)), Drained(A)]);
}

#[test]
fn a_client_that_retires_is_told_when_its_last_task_is_done_and_is_closed_after_that() {
    let last = |number, to| SubmitLast(A, task(number), FunctionNumber(2), worker(to));
    let events = [Open(A), Join(worker(0)), Join(worker(1)), submit(A, 1), submit(A, 2), Retire(A)];
    assert_eq!(after(&events), []);
    assert_eq!(after(&[&events[..], &[submit(A, 3)]].concat()), [Rejected(task(3))]);
    assert_eq!(after(&[&events[..], &[last(3, 0)]].concat()), [Rejected(task(3))], "it is not told yet");
    // The pool ends meanwhile, which changes nothing.
    let events = [&events[..], &[Finish(worker(0), task(1), 300), Close(A), Finish(worker(1), task(2), 300)]].concat();
    assert_eq!(after(&events), [Retired(A)]);
    assert_eq!(after(&[&events[..], &[Close(A)]].concat()), [Drained(A)], "it has none");
    let events = [&events[..], &[last(3, 0), last(4, 1)]].concat();
    assert_eq!(after(&events), [Dispatch(worker(1), task(4))]);
    assert_eq!(after(&[&events[..], &[CancelAll(A)]].concat()), [], "these are not cancelled");
    let events = [&events[..], &[Close(A), last(5, 1)]].concat();
    assert_eq!(after(&events), [Rejected(task(5))], "it is closed");
    assert_eq!(after(&[&events[..], &[CancelAll(A)]].concat()), [], "nor are they then");
    let events = [&events[..], &[Lose(worker(0))]].concat();
    assert_eq!(after(&events), [Lost(worker(0), task(3))]);
    let events = [&events[..], &[Finish(worker(1), task(4), 300)]].concat();
    assert_eq!(after(&events), [Drained(A)]);
    assert_eq!(after(&[Open(A), Retire(A)]), [Retired(A)]);
    assert_eq!(after(&[Open(A), Close(A), Retire(A)]), [], "it is closed already");
    assert_eq!(after(&[Open(A), submit(A, 1), Retire(A), Break]), [Abandoned(task(1)), Retired(A)]);
}

/// One step of a random history; the numbers choose among what is possible then.
#[derive(Debug, Clone, Copy)]
enum Step {
    Submit(u8),
    SubmitTo(u8, u8),
    Cancel(u16),
    Finish(u16, u32),
    Withdraw(u16),
    Postpone(u16),
    Resume(u16),
    Join,
    Lose(u8),
    CancelAll(u8),
    Close(u8),
    Retire(u8),
    BreakClient(u8),
    PauseWorker(u8),
    ResumeWorker(u8),
    TakeBack(u8, u8),
    Isolate(u8),
    Break,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => any::<u8>().prop_map(Step::Submit),
        8 => any::<(u8, u8)>().prop_map(|(number, which)| Step::SubmitTo(number, which)),
        40 => (any::<u16>(), 0..1_000_000u32).prop_map(|(which, nanos)| Step::Finish(which, nanos)),
        8 => any::<u16>().prop_map(Step::Cancel),
        3 => any::<u16>().prop_map(Step::Withdraw),
        4 => any::<u16>().prop_map(Step::Postpone),
        4 => any::<u16>().prop_map(Step::Resume),
        4 => Just(Step::Join),
        2 => any::<u8>().prop_map(Step::Lose),
        1 => any::<u8>().prop_map(Step::CancelAll),
        1 => any::<u8>().prop_map(Step::Close),
        1 => any::<u8>().prop_map(Step::Retire),
        1 => any::<u8>().prop_map(Step::BreakClient),
        2 => any::<u8>().prop_map(Step::PauseWorker),
        3 => any::<u8>().prop_map(Step::ResumeWorker),
        8 => any::<(u8, u8)>().prop_map(|(which, count)| Step::TakeBack(which, count)),
        1 => any::<u8>().prop_map(Step::Isolate),
        1 => Just(Step::Break),
    ]
}

proptest! {
    /// Whatever happens: the invariants hold, every task ends exactly once, and none is with two workers.
    #[test]
    fn every_task_ends_exactly_once(steps in prop::collection::vec(step(), 1..300)) {
        let mut history = History::new();
        for step in steps {
            history.take(step);
        }
        history.finish_all();
    }
}

/// A scheduler and what must be true of it by the events that it was given.
struct History {
    scheduler: Scheduler,
    submitted: u64,
    ended: BTreeSet<TaskNumber>,
    running: BTreeMap<TaskNumber, WorkerNumber>,
    workers: Vec<WorkerNumber>,
    joined: u32,
    paused: Vec<WorkerNumber>,
    isolated: BTreeSet<WorkerNumber>,
    clients: BTreeMap<TaskNumber, ClientNumber>,
    prefetch: BTreeMap<TaskNumber, Prefetch>,
    bound: BTreeMap<TaskNumber, WorkerNumber>,
    retired: BTreeSet<ClientNumber>,
    fairness: Fairness,
}

impl History {
    fn new() -> Self {
        let mut history = History {
            scheduler: Scheduler::default(),
            submitted: 0,
            ended: BTreeSet::new(),
            running: BTreeMap::new(),
            workers: Vec::new(),
            joined: 0,
            paused: Vec::new(),
            isolated: BTreeSet::new(),
            clients: BTreeMap::new(),
            prefetch: BTreeMap::new(),
            bound: BTreeMap::new(),
            retired: BTreeSet::new(),
            fairness: Fairness::default(),
        };
        history.handle(Open(A));
        history.handle(Open(B));
        history
    }

    fn take(&mut self, step: Step) {
        let client = |number: u8| ClientNumber(u32::from(number % 2));
        match step {
            Step::Submit(number) => {
                self.submitted += 1;
                self.clients.insert(task(self.submitted), client(number));
                let prefetch =
                    [Prefetch::Never, Prefetch::Always, Prefetch::Returnable][usize::from(number / 8).min(2)];
                self.prefetch.insert(task(self.submitted), prefetch);
                let function = FunctionNumber(u32::from(number / 2 % 3));
                self.handle(Submit(client(number), task(self.submitted), function, prefetch));
            }
            Step::SubmitTo(number, which) => {
                self.submitted += 1;
                let number_of = task(self.submitted);
                self.clients.insert(number_of, client(number));
                self.prefetch.insert(number_of, Prefetch::Never);
                // Now and then to one that is gone, or has not come yet.
                let to = worker(u32::from(which) % (self.joined + 1));
                self.bound.insert(number_of, to);
                self.handle(SubmitTo(client(number), number_of, FunctionNumber(u32::from(number / 2 % 3)), to));
            }
            Step::Cancel(which) => self.handle(Cancel(task(u64::from(which) % (self.submitted + 1)))),
            Step::Finish(which, nanos) => {
                if let Some((task, worker)) = self.running_task(which) {
                    self.end(task);
                    self.handle(Finish(worker, task, u64::from(nanos)));
                }
            }
            Step::Withdraw(which) => {
                if let Some((task, worker)) = self.running_task(which) {
                    self.end(task);
                    self.handle(Withdraw(worker, task));
                }
            }
            Step::Postpone(which) => {
                if let Some((task, worker)) = self.running_task(which) {
                    self.running.remove(&task);
                    self.handle(Postpone(worker, task));
                }
            }
            Step::Resume(which) => self.handle(Resume(task(u64::from(which) % (self.submitted + 1)))),
            Step::Join => {
                self.workers.push(worker(self.joined));
                self.handle(Join(worker(self.joined)));
                self.joined += 1;
            }
            Step::Lose(which) if !self.workers.is_empty() => {
                let lost = self.workers.remove(usize::from(which) % self.workers.len());
                self.paused.retain(|paused| *paused != lost);
                self.handle(Lose(lost));
            }
            Step::Lose(_) => {}
            Step::CancelAll(number) => self.handle(CancelAll(client(number))),
            Step::Close(number) => self.handle(Close(client(number))),
            Step::Retire(number) => self.handle(Retire(client(number))),
            Step::BreakClient(number) => self.handle(BreakClient(client(number))),
            Step::PauseWorker(which) if !self.workers.is_empty() => {
                let paused = self.workers[usize::from(which) % self.workers.len()];
                self.paused.push(paused);
                self.handle(PauseWorker(paused));
                if which % 3 == 0 {
                    self.handle(Block(paused));
                }
            }
            Step::ResumeWorker(which) if !self.paused.is_empty() => {
                let released = self.paused.remove(usize::from(which) % self.paused.len());
                self.handle(ResumeWorker(released));
            }
            Step::TakeBack(which, count) if !self.workers.is_empty() => {
                let worker = self.workers[usize::from(which) % self.workers.len()];
                let held: Vec<TaskNumber> = self.scheduler.held(worker).collect();
                // What is begun, the first at least, stays.
                let left = 1 + usize::from(count) % held.len().max(1);
                for task in held.into_iter().skip(left).rev() {
                    self.running.remove(&task);
                    self.handle(TakeBack(worker, task));
                }
                self.handle(GiveOut);
            }
            Step::Isolate(which) if !self.workers.is_empty() => {
                let isolated = self.workers[usize::from(which) % self.workers.len()];
                self.isolated.insert(isolated);
                self.handle(Isolate(isolated));
            }
            Step::PauseWorker(_) | Step::ResumeWorker(_) | Step::TakeBack(..) | Step::Isolate(_) => {}
            Step::Break => self.handle(Break),
        }
    }

    /// Lets a worker finish everything, and requires that then nothing is left.
    fn finish_all(&mut self) {
        self.take(Step::Join);
        std::mem::take(&mut self.paused).into_iter().for_each(|paused| self.handle(ResumeWorker(paused)));
        (0..=self.submitted).for_each(|number| self.handle(Resume(task(number))));
        while !self.running.is_empty() {
            self.take(Step::Finish(0, 50));
        }
        assert_eq!(self.ended.len() as u64, self.submitted, "every task has ended");
        assert_eq!(self.scheduler.tasks().count(), 0);
        [A, B].into_iter().for_each(|client| self.handle(Close(client)));
    }

    fn running_task(&self, which: u16) -> Option<(TaskNumber, WorkerNumber)> {
        let at = usize::from(which) % self.running.len().max(1);
        self.running.iter().nth(at).map(|(task, worker)| (*task, *worker))
    }

    fn handle(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.scheduler.handle(event, &mut actions);
        self.scheduler.check();
        let dispatched = actions.iter().filter_map(|action| match action {
            Dispatch(_, task) if !self.bound.contains_key(task) => Some(self.clients[task]),
            _ => None,
        });
        self.fairness.see(&dispatched.collect::<Vec<_>>(), &self.scheduler);
        for action in actions {
            match action {
                Retired(client) => {
                    assert!(self.retired.insert(client), "{client} is told once");
                    for to in self.workers.clone() {
                        self.submitted += 1;
                        let number = task(self.submitted);
                        self.clients.insert(number, client);
                        self.prefetch.insert(number, Prefetch::Never);
                        self.bound.insert(number, to);
                        self.handle(SubmitLast(client, number, FunctionNumber(3), to));
                    }
                    self.handle(Close(client));
                }
                Dispatch(worker, task) => {
                    assert!(self.workers.contains(&worker), "{worker} is there");
                    assert!(self.bound.get(&task).is_none_or(|to| *to == worker), "{task} is bound to another");
                    assert!(!self.paused.contains(&worker), "{worker} has nothing else to do");
                    let others =
                        || self.running.iter().filter(|(_, at)| **at == worker).map(|(task, _)| self.prefetch[task]);
                    let alone = match self.prefetch[&task] {
                        Prefetch::Never => true,
                        Prefetch::Returnable => self.isolated.contains(&worker),
                        Prefetch::Always => false,
                    };
                    assert!(!alone || others().count() == 0, "{worker} has no other task");
                    assert!(others().all(|other| other != Prefetch::Never), "{worker} has one that is alone");
                    assert_eq!(self.running.insert(task, worker), None, "{task} is with one worker");
                    assert!(!self.ended.contains(&task), "{task} has not ended before");
                }
                Cancelled(task) | Rejected(task) | Unfit(_, task) => {
                    assert!(!self.running.contains_key(&task), "{task} was not dispatched");
                    self.end(task);
                }
                Lost(worker, task) => {
                    assert!(self.bound.get(&task).is_none_or(|to| *to == worker), "{task} is bound to another");
                    assert!(!self.workers.contains(&worker), "{worker} is gone");
                    self.end(task);
                }
                Blocked(worker, task) => {
                    assert_eq!(self.bound.get(&task), Some(&worker), "{task} is bound to it");
                    assert!(!self.running.contains_key(&task), "{task} was not dispatched");
                    self.end(task);
                }
                Abandoned(task) => self.end(task),
                Returned(task) => assert!(!self.running.contains_key(&task), "{task} was taken back"),
                Drained(_) => {}
            }
        }
    }

    fn end(&mut self, task: TaskNumber) {
        self.running.remove(&task);
        assert!(self.ended.insert(task), "{task} ends once");
    }
}
