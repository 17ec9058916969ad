//! What is decided for which MPI, as tables.

use super::*;

const OPEN_MPI_4: &str = "Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4, May 26, 2022";
const OPEN_MPI_5: &str = "Open MPI v5.0.11, package: Open MPI runner, ident: 5.0.11";
const MPICH_4: &str =
    "MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7 2022\nMPICH ABI:\t14:2:2\nMPICH Device:\tch4:ucx";
const MPICH_42: &str = "MPICH Version:      4.2.0\nMPICH Release date: x\nMPICH Device:       ch4:ofi";
const MPICH_5: &str = "MPICH Version:      5.0.2\nMPICH Release date: x\nMPICH Device:       ch4:ucx,ofi";
const CRAY: &str = "MPI VERSION    : CRAY MPICH version 8.1.12.7 (ANL base 3.4a2)\nmore";

fn mpich(major: u32, minor: u32, device: &str) -> Implementation {
    Implementation::Mpich { major, minor, device: device.to_owned() }
}

#[test]
fn versions() {
    let table = [
        (OPEN_MPI_4, Implementation::OpenMpi { major: 4, minor: 1 }, "Open MPI 4.1"),
        (OPEN_MPI_5, Implementation::OpenMpi { major: 5, minor: 0 }, "Open MPI 5.0"),
        ("Open MPI v6.1.0rc1", Implementation::OpenMpi { major: 6, minor: 1 }, "Open MPI 6.1"),
        (MPICH_4, mpich(4, 0, "ch4:ucx"), "MPICH 4.0 (ch4:ucx)"),
        (MPICH_5, mpich(5, 0, "ch4:ucx,ofi"), "MPICH 5.0 (ch4:ucx,ofi)"),
        ("MPICH Version:\t4.1b1", mpich(4, 1, ""), "MPICH 4.1"),
        (
            CRAY,
            Implementation::Other("MPI VERSION    : CRAY MPICH version 8.1.12.7 (ANL base 3.4a2)".to_owned()),
            "MPI VERSION    : CRAY MPICH version 8.1.12.7 (ANL base 3.4a2)",
        ),
        ("", Implementation::Other(String::new()), "an unknown MPI"),
        ("Open MPI vNext", Implementation::Other("Open MPI vNext".to_owned()), "Open MPI vNext"),
    ];
    for (text, implementation, shown) in table {
        assert_eq!(Implementation::parse(text), implementation);
        assert_eq!(implementation.to_string(), shown);
    }
}

/// Plans for a version, the variables `NAME=VALUE` and the files that exist (`LINK -> FILE`).
fn decide(version: &str, variables: &[&str], root: bool, directory: &str, files: &[&str]) -> Plan {
    let variable = |name: &str| {
        variables.iter().find_map(|pair| {
            let (key, value) = pair.split_once('=').expect("NAME=VALUE");
            (key == name).then(|| value.to_owned())
        })
    };
    let number = |pair: &&str| pair.strip_prefix("SHARED_MEMORY_MIB=")?.parse::<u64>().ok();
    let resolve = |path: &Path| {
        files.iter().find_map(|file| {
            let (link, target) = file.split_once(" -> ").unwrap_or((file, file));
            (Path::new(link) == path).then(|| PathBuf::from(target))
        })
    };
    plan(&Situation {
        version,
        variable: &variable,
        root,
        loopback_only: variables.contains(&"LOOPBACK_ONLY=1"),
        library_directory: Some(PathBuf::from(directory)),
        temporary_directory: PathBuf::from("/tmp"),
        lists_hosts: variables.contains(&"LISTS_HOSTS=1"),
        shared_memory_bytes: variables.iter().find_map(number).map(|mib| mib << 20),
        resolve: &resolve,
    })
}

fn names(plan: &Plan) -> String {
    plan.variables.iter().map(|(name, value)| format!("{name}={value} ")).collect()
}

