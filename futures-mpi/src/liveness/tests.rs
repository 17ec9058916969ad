//! Both ends of the liveness connection in one process. That an end takes its process with it is tested with processes.

use super::greeting::GREETING_BYTES;
use super::setting::tests::terms;
use super::setting::{Ports, Terms};
use super::wake_up::CALLERS_MAX;
use super::*;
use futures_mpi_core::engine::{Claimer, Claims, WorkerNumber};
use io::{BufRead, BufReader, Read, Write};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

fn watch() -> (Liveness, Receiver<()>) {
    let (sender, woken) = mpsc::channel();
    let wake = move || {
        let _ = sender.send(());
    };
    (Liveness::open(terms(""), Reach::OneHost, wake).expect("the loopback interface is there"), woken)
}

/// A connection that has sent `greeting`, and the answer.
fn connect(invitation: &Invitation, greeting: &[u8]) -> (TcpStream, Option<Answer>) {
    let mut stream = TcpStream::connect(invitation.addresses[0]).expect("the watch listens");
    stream.set_read_timeout(Some(LONG)).expect("the limit is accepted");
    stream.write_all(greeting).expect("the greeting is sent");
    let answer = Answer::read(&mut stream).ok();
    (stream, answer)
}

fn read_byte(stream: &mut TcpStream) -> Option<u8> {
    let mut byte = [0];
    matches!(stream.read(&mut byte), Ok(1)).then_some(byte[0])
}

fn greeting_of(invitation: &Invitation) -> [u8; GREETING_BYTES] {
    Greeting { token: invitation.token, number: invitation.worker }.to_bytes()
}

/// The answer to a worker that is to call.
fn accepted() -> Option<Answer> {
    Some(Answer::to_worker(true))
}

/// A call or a question that overtook the answer would be taken for that of a stranger.
#[test]
fn the_answer_to_a_greeting_comes_before_all_else() {
    let (watch, _woken) = watch();
    let invitations: Vec<_> = (0..1000).map(|number| watch.invitation(WorkerNumber(number))).collect();
    let workers = thread::spawn(move || {
        for invitation in &invitations {
            let (mut stream, answer) = connect(invitation, &greeting_of(invitation));
            assert!(matches!(answer, Some(Answer::Accepted { .. })), "worker {} hears {answer:?}", invitation.worker);
            assert_eq!(read_byte(&mut stream), Some(wake_up::CALL));
        }
    });
    for number in (0..1000).map(WorkerNumber) {
        // As soon as it is known.
        while !watch.reaches(number) && !workers.is_finished() {}
        watch.call(number);
    }
    workers.join().expect("all are accepted");
}

#[test]
fn a_worker_that_gives_up_waiting_for_the_answer_is_not_lost() {
    let (mut watch, woken) = watch();
    // A listener that answers late.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback interface is there");
    let invitation = watch.invitation(WorkerNumber(2));
    let late = Invitation {
        addresses: vec![listener.local_addr().expect("it is bound")],
        host: "elsewhere".to_owned(),
        ..invitation.clone()
    };
    let refusal =
        MasterConnection::connect(&late, OrphanPolicy::Ends, Claims::default()).map(drop).expect_err("nobody answers");
    assert!(refusal.contains("cannot be reached"), "{refusal}");
    let mut sent = Vec::new();
    listener.accept().expect("it has connected").0.read_to_end(&mut sent).expect("it has closed");
    assert_eq!(sent, [&greeting_of(&invitation)[..], &[GOODBYE]].concat());
    // A master that reads that takes it for no loss.
    drop(connect(&invitation, &sent));
    // Another one is lost, and nobody before it.
    let other = watch.invitation(WorkerNumber(3));
    drop(connect(&other, &greeting_of(&other)));
    woken.recv_timeout(LONG).expect("the loss is noticed");
    assert_eq!(watch.report(), Some(Report::Lost(WorkerNumber(3), "its process has ended".to_owned())));
    assert_eq!(watch.report(), None);
}

