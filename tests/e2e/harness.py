"""Starts, kills and restarts real gfs processes on loopback, and runs gfs-cli against them.

Every wait is for the thing itself, with a deadline. Processes are ended by their id. Ports are free ones of this
machine; directories live under one temporary root that goes away at the end.
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN = os.environ.get("GFS_BIN", os.path.join(os.path.dirname(__file__), "../../build/release/bin"))
SOURCE = os.environ.get("GFS_SOURCE", os.path.join(os.path.dirname(__file__), "../.."))
SLOW = 6 if "asan" in BIN or "tsan" in BIN else 1


def program(name):
    return os.path.join(BIN, name)


def free_ports(count):
    """The first of `count` neighbouring ports that are free now (control, data, events, ...).

    From below the range the kernel takes the near ends of connections from, so that no client of another test can
    have one of them by the time a server binds it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        ceiling = int(file.read().split()[0])
    while True:
        base = random.randrange(10000, ceiling - count) if ceiling > 11000 + count else random.randrange(20000, 60000)
        held = []
        try:
            for port in range(base, base + count):
                one = socket.socket()
                held.append(one)
                one.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for one in held:
                one.close()


def wait_for(what, condition, seconds=30):
    """Polls until condition() is true; its value is given back."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * SLOW} s in vain for: {what}")
        time.sleep(0.02)


class Daemon:
    """One daemon: its command line, its log file, its process."""

    def __init__(self, name, arguments, root):
        self.name = name
        self.arguments = arguments
        self.log_path = os.path.join(root, name + ".log")
        self.process = None

    def start(self, extra=()):
        self.log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.arguments + list(extra), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def log(self, since_start=True):
        with open(self.log_path, "rb") as log:
            log.seek(self.log_start if since_start else 0)
            return log.read().decode(errors="replace")

    def wait_ready(self, seconds=30):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-4000:]}")
            return "event=ready" in self.log()

        wait_for(f"{self.name} to be ready", ready, seconds)
        return self

    def kill(self, with_signal=signal.SIGKILL):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(with_signal)
        if self.process is not None:
            return self.process.wait(timeout=60 * SLOW)
        return None

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0


class Cluster:
    """One master and some chunkservers, each in a process of its own."""

    def __init__(self, chunkservers=3, root=None, master_settings="", chunkserver_settings=""):
        self.root = root or tempfile.mkdtemp(prefix="gfs-e2e-")
        if "repair_after" not in master_settings:  # nobody waits for half a minute
            master_settings = 'repair_after = "1s"\nrepair_after_leaving = "1s"\n' + master_settings
        with open(f"{self.root}/master.toml", "w") as file:
            file.write(master_settings)
        with open(f"{self.root}/chunkserver.toml", "w") as file:
            file.write(chunkserver_settings)
        base = free_ports(10 * (chunkservers + 1))
        self.address = f"tcp://127.0.0.1:{base}"
        self.master = Daemon(
            "master", [program("gfs-master"), "--data", f"{self.root}/master", "--listen", self.address, "--config", f"{self.root}/master.toml"],
            self.root)
        self.chunkservers = [
            Daemon(f"chunkserver-{i + 1}", [
                program("gfs-chunkserver"), "--data", f"{self.root}/chunkserver-{i + 1}", "--master", self.address,
                "--listen", f"tcp://127.0.0.1:{base + 10 * (i + 1)}", "--rack", f"r{i + 1}", "--config", f"{self.root}/chunkserver.toml"
            ], self.root) for i in range(chunkservers)
        ]

    def format_and_start(self):
        self.master.start(["--format"]).wait_ready()
        for server in self.chunkservers:
            server.start()
        for server in self.chunkservers:
            server.wait_ready()
        self.wait_up(len(self.chunkservers))
        return self

    def restart(self):
        self.master.start().wait_ready()
        for server in self.chunkservers:
            server.start()
        for server in self.chunkservers:
            server.wait_ready()
        self.wait_up(len(self.chunkservers))

    def wait_up(self, count):
        wait_for(f"{count} servers up", lambda: self.status()["servers"]["up"] == count)

    def kill_all(self):
        for daemon in [self.master] + self.chunkservers:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGKILL)
        for daemon in [self.master] + self.chunkservers:
            if daemon.process is not None:
                daemon.process.wait(timeout=60)

    def close(self):
        self.kill_all()
        shutil.rmtree(self.root, ignore_errors=True)

    def cli(self, *arguments, check=True, stdin=None, timeout=300):
        """Runs one gfs-cli command; gives the CompletedProcess (bytes)."""
        command = [program("gfs-cli"), "--master", self.address, *arguments]
        done = subprocess.run(command, input=stdin if stdin is not None else b"", capture_output=True, timeout=timeout * SLOW)
        if check and done.returncode != 0:
            logs = "\n".join(f"--- {d.name}\n{d.log()[-1500:]}" for d in [self.master] + self.chunkservers if d.process)
            raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr.decode(errors='replace')}\n{logs}")
        return done

    def cli_start(self, *arguments, stdout=subprocess.DEVNULL):
        command = [program("gfs-cli"), "--master", self.address, *arguments]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)

    def json(self, *arguments):
        return [json.loads(line) for line in self.cli("--json", *arguments).stdout.splitlines()]

    def status(self):
        done = self.cli("--json", "status", check=False)
        if done.returncode != 0:
            return {"servers": {"up": -1}}
        return json.loads(done.stdout)


class ClusterTest(unittest.TestCase):
    """A test case with a fresh cluster of 1 + 3 processes."""

    chunkservers = 3
    master_settings = ""  # TOML
    chunkserver_settings = ""

    def setUp(self):
        self.cluster = Cluster(self.chunkservers, master_settings=self.master_settings,
                               chunkserver_settings=self.chunkserver_settings).format_and_start()
        self.work = tempfile.mkdtemp(prefix="gfs-e2e-work-")

    def tearDown(self):
        self.cluster.close()
        shutil.rmtree(self.work, ignore_errors=True)


def main():
    unittest.main(module=sys.modules["__main__"], verbosity=2)
