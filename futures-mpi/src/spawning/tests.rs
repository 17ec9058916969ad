//! What is checked before workers are spawned, and what messages say.

use super::*;

fn options(program: &str) -> SpawnOptions {
    let info = vec![("wdir".to_owned(), "/tmp".to_owned())];
    SpawnOptions { program: program.into(), arguments: Vec::new(), count: 3, info, limit: Duration::from_secs(60) }
}

#[test]
fn executables_are_checked() {
    assert_eq!(check_executable(&options("/bin/sh")), Ok(()));
    let table = [
        ("/no/such/program", "/no/such/program cannot be found (No such file"),
        ("/", "/ is not a file"),
        ("/etc/passwd", "/etc/passwd is not executable"),
    ];
    for (program, text) in table {
        let error = check_executable(&options(program)).expect_err("no executable");
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn a_program_whose_file_is_gone_is_named() {
    let error = check_executable(&options("/no/such/program (deleted)")).expect_err("it is gone");
    assert!(error.contains("the executable /no/such/program has been deleted since this program"), "{error}");
    let error = check_executable(&options("/bin/sh (deleted)")).expect_err("it is another one");
    assert!(error.contains("the executable /bin/sh has been replaced since this program"), "{error}");
}

#[test]
fn scripts_need_an_interpreter() {
    let path = env::temp_dir().join(format!("futures-mpi-script-{}", std::process::id()));
    let table = [
        ("#!/bin/sh\nexit\n", None),
        ("#! /bin/sh -e\nexit\n", None),
        ("\u{7f}ELF\0\0", None),
        ("exec program\n", Some("is a script without a first line such as #!/bin/sh")),
        ("", Some("is a script without a first line")),
        ("#!/no/such/shell\nexit\n", Some("\"/no/such/shell\", which ")),
    ];
    for (text, expected) in table {
        fs::write(&path, text).expect("it can be written");
        match (check_script(&path), expected) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) if error.contains(expected) => {}
            (found, _) => panic!("{text:?}: {found:?}"),
        }
    }
    fs::remove_file(&path).expect("it is there");
}

#[test]
fn a_directory_that_is_none_is_named() {
    let info = |path: &str| [("wdir".to_owned(), path.to_owned())];
    assert_eq!(check_directory(true, &info("/tmp")), Ok(()));
    assert_eq!(check_directory(false, &info("/no/such/directory")), Ok(()));
    let error = check_directory(true, &info("/no/such/directory")).expect_err("it is none");
    assert!(error.contains("/no/such/directory, which mpi_info names as their working directory"), "{error}");
}

#[test]
fn little_shared_memory_is_named_where_workers_do_not_start() {
    assert_eq!(little_shared_memory(None, 20), "");
    assert_eq!(little_shared_memory(Some(1 << 30), 20), "");
    let text = little_shared_memory(Some(64 << 20), 20);
    assert!(text.contains("/dev/shm has 64 MiB left, and 20 workers may need 94 "), "{text}");
}

#[test]
fn messages_say_what_was_asked() {
    let text = explain_time_out(&options("/bin/sh"));
    assert!(text.starts_with("spawning 3 workers of /bin/sh with the info wdir=/tmp timed out after 60s"));
}