#[test]
fn variables() {
    let system = "/usr/lib";
    let ucx = "OMPI_MCA_opal_common_ucx_tls=any OMPI_MCA_opal_common_ucx_devices=any OMPI_MCA_pml=^cm ";
    let table: &[(&str, &[&str], bool, &str)] = &[
        (
            OPEN_MPI_4,
            &["PATH=/usr/bin"],
            false,
            &format!("OMPI_MCA_rmaps_base_oversubscribe=1 EVENT_NOEPOLL=1 OMPI_MCA_orte_enable_recovery=1 {ucx}"),
        ),
        (
            OPEN_MPI_4,
            &["PATH=/usr/bin", "OMPI_ALLOW_RUN_AS_ROOT=0"],
            true,
            &format!(
                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 EVENT_NOEPOLL=1 OMPI_MCA_orte_enable_recovery=1 {ucx}"
            ),
        ),
        // What the user set stays.
        (
            OPEN_MPI_4,
            &["EVENT_NOEPOLL=", "OMPI_MCA_pml=ob1", "OMPI_MCA_opal_common_ucx_tls=rc"],
            false,
            "OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_orte_enable_recovery=1 OMPI_MCA_opal_common_ucx_devices=any ",
        ),
        // A batch system's allocation may have several nodes.
        (
            OPEN_MPI_4,
            &["SLURM_JOB_ID=7"],
            false,
            "OMPI_MCA_rmaps_base_oversubscribe=1 EVENT_NOEPOLL=1 OMPI_MCA_orte_enable_recovery=1 ",
        ),
        (
            OPEN_MPI_4,
            &["SLURM_JOB_ID=7", "LOOPBACK_ONLY=1"],
            false,
            "OMPI_MCA_rmaps_base_oversubscribe=1 EVENT_NOEPOLL=1 OMPI_MCA_orte_enable_recovery=1 OMPI_MCA_btl_tcp_if_include=lo ",
        ),
        // Where there is room for shared memory, and where there is little.
        (
            OPEN_MPI_4,
            &["SHARED_MEMORY_MIB=12000"],
            false,
            &format!("OMPI_MCA_rmaps_base_oversubscribe=1 EVENT_NOEPOLL=1 OMPI_MCA_orte_enable_recovery=1 {ucx}"),
        ),
        (
            OPEN_MPI_4,
            &["SHARED_MEMORY_MIB=64"],
            false,
            &format!(
                "OMPI_MCA_rmaps_base_oversubscribe=1 EVENT_NOEPOLL=1 OMPI_MCA_orte_enable_recovery=1 {ucx}UCX_TLS=^posix "
            ),
        ),
        (
            OPEN_MPI_4,
            &["SHARED_MEMORY_MIB=64", "UCX_POSIX_DIR=/var/tmp"],
            false,
            &format!("OMPI_MCA_rmaps_base_oversubscribe=1 EVENT_NOEPOLL=1 OMPI_MCA_orte_enable_recovery=1 {ucx}"),
        ),
        (OPEN_MPI_4, &["PMIX_RANK=0", "SHARED_MEMORY_MIB=64"], false, ""),
        (MPICH_5, &["SHARED_MEMORY_MIB=64"], false, "MPIR_CVAR_CH4_NETMOD=ofi "),
        // Under a launcher nothing that could keep nodes apart.
        (OPEN_MPI_4, &["OMPI_COMM_WORLD_SIZE=1", "LOOPBACK_ONLY=1"], true, ""),
        (OPEN_MPI_5, &["PMIX_RANK=0"], true, "OMPI_MCA_btl=^ofi "),
        (
            OPEN_MPI_5,
            &[],
            true,
            "OMPI_MCA_btl=^ofi PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
             OMPI_MCA_btl_sm_backing_directory=/tmp OMPI_MCA_mtl=^ofi ",
        ),
        (MPICH_4, &[], true, ""),
        (MPICH_5, &["PMI_RANK=0"], true, "MPIR_CVAR_CH4_NETMOD=ofi "),
        (MPICH_5, &[], false, "MPIR_CVAR_CH4_NETMOD=ofi FI_PROVIDER=shm "),
        (MPICH_5, &["FI_PROVIDER=tcp"], false, "MPIR_CVAR_CH4_NETMOD=ofi "),
        (MPICH_5, &["LISTS_HOSTS=1"], false, "MPIR_CVAR_CH4_NETMOD=ofi "),
        (CRAY, &[], false, ""),
        ("Intel(R) MPI Library 2021.18 for Linux* OS\n", &["PMI_RANK=0"], false, "I_MPI_SPAWN=on "),
    ];
    for (version, variables, root, expected) in table {
        let plan = decide(version, variables, *root, system, &[]);
        assert_eq!(names(&plan), *expected, "{version} {variables:?}");
    }
}

