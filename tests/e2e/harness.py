"""harness.py - for end-to-end tests in Python: run the programs as people do, judge how they end.

A test is a module of unittest cases, run by ctest as
    python3 TEST.py DAOGOU DAOGOU_SERVE SOURCE MPIEXEC... [-- CASE...]
Everything lies in one scratch folder, removed at the end; a process left behind fails the test.
DAOGOU_TEST_LONG=1 asks for the long form: every case, on every number of ranks.
"""
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

daogou, daogou_serve, source = sys.argv[1:4]
mpiexec, chosen = sys.argv[4:], []
if "--" in mpiexec[1:]:
    chosen = mpiexec[mpiexec.index("--") + 1:]
    mpiexec = mpiexec[:mpiexec.index("--")]
long_form = os.environ.get("DAOGOU_TEST_LONG", "") not in ("", "0")
scratch = tempfile.mkdtemp(prefix="daogou-")
data = os.path.abspath(os.environ.get("DAOGOU_DATA", os.path.join(source, "../shared/data")))

os.environ.update(
    TMPDIR=scratch,
    # A rank that is killed cannot remove its shared memory; in the scratch folder we do.
    OMPI_MCA_btl_vader_backing_directory=scratch,
    OMPI_MCA_osc_sm_backing_directory=scratch,
    DAOGOU_checkpoint__max_cost="1",  # each of the short sweeps here is saved
)
os.chdir(scratch)


class Ended:
    """How a program ended: exit code, stdout, stderr without the launcher's notices."""

    def __init__(self, args, code, out, err, seconds):
        self.args, self.code, self.out, self.seconds = args, code, out, seconds
        self.raw = err
        rule = r"-{60,}\n"
        err = re.sub(r"mpi(?:exec|run): Forwarding signal \d+ to job\n", "", err)
        self.err = re.sub(rule + r"(?:.*\n)*?" + rule, "", err)
        self.lines = [line for line in self.err.split("\n") if line]

    def __str__(self):
        return f"{' '.join(self.args)}\nexit {self.code}\nstdout: {self.out[-3000:]}\n" \
               f"stderr: {self.raw[-6000:]}"


def descendants(pid):
    """Processes below pid, by /proc."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(name))
    found = list(children.get(pid, []))
    for p in found:
        found.extend(children.get(p, []))
    return found


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


def ranks_of(process):
    """Process ids of a running job's ranks; without a launcher the process itself."""
    if name_of(process.pid) == "daogou":
        return [process.pid]
    return [p for p in descendants(process.pid) if name_of(p) == "daogou"]


def kill(process):
    for pid in descendants(process.pid) + [process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def start(*args, np=0, env=None, before=None):
    """Start daogou; np ranks by the launcher, or 0 for none."""
    line = [*mpiexec, "-n", str(np)] if np else []
    return subprocess.Popen([*line, daogou, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**os.environ, **(env or {})}, preexec_fn=before)


def node_line(*args):
    """What starts a serving node on a free port. None of its answers depends on how busy the machine
    is: what waits is answered in the end."""
    return [daogou_serve, "--listen", "127.0.0.1:0", "--longest-wait", "0", *args]


def finish(process, limit=200):
    """Wait for a started program; one that does not end is killed and told."""
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill(process)
        out, err = process.communicate()
        err += b"\nTIMED OUT\n"
    return Ended(process.args, process.returncode, out.decode(errors="replace"),
                 err.decode(errors="replace"), time.monotonic() - began)


def run(*args, np=0, env=None, before=None, limit=200):
    return finish(start(*args, np=np, env=env, before=before), limit)


def write(name, content):
    """A file in the scratch folder, from text or bytes. Returns its name."""
    with open(name, "wb") as f:
        f.write(content if isinstance(content, bytes) else content.encode())
    return name


class Node:
    """A serving node that can be asked, and killed."""

    def __init__(self, *args, ready=" on http://"):
        """Returns when the node has said that it listens, and `ready`."""
        self.run = subprocess.Popen(node_line("--threads", "2", *args), stderr=subprocess.PIPE,
                                    text=True)
        self.said = ""
        for line in self.run.stderr:
            self.said += line
            if " on http://" in line:
                self.port = int(line.rsplit(":", 1)[1])
            if " on http://" in self.said and ready in self.said:
                return
        raise AssertionError(f"did not start: {self.said}")

    def ask(self, path, body=None, headers=None):
        """Status and answer; None where the node is gone."""
        try:
            link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            link.request("GET" if body is None else "POST", path,
                         None if body is None else json.dumps(body), headers or {})
            answer = link.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None, None
        finally:
            link.close()

    def end(self, how=signal.SIGKILL):
        self.run.send_signal(how)
        self.run.wait()
        self.run.stderr.close()


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(d, f), folder)
                  for d, _, names in os.walk(folder) for f in names)


