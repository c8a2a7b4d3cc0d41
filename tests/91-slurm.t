#!/bin/sh
# The shards of segtools(7) as an array of Slurm: its controller and one node,
# both here, with keys and ports of the moment; the script and the command are
# those of the manual.  Takes root and Debian's slurm-wlm: make soak.
. "$(dirname "$0")/lib.sh"
. "$TOP/tests/fleet.sh"
[ -n "${SOAK:-}" ] || {
	echo "1..0 # SKIP make soak runs it"
	exit 0
}

PATH=$PATH:/usr/sbin
for program in munged slurmctld slurmd sbatch; do
	command -v $program >/dev/null ||
		fail "$program is installed (slurm-wlm, munge)"
done

# --- a batch system
daemons=
at_exit() {
	for pid in $daemons; do
		kill "$pid" 2>/dev/null
	done
	for pid in $daemons; do
		wait "$pid" 2>/dev/null
	done
}
# A socket's path is short, and munge wants directories that are root's alone.
chmod 755 "$T"
head -c 128 /dev/urandom >munge.key
chmod 400 munge.key
munged -f -F -S "$T/munge" --key-file "$T/munge.key" --pid-file "$T/munge.pid" \
	--log-file "$T/munge.log" --seed-file "$T/munge.seed" 2>munge.err &
daemons=$!
await [ -S munge ]
is $? 0 "munged"

host=$(hostname -s)
port=$((10000 + $$ % 10000))
mkdir state spool
cat >slurm.conf <<END
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$T/munge
CryptoType=crypto/munge
SlurmctldPort=$port
SlurmdPort=$((port + 1))
StateSaveLocation=$T/state
SlurmdSpoolDir=$T/spool
SlurmctldPidFile=$T/slurmctld.pid
SlurmdPidFile=$T/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=$host NodeAddr=127.0.0.1 CPUs=3 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=10 State=UP OverSubscribe=NO
END
SLURM_CONF=$T/slurm.conf
export SLURM_CONF
slurmctld -D -f slurm.conf >slurmctld.log 2>&1 &
daemons="$! $daemons"
slurmd -D -f slurm.conf >slurmd.log 2>&1 &
daemons="$! $daemons"
node_is_idle() {
	[ "$(sinfo -h -o %T 2>/dev/null)" = idle ]
}
await node_is_idle || {
	fail "the node is idle"
	tail -n 20 slurmctld.log slurmd.log munge.err >&2
	done_testing
	exit
}

# --- a fleet, and what one machine makes of it
fleet 50
cp -r store serial
# What the manual has between two lines of it.
manual() { # FROM TO
	sed -n "/$1/,/$2/p" "$TOP/man/segtools.7" | sed '/^\.Ed/d; s/\\e/\\/g'
}
manual '^#!\/bin\/sh' '^\.Ed' >shard.sh
manual '^sbatch' '^\.Ed' >submit
is "$(wc -l <submit) $(grep -c seg- shard.sh)" "1 3" "the manual's script"
ok "serially" env SEG_STORE="$T/serial" sh shard.sh 0 1
objects serial >want

# --- and sixteen tasks, three at a time
sed -i 's/^sbatch/sbatch --wait/' submit
ok "an array of tasks" timeout 600 sh submit
squeue -h >out
empty out "none is left"
grep -c . slurm-*.out >/dev/null && note "$(tail -n 3 slurm-*.out)"
is "$(find . -name 'slurm-*.out' | wc -l)" 16 "each said something"
objects store >got
same got want "the store is that of one machine, byte for byte"
ok "and whole" sh -c 'seg-list | seg-verify >/dev/null'
done_testing
