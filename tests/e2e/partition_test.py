"""Servers that stand still, and networks that let bytes through one way only, late, or in fits: what the gossip, the
master and a client say meanwhile, and that all is whole afterwards. GFS_E2E_TELL=1 prints when what was seen;
GFS_E2E_LONG=1 takes the default times (a stop of 60 s, copies 30 s behind lost).

The network is tests/e2e/proxy.py: a node advertises its proxy's ports."""

import json
import os
import random
import signal
import subprocess
import threading
import time
import unittest

from harness import SLOW, Cluster, main, program, wait_for
from proxy import Network

TELL = os.environ.get("GFS_E2E_TELL")
LONG = os.environ.get("GFS_E2E_LONG")
REPAIR_AFTER = "30s" if LONG else "4s"
MASTER, SERVERS = "master", "cs"


class Reader(threading.Thread):
    """A client that reads one file after the other; each as a new process, which knows nothing of the last one's."""

    def __init__(self, cluster, contents):
        super().__init__()
        self.cluster, self.contents = cluster, contents
        self.stopping = threading.Event()
        self.reads, self.slowest, self.failed = 0, 0.0, []

    def run(self):
        while not self.stopping.is_set():
            for path, data in self.contents.items():
                begin = time.monotonic()
                done = self.cluster.cli("cat", path, check=False)
                self.slowest = max(self.slowest, time.monotonic() - begin)
                self.reads += 1
                if done.returncode != 0 or done.stdout != data:
                    self.failed.append(f"{path}: {done.returncode} {done.stderr.decode()}")
                self.stopping.wait(0.05)  # its rate

    def take_slowest(self):
        slowest, self.slowest = self.slowest, 0.0
        return slowest


