"""kill -9 of the master while 8 clients create: every acknowledged name is there after the restart.

The master writes a checkpoint each second or so and trims its log. A copy of every segment is kept: after each kill the
state of the directory is the same as that of the whole log, from its beginning, without a checkpoint.

GFS_E2E_KILLS: how often (default 5; the campaign uses 300).
"""

import json
import os
import random
import shutil
import threading
import time

from harness import ClusterTest, main, wait_for


class Archive(threading.Thread):
    """Hard links to every segment that the log ever had."""

    def __init__(self, directory, root):
        super().__init__(name="archive")
        self.directory = directory
        self.copy = os.path.join(root, "archive")
        self.stopped = threading.Event()
        os.makedirs(os.path.join(self.copy, "log"))

    def run(self):
        while not self.stopped.is_set():
            self.keep()
            time.sleep(0.05)

    def keep(self):
        for name in os.listdir(os.path.join(self.directory, "log")):
            try:
                os.link(os.path.join(self.directory, "log", name), os.path.join(self.copy, "log", name))
            except (FileExistsError, FileNotFoundError):
                pass
        if not os.path.exists(os.path.join(self.copy, "identity")):
            shutil.copy(os.path.join(self.directory, "identity"), self.copy)


class KillMaster(ClusterTest):
    master_settings = 'checkpoint_after = "4KiB"\nlog_segment = "8KiB"\n'

    def state_of(self, directory):
        return json.loads(self.cluster.cli("--json", "log", "stat", "--state", directory).stdout)

    def test_acknowledged_names_survive(self):
        kills = int(os.environ.get("GFS_E2E_KILLS", "5"))
        clients = 8
        acknowledged = [[] for _ in range(clients)]
        stop = threading.Event()
        directory = f"{self.cluster.root}/master"
        archive = Archive(directory, self.cluster.root)
        archive.start()
        checkpoints = set()
        for i in range(clients):
            self.cluster.cli("mkdir", f"/c{i}")

        def create(client):
            number = 0
            while not stop.is_set():
                name = f"n{number:06d}"
                number += 1
                if self.cluster.cli("mkdir", f"/c{client}/{name}", check=False).returncode == 0:
                    acknowledged[client].append(name)

        threads = [threading.Thread(target=create, args=(i,)) for i in range(clients)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(kills):
                before = sum(map(len, acknowledged))
                wait_for("names to be acknowledged", lambda: sum(map(len, acknowledged)) >= before + 40, 60)
                time.sleep(random.uniform(0, 2))
                self.cluster.master.kill()  # at a random moment of its work
                archive.keep()
                whole = json.loads(self.cluster.cli("--json", "log", "stat", directory).stdout)
                self.assertFalse(whole["damaged"])
                checkpoints.update(one["index"] for one in whole["checkpoints"])
                self.assertLessEqual(len(whole["checkpoints"]), 3)  # the oldest goes when the new one is there
                self.assertEqual(self.state_of(directory), self.state_of(archive.copy))
                self.cluster.master.start().wait_ready()
        finally:
            stop.set()
            archive.stopped.set()
            archive.join()
            for thread in threads:
                thread.join()

        for client in range(clients):
            there = set(self.cluster.cli("ls", f"/c{client}").stdout.decode().split())
            self.assertEqual([name for name in acknowledged[client] if name not in there], [])
        self.assertGreater(len(checkpoints), 0)
        self.assertNotIn(f"{1:016x}.log", os.listdir(os.path.join(directory, "log")), "the log was trimmed")
        print(f"{kills} kills, {len(checkpoints)} checkpoints seen, {sum(map(len, acknowledged))} acknowledged names, all there")


if __name__ == "__main__":
    main()
