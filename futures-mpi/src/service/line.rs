//! The connection beside MPI by which a group and a client agree when to meet: lines of text over a socket.
//!
//! The client says `futures-mpi 1 join TOKEN` or `futures-mpi 1 end TOKEN`. The group answers `port NAME`, `ended` or
//! `refused REASON`. After `port` both meet in MPI, and the connection shows each whether the other is still there; a
//! client that goes says `bye` first.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The longest line.
const LINE_BYTES: usize = 8192;

/// How each line of a client begins.
const GREETING: &str = "futures-mpi 1 ";

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To be served.
    Join,
    /// That the group ends.
    End,
}

/// What the group answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// That it waits at this port of MPI now.
    Port(String),
    /// That it ends.
    Ended,
    /// Why it does not do what was wished.
    Refused(String),
}

impl Wish {
    /// The line for it.
    pub(super) fn line(self, token: &str) -> String {
        let word = match self {
            Wish::Join => "join",
            Wish::End => "end",
        };
        format!("{GREETING}{word} {token}")
    }

    /// Reads a line, with the token that came with it.
    pub(super) fn parse(line: &str) -> Option<(Self, &str)> {
        let (word, token) = line.strip_prefix(GREETING)?.split_once(' ')?;
        match word {
            "join" => Some((Wish::Join, token)),
            "end" => Some((Wish::End, token)),
            _ => None,
        }
    }
}

impl Answer {
    /// The line for it.
    pub(super) fn line(&self) -> String {
        match self {
            Answer::Port(name) => format!("port {name}"),
            Answer::Ended => "ended".to_owned(),
            Answer::Refused(reason) => format!("refused {}", reason.replace('\n', " ")),
        }
    }

    /// Reads a line.
    pub(super) fn parse(line: &str) -> Option<Self> {
        if line == "ended" {
            return Some(Answer::Ended);
        }
        match line.split_once(' ')? {
            ("port", name) => Some(Answer::Port(name.to_owned())),
            ("refused", reason) => Some(Answer::Refused(reason.to_owned())),
            _ => None,
        }
    }
}

/// Says a line.
pub(super) fn say(stream: &mut TcpStream, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\n").as_bytes())
}

/// Waits for a line until the deadline.
pub(super) fn hear(stream: &mut TcpStream, deadline: Instant) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LINE_BYTES {
        let time = deadline.saturating_duration_since(Instant::now());
        if time.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(time.max(Duration::from_millis(1))))?;
        match stream.read(&mut byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if byte == *b"\n" => {
                return String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into());
            }
            Ok(_) => line.extend(byte),
            Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Whether nothing has come in time.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::TcpListener;

    #[test]
    fn both_sides_read_what_the_other_writes() {
        for wish in [Wish::Join, Wish::End] {
            assert_eq!(Wish::parse(&wish.line("word")), Some((wish, "word")));
        }
        let answers = [Answer::Port("a b".to_owned()), Answer::Ended, Answer::Refused("no, never".to_owned())];
        for answer in answers {
            assert_eq!(Answer::parse(&answer.line()), Some(answer));
        }
        for line in ["", "GET / HTTP/1.1", "futures-mpi 1 ", "futures-mpi 2 join a", "futures-mpi 1 dance a"] {
            assert_eq!((Wish::parse(line), Answer::parse(line)), (None, None));
        }
    }

    /// Both ends of a connection.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let there = TcpStream::connect(listener.local_addr().expect("it has one")).expect("it listens");
        (listener.accept().expect("somebody has connected").0, there)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    proptest! {
        #[test]
        fn every_line_survives_the_wire(token in "[^\n]{0,40}", name in "[^\n]{0,40}", reason in ".{0,40}(\n.{0,9})?") {
            for wish in [Wish::Join, Wish::End] {
                let line = wish.line(&token);
                prop_assert_eq!(Wish::parse(&line), Some((wish, token.as_str())));
            }
            let port = Answer::Port(name);
            prop_assert_eq!(Answer::parse(&port.line()), Some(port));
            let refused = Answer::Refused(reason.clone());
            prop_assert!(!refused.line().contains('\n'), "it is one line");
            prop_assert_eq!(Answer::parse(&refused.line()), Some(Answer::Refused(reason.replace('\n', " "))));
        }

        #[test]
        fn any_line_is_a_wish_an_answer_or_neither(
            line in prop_oneof![".{0,60}", "(futures-mpi 1 )?(join|end|port|refused|ended)? ?.{0,20}"],
        ) {
            if let Some((wish, token)) = Wish::parse(&line) {
                prop_assert_eq!(wish.line(token), line.as_str());
            }
            if let Some(answer) = Answer::parse(&line) {
                prop_assert_eq!(answer.line(), line.replace('\n', " "));
            }
        }

        /// Whatever comes in whatever pieces, its lines are heard, and what is no text is an error.
        #[test]
        fn any_bytes_are_lines_or_errors(
            pieces in prop::collection::vec(
                prop::collection::vec(prop_oneof![4 => any::<u8>(), 4 => b'a'..b'e', 1 => Just(b'\n')], 0..30),
                0..6,
            ),
        ) {
            let (mut here, mut there) = pair();
            for piece in &pieces {
                there.write_all(piece).expect("it is open");
            }
            drop(there);
            let bytes = pieces.concat();
            let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
            lines.pop();
            for line in lines {
                let heard = hear(&mut here, soon());
                match std::str::from_utf8(line) {
                    Ok(text) => prop_assert_eq!(heard.expect("it was said"), text),
                    Err(_) => prop_assert_eq!(heard.expect_err("it is no text").kind(), io::ErrorKind::InvalidData),
                }
            }
            let end = hear(&mut here, soon()).expect_err("no whole line is left");
            prop_assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn lines_are_heard_whole_and_no_longer_waited_for_than_allowed() {
        let (mut here, mut there) = pair();
        say(&mut there, "one").expect("it is open");
        say(&mut there, "two").expect("it is open");
        assert_eq!(hear(&mut here, soon()).expect("it was said"), "one");
        assert_eq!(hear(&mut here, soon()).expect("it was said"), "two");
        let error = hear(&mut here, Instant::now() + Duration::from_millis(5)).expect_err("nothing was said");
        assert!(is_timeout(&error), "{error}");
        there.write_all(&[b'x'; LINE_BYTES]).expect("it is open");
        assert_eq!(hear(&mut here, soon()).expect_err("it has no end").kind(), io::ErrorKind::InvalidData);
        drop(there);
        assert_eq!(hear(&mut here, soon()).expect_err("it is closed").kind(), io::ErrorKind::UnexpectedEof);
    }
}