class Appending:
    """Records appended to one file, one after the other, and which of them were acknowledged."""

    def __init__(self, cluster, path):
        self.path, self.cluster = path, cluster
        command = [program("gfs-cli"), "--master", cluster.address, "--json", "rappend", path]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.told = 0
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.feed), threading.Thread(target=self.collect)]
        for thread in self.threads:
            thread.start()

    def feed(self):
        number = 0
        try:
            while not self.stopping.is_set():
                self.process.stdin.write(b"record %d\n" % number)
                self.process.stdin.flush()
                number += 1
                self.stopping.wait(0.02)  # its rate
            self.process.stdin.close()
        except OSError:  # it has ended: why, end() tells
            pass

    def collect(self):
        for line in self.process.stdout:
            json.loads(line)
            self.told += 1

    def end(self):
        """What was appended; all of it was acknowledged."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(120 * SLOW)
        errors = self.process.stderr.read().decode()
        if self.process.wait(60 * SLOW) != 0:
            raise AssertionError(errors)
        self.process.stderr.close()
        self.process.stdout.close()
        return [b"record %d" % number for number in range(self.told)]


class Story(unittest.TestCase):
    chunkservers = 5
    files = 8
    network = None

    def setUp(self):
        self.cluster = Cluster(self.chunkservers, master_settings=f'repair_after = "{REPAIR_AFTER}"\ncollect_after = "1s"\n')
        self.addCleanup(self.cluster.close)
        self.connect()
        self.cluster.format_and_start()
        self.contents = {f"/f{number}": random.Random(number).randbytes(300000) for number in range(self.files)}
        for path, data in self.contents.items():
            self.cluster.cli("put", "-", path, stdin=data)
        wait_for("all to know each other", lambda: len(self.cluster.json("gossip")) == self.chunkservers + 1)
        self.ids = {self.port(number): one["server"] for number in range(self.chunkservers)
                    for one in self.cluster.json("server", "ls") if one["address"].endswith(f":{self.port(number)}")}
        self.begin = time.monotonic()
        self.said = {}
        self.reader = None

    def connect(self):
        pass

    def port(self, number):
        """The control port that a chunkserver says is its own."""
        arguments = self.cluster.chunkservers[number].arguments
        option = "--advertise" if "--advertise" in arguments else "--listen"
        return int(arguments[arguments.index(option) + 1].rsplit(":", 1)[1])

    def tell(self, text):
        if TELL:
            print(f"{time.monotonic() - self.begin:8.1f} s  {text}", flush=True)

    def start_reader(self):
        self.reader = Reader(self.cluster, self.contents)
        self.reader.start()
        self.addCleanup(self.stop_reader)

    def stop_reader(self):
        if self.reader and self.reader.is_alive():
            self.reader.stopping.set()
            self.reader.join(120 * SLOW)
            self.tell(f"client: {self.reader.reads} reads, {len(self.reader.failed)} failed")

    def repair(self):
        return self.cluster.json("repair", "status")[0]

    # What is believed of a chunkserver: at the master; in the gossip of the master, or of another chunkserver.
    def state(self, number):
        server = self.ids[self.port(number)]
        return next(one["state"] for one in self.cluster.json("server", "ls") if one["server"] == server)

    def gossip(self, number, at=None):
        where = [] if at is None else [f"tcp://127.0.0.1:{self.port(at)}"]
        server = self.ids[self.port(number)]
        return next((one for one in self.cluster.json("gossip", *where) if one["node"] == server),
                    {"status": "unknown", "verdict": "-", "incarnation": 0})

    def look(self, number, other):
        """Takes down what has changed in what is said of chunkserver `number`: by the master, the gossip of the
        master, that of chunkserver `other`, and a client."""
        views = {"master": self.state(number)}
        own = self.gossip(number)
        views["gossip at the master"] = own["status"] + (f", verdict {own['verdict']}" if own["verdict"] != "-" else "")
        views[f"gossip at cs{other + 1}"] = self.gossip(number, other)["status"]
        chunks = self.cluster.status()["chunks"]
        views["chunks"] = f"{chunks['full']} of {chunks['total']} whole"
        for who, view in views.items():
            seen = self.said.setdefault(who, [])
            if not seen or seen[-1] != view:
                seen.append(view)
                slow = f"; slowest read since {1e3 * self.reader.take_slowest():.0f} ms" if self.reader else ""
                self.tell(f"{who}: {view}{slow}")
        return views

    def watch(self, number, other, what, condition, seconds):
        """Looks until the condition holds."""
        def done():
            views = self.look(number, other)
            return condition(views)
        return wait_for(what, done, seconds)

    def watch_for(self, number, other, seconds):
        """Looks for so long: how long the fault lasts."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look(number, other)

    def is_whole(self):
        chunks = self.cluster.status()["chunks"]
        return chunks["full"] == chunks["total"] > 0 and self.repair()["in_need"] == 0

    def wait_whole(self):
        wait_for("all chunks to be whole", self.is_whole, 120)

    def check_all(self):
        """Everything is whole, can be read, and is the same everywhere."""
        self.wait_whole()
        self.stop_reader()
        if self.reader:
            self.assertEqual(self.reader.failed, [])
        for path, data in self.contents.items():
            self.assertTrue(self.cluster.cli("cat", path).stdout == data, f"{path}: bytes differ")
            wait_for("equal replicas", lambda p=path: self.cluster.cli("chunk", "verify", p, check=False).returncode == 0, 60)
            for chunk in self.cluster.json("chunk", "ls", path):
                self.assertEqual([one["state"] for one in chunk["members"] if one["state"] not in ("away", "stale")], ["ok"] * 3, chunk)

    def surplus(self):
        return [member for path in self.contents for chunk in self.cluster.json("chunk", "ls", path)
                for member in chunk["members"] if member["state"] == "stale"]

    def is_current_at(self, number):
        """Files of which it holds the newest version, as far as the master knows, whether it can be reached or not."""
        server = self.ids[self.port(number)]
        return [path for path in self.contents for chunk in self.cluster.json("chunk", "ls", path)
                if any(member["server"] == server and member["version"] == chunk["version"] for member in chunk["members"])]

    def chunks_of(self, number):
        """Files of which it holds what counts."""
        server = self.ids[self.port(number)]
        return [path for path in self.contents for chunk in self.cluster.json("chunk", "ls", path)
                if any(member["server"] == server and member["state"] == "ok" for member in chunk["members"])]


