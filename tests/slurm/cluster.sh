#!/usr/bin/env bash
# A real SLURM on this machine alone, for tests: munge, slurmctld, and one slurmd for each of three nodes, on loopback.
#
#   tests/slurm/cluster.sh up FOLDER   start it, with its state in FOLDER, as root; no database, no systemd
#   tests/slurm/cluster.sh down        end every process that `up` and its jobs have started, and take its files away
#
# Nodes cpu1 and cpu2 are in partition cpu, gpu1 with two GPUs that are none (/dev/null, /dev/zero) in partition gpu. Each
# claims 2 CPUs and 32 GB. Wants Debian's packages slurmctld, slurmd, slurm-client and munge. A machine
# that has a SLURM already is left alone.
set -euo pipefail

ETC=/etc/slurm
NODES="cpu1 cpu2 gpu1"
MARK="# made by tests/slurm/cluster.sh of abaw-flow"
SOCKET=/run/munge/munge.socket.2

refuse() {
    echo "error: $*" >&2
    exit 1
}

alive() {  # a process that has ended but was not collected by its parent is not alive
    [ -r "/proc/$1/stat" ] && [ "$(sed 's/.*) //' "/proc/$1/stat" | cut -c1)" != Z ]
}

end() {  # politely, then not
    kill "$1" 2>/dev/null || return 0
    for _ in $(seq 50); do alive "$1" || return 0; sleep 0.1; done
    kill -9 "$1" 2>/dev/null || true
}

steps() {  # the processes that watch over jobs: they outlive slurmd
    for folder in /proc/[0-9]*; do
        case "$(tr '\0' ' ' 2>/dev/null <"$folder/cmdline")" in "slurmstepd: ["*) echo "${folder#/proc/}" ;; esac
    done
}

ours() { head -n1 "$ETC/slurm.conf" 2>/dev/null | grep -qxF "$MARK"; }

check() {
    [ "$(id -u)" = 0 ] || refuse "SLURM's daemons want root here; run this as root, in a container for example"
    for program in munged slurmctld slurmd sbatch srun; do
        command -v "$program" >/dev/null ||
            refuse "$program is missing: apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge"
    done
    ours && refuse "the cluster of these tests is up already in $(dirname "$(readlink "$ETC/slurm.conf")");" \
        "end it with tests/slurm/cluster.sh down"
    [ ! -e "$ETC/slurm.conf" ] && [ -z "${SLURM_CONF:-}" ] ||
        refuse "this machine belongs to a SLURM (${SLURM_CONF:-$ETC/slurm.conf}); nothing was touched"
    for program in slurmctld slurmd slurmdbd; do
        for pid in $(pgrep -x "$program" || true); do
            if alive "$pid"; then refuse "$program runs on this machine already; nothing was touched"; fi
        done
    done
}

configure() {
    host=$(hostname -s)
    mkdir -p "$run/state" "$run/munge" "$ETC"
    cat >"$run/slurm.conf" <<END
$MARK
ClusterName=abaw
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A job that is put back into the queue waits for this long (s).
AuthInfo=cred_expire=5
CredType=cred/munge
SlurmctldPort=16817
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd.%n.pid
StateSaveLocation=$run/state
SlurmdSpoolDir=$run/spool.%n
SlurmctldLogFile=$run/slurmctld.log
SlurmdLogFile=$run/slurmd.%n.log
# Nodes may claim more than there is, so that what the workflow asks for has a place on a small machine.
SlurmdParameters=config_overrides
SlurmdTimeout=30
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
# A node that is set down stays down until it is resumed.
ReturnToService=1
# Jobs that have ended stay on show for a day.
MinJobAge=86400
KillWait=5
NodeName=cpu1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=2 RealMemory=32000
NodeName=cpu2 NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=2 RealMemory=32000
NodeName=gpu1 NodeHostname=$host NodeAddr=127.0.0.1 Port=17003 CPUs=2 RealMemory=32000 Gres=gpu:2
PartitionName=cpu Nodes=cpu[1-2] LLN=YES Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=gpu1 MaxTime=INFINITE State=UP
END
    printf 'NodeName=gpu1 Name=gpu File=/dev/null\nNodeName=gpu1 Name=gpu File=/dev/zero\n' >"$run/gres.conf"
    ln -s "$run/slurm.conf" "$ETC/slurm.conf" # job steps are not told of SLURM_CONF: they look here
    ln -sf "$run/gres.conf" "$ETC/gres.conf"
}

start_munge() {
    if munge -n 2>/dev/null | unmunge >/dev/null 2>&1; then return; fi # one runs already, and any will do
    mkdir -p /run/munge && chown root:root /run/munge && chmod 755 /run/munge
    rm -f "$SOCKET" "$SOCKET.lock"
    (umask 077 && head -c 1024 /dev/urandom >"$run/munge/key")
    munged --force --key-file="$run/munge/key" --socket="$SOCKET" --pid-file="$run/munge/munged.pid" \
        --log-file="$run/munge/munged.log" --seed-file="$run/munge/seed" 2>>"$run/munge/munged.log"
}

up() {
    run=$1
    check
    [ -z "$(ls -A "$run" 2>/dev/null)" ] || refuse "$run is not empty; give a folder of its own"
    mkdir -p "$run"
    run=$(cd "$run" && pwd)
    configure
    start_munge
    slurmctld # by this name: as slurmctld-wlm, as Debian's file is called, it would drop every GPU
    for node in $NODES; do
        mkdir -p "$run/spool.$node"
        slurmd -N "$node"
    done
    for _ in $(seq 100); do
        [ "$(timeout 5 sinfo -h -N -o %T 2>/dev/null | grep -cx idle)" = 3 ] && break
        sleep 0.1
    done
    if [ "$(timeout 5 sinfo -h -N -o %T 2>/dev/null | grep -cx idle)" != 3 ]; then
        tail -n 3 "$run"/*.log >&2
        down
        refuse "the nodes did not come up within 10 s; the last words of the daemons are above"
    fi
    timeout 5 sinfo -N -o '%N %P %T %c CPUs %m MB %G'
}

down() {
    [ -L "$ETC/slurm.conf" ] || refuse "there is no $ETC/slurm.conf that tests/slurm/cluster.sh has made; nothing was touched"
    ours || refuse "$ETC/slurm.conf is not of these tests; nothing was touched"
    run=$(dirname "$(readlink "$ETC/slurm.conf")")
    for node in $NODES; do
        timeout 5 scancel --nodelist="$node" 2>/dev/null || true
    done
    for _ in $(seq 100); do
        [ -n "$(timeout 5 squeue -h 2>/dev/null)" ] || break
        timeout 5 scancel --user="$(id -un)" 2>/dev/null || true
        sleep 0.1
    done
    for node in $NODES; do
        [ -s "$run/slurmd.$node.pid" ] && end "$(cat "$run/slurmd.$node.pid")"
    done
    for pid in $(steps); do end "$pid"; done
    for file in "$run/slurmctld.pid" "$run/munge/munged.pid"; do
        [ -s "$file" ] && end "$(cat "$file")"
    done
    rm -f "$ETC/slurm.conf" "$ETC/gres.conf"
    rm -rf "$run"
}

case "${1:-}" in
    up) up "${2:?the folder for its state}" ;;
    down) down ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" ;;
esac
