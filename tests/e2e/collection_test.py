"""What files no longer need goes into quarantine, comes back if it is wanted, and is unlinked in the end; masses of it wait
for an operator's word.
"""

import glob
import os
import random

from harness import ClusterTest, main, wait_for


class CollectionCase(ClusterTest):
    master_settings = 'collect_after = "1s"\n'

    def data_files(self, folder):
        return glob.glob(f"{self.cluster.root}/chunkserver-*/{folder}/**/*.data", recursive=True)

    def bytes_held(self):
        return sum(os.path.getsize(path) for folder in ("chunks", "quarantine") for path in self.data_files(folder))

    def quarantined(self):
        return [server["quarantined"] for server in self.cluster.json("gc", "status")]


class SpaceComesBack(CollectionCase):
    chunkserver_settings = 'quarantine_time = "3s"\n'

    def test_what_a_removed_file_took(self):
        data = random.Random(3).randbytes(8 << 20)
        self.cluster.cli("put", "-", "/large", stdin=data)
        self.cluster.cli("put", "-", "/kept", stdin=b"kept")
        self.assertGreaterEqual(self.bytes_held(), 3 * len(data))
        self.cluster.cli("rm", "--now", "/large")
        wait_for("the space of the removed file", lambda: self.bytes_held() < 100, 60)
        self.assertEqual(self.cluster.cli("cat", "/kept").stdout, b"kept")
        self.cluster.kill_all()
        self.cluster.restart()
        self.assertEqual(self.cluster.cli("cat", "/kept").stdout, b"kept")
        self.assertLess(self.bytes_held(), 100)


class TheWayBack(CollectionCase):

    def test_a_replica_is_restored(self):
        self.cluster.cli("put", "-", "/a", stdin=b"precious bytes")
        [chunk] = self.cluster.json("chunk", "ls", "/a")
        self.cluster.cli("rm", "--now", "/a")
        wait_for("all replicas in quarantine", lambda: self.quarantined() == [1, 1, 1], 60)
        self.assertEqual(self.data_files("chunks"), [])
        server = chunk["members"][0]
        listed = self.cluster.json("gc", "ls", server["address"])
        self.assertEqual([(one["handle"], one["why"], one["bytes"]) for one in listed], [(chunk["handle"], "orphan", 14)])
        self.assertGreater(listed[0]["left_ms"], 2 * 24 * 3600 * 1000, "three days by default")
        self.cluster.cli("gc", "restore", chunk["handle"], server["server"])
        [restored] = self.data_files("chunks")
        with open(restored, "rb") as file:
            self.assertEqual(file.read(), b"precious bytes")
        again = self.cluster.cli("gc", "restore", chunk["handle"], server["server"], check=False)
        self.assertEqual(again.returncode, 3, again.stderr)
        purged = self.cluster.cli("gc", "purge", "all", "--older-than", "0s").stdout
        self.assertEqual(purged, b"2\t28\n")
        self.assertEqual(self.data_files("quarantine"), [])


class Masses(CollectionCase):
    chunkserver_settings = "collect_limit = 5\n"

    def test_masses_wait_for_a_word(self):
        self.cluster.cli("put", "-", "/0", stdin=b"bytes")
        self.cluster.cli("mkdir", "/d")
        for i in range(20):
            self.cluster.cli("put", "-", f"/d/{i}", stdin=b"bytes")
        self.cluster.cli("rm", "-r", "--now", "/d")
        wait_for("a refusal", lambda: "GFS_COLLECTION_REFUSED" in self.cluster.status()["codes"], 60)
        wait_for("what the limit lets through", lambda: self.quarantined() == [5, 5, 5], 60)
        status = self.cluster.cli("status")
        self.assertIn(b"gc allow", status.stderr)
        wait_for("the rest to be counted", lambda: [s["refused"] for s in self.cluster.json("gc", "status")] == [15] * 3, 90)
        self.cluster.cli("gc", "allow", "all", "--up-to", "15")
        wait_for("the rest", lambda: self.quarantined() == [20, 20, 20], 90)
        wait_for("the warning to go", lambda: "GFS_COLLECTION_REFUSED" not in self.cluster.status()["codes"], 30)
        self.assertEqual(self.cluster.cli("cat", "/0").stdout, b"bytes")


if __name__ == "__main__":
    main()