class StandingStill(Story):

    def stop(self, number):
        process = self.cluster.chunkservers[number].process
        process.send_signal(signal.SIGSTOP)
        self.addCleanup(process.send_signal, signal.SIGCONT)
        self.tell(f"SIGSTOP cs{number + 1}")

    def go_on(self, number):
        self.cluster.chunkservers[number].process.send_signal(signal.SIGCONT)
        self.tell(f"SIGCONT cs{number + 1}")

    def test_five_seconds_are_no_loss(self):
        self.start_reader()
        before = self.gossip(0)["incarnation"]
        self.stop(0)
        self.watch_for(0, 1, 5)
        self.go_on(0)
        self.watch(0, 1, "everybody to hear it again", lambda views: views["master"] == "up" and all(
            view.startswith("alive") for who, view in views.items() if who.startswith("gossip")), 60)
        self.assertNotIn("lost", self.said["master"])
        self.assertFalse([view for view in self.said["gossip at the master"] if "verdict" in view])
        if "suspect" in self.said["gossip at the master"]:
            self.assertGreater(self.gossip(0)["incarnation"], before, "it contradicted")
        self.assertEqual(self.repair()["copied_chunks"], 0)
        self.check_all()

    def test_X04_a_minute_is_made_up_for_and_the_one_that_returns_is_too_many(self):
        self.start_reader()
        held = self.chunks_of(0)
        self.assertNotEqual(held, [])
        stopped = time.monotonic()
        self.stop(0)
        self.watch(0, 1, "it to be lost", lambda views: views["master"] == "lost", 60)
        self.watch(0, 1, "the set to be whole", lambda views: self.is_whole(), 120)
        repair = self.repair()
        self.tell(f"copied: {repair['copied_chunks']} chunks, {repair['copied_bytes']} bytes")
        if LONG:
            self.watch_for(0, 1, stopped + 60 - time.monotonic())
        self.assertEqual(repair["copied_chunks"], len(held))
        self.assertEqual(repair["copied_bytes"], 300000 * len(held), "each once")
        self.assertEqual(self.chunks_of(0), [])
        self.assertIn("suspect", self.said["master"])
        self.said["chunks"].clear()
        self.go_on(0)
        self.watch(0, 1, "it to be up", lambda views: views["master"] == "up", 60)
        # What it has is too much; it lets go of it, and the others stay.
        self.watch(0, 1, "its surplus to go", lambda views: not self.surplus(), 120)
        self.tell("its surplus is gone")
        self.assertEqual(self.said["chunks"], [f"{self.files} of {self.files} whole"], "never below what is wanted")
        self.assertEqual(self.repair()["copied_bytes"], repair["copied_bytes"], "nothing is copied twice")
        self.check_all()


class StandingStillOfThree(StandingStill):
    chunkservers = 3
    test_five_seconds_are_no_loss = None
    test_X04_a_minute_is_made_up_for_and_the_one_that_returns_is_too_many = None

    def test_what_the_one_that_returns_holds_is_used(self):
        self.start_reader()
        self.stop(0)
        self.watch(0, 1, "it to be lost", lambda views: views["master"] == "lost", 60)
        # Not only silent: the chunks have gone on without it.
        wait_for("it to leave its chunks", lambda: self.is_current_at(0) == [], 60)
        self.go_on(0)
        self.watch(0, 1, "the set to be whole", lambda views: self.is_whole() and len(self.is_current_at(0)) == self.files, 120)
        repair = self.repair()
        self.tell(f"copied: {repair['copied_chunks']} chunks, {repair['copied_bytes']} bytes")
        self.assertEqual(repair["copied_bytes"], 0, "it has everything")
        self.assertEqual(len(self.chunks_of(0)), self.files)
        self.check_all()


