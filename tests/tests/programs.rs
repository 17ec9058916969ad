//! The examples as users run them: alone, with spawned workers, in command line mode, as ordinary MPI programs.

use futures_mpi_tests::harness::{self, Launch, Outcome, example};
use std::fs;
use std::path::Path;

/// The reference picture's header and points, from the fixture.
fn reference() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/julia_reference.png");
    let (width, height, points) = read_png(&path);
    [format!("P5 {width} {height} 255\n").into_bytes(), points].concat()
}

fn read_png(path: &Path) -> (u32, u32, Vec<u8>) {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().expect("it is a PNG");
    let mut points = vec![0; reader.output_buffer_size().expect("it has a size")];
    let info = reader.next_frame(&mut points).expect("it has a picture");
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
    points.truncate(info.buffer_size());
    (info.width, info.height, points)
}

/// Runs an example in every mode that this MPI has, with two workers, one run after the other as they are asked for.
fn in_every_mode(name: &str, arguments: &[&str]) -> impl Iterator<Item = Outcome> {
    let mut launches = Vec::new();
    if harness::mpiexec_or_skip().is_some() {
        launches.push((Launch::mpiexec(3), None));
        launches.push((Launch::mpiexec(3), Some("--comm")));
        if harness::spawn_or_skip().is_some() {
            launches.push((Launch::alone().clean_environment(), None));
            launches.push((Launch::mpiexec(1), None));
        }
    }
    launches.into_iter().map(|(launch, mode)| {
        let launch = launch.program(example(name)).args(arguments.iter().copied()).args(mode);
        launch.env("FUTURES_MPI_MAX_WORKERS", "2").run()
    })
}

#[test]
fn hello_greets_in_every_mode() {
    for outcome in in_every_mode("hello", &[]) {
        let text = outcome.expect_success().stdout();
        assert!(text.starts_with("2 workers\nhello world, this is process "), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}

#[test]
fn cpi_approximates_pi_in_every_mode() {
    let line = "pi: 3.1415977398528141, error: 5.086e-06 (128 intervals, 2 workers)\n";
    for outcome in in_every_mode("cpi", &["128"]) {
        assert_eq!(outcome.expect_success().stdout(), line);
    }
    for outcome in in_every_mode("cpi", &["0"]) {
        outcome.expect_failure().expect_said("invalid value '0'");
    }
}

#[test]
fn workers_fill_the_universe_unless_a_number_is_given() {
    let Some(mpi) = harness::mpiexec_or_skip() else { return };
    let launches = match mpi.kind {
        harness::Kind::OpenMpi => vec![Launch::mpiexec(1).launcher_arg("-host").launcher_arg("localhost:4")],
        harness::Kind::Mpich => vec![
            Launch::mpiexec(1).launcher_arg("-usize").launcher_arg("4"),
            Launch::mpiexec(1).env("MPIEXEC_UNIVERSE_SIZE", "4"),
        ],
        harness::Kind::Other => return,
    };
    for launch in launches {
        let outcome = launch.program(example("hello")).env_remove("FUTURES_MPI_MAX_WORKERS").run();
        if mpi.can_spawn {
            assert!(outcome.expect_success().stdout().starts_with("3 workers\n"), "{}", outcome.stdout());
        } else {
            outcome.expect_failure().expect_said("asked for: 3 workers of ");
        }
    }
}

/// The lines of the reference documentation.
#[test]
fn cpi_prints_what_the_reference_prints() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let table = [
        (4, "128", "pi: 3.1415977398528137, error: 5.086e-06 (128 intervals, 4 workers)\n"),
        (8, "512", "pi: 3.1415929714812316, error: 3.179e-07 (512 intervals, 8 workers)\n"),
    ];
    for (workers, intervals, line) in table {
        for mode in [None, Some("--comm")] {
            let outcome = Launch::mpiexec(workers + 1).program(example("cpi")).arg(intervals).args(mode).run();
            assert_eq!(outcome.expect_success().stdout(), line);
        }
        if harness::spawn_or_skip().is_some() {
            let launch = Launch::mpiexec(1).program(example("cpi")).arg(intervals);
            let outcome = launch.env("FUTURES_MPI_MAX_WORKERS", workers.to_string()).run();
            assert_eq!(outcome.expect_success().stdout(), line);
        }
    }
}

#[test]
fn julia_draws_the_reference_picture_in_every_mode() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("julia");
    fs::create_dir_all(&folder).expect("the folder can be made");
    let (pgm, png) = (folder.join("julia.pgm"), folder.join("julia.png"));
    for (path, chunksize) in [(&pgm, "1"), (&png, "7")] {
        let output = path.to_str().expect("the path is text");
        for outcome in in_every_mode("julia", &["--output", output, "--chunksize", chunksize]) {
            let text = outcome.expect_success().stdout();
            assert!(text.starts_with("2 workers, ") && text.trim_end().ends_with(output), "{text}");
            let reference = reference();
            if path == &pgm {
                assert!(fs::read(path).expect("it is written") == reference, "the picture is the reference picture");
            } else {
                let (width, height, points) = read_png(path);
                let header = format!("P5 {width} {height} 255\n");
                assert!([header.as_bytes(), &points].concat() == reference, "the picture is the reference picture");
            }
            fs::remove_file(path).expect("it is there");
        }
    }
}

