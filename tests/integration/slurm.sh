#!/usr/bin/env bash
# A SLURM of three nodes on this machine, for tests: slurm.sh start|stop FOLDER. Needs root, slurm-wlm and munge.
# Everything it writes is in FOLDER, but for munge's key and socket; `export SLURM_CONF=FOLDER/slurm.conf` to use it.
set -euo pipefail
folder=$(realpath -m "$2")

export SLURM_CONF=$folder/slurm.conf

if [ "$1" = stop ]; then
    timeout 20 scancel --full --signal=KILL --user="$(id -un)" || true
    for _ in $(seq 100); do
        if [ -z "$(squeue --noheader 2>/dev/null)" ]; then break; fi
        sleep 0.2
    done
    for file in "$folder"/pid/slurmd.* "$folder"/pid/slurmctld "$folder"/pid/munged; do
        if [ -e "$file" ]; then kill -9 "$(cat "$file")" 2>/dev/null || true; fi
    done
    for process in /proc/[0-9]*; do  # steps outlive their slurmd
        if grep -qsz '^slurmstepd:' "$process/cmdline" && grep -qszx "SLURM_CONF=$SLURM_CONF" "$process/environ"; then
            kill -9 "${process#/proc/}" || true
        fi
    done
    exit
fi

mkdir -p "$folder"/{pid,state,spool,log}
if ! munge --no-input --socket=/run/munge/munge.socket.2 >/dev/null 2>&1; then
    [ -e /etc/munge/munge.key ] || mungekey --create
    mkdir -p /run/munge
    chown munge: /run/munge /etc/munge/munge.key
    runuser -u munge -- munged --force
    cp /run/munge/munged.pid "$folder/pid/munged"
fi
cat >"$folder/slurm.conf" <<CONF
ClusterName=digitcmp
SlurmctldHost=$(hostname)
SlurmUser=root
SlurmctldPort=16817
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout=10
MpiDefault=none
SlurmdParameters=config_overrides
StateSaveLocation=$folder/state
SlurmctldPidFile=$folder/pid/slurmctld
SlurmctldLogFile=$folder/log/slurmctld
SlurmdSpoolDir=$folder/spool/%n
SlurmdPidFile=$folder/pid/slurmd.%n
SlurmdLogFile=$folder/log/%n
NodeName=n[1-3] NodeHostname=$(hostname) Port=[17001-17003] CPUs=1 RealMemory=3000
PartitionName=main Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld
for node in n1 n2 n3; do
    mkdir -p "$folder/spool/$node"
    slurmd -N $node
done
for _ in $(seq 300); do
    [ "$(sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | wc -l)" = 3 ] && exit
    sleep 0.2
done
sinfo
tail -n 20 "$folder"/log/*
exit 1