class Partitions(Story):
    chunkservers = 4

    def connect(self):
        self.network = Network()
        self.addCleanup(self.network.close)
        daemons = [self.cluster.master] + self.cluster.chunkservers
        master = None
        for number, daemon in enumerate(daemons):
            listen = int(daemon.arguments[daemon.arguments.index("--listen") + 1].rsplit(":", 1)[1])
            name = MASTER if number == 0 else f"cs{number}"
            node = self.network.add(name, listen + 5, listen)
            node.pid = lambda d=daemon: d.process.pid if d.process else None
            daemon.arguments += ["--advertise", f"tcp://127.0.0.1:{listen + 5}"]
            if number == 0:
                master = f"tcp://127.0.0.1:{listen + 5}"
            else:
                daemon.arguments[daemon.arguments.index("--master") + 1] = master

    def begin_log(self):
        """Appends to /log; its primary's number."""
        self.cluster.cli("append", "/log", stdin=b"begin\n")
        chunk = self.cluster.json("chunk", "ls", "/log")[0]
        appending = Appending(self.cluster, "/log")
        self.addCleanup(appending.process.kill)
        wait_for("appends to run", lambda: appending.told > 20)
        return next(number for number in range(self.chunkservers) if self.ids[self.port(number)] == chunk["primary"]), appending

    def one_way(self, cut_from_master):
        primary, appending = self.begin_log()
        name, other = f"cs{primary + 1}", (primary + 1) % self.chunkservers
        source, target = (MASTER, name) if cut_from_master else (name, MASTER)
        version = self.cluster.json("chunk", "ls", "/log")[0]["version"]
        self.start_reader()
        self.network.set(source, target, cut=True)
        self.tell(f"nothing gets from {source} to {target}; {name} is the primary of /log")
        self.watch(primary, other, "the verdict", lambda views: views["master"] == "lost", 60)
        self.tell(f"{name}'s own gossip, of the master: " + next(
            one["status"] for one in self.cluster.json("gossip", f"tcp://127.0.0.1:{self.port(primary)}") if one["role"] == "master"))
        wait_for("it to leave its chunks", lambda: self.cluster.json("chunk", "ls", "/log")[0]["version"] > version, 60)
        told = appending.told
        wait_for("appends to go on without it", lambda: appending.told > told + 20, 60)
        [chunk] = self.cluster.json("chunk", "ls", "/log")
        self.assertNotIn(self.ids[self.port(primary)], [one["server"] for one in chunk["members"] if one["state"] == "ok"])
        self.watch(primary, other, "the others to be whole", lambda views: self.is_whole(), 120)
        self.network.heal()
        self.tell("healed")
        self.watch(primary, other, "it to be back", lambda views: views["master"] == "up" and views["gossip at the master"].startswith(
            "alive"), 60)
        records = appending.end()
        # Whoever ordered writes did so alone: each acknowledged record is there once, in order.
        self.assertEqual(self.cluster.cli("records", "/log").stdout.splitlines(), records)
        self.tell(f"{len(records)} records acknowledged, all there, once")
        wait_for("equal replicas", lambda: self.cluster.cli("chunk", "verify", "/log", check=False).returncode == 0, 60)
        self.check_all()

    def test_P04_hearing_but_not_heard(self):
        self.one_way(cut_from_master=False)

    def test_P04_heard_but_not_hearing(self):
        self.one_way(cut_from_master=True)

    def test_late_and_lossy_is_alive(self):
        self.start_reader()
        self.network.both(MASTER, "cs1", delay=0.1, loss=0.1)
        self.network.both("cs1", "client", delay=0.1, loss=0.02)
        self.tell("between the master and cs1: 100 ms each way, one piece in ten is lost")
        self.watch_for(0, 1, 30 if LONG else 12)
        lost = sum(way.dropped for way in self.network.ways.values())
        self.network.heal()
        self.tell(f"healed; {lost} pieces were lost at first")
        self.assertGreater(lost, 0)
        self.watch(0, 1, "it to be up", lambda views: views["master"] == "up", 60)
        self.assertNotIn("lost", self.said["master"])
        self.assertEqual(self.repair()["copied_chunks"], 0)
        self.check_all()


if __name__ == "__main__":
    main()
