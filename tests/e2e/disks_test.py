"""Chunkservers with two data directories each: one is taken away and given back, and the others go on; a link among the
chunks is neither followed nor removed; a directory in the wrong place is refused.
"""

import glob
import os
import random
import subprocess

from harness import ClusterTest, main, wait_for


class Disks(ClusterTest):
    def second(self, number):
        return f"{self.cluster.root}/second-{number}"

    def setUp(self):
        super().setUp()
        for number, server in enumerate(self.cluster.chunkservers, 1):
            os.makedirs(self.second(number))
            server.arguments = [*server.arguments, "--data", self.second(number)]
            server.kill()
            server.start().wait_ready()
        self.cluster.wait_up(3)

    def disks(self, server):
        address = server.arguments[server.arguments.index("--listen") + 1]
        return self.cluster.json("server", "info", address)[0]["disks"]

    def put_files(self, count):
        data = {}
        for number in range(count):
            data[f"/f{number}"] = random.Random(number).randbytes(300000 + number)
            self.cluster.cli("put", "-", f"/f{number}", stdin=data[f"/f{number}"])
        return data

    def check(self, data):
        for path, content in data.items():
            self.assertTrue(self.cluster.cli("cat", path).stdout == content, f"bytes of {path} differ")

    def test_a_directory_is_taken_away_and_comes_back(self):
        victim = self.cluster.chunkservers[0]
        wait_for("both to be told", lambda: [disk["state"] for disk in self.disks(victim)] == ["ok", "ok"])
        data = self.put_files(8)
        wait_for("both to hold some", lambda: all(disk["chunks"] > 0 for disk in self.disks(victim)))
        held = self.disks(victim)[1]["chunks"]
        for path in (f"{self.cluster.root}/{victim.name}", self.second(1)):
            self.assertTrue(os.path.exists(f"{path}/disk"), path)
        os.rename(self.second(1), self.second(1) + ".away")
        wait_for("the disk to be missed",
                 lambda: [disk["state"] for disk in self.disks(victim)] == ["ok", "failed"])
        self.assertIn("GFS_DISKS_BAD", self.cluster.status()["codes"])
        self.assertIn("server info", self.cluster.cli("health", "detail", check=False).stdout.decode())
        self.assertIsNone(victim.process.poll(), "the process stays up")
        self.check(data)
        data.update({"/new": b"new" * 1000})
        self.cluster.cli("put", "-", "/new", stdin=data["/new"])
        os.rename(self.second(1) + ".away", self.second(1))
        wait_for("the disk to be taken back",
                 lambda: [disk["state"] for disk in self.disks(victim)] == ["ok", "ok"], 90)
        self.assertGreaterEqual(self.disks(victim)[1]["chunks"], 1, f"it held {held}")
        self.check(data)

    def test_a_directory_is_missing_at_the_start(self):
        data = self.put_files(4)
        victim = self.cluster.chunkservers[1]
        victim.kill()
        os.rename(self.second(2), self.second(2) + ".away")
        victim.start().wait_ready()
        self.cluster.wait_up(3)
        wait_for("it to be told", lambda: [disk["state"] for disk in self.disks(victim)] == ["ok", "failed"])
        self.assertFalse(os.path.exists(self.second(2)), "a mount point is not made")
        self.check(data)
        # An empty place is not a new disk.
        victim.kill()
        os.makedirs(self.second(2))
        victim.start().wait_ready()
        self.cluster.wait_up(3)
        wait_for("it to be told", lambda: ["not mounted" in disk["reason"] for disk in self.disks(victim)] == [False, True])
        self.assertEqual([], os.listdir(self.second(2)))
        victim.kill()
        os.rmdir(self.second(2))
        os.rename(self.second(2) + ".away", self.second(2))
        victim.start().wait_ready()
        self.cluster.wait_up(3)
        wait_for("it to be back", lambda: [disk["state"] for disk in self.disks(victim)] == ["ok", "ok"])
        self.check(data)

    def test_C15_a_link_is_neither_followed_nor_removed_and_a_wrong_directory_is_refused(self):
        data = self.put_files(2)
        victim = self.cluster.chunkservers[2]
        victim.kill()
        outside = os.path.join(self.work, "outside")
        with open(outside, "w", encoding="utf-8") as file:
            file.write("not ours")
        first = f"{self.cluster.root}/{victim.name}"
        folder = os.path.dirname((glob.glob(f"{first}/chunks/*/*.data") or glob.glob(
            f"{self.second(3)}/chunks/*/*.data"))[0])
        two = os.path.basename(folder)
        links = [f"{folder}/{'0' * 12}ff{two}.meta", f"{folder}/{'0' * 12}ff{two}.data", f"{folder}/new\nline"]
        for link in links:
            os.symlink(outside, link)
        victim.start().wait_ready()
        self.cluster.wait_up(3)
        self.check(data)
        for link in links:
            self.assertTrue(os.path.islink(link))
        with open(outside, encoding="utf-8") as file:
            self.assertEqual("not ours", file.read())
        victim.kill()
        self.cluster.chunkservers[1].kill()
        arguments = [one if one != self.second(3) else self.second(2) for one in victim.arguments]
        done = subprocess.run(arguments, capture_output=True, timeout=60, check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("is a disk of server", done.stderr.decode())


if __name__ == "__main__":
    main()
