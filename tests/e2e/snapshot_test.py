"""Snapshots: the verbs by hand; and one moment of a large tree while eight writers go on writing into it.

GFS_E2E_FILES (10000), GFS_E2E_SNAPSHOTS (2) and GFS_E2E_WRITE_S (2, between one thing and the next) make it quick, or
larger.
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid

from harness import ClusterTest, SLOW, main, program, wait_for

FILES = int(os.environ.get("GFS_E2E_FILES", str(10000 // SLOW)))
SNAPSHOTS = int(os.environ.get("GFS_E2E_SNAPSHOTS", "2"))
WRITE_S = float(os.environ.get("GFS_E2E_WRITE_S", "2"))

FURTHER_ON = 70000  # tests/e2e/overwriter.cc
OVERWRITTEN = b"0" * 16 + b"." * (FURTHER_ON - 16) + b"0" * 16
EACH = 2  # files of one writer, in turn


class Verbs(ClusterTest):
    master_settings = 'trash = "1h"\nlog_segment = "8KiB"\ncheckpoint_after = "4KiB"\n'

    def cli(self, *arguments, **options):
        return self.cluster.cli(*arguments, **options)

    def code(self, *arguments, stdin=None):
        done = self.cluster.cli(*arguments, check=False, stdin=stdin)
        return done.returncode, done.stderr.decode()

    def refused(self, code, *arguments, stdin=None):
        ended, err = self.code(*arguments, stdin=stdin)
        self.assertEqual(ended, code, f"{' '.join(arguments)}: {err}")
        self.assertIn("try:", err)

    def cat(self, path):
        return self.cli("cat", path).stdout

    def put(self, content, path):
        self.cli("put", "-f", "-", path, stdin=content)

    def lines(self, *arguments):
        return self.cli(*arguments).stdout.decode().splitlines()

    def test_by_hand(self):
        large = os.urandom(300000)
        self.cli("mkdir", "-p", "/a/b")
        self.put(large, "/a/b/large")
        self.put(b"one", "/a/one")
        self.put(b"gone soon", "/a/b/two")
        self.cli("append", "/a/log", stdin=b"first\n")
        self.assertEqual(self.lines("snapshot", "ls"), [])

        made = json.loads(self.cli("--json", "snapshot", "create", "/a", "monday").stdout)
        self.assertEqual((made["path"], made["files"], made["directories"], made["chunks"]), ("/.snapshots/monday", 4, 2, 4))
        listed = self.cluster.json("snapshot", "ls")
        self.assertEqual([(one["name"], one["source"], one["files"], one["directories"]) for one in listed],
                         [("monday", "/a", 4, 2)])
        self.assertEqual(self.lines("ls", "/.snapshots"), ["monday"])
        self.assertEqual(self.lines("snapshot", "diff", "monday"), [])

        self.put(b"another one", "/a/one")
        self.cli("append", "/a/log", stdin=b"second\n")
        self.cli("truncate", "/a/b/large", "100000")
        self.cli("rm", "--now", "/a/b/two")
        self.put(b"new", "/a/new")
        self.cli("mkdir", "/a/empty")
        self.assertEqual(self.cat("/.snapshots/monday/one"), b"one")
        self.assertEqual(self.cat("/.snapshots/monday/log"), b"first\n")
        self.assertEqual(self.cat("/.snapshots/monday/b/large"), large)
        self.assertEqual(self.cat("/.snapshots/monday/b/two"), b"gone soon")
        self.assertEqual(self.cat("/a/log"), b"first\nsecond\n")
        self.assertEqual(self.cat("/a/b/large"), large[:100000])
        changed = sorted(self.lines("snapshot", "diff", "monday"))
        self.assertEqual(changed, sorted(["M\tone\t3\t11", "M\tlog\t6\t13", "M\tb/large\t300000\t100000", "-\tb/two\t9\t-",
                                          "+\tnew\t-\t3", "+\tempty/\t-\t-"]))

        self.cluster.master.kill()
        self.cluster.master.start().wait_ready()
        self.cluster.wait_up(3)
        self.cli("append", "/a/log", stdin=b"third\n")
        self.assertEqual(self.cat("/.snapshots/monday/log"), b"first\n")
        self.assertEqual(sorted(self.lines("snapshot", "diff", "monday"))[0], "+\tempty/\t-\t-")

        # Nobody remembers how far anything was committed: reading a snapshot must do without a write.
        self.cluster.kill_all()
        self.cluster.restart()
        self.assertEqual(self.cat("/.snapshots/monday/log"), b"first\n")
        self.assertEqual(self.cat("/.snapshots/monday/b/large"), large)
        self.assertEqual(self.cat("/a/log"), b"first\nsecond\nthird\n")

        self.read_only()
        self.names_and_paths()

        self.cli("snapshot", "restore", "monday", "/back")
        self.assertEqual(self.lines("snapshot", "diff", "monday", "/back"), [])
        self.cli("append", "/back/log", stdin=b"elsewhere\n")
        self.assertEqual(self.cat("/back/log"), b"first\nelsewhere\n")
        self.assertEqual(self.cat("/.snapshots/monday/log"), b"first\n")
        self.cli("snapshot", "restore", "monday/b", "/back/b-again")
        self.assertEqual(self.cat("/back/b-again/large"), large)

        # In the trash it keeps its snapshot, and the snapshot keeps it.
        self.cli("rm", "-r", "/a")
        self.assertEqual(self.cat("/.snapshots/monday/b/large"), large)
        self.cli("snapshot", "create", "/back", "tuesday")
        self.cli("snapshot", "rm", "monday", "tuesday")
        self.assertEqual(self.lines("snapshot", "ls"), [])
        self.assertEqual(self.code("cat", "/.snapshots/monday/one")[0], 3)
        self.refused(3, "snapshot", "rm", "monday")
        self.cli("trash", "restore", "/a")
        self.assertEqual(self.cat("/a/b/large"), large[:100000])
        self.assertEqual(self.cat("/back/b/large"), large)

        def sound(path):
            return self.cli("chunk", "verify", path, check=False).returncode == 0

        for path in ("/a/log", "/a/b/large", "/back/log", "/back/b/large"):
            wait_for(f"equal replicas of {path}", lambda path=path: sound(path))
        self.cli("rm", "-r", "--now", "/a")
        self.cli("rm", "-r", "--now", "/back")
        wait_for("all chunks to be gone", lambda: self.cluster.status()["chunks"]["total"] == 0)

    def read_only(self):
        for arguments in (("mkdir", "/.snapshots/monday/x"), ("mkdir", "/.snapshots/x"), ("rm", "/.snapshots/monday/one"),
                          ("rm", "-r", "/.snapshots/monday"), ("rm", "-r", "--now", "/.snapshots"),
                          ("mv", "/.snapshots/monday/one", "/a/moved"), ("mv", "/a/new", "/.snapshots/monday/new"),
                          ("mv", "/.snapshots/monday", "/.snapshots/sunday"), ("truncate", "/.snapshots/monday/one", "1"),
                          ("setrep", "2", "/.snapshots/monday/one"), ("setpolicy", "/.snapshots/monday", "--trash", "off"),
                          ("setpolicy", "/.snapshots/monday/one", "--ack", "primary")):
            self.refused(9, *arguments)
        self.refused(9, "append", "/.snapshots/monday/log", stdin=b"more\n")
        self.refused(9, "put", "-", "/.snapshots/monday/x", stdin=b"x")
        self.refused(9, "put", "-f", "-", "/.snapshots/monday/one", stdin=b"x")
        self.assertEqual(self.cat("/.snapshots/monday/one"), b"one")
        self.assertEqual(self.cat("/.snapshots/monday/log"), b"first\n")
        self.assertEqual(sorted(self.lines("ls", "/.snapshots/monday")), ["b", "log", "one"])
        self.cli("cp", "/.snapshots/monday/one", "/copied")
        self.assertEqual(self.cat("/copied"), b"one")
        self.cli("rm", "--now", "/copied")

    def names_and_paths(self):
        self.refused(4, "snapshot", "create", "/a", "monday")
        self.refused(4, "snapshot", "create", "/a", "/a")
        self.refused(4, "snapshot", "restore", "monday", "/a")
        self.refused(3, "snapshot", "create", "/nothing", "tuesday")
        self.refused(3, "snapshot", "restore", "tuesday", "/t")
        self.refused(3, "snapshot", "create", "/a", "/nowhere/a")
        self.refused(3, "snapshot", "diff", "tuesday")
        self.refused(2, "snapshot", "create", "/a", "/a/b/inside")
        for name in ("a/b", ".", "..", "", "x" * 256):
            self.refused(2, "snapshot", "create", "/a", name)
        self.cli("setpolicy", "/a/b", "--quota-files", "2")
        self.refused(5, "snapshot", "restore", "monday", "/a/b/back")
        self.assertEqual([one["name"] for one in self.cluster.json("snapshot", "ls")], ["monday"])

    def test_a_request_is_done_once(self):
        self.put(b"one", "/one")
        client = str(uuid.uuid4())
        for _ in range(2):
            made = json.loads(self.cli("--json", "snapshot", "create", "/one", "first", "--req", f"{client}:1").stdout)
            self.assertEqual((made["path"], made["files"], made["chunks"]), ("/.snapshots/first", 1, 1))
            self.cluster.master.kill()
            self.cluster.master.start().wait_ready()
            self.cluster.wait_up(3)
        self.refused(4, "snapshot", "create", "/one", "second", "--req", f"{client}:1")
        self.assertEqual(self.cat("/.snapshots/first"), b"one")
        self.cli("snapshot", "rm", "first", "--req", f"{client}:2")
        self.cli("snapshot", "create", "/one", "first")
        self.cli("snapshot", "rm", "first", "--req", f"{client}:2")
        self.assertEqual(len(self.lines("snapshot", "ls")), 1)


class Writer(threading.Thread):
    """Writes 1, 2, 3, ... into its files in turn, each when the one before it is acknowledged."""

    def __init__(self, test, number):
        super().__init__(name=f"{self.kind} {number}")
        self.cluster = test.cluster
        self.root = test.cluster.root
        self.files = [f"written/{self.kind}-{number}-{i}" for i in range(EACH)]
        self.log = []  # number n at n - 1: [begun, acknowledged or None]
        self.stopping = threading.Event()
        self.error = None
        self.errors = tempfile.TemporaryFile(dir=self.root)
        self.processes = []

    def file_of(self, number):
        return self.files[number % EACH]

    def process(self, *command):
        started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        self.processes.append(started)
        return started

    def shell(self):
        return self.process(program("gfs-cli"), "--master", self.cluster.address, "--json")

    def say(self, process, line):
        """A line, and the line that answers it."""
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = b""
        if not answer:
            self.errors.seek(0)
            raise AssertionError(f"{self.name} failed at number {len(self.log)}: {self.errors.read().decode()}")
        return answer

    def run(self):
        try:
            self.open()
            while not self.stopping.is_set():
                entry = [time.monotonic(), None]
                self.log.append(entry)
                self.write(len(self.log))
                entry[1] = time.monotonic()
        except Exception as error:  # told by the test
            self.error = error
        finally:
            for process in self.processes:
                process.stdin.close()
                process.stdout.close()
                process.wait()

    def acknowledged(self):
        log = self.log
        return len(log) if log and log[-1][1] is not None else max(0, len(log) - 1)

    def bounds(self, before, after):
        """The last number acknowledged before one time, and the last begun before another."""
        low = sum(1 for begun, done in self.log if done is not None and done < before)
        high = sum(1 for begun, done in self.log if begun < after)
        return low, high

    def latest(self, number, file):
        """The last one, not behind `number`, that went to a file."""
        return next((n for n in range(number, max(0, number - EACH), -1) if n % EACH == file), 0)

    def state(self, tree, root):
        """The last number in a tree that was fetched from `root`; it and those before it are all there, in order."""
        found = [self.numbers(os.path.join(tree, name), f"{root}/{name}") for name in self.files]
        last = max(newest for newest, _ in found)
        for file, (newest, whole) in enumerate(found):
            wanted = self.latest(last, file)
            assert newest == wanted, f"{self.name} in {root}: number {last} is there, and {newest} in {self.files[file]}"
            # Of the last one a part may be missing.
            assert whole == wanted or (wanted == last and whole == self.latest(last - 1, file)), (
                f"{self.name} in {root}: {self.files[file]} has {newest}, whole only {whole}, and there is {last}")
        return last


class Overwriter(Writer):
    kind = "overwritten"
    content = OVERWRITTEN

    def open(self):
        self.program = self.process(program("e2e_overwriter"), self.cluster.address)

    def write(self, number):
        answer = self.say(self.program, f"{self.tree}/{self.file_of(number)} {number}\n".encode())
        assert int(answer) == number, answer

    def numbers(self, local, path):
        with open(local, "rb") as file:
            content = file.read()
        assert len(content) == len(OVERWRITTEN), f"{path} has {len(content)} bytes"
        assert content[16:FURTHER_ON] == OVERWRITTEN[16:FURTHER_ON], path
        return int(content[:16]), int(content[FURTHER_ON:])


class Lines(Writer):
    kind = "appended"
    content = b""

    def open(self):
        self.program = self.shell()
        self.line = os.path.join(self.root, self.name.replace(" ", "-"))

    def write(self, number):
        with open(self.line, "w") as file:
            file.write(f"{number}\n")
        self.say(self.program, f"append {self.tree}/{self.file_of(number)} {self.line}\n".encode())

    def numbers(self, local, path):
        with open(local) as file:
            return self.in_order(file.read().split(), path)

    def in_order(self, found, path):
        found = [int(one) for one in found]
        if not found:
            return 0, 0
        first = found[0]
        assert first <= EACH and found == list(range(first, found[-1] + 1, EACH)), f"{path}: {found[:20]} ..."
        return found[-1], found[-1]


class Records(Lines):
    kind = "records"

    def open(self):
        self.programs = {
            name: self.process(program("gfs-cli"), "--master", self.cluster.address, "rappend", f"{self.tree}/{name}")
            for name in self.files
        }

    def write(self, number):
        self.say(self.programs[self.file_of(number)], f"{number}\n".encode())

    def numbers(self, local, path):
        return self.in_order(self.cluster.cli("records", path).stdout.split(), path)


class Maker(Writer):
    """Makes new files; a new one has its name before it has its bytes."""
    kind = "made"
    content = b""

    def open(self):
        self.program = self.shell()
        self.local = os.path.join(self.root, self.name.replace(" ", "-"))

    def write(self, number):
        with open(self.local, "w") as file:
            file.write(f"{number}\n")
        self.say(self.program, f"put {self.local} {self.tree}/new/{number}\n".encode())

    def state(self, tree, root):
        made = sorted(int(name) for name in os.listdir(os.path.join(tree, "new")) if name.isdigit())
        assert made == list(range(1, len(made) + 1)), f"{root}/new: {made}"
        for number in made:
            with open(os.path.join(tree, "new", str(number))) as file:
                content = file.read()
            if number == len(made) and content == "":
                return number - 1
            assert content == f"{number}\n", f"{root}/new/{number}: {content!r}"
        return len(made)


def digests(tree):
    """Every file and directory of a local tree."""
    found = {}
    for folder, folders, names in os.walk(tree):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), tree)] = "directory"
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, tree)] = hashlib.sha256(file.read()).hexdigest()
    return found


class OneMoment(ClusterTest):
    master_settings = 'trash = "1h"\n'
    tree = "/tree"

    def fetch(self, path):
        began = time.monotonic()
        to = os.path.join(self.work, "fetched")
        shutil.rmtree(to, ignore_errors=True)
        self.cluster.cli("get", "-r", path, to, timeout=600)
        self.fetched_s.append(time.monotonic() - began)
        return to

    def make_tree(self):
        local = os.path.join(self.work, "tree")
        names = [f"{i // 1000:03}/{i % 1000:03}" for i in range(FILES)]
        for name in names:
            os.makedirs(os.path.dirname(os.path.join(local, name)), exist_ok=True)
            with open(os.path.join(local, name), "w") as file:
                file.write(f"file {name}\n")
        os.makedirs(os.path.join(local, "written"))
        os.makedirs(os.path.join(local, "new"))
        for writer in self.writers:
            for name in writer.files:
                with open(os.path.join(local, name), "wb") as file:
                    file.write(writer.content)
        began = time.monotonic()
        self.cluster.cli("put", "-r", local, self.tree, timeout=800)
        print(f"put {FILES} files in {time.monotonic() - began:.1f} s", flush=True)
        self.untouched = {name: digest for name, digest in digests(local).items()
                          if name.split("/")[0] not in ("written", "new")}

    def go_on(self):
        """The writers write for a while, and each at least a few numbers."""
        until = time.monotonic() + WRITE_S
        had = [writer.acknowledged() for writer in self.writers]

        def all_went_on():
            for writer in self.writers:
                if writer.error is not None:
                    raise writer.error
            wrote = all(w.acknowledged() >= before + 2 * EACH for w, before in zip(self.writers, had))
            return wrote and time.monotonic() >= until

        wait_for("every writer to go on", all_went_on, 60)

    def create(self, target):
        before = time.monotonic()
        made = json.loads(self.cluster.cli("--json", "snapshot", "create", self.tree, target).stdout)
        self.created.append((before, time.monotonic()))
        self.assertGreaterEqual(made["files"], FILES + EACH * len(self.writers))
        self.assertLess(made["chunks"], 100000)
        return made["path"]

    def check(self, path, before, after):
        """What a snapshot shows is of one moment between two times; gives all of it."""
        tree = self.fetch(path)
        found = digests(tree)
        for name, digest in self.untouched.items():
            self.assertEqual(found.get(name), digest, name)
        for writer in self.writers:
            low, high = writer.bounds(before, after)
            state = writer.state(tree, path)
            self.assertGreaterEqual(state, low, f"{writer.name} in {path}: acknowledged before it was asked for")
            self.assertLessEqual(state, high, f"{writer.name} in {path}: begun after it was there")
        return found

    def longest(self, during):
        """How long a writer waited for an acknowledgement, at most: while a snapshot was made, or otherwise."""
        worst = 0
        for writer in self.writers:
            for begun, done in writer.log:
                halted = any(begun < after and (done or after) > before for before, after in self.created)
                if done is not None and halted == during:
                    worst = max(worst, done - begun)
        return worst

    def test_of_a_tree_that_is_written_to(self):
        self.fetched_s, self.created = [], []
        kinds = [Overwriter, Overwriter, Overwriter, Lines, Lines, Records, Records, Maker]
        self.writers = [kind(self, number) for number, kind in enumerate(kinds)]
        self.make_tree()
        for writer in self.writers:
            writer.tree = self.tree
            writer.start()
        try:
            self.go_on()
            taken = {}
            for number in range(SNAPSHOTS):
                path = self.create(f"number-{number}")
                self.go_on()
                taken[path] = self.check(path, *self.created[-1])
                self.go_on()
            copy = self.create("/copy")
            self.go_on()
            copied = self.check(copy, *self.created[-1])
        finally:
            for writer in self.writers:
                writer.stopping.set()
            for writer in self.writers:
                writer.join()
                writer.errors.close()
        for writer in self.writers:
            if writer.error is not None:
                raise writer.error

        # The source has all that was acknowledged; the others are as they were.
        now = self.check(self.tree, float("inf"), float("inf"))
        first = next(iter(taken))
        changed = {name for name in set(now) | set(taken[first]) if now.get(name) != taken[first].get(name)}
        told = {line.split("\t")[1].rstrip("/")
                for line in self.cluster.cli("snapshot", "diff", "number-0").stdout.decode().splitlines()}
        self.assertLessEqual(changed, told)
        self.assertLessEqual({name.split("/")[0] for name in told}, {"written", "new"})
        for path, found in taken.items():
            self.assertEqual(digests(self.fetch(path)), found, path)

        # Also when the source is gone, and a copy of a copy is written to.
        self.cluster.cli("rm", "-r", "--now", self.tree)
        self.cluster.cli("snapshot", "restore", "number-0", "/back")
        self.cluster.cli("append", f"/back/{self.writers[3].files[0]}", stdin=b"more\n")
        self.assertEqual(digests(self.fetch(first)), taken[first])
        self.assertEqual(digests(self.fetch(copy)), copied)

        self.cluster.cli("rm", "-r", "--now", "/back")
        self.cluster.cli("rm", "-r", "--now", copy)
        self.assertEqual(digests(self.fetch(first)), taken[first])
        self.cluster.cli("snapshot", "rm", *[path.rsplit("/", 1)[1] for path in taken])
        self.assertEqual(self.cluster.cli("snapshot", "ls").stdout, b"")
        wait_for("the trash to be taken apart", lambda: self.cluster.status()["trash"]["items"] == 0, 120)
        wait_for("all chunks to be gone", lambda: self.cluster.status()["chunks"]["total"] == 0, 120)
        self.assertEqual(self.cluster.status()["files"], 0)

        took = ", ".join(f"{after - before:.2f}" for before, after in self.created)
        print(f"{len(self.created)} snapshots of {FILES} files in {took} s; numbers written:",
              ", ".join(f"{writer.name}: {writer.acknowledged()}" for writer in self.writers))
        print(f"longest wait of a writer: {self.longest(True) * 1000:.0f} ms while one was made, "
              f"{self.longest(False) * 1000:.0f} ms otherwise; fetched in up to {max(self.fetched_s):.1f} s")


if __name__ == "__main__":
    main()