#[test]
fn a_closed_connection_is_a_loss_and_a_farewell_is_none() {
    let (mut watch, woken) = watch();
    let [dies, leaves, stays] = [3, 4, 5].map(|number| {
        let invitation = watch.invitation(WorkerNumber(number));
        let (stream, answer) = connect(&invitation, &greeting_of(&invitation));
        assert_eq!(answer, accepted());
        stream
    });
    assert_eq!(watch.report(), None);
    (&leaves).write_all(&[GOODBYE]).expect("the watch listens");
    drop(leaves);
    drop(dies);
    woken.recv_timeout(LONG).expect("the loss is noticed");
    assert_eq!(watch.report(), Some(Report::Lost(WorkerNumber(3), "its process has ended".to_owned())));
    assert_eq!(watch.report(), None);
    let mut stays = stays;
    drop(watch.part(Parting::default()));
    assert_eq!(read_byte(&mut stays), Some(GOODBYE));
}

#[test]
fn a_silent_worker_keeps_its_connection_and_a_dropped_watch_takes_all_with_it() {
    let (watch_that_parts, _woken) = watch();
    let invitation = watch_that_parts.invitation(WorkerNumber(1));
    let (mut stream, answer) = connect(&invitation, &greeting_of(&invitation));
    assert_eq!(answer, accepted());
    drop(watch_that_parts.part(Parting { silent: BTreeSet::from([WorkerNumber(1)]), ..Parting::default() }));
    stream.set_read_timeout(Some(Duration::from_millis(100))).expect("the limit is accepted");
    let error = stream.read(&mut [0]).expect_err("the connection stays and is silent");
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);

    let (dropped, _woken) = watch();
    let invitation = dropped.invitation(WorkerNumber(1));
    let (mut stream, answer) = connect(&invitation, &greeting_of(&invitation));
    assert_eq!(answer, accepted());
    drop(dropped);
    assert_eq!(read_byte(&mut stream), None);
}

#[test]
fn the_end_of_workers_that_have_taken_leave_is_seen() {
    let (watch, _woken) = watch();
    let [leaves, stays] = [1, 2].map(|number| {
        let invitation = watch.invitation(WorkerNumber(number));
        let (mut stream, answer) = connect(&invitation, &greeting_of(&invitation));
        assert_eq!(answer, accepted());
        stream.write_all(&[GOODBYE]).expect("the watch listens");
        stream
    });
    let departure = watch.part(Parting { leaving: BTreeSet::from([WorkerNumber(1)]), ..Parting::default() });
    let soon = || Instant::now() + Duration::from_millis(50);
    assert!(!departure.is_over(soon()), "its process is still there");
    drop(leaves);
    assert!(departure.is_over(Instant::now() + LONG));
    drop(stays);
}