#[test]
fn workers_are_expected_elsewhere_where_hosts_are_named() {
    let info = |key: &str| vec![(key.to_owned(), "node7".to_owned())];
    let alone = decide(MPICH_5, &[], false, "/usr/lib", &[]);
    assert!(alone.spawns_here(&[]) && alone.spawns_here(&info("wdir")) && !alone.spawns_here(&info("host")));
    for elsewhere in ["LISTS_HOSTS=1", "SLURM_JOB_ID=7", "PMI_RANK=0"] {
        assert!(!decide(OPEN_MPI_4, &[elsewhere], false, "/usr/lib", &[]).spawns_here(&[]), "{elsewhere}");
    }
    let error = alone.check_hosts(&info("host")).expect_err("shared memory reaches no other host");
    assert!(error.contains("Set FI_PROVIDER=tcp in the program's environment"), "{error}");
    assert_eq!(alone.check_hosts(&info("map_by")), Ok(()));
    for (version, variable) in [(MPICH_5, "FI_PROVIDER=tcp"), (MPICH_5, "PMI_RANK=0"), (OPEN_MPI_4, "A=")] {
        assert_eq!(decide(version, &[variable], false, "/usr/lib", &[]).check_hosts(&info("host")), Ok(()));
    }
}

#[test]
fn tools_come_first_on_the_path_of_a_singleton() {
    let plan = decide(OPEN_MPI_4, &["PATH=/usr/bin"], false, "/v/lib", &["/v/bin/orted"]);
    assert!(names(&plan).contains("OPAL_PREFIX=/v "));
    let plan = decide(MPICH_5, &["PATH=/usr/bin"], false, "/v/lib", &["/v/bin/mpiexec", "/usr/bin/mpiexec"]);
    assert_eq!(plan.variables.last(), Some(&("PATH", "/v/bin:/usr/bin".to_owned())));
    assert_eq!(plan.spawning, Ok(()));
    let plan = decide(OPEN_MPI_5, &["PATH=/usr/bin"], false, "/v/lib", &["/v/bin/prte"]);
    assert!(names(&plan).contains("OPAL_PREFIX=/v "));
    assert!(names(&plan).ends_with("PATH=/v/bin:/usr/bin "));
    let plan = decide(OPEN_MPI_5, &["PATH=/v/bin:/usr/bin", "OPAL_PREFIX=/o"], false, "/v/lib", &["/v/bin/prte"]);
    assert!(!names(&plan).contains("PATH") && !names(&plan).contains("OPAL_PREFIX"));
    let plan = decide(OPEN_MPI_5, &["PATH=/usr/bin", "PMIX_RANK=0"], false, "/v/lib", &["/v/bin/prte"]);
    assert!(!names(&plan).contains("PATH"));
}

#[test]
fn spawning() {
    type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], Option<&'a str>);
    let table: &[Row<'_>] = &[
        (OPEN_MPI_4, &[], &[], None),
        (OPEN_MPI_5, &["PMIX_RANK=0"], &[], None),
        (MPICH_4, &[], &[], Some("MPICH 4.0 (ch4:ucx) cannot spawn")),
        (MPICH_4, &["PMI_RANK=0"], &[], Some("mpiexec -n N PROGRAM")),
        ("MPICH Version: 4.0.1\nMPICH Device: ch4:ofi", &["PMI_RANK=0"], &[], None),
        ("MPICH Version: 4.0.1\nMPICH Device: ch4:ofi", &[], &[], Some("without mpiexec")),
        ("MPICH Version: 4.3.0\nMPICH Device: ch4:ucx", &["PMI_RANK=0"], &[], None),
        (MPICH_42, &["PATH=/usr/bin:/bin"], &["/bin/mpiexec -> /bin/mpiexec.hydra"], None),
        (MPICH_42, &["PATH=/usr/bin"], &[], Some("there is none")),
        (
            MPICH_42,
            &["PATH=/usr/bin"],
            &["/usr/bin/mpiexec -> /usr/bin/orterun"],
            Some("Open MPI's (/usr/bin/orterun)"),
        ),
        (MPICH_42, &["PATH=/usr/bin", "PMI_FD=4"], &["/usr/bin/mpiexec -> /usr/bin/orterun"], None),
        (CRAY, &[], &[], None),
    ];
    for (version, variables, files, refusal) in table {
        let spawning = decide(version, variables, false, "/usr/lib", files).spawning;
        match refusal {
            None => assert_eq!(spawning, Ok(()), "{version} {variables:?}"),
            Some(part) => assert!(spawning.clone().expect_err("refused").contains(part), "{version}: {spawning:?}"),
        }
    }
}

