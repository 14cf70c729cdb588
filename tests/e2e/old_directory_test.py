"""The master's directory was restored from an old copy: chunkservers refuse it, no chunk is touched, the messages say
what to do; adopted in a new log epoch it is followed and everything that it knows of is read at its newest content; the
right directory is then the one that is refused.
"""

import hashlib
import json
import os
import re
import shutil
import struct

from harness import ClusterTest, main, wait_for

NAMES = [f"/f{i}" for i in range(6)]


class OldDirectory(ClusterTest):
    def path(self, name):
        return f"{self.cluster.root}/{name}"

    def put(self, name, content, *options):
        local = os.path.join(self.work, "local")
        with open(local, "wb") as file:
            file.write(content)
        self.cluster.cli("put", *options, local, name)

    def read(self, name):
        done = self.cluster.cli("cat", name, check=False)
        return done.stdout if done.returncode == 0 else None

    def remembered(self):
        """The least index of the master's log that the chunkservers have on their disks."""
        seen = []
        for number in range(1, 4):
            with open(self.path(f"chunkserver-{number}/master_seen"), "rb") as file:
                seen.append(struct.unpack_from("<Q", file.read(), 44)[0])
        return min(seen)

    def epochs(self):
        """Those that entries of the log are of."""
        stat = json.loads(self.cluster.cli("--json", "log", "stat", self.path("master")).stdout)
        return [one["epoch"] for one in stat["epochs"]]

    def chunk_files(self):
        found = {}
        for number in range(1, 4):
            for folder, _, names in os.walk(self.path(f"chunkserver-{number}/chunks")):
                for name in names:
                    path = os.path.join(folder, name)
                    with open(path, "rb") as file:
                        found[path] = hashlib.sha256(file.read()).hexdigest()
        return found

    def use_directory(self, source):
        self.cluster.master.kill()
        shutil.rmtree(self.path("master"))
        shutil.copytree(self.path(source), self.path("master"))

    def keep_directory(self, target):
        shutil.rmtree(self.path(target), ignore_errors=True)
        shutil.copytree(self.path("master"), self.path(target))

    def wait_refused(self, number):
        """Every chunkserver says why, and to which number; the master too."""
        for server in self.cluster.chunkservers:
            wait_for(f"{server.name} to refuse", lambda: f"--adopt-new-epoch={number}" in server.log(since_start=False)[self.seen[server.name]:])
            text = server.log(since_start=False)[self.seen[server.name]:]
            self.assertIn("Nothing was deleted", text)
            self.assertIsNone(server.process.poll(), "it stays alive")
        wait_for("the master to know", lambda: "GFS_MASTER_BEHIND" in self.cluster.status().get("codes", []))
        self.assertEqual(self.cluster.status()["health"], "ERROR")
        self.assertEqual(self.cluster.status()["servers"]["up"], 0)
        self.assertIn("event=master_behind", self.cluster.master.log())
        self.assertIn("--adopt-new-epoch", self.cluster.cli("status").stdout.decode())

    def start_master(self, *flags):
        self.seen = {server.name: len(server.log(since_start=False)) for server in self.cluster.chunkservers}
        self.cluster.master.start(flags).wait_ready()

    def test_restored_directory(self):
        cluster = self.cluster
        old = {name: os.urandom(200_000) for name in NAMES}
        for name, content in old.items():
            self.put(name, content)
        self.assertEqual(cluster.master.kill(15), 0)
        self.keep_directory("copy")
        self.start_master()
        cluster.wait_up(3)

        # What the copy does not know of: a file, more bytes in one, one that is gone, one written anew.
        self.put("/later", b"later")
        more = os.urandom(50_000)
        for server in cluster.chunkservers:  # whoever leads the chunk: it gets a newer version
            server.kill()
            server.start().wait_ready()
        cluster.wait_up(3)
        self.cluster.cli("append", "/f1", stdin=more)
        self.cluster.cli("rm", "/f2")
        self.put("/f3", os.urandom(100_000), "-f")
        last_index = cluster.status()["master"]["index"]
        wait_for("the servers to remember it", lambda: self.remembered() >= last_index)
        cluster.master.kill()
        self.keep_directory("right")
        before = self.chunk_files()

        self.use_directory("copy")
        self.start_master()
        self.wait_refused(2)
        # Clients cannot make its log longer than the right one was.
        refused = cluster.cli("mkdir", "/d", check=False)
        self.assertEqual(refused.returncode, 9, refused.stderr)
        self.assertIn(b"older than the truth", refused.stderr)
        self.assertLess(cluster.status()["master"]["index"], last_index)
        cluster.master.kill()
        self.start_master()
        self.wait_refused(2)
        self.assertEqual(self.chunk_files(), before, "no chunk was touched")

        # The right one: as if nothing had been.
        self.use_directory("right")
        self.start_master()
        cluster.wait_up(3)
        self.assertEqual(self.read("/later"), b"later")
        self.assertNotIn("GFS_MASTER_BEHIND", cluster.status()["codes"])
        cluster.master.kill(15)
        self.keep_directory("right")

        # It is lost: the copy counts from now on.
        self.use_directory("copy")
        self.start_master("--adopt-new-epoch")
        cluster.wait_up(3)
        self.assertEqual(self.epochs(), [1, 2])
        for name in ("/f0", "/f4", "/f5"):
            wait_for(f"{name} to be read", lambda: self.read(name) == old[name], 60)
        wait_for("/f1 to be read at its newest", lambda: self.read("/f1") == old["/f1"] + more, 60)
        self.put("/new", b"new")
        self.assertEqual(self.read("/new"), b"new")
        self.cluster.cli("append", "/f4", stdin=b"more")
        self.assertEqual(self.read("/f4"), old["/f4"] + b"more")
        for path, digest in before.items():
            self.assertTrue(os.path.exists(path), f"{path} was deleted")

        # The right directory is over now, and so is the same copy in the same epoch.
        self.use_directory("right")
        self.start_master()
        self.wait_refused(3)
        self.use_directory("copy")
        self.start_master("--adopt-new-epoch")
        self.wait_refused(3)
        self.use_directory("copy")
        self.start_master("--adopt-new-epoch=3")
        cluster.wait_up(3)
        for name in ("/f0", "/f4", "/f5"):
            wait_for(f"{name} to be read", lambda: (self.read(name) or b"")[:200_000] == old[name], 60)
        self.put("/third", b"third")
        self.assertEqual(self.read("/third"), b"third")

    def test_a_log_that_rots_is_cut(self):
        cluster = self.cluster
        for i in range(30):
            cluster.cli("mkdir", f"/d{i}")
        self.assertEqual(cluster.master.kill(15), 0)
        directory = self.path("master")
        log = f"{directory}/log/{1:016x}.log"
        records = [json.loads(line) for line in cluster.cli("--json", "log", "dump", directory).stdout.splitlines()]
        names = [one["index"] for one in records if one["op"] == "mkdir" and one["body"]["path"] == "/d20"]
        with open(log, "r+b") as file:
            at = file.read().index(b"/d20")
            file.seek(at)
            file.write(b"X")
        cluster.master.start()
        self.assertEqual(cluster.master.process.wait(timeout=60), 8)
        told = re.search(r"log repair DIR --cut-at (\d+)", cluster.master.log())
        self.assertEqual(int(told.group(1)), names[0] - 1)
        self.assertIn(f"index {names[0]}", cluster.master.log())

        dry = cluster.cli("log", "repair", directory, "--cut-at", told.group(1)).stdout.decode()
        self.assertIn("Nothing was changed", dry)
        self.assertFalse(os.path.exists(f"{directory}/lost"))
        cluster.cli("log", "repair", directory, "--cut-at", told.group(1), "--yes-discard")
        self.assertTrue(os.path.exists(f"{directory}/lost/epoch-2/{1:016x}.log"))
        self.start_master()
        cluster.wait_up(3)
        self.assertEqual(self.epochs(), [1, 2])
        there = cluster.cli("ls", "/").stdout.decode().split()
        self.assertEqual(sorted(there), sorted(f"d{i}" for i in range(20)))
        in_use = cluster.cli("log", "repair", directory, "--cut-at", "5", "--yes-discard", check=False)
        self.assertNotEqual(in_use.returncode, 0)
        self.assertIn("LOCK", in_use.stderr.decode())
        self.assertIn("stop the master", in_use.stderr.decode())
        nobodys = cluster.cli("log", "repair", self.work, "--cut-at", "5", "--yes-discard", check=False)
        self.assertNotEqual(nobodys.returncode, 0)
        self.assertEqual(os.listdir(self.work), [], "not even a lock is left there")


if __name__ == "__main__":
    main()
