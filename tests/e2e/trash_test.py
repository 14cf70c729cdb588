"""What is removed comes back, byte for byte, through a kill -9 of the master; rules of directories hold."""

import json
import os

from harness import ClusterTest, main, wait_for


class Trash(ClusterTest):
    master_settings = 'trash = "1h"\nlog_segment = "8KiB"\ncheckpoint_after = "4KiB"\n'

    def cli(self, *arguments, **options):
        return self.cluster.cli(*arguments, **options)

    def items(self, *arguments):
        lines = self.cli("--json", "trash", "ls", *arguments).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def local(self, name, content):
        path = os.path.join(self.cluster.root, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def test_removed_and_restored(self):
        content = os.urandom(300000)
        self.cli("mkdir", "-p", "/a/b")
        self.cli("put", self.local("one", content), "/a/b/one")
        self.cli("put", self.local("two", b"second"), "/two")
        removed = json.loads(self.cli("--json", "rm", "-r", "/a").stdout)
        self.assertEqual((removed["files"], removed["directories"]), (1, 2))
        self.cli("rm", "/two")
        self.cli("put", self.local("two", b"third"), "/two")
        self.assertEqual(self.cli("rm", "--now", "/two").returncode, 0)
        self.assertEqual([item["path"] for item in self.items()], ["/a", "/two"])
        self.assertEqual([item["path"] for item in self.items("/two")], ["/two"])

        self.cluster.master.kill()
        self.cluster.master.start().wait_ready()
        self.cluster.wait_up(3)
        self.assertEqual([item["path"] for item in self.items()], ["/a", "/two"])
        self.cli("mkdir", "/a")
        taken = self.cli("trash", "restore", "/a", check=False)
        self.assertEqual(taken.returncode, 4, taken.stderr)
        missing = self.cli("trash", "restore", "/a", "/x/y/a", check=False)
        self.assertEqual(missing.returncode, 3, missing.stderr)
        self.cli("trash", "restore", "-p", removed["item"], "/x/y/a")
        back = os.path.join(self.cluster.root, "back")
        self.cli("get", "/x/y/a/b/one", back)
        with open(back, "rb") as file:
            self.assertEqual(file.read(), content)
        self.cli("trash", "restore", "/two")
        self.assertEqual(self.cli("cat", "/two").stdout, b"second")
        self.assertEqual(self.items(), [])

    def test_purged(self):
        for name in ("1", "2", "3"):
            self.cli("put", self.local(name, b"x"), f"/{name}")
            self.cli("rm", f"/{name}")
        self.assertEqual(self.cli("trash", "purge", check=False).returncode, 2)
        self.cli("trash", "purge", "/2")
        self.assertEqual([item["path"] for item in self.items()], ["/1", "/3"])
        self.assertEqual(self.cli("trash", "restore", "/2", check=False).returncode, 3)
        self.cli("trash", "purge", "--older-than", "1h")
        self.assertEqual(len(self.items()), 2)
        self.cli("trash", "purge", "--all")
        self.assertEqual(self.items(), [])
        wait_for("the trash to be taken apart", lambda: self.cluster.status()["trash"]["items"] == 0)
        wait_for("its chunks to be gone", lambda: self.cluster.status()["chunks"]["total"] == 0)

    def test_rules(self):
        self.cli("mkdir", "/d")
        self.cli("setpolicy", "/d", "--replicas", "2", "--trash", "1s", "--quota-files", "2")
        self.cli("put", self.local("f", b"abc"), "/d/f")
        self.assertEqual(json.loads(self.cli("--json", "stat", "/d/f").stdout)["replicas"], 2)
        self.cli("mkdir", "/d/e")
        full = self.cli("mkdir", "/d/g", check=False)
        self.assertEqual(full.returncode, 5, full.stderr)
        self.assertIn("/d may hold 2 files and directories, has 2", full.stderr.decode())
        rules = json.loads(self.cli("--json", "getpolicy", "/d").stdout)
        self.assertEqual(rules["own"]["replicas"], 2)
        self.assertEqual(rules["effective"]["trash_ms"], 1000)
        self.assertEqual((rules["files"], rules["directories"], rules["bytes"]), (1, 1, 3))
        self.cli("setpolicy", "/d", "--quota-files", "none")
        self.cli("mkdir", "/d/g")
        self.cli("rm", "/d/g")
        wait_for("a short time in the trash to end", lambda: self.items() == [])
        self.cli("setrep", "-R", "3", "/d")
        wait_for("a third replica",
                 lambda: len([one for one in json.loads(self.cli("--json", "chunk", "ls", "/d/f").stdout)["members"]
                              if one["state"] == "ok"]) == 3)
        self.assertEqual(self.cli("setpolicy", "/d", "--replicas", "9", check=False).returncode, 2)
        self.assertEqual(self.cli("setpolicy", "/d/f", "--replicas", "2", check=False).returncode, 2)


if __name__ == "__main__":
    main()
