#!/bin/sh
# Runs the Julia example for `make demo`: with spawned workers, or, on an MPI that cannot spawn, under mpiexec.
#
# usage: scripts/demo.sh PROGRAM FOLDER       (FUTURES_MPI_MAX_WORKERS: how many workers; MPIEXEC: which mpiexec)
set -eu

program=$1
folder=$2
workers=${FUTURES_MPI_MAX_WORKERS:-2}
mpiexec=${MPIEXEC:-mpiexec}

main() {
    mkdir -p "$folder"
    rm -f "$folder/julia.pgm" "$folder/julia.png"
    echo "demo: $workers workers, spawned by the program itself"
    if ! draw_by_spawning; then
        echo "demo: that failed, for the reason above: not every MPI can spawn processes." >&2
        echo "demo: now in the way that works on every MPI: $mpiexec -n $((workers + 1)) julia" >&2
        draw_under_mpiexec
    fi
    echo "demo: the pictures are"
    echo "    $folder/julia.png"
    echo "    $folder/julia.pgm"
}

draw_by_spawning() {
    for ending in pgm png; do
        limited "$program" --chunksize 8 --output "$folder/julia.$ending" || return 1
        [ -s "$folder/julia.$ending" ] || return 1
    done
}

# One rank more than workers: the first one is the master. The variables allow what the demo may well need on a small
# machine or in a container: more ranks than cores, and root. An MPI that does not know them ignores them.
draw_under_mpiexec() {
    export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe EVENT_NOEPOLL=1
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    for ending in pgm png; do
        limited "$mpiexec" -n "$((workers + 1))" "$program" --chunksize 8 --output "$folder/julia.$ending"
        if [ ! -s "$folder/julia.$ending" ]; then
            echo "demo: the program ended without writing $folder/julia.$ending" >&2
            return 1
        fi
    done
}

# Some MPIs hang where they cannot spawn.
limited() {
    if command -v timeout >/dev/null 2>&1; then
        timeout --kill-after=10 300 "$@"
    else
        "$@"
    fi
}

main
