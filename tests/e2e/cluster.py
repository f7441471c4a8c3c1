"""cluster.py - a Slurm of two nodes on this machine, for tests: munged, slurmctld, two slurmd.

All of it lies in the test's scratch folder, with ports and a key of its own: it neither reads nor
disturbs a Slurm this machine may belong to. It needs the packages of cmake/test-packages.txt.
"""
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time

NODES = ("n1", "n2")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "srun", "squeue", "sinfo")
CONF = """
ClusterName=daogou-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# A job that is put back starts no sooner than its old credential has expired.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
# Without a folder for each node, PMIx's files of the two meet.
TmpFS={folder}/tmp.%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=2
# A busy machine may answer late; a lost message would leave a step waiting for ever.
MessageTimeout=60
ReturnToService=1
# Nodes pretend to have four processors each: two ranks fit on either, whatever the machine has.
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=500
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=500
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=30
PartitionName=high Nodes=ALL PriorityTier=2 PreemptMode=OFF
"""


def free_ports(n):
    """Ports nobody listens on now; held together, so that they differ."""
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def missing():
    """Programs that are not installed."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    return [p for p in PROGRAMS if not shutil.which(p)]


class Cluster:
    def __init__(self, folder):
        self.folder, self.daemons = folder, []
        for name in ["state"] + [f"{kind}.{node}" for node in NODES for kind in ("spool", "tmp")]:
            os.makedirs(f"{folder}/{name}")
        os.chmod(os.path.dirname(folder), 0o711)  # munged wants its socket open to everybody
        with open(f"{folder}/slurm.conf", "w") as f:
            f.write(CONF.format(folder=folder, host=socket.gethostname().split(".")[0],
                                user=pwd.getpwuid(os.geteuid()).pw_name, ports=free_ports(3)))
        with open(os.open(f"{folder}/munge.key", os.O_CREAT | os.O_WRONLY, 0o600), "wb") as f:
            f.write(os.urandom(128))
        for name in [n for n in os.environ if n.split("_")[0] in ("SLURM", "SBATCH", "SALLOC")]:
            del os.environ[name]  # of a job this test may itself run in
        os.environ["SLURM_CONF"] = f"{folder}/slurm.conf"

    def launch(self, name, *args):
        with open(f"{self.folder}/{name}.out", "wb") as out:
            self.daemons.append(subprocess.Popen(args, stdout=out, stderr=out,
                                                 stdin=subprocess.DEVNULL))

    def start(self):
        """Start the daemons. Returns what went wrong, or None once both nodes are idle."""
        f = self.folder
        self.launch("munged", "munged", "--foreground", f"--key-file={f}/munge.key",
                    f"--socket={f}/munge.socket", f"--pid-file={f}/munged.pid",
                    f"--log-file={f}/munged.log", f"--seed-file={f}/munged.seed")
        if not self.until(lambda: os.path.exists(f"{f}/munge.socket"), 10):
            return self.tail("munged.out")
        self.launch("slurmctld", "slurmctld", "-D", "-c")
        for node in NODES:
            self.launch(node, "slurmd", "-D", "-N", node)
        if not self.until(lambda: self.idle() == len(NODES), 30):
            return self.tail("slurmctld.out") + self.tail("n1.out")
        return None

    def until(self, condition, seconds):
        """Wait for it, as long as all daemons live."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or any(d.poll() is not None for d in self.daemons):
                return False
            time.sleep(0.1)
        return True

    def tail(self, name):
        with open(f"{self.folder}/{name}", errors="replace") as f:
            return f.read()[-1500:]

    def idle(self):
        shown = subprocess.run(["sinfo", "-h", "-N", "-p", "low", "-t", "idle", "-o", "%N"],
                               capture_output=True, text=True)
        return len(shown.stdout.split())

    def logs(self):
        return "".join(f"--- {n}\n{self.tail(n)}" for n in sorted(os.listdir(self.folder))
                       if n.endswith(".log"))

    def stop(self):
        """End jobs, then daemons."""
        if len(self.daemons) > 1:
            self.cancel_all()
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                print(f"{daemon.args[0]} does not end", file=sys.stderr)
                daemon.kill()
                daemon.wait()

    def cancel_all(self):
        subprocess.run(["scancel", "--user", pwd.getpwuid(os.geteuid()).pw_name, "--signal=KILL",
                        "--full"], capture_output=True)
        subprocess.run(["scancel", "--user", pwd.getpwuid(os.geteuid()).pw_name],
                       capture_output=True)
        self.until(lambda: not subprocess.run(["squeue", "-h"], capture_output=True).stdout, 10)