#[test]
fn room() {
    let no_info = ("wdir", "/tmp");
    type Row<'a> = (&'a str, &'a [&'a str], (&'a str, &'a str), &'a str, (Option<usize>, usize, usize), bool);
    let table: &[Row<'_>] = &[
        (OPEN_MPI_4, &["PMIX_RANK=0", "SLURM_JOB_ID=7"], no_info, "", (Some(2), 1, 1), true),
        (OPEN_MPI_4, &["PMIX_RANK=0"], no_info, "", (Some(2), 1, 2), true),
        (OPEN_MPI_4, &["PMIX_RANK=0", "SLURM_JOB_ID=7"], no_info, "", (Some(2), 1, 2), false),
        (OPEN_MPI_4, &["PMIX_RANK=0", "SLURM_JOB_ID=7"], no_info, "", (Some(2), 3, 1), false),
        (OPEN_MPI_4, &["PMIX_RANK=0"], no_info, "", (None, 1, 2), true),
        (
            OPEN_MPI_4,
            &["PMIX_RANK=0", "SLURM_JOB_ID=7"],
            no_info,
            "#rmaps_base_oversubscribe = 1",
            (Some(2), 1, 2),
            false,
        ),
        (OPEN_MPI_4, &["PMIX_RANK=0"], no_info, "x\nrmaps_base_oversubscribe = 1", (Some(2), 1, 2), true),
        (OPEN_MPI_4, &["PMIX_RANK=0"], ("map_by", "slot:oversubscribe"), "", (Some(2), 1, 2), true),
        (OPEN_MPI_4, &["PMIX_RANK=0", "OMPI_MCA_rmaps_base_oversubscribe=1"], no_info, "", (Some(2), 1, 2), true),
        (
            OPEN_MPI_4,
            &["PMIX_RANK=0", "OMPI_MCA_rmaps_base_mapping_policy=slot:OVERSUBSCRIBE"],
            no_info,
            "",
            (Some(2), 1, 2),
            true,
        ),
        (OPEN_MPI_4, &[], no_info, "", (Some(1), 1, 2), true),
        (OPEN_MPI_5, &["PMIX_RANK=0"], no_info, "", (Some(2), 1, 2), true),
        (MPICH_5, &["PMI_RANK=0"], no_info, "", (Some(2), 1, 2), true),
    ];
    for (version, variables, (key, value), file, sizes, there_is) in table {
        let plan = decide(version, variables, false, "/usr/lib", &[]);
        let variable = |name: &str| {
            variables.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let info = plan.with_spawn_info(vec![((*key).to_owned(), (*value).to_owned())]);
        let found = check_room(&plan, &variable, &[(*file).to_owned()], &info, *sizes);
        assert_eq!(found.is_ok(), *there_is, "{version} {variables:?} {key} {file} {sizes:?}");
    }
}