def ratings_csv(n_users=40, n_items=30, seed=1):
    """A small table of ratings, most pairs there."""
    draw = random.Random(seed)
    lines = ["user,item,rating,time"]
    for u in range(n_users):
        for i in range(n_items):
            if draw.random() < 0.6:
                lines.append(f"u{u},item {i},{draw.randint(1, 5)},{draw.randint(10**9, 2 * 10**9)}")
    return "\n".join(lines) + "\n"


def job_yaml(path="ratings.csv", algorithm="ials", more="", **model):
    """A job on such a table."""
    model = {"factors": 6, "iterations": 3, **model}
    options = "".join(f", {key}: {value}" for key, value in model.items())
    return f"""name: small
seed: 7
data:
  ratings: {{path: {json.dumps(path)}, columns: {{user: user, item: item, value: rating}}}}
prepare: {{split: {{method: ratio, test: 0.2}}}}
model: {{algorithm: {algorithm}{options}}}
{more}"""


class Case(unittest.TestCase):
    maxDiff = None

    def succeeds(self, *args, **how):
        ended = run(*args, **how)
        self.assertEqual(ended.code, 0, ended)
        return ended

    def assert_one_sentence(self, ended, command, says):
        """One rank tells, in one line and perhaps a hint; nobody aborts."""
        told = [line for line in ended.lines if line.startswith(f"daogou {command}: ")]
        self.assertEqual(len(told), 1, ended)
        self.assertRegex(told[0], says, ended)
        self.assertLess(len(told[0]), 900, ended)
        after = ended.lines[ended.lines.index(told[0]) + 1:]
        self.assertLessEqual(len(after), 1, ended)
        for line in after:
            self.assertTrue(line.startswith("hint: "), ended)
        for banner in ("MPI_ABORT", "Signal:", "PMIX", "ORTE", "TIMED OUT", "HDF5-DIAG"):
            self.assertNotIn(banner, ended.raw, ended)

    def fails(self, code, says, command, *args, **how):
        """Ends with that exit code and one sentence that the pattern `says` is found in."""
        ended = run(command, *args, **how)
        self.assertEqual(ended.code, code, ended)
        self.assert_one_sentence(ended, command, says)
        return ended

    def digest(self, path):
        ended = run("inspect", "--json", path)
        self.assertEqual(ended.code, 0, ended)
        return json.loads(ended.out)["content_digest"]

    def digests(self, folder):
        names = ("dataset", "model", "artifact")
        return {name: self.digest(f"{folder}/{name}.h5") for name in names}

    def assert_nothing_half_written(self, folder):
        left = [f for f in files_below(folder) if f.endswith(".tmp")]
        self.assertEqual(left, [])
        whole = [os.path.join(folder, f) for f in files_below(folder) if f.endswith(".h5")]
        if whole:
            self.succeeds("verify", *whole)

    def flip(self, path, at=0.5):
        """Flip one bit of a file, at a share of its length."""
        with open(path, "r+b") as f:
            place = int(os.path.getsize(path) * at)
            f.seek(place)
            byte = f.read(1)
            f.seek(place)
            f.write(bytes([byte[0] ^ 0x10]))


def works_here(pid):
    """Was it started by this test? A process that changed its title has lost its environment."""
    with open(f"/proc/{pid}/environ", "rb") as f:
        if f"\0TMPDIR={scratch}".encode() in b"\0" + f.read():
            return True
    return name_of(pid) == "slurmstepd" and any(
        os.readlink(f"/proc/{pid}/fd/{fd}").startswith(scratch)
        for fd in os.listdir(f"/proc/{pid}/fd"))


def stragglers():
    """Processes that still work for this test."""
    left = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and int(name) != os.getpid() and works_here(name):
                left.append(int(name))
        except OSError:
            pass
    return left


def clean_up(patience):
    """Give launchers a while to tidy up, end what is left, remove the scratch folder."""
    until = time.monotonic() + patience
    while stragglers() and time.monotonic() < until:
        time.sleep(0.05)
    left = stragglers()
    for pid in left:
        print(f"FAILED: process {pid} ({name_of(pid)}) was left behind", file=sys.stderr)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os.chdir("/")
    shutil.rmtree(scratch, ignore_errors=True)
    return not left


def guard():
    """A process that cleans up when this one is gone, however it went: ctest's time limit kills."""
    end, mine = os.pipe()
    if os.fork() != 0:
        os.close(end)
        return  # mine stays open as long as this process lives
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    os.close(mine)
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):  # whoever reads our output shall not wait for this process
        os.dup2(nowhere, fd)
    os.read(end, 1)
    if os.path.exists(scratch):
        clean_up(0)
    os._exit(0)


def main():
    guard()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # unittest lets that out
    try:
        program = unittest.main(argv=[sys.argv[0], *chosen], verbosity=2, exit=False)
    except BaseException:
        clean_up(0)
        raise
    good = clean_up(5) and program.result.wasSuccessful()
    ran = program.result.testsRun - len(program.result.skipped)
    sys.exit(1 if not good else 77 if ran == 0 else 0)
