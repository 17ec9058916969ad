//! Where a user has said that workers are to run: by info keys, or by a file of hosts that MPI reads by itself. Pure.

/// The info keys that name hosts.
const HOST_KEYS: [&str; 5] = ["host", "hosts", "hostfile", "add-host", "add-hostfile"];

/// The info keys that only say how workers are spread.
const SPREADING_KEYS: [&str; 2] = ["map_by", "mapper"];

/// The variables that name the file of hosts of a program that has been started alone: Open MPI 4, Open MPI 5, MPICH.
pub(crate) const HOST_FILE_VARIABLES: [&str; 3] =
    ["OMPI_MCA_orte_default_hostfile", "PRTE_MCA_prte_default_hostfile", "HYDRA_HOST_FILE"];

/// Where Open MPI has its own file of hosts: below `etc` of its prefix, and where Debian has put that.
pub(crate) const HOST_FILES: [&str; 2] = ["etc/openmpi-default-hostfile", "/etc/openmpi/openmpi-default-hostfile"];

/// Whether a user has said where workers are to run.
pub(crate) fn is_placed(info: &[(String, String)]) -> bool {
    names_hosts(info) || info.iter().any(|(key, _)| SPREADING_KEYS.contains(&&**key))
}

/// Whether a user has named hosts, which may be others than this one.
pub(crate) fn names_hosts(info: &[(String, String)]) -> bool {
    info.iter().any(|(key, _)| HOST_KEYS.contains(&&**key))
}

/// Whether the text of a file of hosts names one.
pub(crate) fn lists_hosts(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_place_workers_and_some_name_hosts() {
        let info = |key: &str| vec![("wdir".to_owned(), "/".to_owned()), (key.to_owned(), "node7".to_owned())];
        for (key, placed, hosts) in
            [("host", true, true), ("add-hostfile", true, true), ("map_by", true, false), ("soft", false, false)]
        {
            assert_eq!((is_placed(&info(key)), names_hosts(&info(key))), (placed, hosts), "{key}");
        }
    }

    #[test]
    fn a_file_of_comments_lists_no_hosts() {
        for (text, lists) in [("", false), ("# node7\n\n  # node8\n", false), ("# all\nnode7 slots=2\n", true)] {
            assert_eq!(lists_hosts(text), lists, "{text:?}");
        }
    }
}
