//! Every message survives the wire, and no bytes make the decoder panic.

use super::*;
use crate::wire::failure::FailureKind;
use proptest::prelude::*;

fn call(task: u64, count: u32, arguments: &[u8]) -> Call<'_> {
    let client = ClientNumber(!count);
    let lease_micros = NonZeroU32::new((task % 3) as u32);
    let count = count & CALLS_MAX;
    Call {
        task: TaskNumber(task),
        client,
        function: TaskKey(task ^ 77),
        count,
        lease_micros,
        attachments: 0,
        arguments,
    }
}

#[test]
fn attachments_are_taken_only_if_they_are_there() {
    let attachment = Attachment::new(crate::wire::memory::Memory::of(vec![1u8; 3]));
    let mut attachments = vec![attachment; 3].into_iter();
    assert_eq!(take_attachments(&mut attachments, 2).map(|taken| taken.len()), Ok(2));
    assert!(take_attachments(&mut attachments, u32::MAX).is_err());
    assert_eq!(take_attachments(&mut attachments, 1).map(|taken| taken.len()), Ok(1));
}

#[test]
fn the_rare_messages_survive_the_wire() {
    let greeting =
        Hello { protocol: PROTOCOL, fingerprint: 5, worker: 3, payload_limit_bytes: 9, shutdown_limit_ms: 7 };
    assert_eq!(to_worker(&hello(&greeting).bytes), Ok(ToWorker::Hello(greeting)));
    assert_eq!(to_worker(&stop().bytes), Ok(ToWorker::Stop));
    let answer = Ready { host: "node7".to_owned(), process: 42 };
    let frame = ready(&answer).bytes;
    assert_eq!(to_manager(&frame), Ok(ToManager::Ready(answer)));
    assert!(to_worker(&frame).is_err(), "a worker must not read what is meant for the manager");
    let refusal = Refused::Differs(vec![Description { name: "f".to_owned(), signature: "s".to_owned() }]);
    assert_eq!(to_manager(&refused(&refusal).bytes), Ok(ToManager::Refused(refusal)));
    let preparations = Setup { directory: Some("here".to_owned()), ..Setup::default() };
    let frame = setup(ClientNumber(7), &preparations);
    assert_eq!(to_worker(&frame.bytes), Ok(ToWorker::Setup(ClientNumber(7), preparations)));
    assert_eq!(to_worker(&forget(ClientNumber(7)).bytes), Ok(ToWorker::Forget(ClientNumber(7))));
    let failure = Some(Failure::new(FailureKind::Panicked, "no"));
    let answer = Prepared { client: ClientNumber(7), failure, by_state: false };
    assert_eq!(to_manager(&prepared(&answer).bytes), Ok(ToManager::Prepared(answer)));
}

proptest! {
    #[test]
    fn calls_survive_the_wire(calls in prop::collection::vec((any::<u64>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..50)), 1..20)) {
        let mut frame = Frame::default();
        for (task, count, arguments) in &calls {
            push_call(&mut frame, &call(*task, *count, arguments), Vec::new());
        }
        let Ok(ToWorker::Tasks(read)) = to_worker(&frame.bytes) else { panic!("not a frame of calls") };
        let read: Result<Vec<_>, _> = read.collect();
        let written: Vec<_> = calls.iter().map(|(task, count, arguments)| call(*task, *count, arguments)).collect();
        prop_assert_eq!(read, Ok(written));
    }

    #[test]
    fn replies_survive_the_wire(task in any::<u64>(), nanos in any::<u64>(), value in prop::collection::vec(any::<u8>(), 0..50)) {
        let mut frame = Frame::default();
        let reply = Reply { task: TaskNumber(task), nanos, attachments: 3, results: Results::All(&value), done: None };
        push_reply(&mut frame, &reply);
        let done = Some(Begun { calls: task as u32, last_nanos: nanos });
        push_reply(&mut frame, &Reply { results: Results::Mixed(&value), done, ..reply });
        push_reply(&mut frame, &reply);
        let Ok(ToManager::Replies(replies)) = to_manager(&frame.bytes) else { panic!("not a frame of replies") };
        let replies: Vec<_> = replies.collect();
        prop_assert_eq!(&replies[0], &Ok(reply));
        prop_assert_eq!(&replies[1], &Ok(Reply { results: Results::Mixed(&value), done, ..reply }));
        prop_assert_eq!(&replies[2], &Ok(reply));
    }

    #[test]
    fn bad_frames_end_with_an_error_and_never_panic(mut frame in prop::collection::vec(any::<u8>(), 0..200), kind in 0u8..11) {
        if let Some(first) = frame.first_mut() {
            *first = kind;
        }
        if let Ok(ToWorker::Tasks(calls)) = to_worker(&frame) {
            prop_assert!(calls.count() <= frame.len() / Call::HEADER + 1);
        }
        if let Ok(ToManager::Replies(replies)) = to_manager(&frame) {
            prop_assert!(replies.count() <= frame.len() / Reply::HEADER + 1);
        }
    }

    #[test]
    fn a_frame_cut_short_is_noticed(cut in 1usize..30) {
        let mut frame = Frame::default();
        push_call(&mut frame, &call(1, 1, b"ab"), Vec::new());
        let frame = &frame.bytes[..frame.bytes.len() - cut];
        let Ok(ToWorker::Tasks(mut calls)) = to_worker(frame) else { panic!("not a frame of calls") };
        prop_assert!(frame.len() == 1 || calls.next().expect("something is there").is_err());
        prop_assert!(calls.next().is_none());
    }
}
