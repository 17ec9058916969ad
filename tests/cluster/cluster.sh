#!/usr/bin/env bash
# Several hosts on one machine: network namespaces on a bridge, each with a host name, /tmp, /dev/shm and boot id of its
# own. As root, with iproute2 and util-linux.
#
#   cluster.sh up N                   makes the hosts h1 to hN
#   cluster.sh on HOST COMMAND...     runs a command on a host, in this folder and with these variables
#   cluster.sh processes HOST         lists what runs there
#   cluster.sh lose HOST cable|power  cuts its network; `power`: and then ends all that runs there
#   cluster.sh back HOST              connects it again
#   cluster.sh dead HOST COUNT        gives it so many more interfaces, before the one that works, that lead nowhere
#   cluster.sh down                   takes everything down
#   cluster.sh keep                   takes everything down when its standard input ends
#
# FUTURES_MPI_CLUSTER names the cluster (default: hand); several can be up at once. What all hosts are to share below
# /tmp is one folder, FUTURES_MPI_CLUSTER_SHARED.
set -euo pipefail

name=${FUTURES_MPI_CLUSTER:-hand}
state=/run/futures-mpi-cluster-$name
switch=fm-$name-switch
self=$(readlink -f "${BASH_SOURCE[0]}")

die() {
    echo "${self##*/}: $*" >&2
    exit 1
}

pid_of() { cat "$state/$1/pid" 2>/dev/null || die "there is no host $1"; }

up() {
    local count=$1 host number
    [ "$(id -u)" = 0 ] || die "only root can make hosts"
    mkdir "$state" 2>/dev/null || die "the cluster $name is up already, or was left behind ($state): cluster.sh down"
    echo $$ >"$state/up"
    echo "127.0.0.1 localhost" >"$state/hosts"
    : >"$state/resolv.conf"
    ip netns add "$switch"
    ip -n "$switch" link add bridge type bridge forward_delay 0
    ip -n "$switch" link set bridge up
    for number in $(seq "$count"); do
        host=h$number
        mkdir -p "$state/$host/tmp"
        echo "10.77.0.$number $host" >>"$state/hosts"
        ip netns add "fm-$name-$host"
        ip -n "fm-$name-$host" link set lo up
        plug "$host"
    done
    for number in $(seq "$count"); do
        host=h$number
        setsid ip netns exec "fm-$name-$host" unshare --mount --uts --ipc --propagation private \
            "$self" be "$host" </dev/null >"$state/$host/log" 2>&1 &
    done
    for number in $(seq "$count"); do
        for _ in $(seq 500); do
            [ -e "$state/h$number/pid" ] && continue 2
            sleep 0.02
        done
        die "h$number has not come up: $(cat "$state/h$number/log")"
    done
    rm "$state/up"
}

# Connects a host to the bridge.
plug() {
    local host=$1
    ip -n "$switch" link add "to-$host" type veth peer name eth0 netns "fm-$name-$host"
    ip -n "$switch" link set "to-$host" master bridge up
    ip -n "fm-$name-$host" addr add "10.77.0.${host#h}/24" dev eth0
    ip -n "fm-$name-$host" link set eth0 up
}

# The first process of a host.
be() {
    local host=$1 folder=$state/$1 shared=${FUTURES_MPI_CLUSTER_SHARED:-}
    hostname "$host"
    mount -t tmpfs -o mode=1777 tmpfs "$folder/tmp"
    if [[ $shared == /tmp/* ]]; then
        mkdir -p "$folder/tmp/${shared#/tmp/}"
        mount --rbind "$shared" "$folder/tmp/${shared#/tmp/}"
    fi
    mount --rbind "$folder/tmp" /tmp
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    echo "$host" >"$folder/hostname"
    cat /proc/sys/kernel/random/uuid >"$folder/boot_id"
    mount --bind "$state/hosts" /etc/hosts
    mount --bind "$state/resolv.conf" /etc/resolv.conf
    mount --bind "$folder/hostname" /etc/hostname
    # By this UCX tells machines apart.
    mount --bind "$folder/boot_id" /proc/sys/kernel/random/boot_id
    echo $$ >"$folder/pid.new"
    mv "$folder/pid.new" "$folder/pid"
    exec sleep infinity
}

on() {
    local pid folder=$PWD
    pid=$(pid_of "$1")
    shift
    # shellcheck disable=SC2016 # The inner shell expands it.
    exec nsenter --target "$pid" --net --mount --uts --ipc -- \
        sh -c 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"' sh "$folder" "$@"
}

# What runs on a host, but for its first process and what is about to run.
processes() {
    local first pid
    first=$(pid_of "$1")
    for pid in $(ip netns pids "fm-$name-$1"); do
        [ "$pid" = "$first" ] || ps -o pid=,args= -p "$pid" || true
    done
}

lose() {
    ip -n "$switch" link set "to-$1" down
    touch "$state/$1/lost"
    case $2 in
        cable) ;;
        # Nobody on the network hears of their end.
        power) processes "$1" | awk '{print $1}' | xargs -r kill -s KILL 2>/dev/null || true ;;
        *) die "cable or power" ;;
    esac
}

back() {
    ip -n "$switch" link set "to-$1" up
    rm -f "$state/$1/lost"
}

dead() {
    local host=$1 number
    ip netns add "fm-$name-nowhere" 2>/dev/null || true
    ip -n "fm-$name-$host" link del eth0
    for number in $(seq "$2"); do
        ip -n "fm-$name-$host" link add "dead$number" type veth peer name "$host-$number" netns "fm-$name-nowhere"
        ip -n "fm-$name-nowhere" link set "$host-$number" up
        # The first is the same on every host, as docker0 is; nobody answers at the others.
        if [ "$number" = 1 ]; then
            ip -n "fm-$name-$host" addr add 172.17.0.1/16 dev "dead$number"
        else
            ip -n "fm-$name-$host" addr add "10.$((90 + number)).0.${host#h}/24" dev "dead$number"
        fi
        ip -n "fm-$name-$host" link set "dead$number" up
    done
    plug "$host"
}

down() {
    local space
    # One that is still making hosts would make more.
    if [ -e "$state/up" ]; then
        kill -s KILL "$(cat "$state/up")" 2>/dev/null || true
        sleep 0.1
    fi
    for space in $(ip netns list 2>/dev/null | awk '{print $1}' | grep -x "fm-$name-.*" || true); do
        # Again and again: they may start others meanwhile.
        for _ in $(seq 50); do
            ip netns pids "$space" | xargs -r kill -s KILL 2>/dev/null || true
            [ -z "$(ip netns pids "$space")" ] && break
            sleep 0.02
        done
        ip netns del "$space"
    done
    rm -rf "$state"
}

keep() {
    # Outlives the one that has started it, however that ends.
    while read -r _; do :; done
    down
}

[ $# -gt 0 ] || die "what is to be done? $(sed -n 's/^#   //p' "$self")"
command=$1
shift
case $command in
    up | be | on | processes | lose | back | dead | down | keep) "$command" "$@" ;;
    *) die "unknown: $command" ;;
esac