#[test]
fn strangers_are_not_let_in() {
    let (mut watch, _woken) = watch();
    let invitation = watch.invitation(WorkerNumber(0));
    let stranger = Greeting { token: Token::random().expect("there are random bytes"), number: 0 };
    assert_eq!(connect(&invitation, &stranger.to_bytes()).1, None);
    assert_eq!(connect(&invitation, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").1, None);
    let (_first, answer) = connect(&invitation, &greeting_of(&invitation));
    assert_eq!(answer, accepted());
    let (_second, answer) = connect(&invitation, &greeting_of(&invitation));
    assert_eq!(answer, None, "a worker has one liveness connection");
    assert_eq!(watch.report(), None, "nobody was lost");
}

#[test]
fn a_worker_connects_and_takes_leave() {
    let (mut watch, _woken) = watch();
    let line = MasterConnection::connect(&watch.invitation(WorkerNumber(7)), OrphanPolicy::Ends, Claims::default())
        .expect("it is invited");
    drop(line);
    let again = MasterConnection::connect(&watch.invitation(WorkerNumber(8)), OrphanPolicy::Ends, Claims::default())
        .expect("it is invited");
    assert_eq!(watch.report(), None, "it took leave");
    drop(watch.part(Parting::default()));
    drop(again);
}

#[test]
fn each_end_calls_the_other() {
    let (mut watch, woken) = watch();
    let line = MasterConnection::connect(&watch.invitation(WorkerNumber(2)), OrphanPolicy::Ends, Claims::default())
        .expect("it is invited");
    line.call();
    woken.recv_timeout(LONG).expect("the worker has called");
    assert_eq!((watch.report(), watch.callers()), (None, 1), "a call is no loss");
    assert!(line.is_called() && !line.sleep(Duration::ZERO));
    watch.call(WorkerNumber(2));
    watch.call(WorkerNumber(3));
    assert!(line.sleep(LONG), "the master has called");
    drop(watch.part(Parting::default()));
    while line.is_called() {
        thread::yield_now();
    }
}

#[test]
fn a_master_takes_back_what_is_not_begun() {
    let (mut watch, woken) = watch();
    let (claims, number) = (Claims::default(), WorkerNumber(2));
    let mut claimer = Claimer::new(claims.clone());
    assert!(claimer.begin() && claimer.begin());
    assert!(!watch.reaches(number) && !watch.recall(number, 1, 4), "it has not connected");
    assert!(!claims.held().is_reachable());
    let line = MasterConnection::connect(&watch.invitation(number), OrphanPolicy::Ends, claims.clone())
        .expect("it is invited");
    assert!(claims.held().is_reachable(), "replies may be held back");
    assert!(watch.reaches(number) && watch.recall(number, 1, 4));
    woken.recv_timeout(LONG).expect("the worker has answered");
    assert_eq!(watch.report(), Some(Report::Recalled(number, 2, Vec::new())));
    assert_eq!([(); 3].map(|()| claimer.begin()), [false, false, true]);
    watch.call(number);
    assert!(line.sleep(LONG), "the master is still heard");
    drop(watch.part(Parting::default()));
    while line.is_called() {
        thread::yield_now();
    }
    assert!(!claims.held().is_reachable(), "nobody asks any more");
}

#[test]
fn an_answer_may_come_in_pieces_and_be_followed_by_others() {
    let (mut watch, woken) = watch();
    let invitation = watch.invitation(WorkerNumber(1));
    let (mut stream, _) = connect(&invitation, &greeting_of(&invitation));
    stream.set_nodelay(true).expect("the system sends pieces");
    let many: Vec<u8> = (0..300_000u32).map(|place| place as u8).collect();
    for (begun, replies) in [(3, &b""[..]), (u64::from(GOODBYE), b"c"), (u64::MAX, b"replies"), (7, &many)] {
        let answer = recall::answer(begun, replies);
        for cut in (1..answer.len()).step_by(1 + answer.len() / 20) {
            assert!(watch.recall(WorkerNumber(1), 2, 5));
            let mut question = [0; 17];
            stream.read_exact(&mut question).expect("it is asked");
            assert_eq!(question, recall::question(2, 5));
            stream.write_all(&answer[..cut]).expect("the watch listens");
            thread::yield_now();
            stream.write_all(&answer[cut..]).expect("the watch listens");
            woken.recv_timeout(LONG).expect("the answer has come");
            assert_eq!(watch.report(), Some(Report::Recalled(WorkerNumber(1), begun, replies.to_vec())));
        }
    }
    stream.write_all(&[wake_up::CALL, GOODBYE]).expect("the watch listens");
    woken.recv_timeout(LONG).expect("the worker has called");
    assert_eq!(watch.report(), None, "it took leave");
}

#[test]
fn a_worker_that_answers_without_end_is_lost() {
    let (mut watch, woken) = watch();
    let invitation = watch.invitation(WorkerNumber(1));
    let (mut stream, _) = connect(&invitation, &greeting_of(&invitation));
    let mut answer = recall::answer(3, &[]);
    answer[9..].fill(0xff);
    stream.write_all(&answer).expect("the watch listens");
    woken.recv_timeout(LONG).expect("the answer has come");
    assert!(matches!(watch.report(), Some(Report::Lost(WorkerNumber(1), _))));
}

#[test]
fn a_worker_that_is_lost_in_the_middle_of_an_answer_has_given_none() {
    let (mut watch, woken) = watch();
    let invitation = watch.invitation(WorkerNumber(1));
    let (mut stream, _) = connect(&invitation, &greeting_of(&invitation));
    let answer = recall::answer(3, b"replies");
    stream.write_all(&answer[..answer.len() - 1]).expect("the watch listens");
    drop(stream);
    woken.recv_timeout(LONG).expect("the loss is noticed");
    assert!(matches!(watch.report(), Some(Report::Lost(WorkerNumber(1), _))));
    assert_eq!(watch.report(), None);
}

#[test]
fn a_master_of_many_workers_is_not_called() {
    let (watch, _woken) = watch();
    let mut lines = Vec::new();
    for number in 0..=CALLERS_MAX {
        let invitation = watch.invitation(WorkerNumber(number as u32));
        let (line, answer) = connect(&invitation, &greeting_of(&invitation));
        assert_eq!(answer, Some(Answer::to_worker(number < CALLERS_MAX)));
        lines.push(line);
    }
    assert_eq!(watch.callers(), CALLERS_MAX);
}

/// By which a process that a test starts knows that it is to be the master of the test.
const SHORT_OF_FILES: &str = "FUTURES_MPI_TEST_SHORT_OF_FILES";

/// In a process of its own, because no other test is to be short of files.
#[test]
fn a_master_that_has_too_many_files_open_says_so_and_lets_workers_in_later() {
    if std::env::var_os(SHORT_OF_FILES).is_some() {
        return run_short_of_files();
    }
    let name = "liveness::tests::a_master_that_has_too_many_files_open_says_so_and_lets_workers_in_later";
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(program).args([name, "--exact", "--nocapture"]);
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut master = piped.env(SHORT_OF_FILES, "1").spawn().expect("there is a shell");
    let lines = BufReader::new(master.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
    let mut lines = lines.inspect(|line| println!("{line}"));
    let mut says =
        || lines.any(|line| line.contains("cannot accept more liveness connections") && line.contains("ulimit -n"));
    let said = says();
    // Now it may close its files.
    drop(master.stdin.take());
    let said_again = says();
    assert!(master.wait().expect("it can be waited for").success() && said && !said_again);
}

/// A worker comes while no file can be opened, and is let in when some can.
fn run_short_of_files() {
    let (watch, _woken) = watch();
    let invitation = watch.invitation(WorkerNumber(1));
    let mut files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    // One is left, for this end of the connection.
    files.pop();
    let mut stream = TcpStream::connect(invitation.addresses[0]).expect("the watch listens");
    stream.write_all(&greeting_of(&invitation)).expect("the greeting is sent");
    // Until it has been said, and heard; not for ever, if nothing is said.
    thread::spawn(|| {
        thread::sleep(LONG);
        std::process::exit(1);
    });
    io::stdin().read_to_end(&mut Vec::new()).expect("the test is there");
    drop(files);
    stream.set_read_timeout(Some(LONG)).expect("the limit is accepted");
    assert_eq!(Answer::read(&mut stream).ok(), accepted());
}

#[test]
fn a_process_that_is_not_its_masters_stays() {
    let (watch, _woken) = watch();
    let line = MasterConnection::connect(&watch.invitation(WorkerNumber(7)), OrphanPolicy::Stays, Claims::default())
        .expect("it is invited");
    drop(watch);
    // This process is still there: it would have ended by now or soon.
    thread::sleep(Duration::from_millis(50));
    drop(line);
}

#[test]
fn a_worker_that_cannot_connect_says_what_it_tried() {
    let mut invitation = watch().0.invitation(WorkerNumber(7));
    invitation.host = "elsewhere".to_owned();
    let address = invitation.addresses[0];
    let Err(error) = MasterConnection::connect(&invitation, OrphanPolicy::Ends, Claims::default()) else {
        panic!("nobody listens any more")
    };
    assert!(error.starts_with(&format!("the master on elsewhere cannot be reached ({address}: ")), "{error}");
}

#[test]
fn invitations_survive_the_wire() {
    let (watch, _woken) = watch();
    let mut invitation = watch.invitation(WorkerNumber(9));
    invitation.addresses.push("[::1]:80".parse().expect("it is an address"));
    assert_eq!(Invitation::from_bytes(invitation.to_string().as_bytes()), Some(invitation));
    for bad in ["", "1", "1 xyz host 1", "1 0a host soon", "1 0a host 1 nowhere", "\u{e9}"] {
        assert_eq!(Invitation::from_bytes(bad.as_bytes()), None, "{bad}");
    }
    assert_eq!(Invitation::from_bytes(&[0xff]), None);
}

#[test]
fn a_greeting_may_come_in_pieces() {
    let (mut watch, _woken) = watch();
    for cut in 1..GREETING_BYTES {
        let invitation = watch.invitation(WorkerNumber(cut as u32));
        let mut stream = TcpStream::connect(invitation.addresses[0]).expect("the watch listens");
        stream.set_read_timeout(Some(LONG)).expect("the limit is accepted");
        stream.set_nodelay(true).expect("the system sends pieces");
        let greeting = greeting_of(&invitation);
        stream.write_all(&greeting[..cut]).expect("it is sent");
        thread::yield_now();
        stream.write_all(&greeting[cut..]).expect("it is sent");
        assert_eq!(Answer::read(&mut stream).ok(), accepted(), "{cut} bytes came first");
        (&stream).write_all(&[GOODBYE]).expect("the watch listens");
    }
    assert_eq!(watch.report(), None, "all took leave");
}

fn token() -> impl Strategy<Value = Token> {
    any::<u128>().prop_map(|number| format!("{number:x}").parse().expect("it is a token"))
}

proptest! {
    #[test]
    fn every_invitation_survives_the_wire(
        worker: u32,
        token in token(),
        host in "[a-z0-9.-]{0,20}",
        millis: u64,
        addresses in prop::collection::vec(any::<(IpAddr, u16)>(), 0..5),
    ) {
        let addresses = addresses.into_iter().map(Into::into).collect();
        let invitation = Invitation { worker, token, host, timeout: Duration::from_millis(millis), addresses };
        prop_assert_eq!(Invitation::from_bytes(invitation.to_string().as_bytes()), Some(invitation));
    }

    #[test]
    fn any_bytes_are_an_invitation_or_none(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[0-9]{1,12} [0-9a-f]{1,34} [a-z]{0,3} [0-9]{1,20}( [0-9.:\\[\\]]{0,20}){0,3}".prop_map(String::into_bytes),
        ],
    ) {
        if let Some(invitation) = Invitation::from_bytes(&bytes) {
            prop_assert!(invitation.addresses.len() <= bytes.len());
            prop_assert_eq!(Invitation::from_bytes(invitation.to_string().as_bytes()), Some(invitation));
        }
    }

    #[test]
    fn every_greeting_survives_the_wire(token in token(), number: u32, bytes: [u8; GREETING_BYTES]) {
        let greeting = Greeting { token, number };
        prop_assert_eq!(Greeting::from_bytes(&greeting.to_bytes()), Some(greeting));
        prop_assert!(Greeting::from_bytes(&bytes).is_none_or(|greeting| greeting.to_bytes() == bytes));
    }
}

#[test]
fn a_master_listens_at_a_port_of_the_range_and_says_if_none_is_free() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port();
    let open = |ports| Liveness::open(Terms { ports, ..terms("127.0.0.1") }, Reach::Network, || {});
    let error = open(Ports(port, port)).map(drop).expect_err("another has it");
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let watch = open(Ports(port, port.saturating_add(100))).expect("one of a hundred is free");
    let found = watch.invitation(WorkerNumber(0)).addresses[0].port();
    assert!((port + 1..=port.saturating_add(100)).contains(&found), "{found}");
}

/// Listeners that answer nothing stand for interfaces that lead nowhere, or to somebody else.
#[test]
fn a_worker_finds_its_master_behind_many_addresses_that_lead_nowhere() {
    let (mut watch, _woken) = watch();
    let dead: Vec<_> = (0..8).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free")).collect();
    let mut invitation = watch.invitation(WorkerNumber(6));
    invitation.host = "elsewhere".to_owned();
    let right = invitation.addresses[0];
    invitation.addresses = dead.iter().map(|listener| listener.local_addr().expect("it is bound")).collect();
    invitation.addresses.push(right);
    let line =
        MasterConnection::connect(&invitation, OrphanPolicy::Ends, Claims::default()).expect("the last one is right");
    assert!(watch.reaches(WorkerNumber(6)));
    line.leave();
    assert_eq!(watch.report(), None, "it has said goodbye");
}
