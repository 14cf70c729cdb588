"""One of three chunkservers dies, or a byte on its disk flips: reads go on, writes go on, and the damage is named."""

import glob
import os
import random
import re

from harness import ClusterTest, main, wait_for


class KillChunkserver(ClusterTest):

    def put_random(self, path, size, seed):
        data = random.Random(seed).randbytes(size)
        self.cluster.cli("put", "-", path, stdin=data)
        return data

    def test_get_with_a_server_dead_before(self):
        data = self.put_random("/a", 3 << 20, 1)
        for victim in self.cluster.chunkservers:
            victim.kill()
            self.assertTrue(self.cluster.cli("cat", "/a").stdout == data, "bytes differ")
            victim.start().wait_ready()
            self.cluster.wait_up(3)

    def test_get_with_a_server_dying_meanwhile(self):
        data = self.put_random("/a", 60 << 20, 2)
        for round, victim in enumerate(self.cluster.chunkservers):
            target = os.path.join(self.work, f"copy{round}")
            get = self.cluster.cli_start("get", "/a", target)
            wait_for("the get to be under way", lambda: glob.glob(self.work + "/*") or get.poll() is not None)
            victim.kill()
            _, err = get.communicate(timeout=300)
            self.assertEqual(get.returncode, 0, err.decode())
            with open(target, "rb") as file:
                self.assertTrue(file.read() == data, "bytes differ")
            victim.start().wait_ready()
            self.cluster.wait_up(3)

    def test_write_goes_on_without_a_dead_server(self):
        self.put_random("/before", 100000, 3)
        self.cluster.chunkservers[1].kill()
        data = self.put_random("/during", 2 << 20, 4)
        self.assertTrue(self.cluster.cli("cat", "/during").stdout == data, "bytes differ")
        status = wait_for("status to tell", lambda: self.cluster.status()["health"] != "OK" and self.cluster.status())
        self.assertIn("GFS_FEW_SERVERS", status["codes"])

    def test_write_with_a_short_deadline_fails_clearly(self):
        self.put_random("/a", 10, 5)
        for server in self.cluster.chunkservers:
            server.kill()
        done = self.cluster.cli("--timeout", "2s", "put", "-f", "-", "/a", stdin=b"x", check=False)
        self.assertEqual(done.returncode, 6, done.stderr.decode())
        self.assertIn("why", done.stderr.decode())

    def test_flipped_byte_is_read_around_and_named(self):
        data = self.put_random("/a", 1 << 20, 6)
        flipped = []
        for server in self.cluster.chunkservers[:2]:
            files = glob.glob(os.path.join(self.cluster.root, server.name, "chunks", "*", "*.data"))
            self.assertEqual(len(files), 1, files)
            with open(files[0], "r+b") as file:
                file.seek(5 * 65536 + 17)
                byte = file.read(1)
                file.seek(5 * 65536 + 17)
                file.write(bytes([byte[0] ^ 1]))
            flipped.append(server)
        for _ in range(8):
            self.assertTrue(self.cluster.cli("cat", "/a").stdout == data, "bytes differ")
        told = [server for server in flipped if re.search(r"event=block_damaged.*chunk=[0-9a-f]{16}.*block=5", server.log())]
        self.assertTrue(told, "no server named the damaged block:\n" + flipped[0].log()[-2000:])
        self.assertRegex(told[0].log(), r"event=block_damaged.*server=[0-9a-f-]{36}")


if __name__ == "__main__":
    main()
