"""A tree of small files and a large file go in and come back, before and after every daemon was killed with -9.

GFS_E2E_TREE names a real tree to use (default: one made here); GFS_E2E_LARGE_MB the size of the large file.
"""

import hashlib
import os
import random
import subprocess

from harness import ClusterTest, main


def make_tree(root, files, seed):
    """Files of all kinds of sizes, some empty, in nested directories, one of them empty; gives the bytes written."""
    rng = random.Random(seed)
    total = 0
    for i in range(files):
        directory = os.path.join(root, *(f"d{rng.randrange(4)}" for _ in range(rng.randrange(4))))
        os.makedirs(directory, exist_ok=True)
        size = rng.choice([0, 1, 100, 4096, 65535, 65536, 65537, rng.randrange(300000)])
        with open(os.path.join(directory, f"file {i} ä.bin"), "wb") as file:
            file.write(rng.randbytes(size))
        total += size
    os.makedirs(os.path.join(root, "empty"), exist_ok=True)
    os.symlink("/nowhere", os.path.join(root, "link"))
    return total


def digest(path):
    hasher = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            hasher.update(piece)
    return hasher.hexdigest()


class TreeAndLargeFile(ClusterTest):

    def assert_same_tree(self, one, other):
        done = subprocess.run(["diff", "-r", "--no-dereference", one, other], capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() + done.stderr.splitlines() if not self.is_link(line, one)]
        self.assertEqual(lines, [])

    @staticmethod
    def is_link(line, root):
        """Links are not stored: 'Only in DIR: NAME' of one is expected."""
        if not line.startswith("Only in " + root):
            return False
        directory, name = line[len("Only in "):].split(": ", 1)
        path = os.path.join(directory, name)
        return os.path.islink(path) or not (os.path.isfile(path) or os.path.isdir(path))

    def test_survives_kill_of_everything(self):
        tree = os.environ.get("GFS_E2E_TREE")
        if not tree:
            tree = os.path.join(self.work, "tree")
            os.makedirs(tree)
            make_tree(tree, 120, seed=7)
        large = os.path.join(self.work, "large.bin")
        rng = random.Random(8)
        with open(large, "wb") as file:
            for _ in range(int(os.environ.get("GFS_E2E_LARGE_MB", "100"))):
                file.write(rng.randbytes(1 << 20))
            file.write(b"odd end")

        put = self.cluster.cli("put", "-r", tree, "/tree", timeout=900)
        if not os.environ.get("GFS_E2E_TREE"):
            self.assertIn(b"link", put.stderr)
        self.cluster.cli("put", large, "/large.bin", timeout=900)

        for round in ("before", "after"):
            if round == "after":
                self.cluster.kill_all()
                self.cluster.restart()
            back = os.path.join(self.work, "back-" + round)
            self.cluster.cli("get", "-r", "/tree", back, timeout=900)
            self.assert_same_tree(tree, back)
            copy = os.path.join(self.work, "large-" + round)
            self.cluster.cli("get", "/large.bin", copy, timeout=900)
            self.assertEqual(digest(large), digest(copy))

        chunks = self.cluster.json("chunk", "ls", "/large.bin")
        self.assertEqual([len(chunk["members"]) for chunk in chunks], [3] * len(chunks))
        status = self.cluster.status()
        self.assertEqual(status["chunks"]["full"], status["chunks"]["total"])

    def test_writing_goes_on_after_a_restart(self):
        self.cluster.cli("put", "-", "/a", stdin=b"first")
        self.cluster.kill_all()
        self.cluster.restart()
        self.cluster.cli("put", "-f", "-", "/a", stdin=b"second")
        self.cluster.cli("put", "-", "/b", stdin=b"third")
        self.assertEqual(self.cluster.cli("cat", "/a").stdout, b"second")
        self.assertEqual(self.cluster.cli("cat", "/b").stdout, b"third")

    def test_sigterm_is_a_clean_stop(self):
        import signal
        self.cluster.cli("put", "-", "/a", stdin=b"bytes")
        for daemon in self.cluster.chunkservers + [self.cluster.master]:
            self.assertEqual(daemon.kill(signal.SIGTERM), 0, daemon.log()[-2000:])
        self.cluster.restart()
        self.assertEqual(self.cluster.cli("cat", "/a").stdout, b"bytes")


if __name__ == "__main__":
    main()