#[test]
fn workers_are_not_bound_unless_the_user_says_so() {
    type Row<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)], Option<&'a str>);
    let table: &[Row<'_>] = &[
        (OPEN_MPI_4, &[], &[], Some("none")),
        (OPEN_MPI_4, &["PMIX_RANK=0"], &[("host", "node7")], Some("none")),
        (OPEN_MPI_4, &["PMIX_RANK=0", "OMPI_MCA_hwloc_base_binding_policy=core"], &[], Some("core")),
        (OPEN_MPI_4, &["OMPI_MCA_hwloc_base_binding_policy=numa"], &[], Some("numa")),
        (OPEN_MPI_4, &["OMPI_MCA_hwloc_base_binding_policy="], &[], Some("none")),
        (OPEN_MPI_4, &[], &[("bind_to", "socket")], Some("socket")),
        (OPEN_MPI_4, &[], &[("map_by", "slot:PE=2")], None),
        (OPEN_MPI_5, &[], &[], Some("none")),
        (OPEN_MPI_5, &["PMIX_RANK=0"], &[], None),
        (MPICH_5, &[], &[], None),
    ];
    for (version, variables, info, expected) in table {
        let info = info.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let info = decide(version, variables, false, "/usr/lib", &[]).with_spawn_info(info);
        let found: Vec<_> =
            info.iter().filter(|(key, _)| key == BINDING_KEY).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found, expected.iter().copied().collect::<Vec<_>>(), "{version} {variables:?}");
    }
}

#[test]
fn thread_levels() {
    let table = [
        (None, ThreadLevel::Multiple),
        (Some("multiple"), ThreadLevel::Multiple),
        (Some("serialized"), ThreadLevel::Serialized),
        (Some("funneled"), ThreadLevel::Funneled),
        (Some("single"), ThreadLevel::Single),
    ];
    for (value, level) in table {
        assert_eq!(thread_level(value), Ok(level));
    }
    let error = thread_level(Some("MULTIPLE")).expect_err("a bad value");
    assert_eq!(
        error,
        "FUTURES_MPI_THREAD_LEVEL is \"MULTIPLE\"; accepted are single, funneled, serialized and multiple"
    );
}

#[test]
fn silent_singletons_are_noticed() {
    let open_mpi = Implementation::parse(OPEN_MPI_4);
    let table = [
        (("PMI_SIZE", "3"), 1, true),
        (("PMI_SIZE", "1"), 1, false),
        (("PMI_SIZE", "3"), 3, false),
        (("OMPI_COMM_WORLD_SIZE", "2"), 1, true),
        (("OMPI_COMM_WORLD_SIZE", "x"), 1, false),
        (("HOME", "2"), 1, false),
    ];
    for ((name, value), world_size, noticed) in table {
        let found = check_world(&open_mpi, &|wanted| (wanted == name).then(|| value.to_owned()), world_size);
        assert_eq!(found.is_err(), noticed, "{name}={value}");
        if let Err(text) = found {
            assert!(text.contains("Open MPI 4.1") && text.contains(name), "{text}");
        }
    }
}

#[test]
fn workers_fill_the_universe() {
    let plan = |version: &str, singleton| Plan {
        implementation: Implementation::parse(version),
        singleton,
        one_node: singleton,
        variables: Vec::new(),
        spawn_info: Vec::new(),
        binding: None,
        spawning: Ok(()),
    };
    let no_question = || panic!("an MPICH singleton must not be asked");
    assert_eq!(universe_size(&plan(MPICH_5, true), no_question, &|_| Some("9".to_owned())), None);
    // Which MPI, what it says, the variable, and the number of workers.
    let table = [
        (OPEN_MPI_4, Some(17), None, 16),
        (OPEN_MPI_4, Some(17), Some("5"), 16),
        (OPEN_MPI_5, Some(1), None, 1),
        (OPEN_MPI_5, None, Some("5"), 1),
        (MPICH_4, None, None, 1),
        (MPICH_4, Some(17), None, 16),
        (MPICH_4, None, Some("17"), 16),
        (MPICH_5, Some(3), Some("17"), 2),
        (MPICH_5, None, Some("INFINITE"), 1),
        (MPICH_5, None, Some("0"), 1),
    ];
    for (version, says, variable, workers) in table {
        let variable = |name: &str| variable.filter(|_| name == "MPIEXEC_UNIVERSE_SIZE").map(str::to_owned);
        let universe = universe_size(&plan(version, false), || says, &variable);
        assert_eq!(default_workers(universe, 1), workers, "{version} {says:?}");
    }
    assert_eq!(default_workers(Some(8), 8), 1);
    assert_eq!(default_workers(Some(8), 3), 5);
}
