#!/usr/bin/env bash
# Starts a command on another host as ssh does, in the home folder and with variables of its own: for
# `mpiexec --mca plm_rsh_agent agent.sh` (Open MPI) and `mpiexec -launcher ssh -launcher-exec agent.sh` (MPICH).
set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
state=/run/futures-mpi-cluster-${FUTURES_MPI_CLUSTER:-hand}
while [ $# -gt 0 ]; do
    case $1 in
        -l | -o | -p | -i | -F) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done
host=$1
shift
if [ -e "$state/$host/lost" ] || [ ! -e "$state/$host/pid" ]; then
    echo "agent.sh: connect to host $host: no route to host" >&2
    exit 255
fi
parent=$PPID
cd /root
# shellcheck disable=SC2016 # The inner shell expands it.
env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash FUTURES_MPI_CLUSTER="${FUTURES_MPI_CLUSTER:-hand}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    "$here/cluster.sh" on "$host" sh -c 'eval "$1"' sh "$*" <&0 &
status=0
wait $! || status=$?
# Nobody hears of the end of what ran on a host that is lost.
while [ -e "$state/$host/lost" ] && kill -0 "$parent" 2>/dev/null; do
    sleep 0.2
done
exit "$status"
