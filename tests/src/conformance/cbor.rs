//! Values that travel in the format that describes itself, wherever they stand.

use super::errors::assert_works;
use super::{LONG, Setting, promises};
use futures_mpi::{Buffer, Cbor, Error, global, remote_task};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

promises![
    a_wrapped_value_comes_back_whatever_its_type_asks_of_a_format,
    a_wrapped_value_may_stand_anywhere_in_arguments_and_results,
    a_wrapped_error_gives_its_value_back,
    a_wrapped_value_can_be_a_global,
    a_wrapped_value_that_cannot_travel_costs_its_own_call,
];

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Wish {
    Nothing,
    Job(Job),
    /// Addresses are written otherwise in formats for humans.
    Connect {
        to: IpAddr,
        twice: Option<Option<u8>>,
    },
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Job {
    id: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(flatten)]
    rest: BTreeMap<String, Mixed>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Mixed {
    Nothing,
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Mixed>),
}

fn job(id: u32) -> Job {
    let list = Mixed::List(vec![Mixed::Nothing, Mixed::Integer(1), Mixed::Float(1.0), Mixed::Text("1".to_owned())]);
    let tags = vec!["tag".to_owned(); id as usize % 2];
    Job {
        id,
        tags,
        limit: id.is_multiple_of(3).then_some(f64::INFINITY),
        rest: BTreeMap::from([("list".to_owned(), list)]),
    }
}

fn wishes() -> Vec<Wish> {
    let to = [127, 0, 0, 1].into();
    let connect = [None, Some(None), Some(Some(7))].map(|twice| Wish::Connect { to, twice });
    [Wish::Nothing].into_iter().chain((0..6).map(|id| Wish::Job(job(id)))).chain(connect).collect()
}

#[remote_task]
fn same_wish(wish: Cbor<Wish>) -> Cbor<Wish> {
    wish
}

#[remote_task]
fn add_answer(Cbor(mut value): Cbor<Value>) -> Cbor<Value> {
    value["answer"] = json!([1, 1.0, null, {"wishes": u64::MAX}]);
    Cbor(value)
}

fn a_wrapped_value_comes_back_whatever_its_type_asks_of_a_format(setting: &Setting) {
    let executor = setting.executor();
    for chunksize in [1, 4, 20] {
        let results = executor.map(same_wish::ID, wishes().into_iter().map(Cbor)).chunksize(chunksize);
        let results: Result<Vec<Wish>, Error> = results.into_iter().map(|wish| wish.map(Cbor::into_inner)).collect();
        assert_eq!(results.expect("they travel"), wishes());
    }
    let wish = wishes().pop().expect("there is one");
    assert_eq!(*executor.submit(same_wish::ID, Cbor(&wish)).result_timeout(LONG).expect("it travels"), wish);
    let answer = executor.submit(add_answer::ID, Cbor(json!({"question": "?"}))).result_timeout(LONG);
    let expected = json!({"question": "?", "answer": [1, 1.0, null, {"wishes": u64::MAX}]});
    assert_eq!(*answer.expect("it travels"), expected);
}

type Rows = Vec<(u8, Option<Cbor<Wish>>)>;

#[remote_task]
fn beside_others(rows: Rows, numbers: Buffer<f64>, Cbor(job): Cbor<Job>) -> (Cbor<Job>, Buffer<f64>, Rows) {
    (Cbor(job), numbers, rows)
}

fn a_wrapped_value_may_stand_anywhere_in_arguments_and_results(setting: &Setting) {
    let executor = setting.executor();
    let rows: Rows = (0..).zip(wishes()).map(|(n, wish)| (n, (n % 3 > 0).then_some(Cbor(wish)))).collect();
    // Too large to travel among the encoded bytes.
    let numbers = Buffer::from(vec![0.5; 1000]);
    let result = executor.submit(beside_others::ID, (&rows, &numbers, Cbor(&job(3)))).result_timeout(LONG);
    assert_eq!(result.expect("they travel"), (Cbor(job(3)), numbers, rows));
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} is refused", self.id)
    }
}

#[remote_task]
fn refuse_job(Cbor(job): Cbor<Job>) -> Result<(), Cbor<Job>> {
    Err(Cbor(job))
}

#[remote_task]
fn refuse_plain_job(Cbor(job): Cbor<Job>) -> Result<(), Job> {
    Err(job)
}

fn a_wrapped_error_gives_its_value_back(setting: &Setting) {
    let executor = setting.executor();
    let error = executor.submit(refuse_job::ID, Cbor(job(4))).result_timeout(LONG).expect_err("it is refused");
    assert!(error.is_task_error() && error.message() == "job 4 is refused", "{error}");
    assert_eq!(error.downcast(), Some(Cbor(job(4))));
    let error = executor.submit(refuse_plain_job::ID, Cbor(job(4))).result_timeout(LONG).expect_err("it is refused");
    assert!(error.is_task_error() && error.message() == "job 4 is refused", "{error}");
    let reason = error.try_downcast::<Job>().expect_err("its type is not carried");
    assert!(reason.is_codec() && reason.message().contains("Cbor"), "{reason}");
    assert_works(&executor);
}

#[remote_task]
fn global_wishes() -> Cbor<Vec<Wish>> {
    global("wishes").expect("it is set")
}

fn a_wrapped_value_can_be_a_global(setting: &Setting) {
    let executor = setting.builder().global("wishes", &Cbor(wishes())).build().expect("it is good");
    let read = executor.submit(global_wishes::ID, ()).result_timeout(LONG).expect("it is read");
    assert_eq!(*read, wishes());
}

/// A value whose type refuses to read some of what it writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Picky {
    Short(#[serde(deserialize_with = "below_ten")] u64),
    Deep(Vec<Picky>),
}

fn below_ten<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(deserializer)?;
    if number < 10 { Ok(number) } else { Err(serde::de::Error::custom("it is not below ten")) }
}

#[remote_task]
fn same_picky(picky: Cbor<Picky>) -> Cbor<Picky> {
    picky
}

#[remote_task]
fn make_picky(number: u64, depth: usize) -> Cbor<Picky> {
    Cbor(picky(number, depth))
}

fn picky(number: u64, depth: usize) -> Picky {
    (0..depth).fold(Picky::Short(number), |inner, _| Picky::Deep(vec![inner]))
}

fn a_wrapped_value_that_cannot_travel_costs_its_own_call(setting: &Setting) {
    let executor = setting.executor();
    let items = [(1, 0), (2, 3), (10, 1), (3, 0), (4, 1000), (5, 2), (11, 0)];
    for chunksize in [1, 3, 10] {
        let values = items.map(|(number, depth)| Cbor(picky(number, depth)));
        let taken: Vec<_> = executor.map(same_picky::ID, values).chunksize(chunksize).into_iter().collect();
        let given: Vec<_> = executor.starmap(make_picky::ID, items).chunksize(chunksize).into_iter().collect();
        for results in [taken, given] {
            assert_eq!(results.len(), items.len());
            for ((number, depth), result) in items.into_iter().zip(results) {
                match result {
                    Ok(Cbor(value)) => {
                        assert_eq!(value, picky(number, depth), "in chunks of {chunksize}");
                        assert!(number < 10 && depth < 10);
                    }
                    Err(error) => {
                        let reason =
                            if depth == 1000 { "more than 256 levels deep" } else { "did not match any variant" };
                        assert!(error.is_codec() && error.message().contains(reason), "{error}");
                        assert!(number >= 10 || depth == 1000, "{error}");
                        assert!(error.message().contains("Picky"), "{error}");
                    }
                }
            }
        }
    }
    assert_works(&executor);
}