#[test]
fn primes_are_found_in_every_mode() {
    let numbers = ["1", "2", "9", "97", "1000000000039", "999962000357"];
    let lines = [
        "1 has no divisor",
        "2 is a prime",
        "9 is 3 times 3",
        "97 is a prime",
        "1000000000039 is a prime",
        "999962000357 is 999979 times 999983",
    ];
    for outcome in in_every_mode("primes", &numbers) {
        assert_eq!(outcome.expect_success().stdout().lines().collect::<Vec<_>>(), lines);
    }
    if harness::mpiexec_or_skip().is_some() {
        let launch = Launch::mpiexec(3).program(example("primes")).args(numbers);
        let outcome = launch.args(["--unordered", "--chunksize", "2"]).run();
        let mut found: Vec<&str> = outcome.expect_success().stdout().lines().collect();
        found.sort_unstable();
        assert_eq!(found, {
            let mut lines = lines;
            lines.sort_unstable();
            lines
        });
        let outcome = Launch::mpiexec(3).program(example("primes")).args(["0"]).run();
        outcome.expect_failure().expect_said("invalid value '0'");
    }
}

#[test]
fn the_mandelbrot_set_is_drawn_in_every_mode() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mandelbrot.png");
    let output = path.to_str().expect("the path is text");
    let options = ["--output", output, "--width", "160", "--height", "121", "--chunksize", "3", "--steps", "200"];
    let mut first: Option<Vec<u8>> = None;
    for outcome in in_every_mode("mandelbrot", &options) {
        let text = outcome.expect_success().stdout();
        assert!(text.starts_with("2 workers, ") && text.trim_end().ends_with(output), "{text}");
        let (width, height, points) = read_png(&path);
        assert_eq!((width, height), (160, 121));
        let lines: Vec<&[u8]> = points.chunks(160).collect();
        let mirrored: Vec<&[u8]> = lines.iter().rev().copied().collect();
        assert!(lines == mirrored, "the lower half is the upper half's mirror image");
        // On the axis: the beginning of the antenna's left side is outside, the middle of the heart inside.
        assert!(lines[60][0] > 200 && lines[60][110] == 0 && lines[0][80] > 100);
        let inside = points.iter().filter(|shade| **shade == 0).count() as f64 / points.len() as f64;
        // The set has an area of about 1.507, the picture one of 3.2 by 2.42.
        assert!((inside - 1.507 / (3.2 * 2.42)).abs() < 0.02, "{inside}");
        assert!(first.get_or_insert_with(|| points.clone()) == &points, "every mode draws the same picture");
        fs::remove_file(&path).expect("it is there");
    }
}

#[test]
fn julia_says_what_is_wrong_with_its_options() {
    if harness::mpiexec_or_skip().is_none() {
        return;
    }
    let cases: [(&[&str], &str); 3] = [
        (&["--output", "picture.jpg"], "must end in .pgm or .png"),
        (&["--output", "no/such/folder/julia.pgm"], "no/such/folder/julia.pgm"),
        (&["--chunksize", "0"], "invalid value '0'"),
    ];
    for (arguments, message) in cases {
        let outcome = Launch::mpiexec(2).program(example("julia")).args(arguments.iter().copied()).run();
        outcome.expect_failure().expect_said(message);
    }
}
