#!/bin/sh
# Checks what would be published: packs the three packages, and uses them as a stranger does.
#
# usage: scripts/check_packages.sh [OPTION...]       options of cargo: --offline, --allow-dirty, --jobs 2, ...
#
# A program in an empty folder is built from the packed files, run on threads and on processes that it spawns, and its
# dependencies are counted. MPICC chooses the MPI; one that cannot spawn runs the program under MPIEXEC instead.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
most_dependencies=45
most_kilobytes=512
mpiexec=${MPIEXEC:-mpiexec}
packed=${CARGO_TARGET_DIR:-$here/target}/package
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

main() {
    cd "$here"
    cargo package --package futures-mpi-macros --package futures-mpi-core --package futures-mpi "$@"
    mkdir -p "$folder/.cargo" "$folder/program"
    for name in futures-mpi-macros futures-mpi-core futures-mpi; do
        unpack "$name"
    done
    cp -R tests/fixtures/packages/. Cargo.lock "$folder/program"
    cd "$folder/program"
    offline=
    for option in "$@"; do
        [ "$option" != --offline ] || offline=--offline
    done
    count_dependencies
    document
    build_and_run
    echo "packages: all is well"
}

# Unpacks one package, has the program use it, and looks for what belongs in it.
unpack() {
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    file=$packed/$1-$version.crate
    tar -xzf "$file" -C "$folder"
    for needed in README.md LICENSE-MIT LICENSE-APACHE; do
        [ -s "$folder/$1-$version/$needed" ] || stop "$1 has no $needed"
    done
    kilobytes=$(($(wc -c <"$file") / 1024))
    [ "$kilobytes" -le "$most_kilobytes" ] || stop "$1 has $kilobytes KiB, more than $most_kilobytes"
    echo "packages: $1 $version, $kilobytes KiB packed"
    printf '[patch.crates-io.%s]\npath = "%s"\n' "$1" "$folder/$1-$version" >>"$folder/.cargo/config.toml"
}

count_dependencies() {
    all=$(cargo tree $offline --package fixture-program --edges normal,build --prefix none --no-dedupe --format '{p}' |
        sed 's/ (.*//' | sort -u)
    count=$(echo "$all" | grep -cv '^f[a-z]*-\(program\|tasks\|mpi\|mpi-core\|mpi-macros\) v')
    echo "packages: a program depends on $count packages beside its own and the library's three"
    [ "$count" -le "$most_dependencies" ] || stop "that is more than $most_dependencies:" "$all"
    ! cargo tree $offline --package fixture-tasks --prefix none | grep '^\(mpi\|mpi-sys\|bindgen\) v' ||
        stop "a library of tasks depends on MPI"
}

# As on docs.rs, where there is MPICH; and what a library of tasks needs, as where there is no MPI at all.
document() {
    RUSTDOCFLAGS="-D warnings" MPICC=/nonexistent LIBCLANG_PATH=/nonexistent \
        cargo doc --quiet $offline --no-deps --features cbor,stream --manifest-path "$folder/futures-mpi-core-$version/Cargo.toml"
    RUSTDOCFLAGS="-D warnings" \
        cargo doc --quiet $offline --no-deps --features cbor,stream --manifest-path "$folder/futures-mpi-$version/Cargo.toml"
    echo "packages: the documentation builds, that of futures-mpi-core without MPI"
}

build_and_run() {
    cargo test --quiet $offline --package fixture-tasks
    cargo build $offline
    program=${CARGO_TARGET_DIR:-target}/debug/fixture-program
    timeout 120 "$program" threads
    if ! timeout 120 "$program" processes; then
        echo "packages: this MPI cannot spawn, for the reason above; now under $mpiexec" >&2
        timeout 120 "$mpiexec" -n 3 "$program" processes
    fi
}

stop() {
    printf 'packages: %s\n' "$@" >&2
    exit 1
}

main "$@"
