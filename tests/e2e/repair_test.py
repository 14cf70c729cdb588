"""What operators see when a server dies, comes back, drains or is away for a while. GFS_E2E_TELL=1 prints when what was
seen."""

import glob
import os
import random
import signal
import threading
import time

from harness import ClusterTest, main, wait_for

TELL = os.environ.get("GFS_E2E_TELL")


class Operators(ClusterTest):

    def setUp(self):
        super().setUp()
        self.begin = time.monotonic()
        self.contents = {}

    def tell(self, text):
        if TELL:
            print(f"{time.monotonic() - self.begin:8.1f} s  {text}", flush=True)

    def put_some(self, files, size=200000):
        self.contents = {}
        for number in range(files):
            data = random.Random(number).randbytes(size)
            self.cluster.cli("put", "-", f"/f{number}", stdin=data)
            self.contents[f"/f{number}"] = data

    def read_all(self):
        for path, data in self.contents.items():
            self.assertTrue(self.cluster.cli("cat", path).stdout == data, f"{path}: bytes differ")

    def server_of(self, daemon):
        port = daemon.arguments[daemon.arguments.index("--listen") + 1].rsplit(":", 1)[1]
        return next(one for one in self.cluster.json("server", "ls") if one["address"].endswith(":" + port))

    def repair(self):
        return self.cluster.json("repair", "status")[0]

    def wait_whole(self):
        def whole():
            chunks = self.cluster.status().get("chunks", {"total": 0})
            return chunks["total"] > 0 and chunks["full"] == chunks["total"] and self.repair()["in_need"] == 0
        wait_for("all chunks to be whole", whole, 120)

    def held_by(self, server):
        return [one for path in self.contents for one in self.cluster.json("chunk", "ls", path)
                if any(member["server"] == server and member["state"] == "ok" for member in one["members"])]


class FiveServers(Operators):
    chunkservers = 5
    master_settings = 'repair_after = "4s"\ncollect_after = "1s"\n'

    def test_one_dies_under_load_and_comes_back(self):
        self.put_some(12)
        stop = threading.Event()
        failed = []

        def write():
            number = 0
            while not stop.is_set():
                path = f"/w{number % 5}"
                done = self.cluster.cli("put", "-f", "-", path, stdin=random.Random(number).randbytes(50000), check=False)
                if done.returncode != 0:
                    failed.append(done.stderr.decode())
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            victim = self.cluster.chunkservers[0]
            server = self.server_of(victim)["server"]
            victim.kill()
            self.tell("kill -9")
            states = []

            def lost():
                state = self.server_of(victim)["state"]
                if not states or states[-1] != state:
                    states.append(state)
                    self.tell(f"server ls: {state}")
                return state == "lost"

            wait_for("it to be lost", lost, 60)
            self.assertEqual(states[-2:], ["suspect", "lost"])
            why = self.cluster.cli("why", "not-replicating").stdout.decode()
            self.tell("why not-replicating: " + why.splitlines()[0])
            self.wait_whole()
            self.tell(f"whole again: {self.repair()}")
            self.assertEqual(self.held_by(server), [])
        finally:
            stop.set()
            writer.join()
        self.assertEqual(failed, [])
        self.read_all()
        copied = self.repair()["copied_bytes"]
        victim.start().wait_ready()
        self.cluster.wait_up(5)
        self.wait_whole()
        self.tell(f"back: {self.repair()}")
        self.assertEqual(self.repair()["copied_bytes"], copied, "nothing is copied to what is whole")

    def handles_at(self, daemon):
        """Chunks of which there is something on its disk."""
        return {os.path.basename(path).split(".")[0] for path in glob.glob(f"{self.cluster.root}/{daemon.name}/chunks/**/*.data", recursive=True)}

    def test_X04_one_returns_while_copies_are_made(self):
        os.mkdir(f"{self.work}/d")
        for number in range(30):
            self.contents[f"/d/f{number}"] = random.Random(number).randbytes(1280 << 10)
            with open(f"{self.work}/d/f{number}", "wb") as file:
                file.write(self.contents[f"/d/f{number}"])
        self.cluster.cli("put", "-r", f"{self.work}/d", "/d")
        victim = self.cluster.chunkservers[0]
        server = self.server_of(victim)["server"]
        held = self.handles_at(victim)
        paths = {chunk["handle"]: path for path in self.contents for chunk in self.cluster.json("chunk", "ls", path)}
        self.assertEqual(held, {chunk["handle"] for chunk in self.held_by(server)})
        self.cluster.cli("repair", "limit", "--server", "512KiB")  # a copy takes four seconds: more than 1 MiB at half of it
        victim.kill()
        self.tell(f"kill -9; it holds {len(held)} of 30 chunks")
        wait_for("copies to begin", lambda: any(
            one["need"] == "copy" and one["state"] == "running" for one in self.cluster.json("repair", "ls")), 120)
        self.cluster.cli("repair", "pause")  # those that were begun end
        wait_for("the first copies to be made", lambda: self.repair()["copied_chunks"] > 0 and self.repair()["running"] == 0, 120)
        victim.start().wait_ready()
        self.cluster.wait_up(5)
        back = self.repair()
        self.tell(f"back; {back['copied_chunks']} copied, {back['in_need']} in need")
        self.assertGreater(back["in_need"], 0)
        self.cluster.cli("repair", "resume")
        gone = set()

        def settled():
            for handle in held - self.handles_at(victim) - gone:
                members = self.cluster.json("chunk", "ls", paths[handle])[0]["members"]
                self.assertEqual([one["state"] for one in members if one["state"] != "away"], ["ok"] * 3,
                                 "what it has vanishes only where all is whole")
                gone.add(handle)
            ok = {chunk["handle"] for chunk in self.held_by(server)}
            return self.repair()["in_need"] == 0 and ok | gone >= held

        wait_for("all to be whole, and what is too much gone", settled, 180)
        self.wait_whole()
        repair = self.repair()
        self.tell(f"whole: {len(held - gone)} of its replicas are used, {len(gone)} were too many; {repair}")
        self.assertGreater(len(held - gone), 0)
        self.assertLessEqual(repair["copied_bytes"], (1280 << 10) * len(gone), "only what is elsewhere now was copied, and once")
        self.read_all()

    def test_a_server_drains_until_it_may_go(self):
        self.put_some(10)
        old = self.cluster.chunkservers[1]
        server = self.server_of(old)["server"]
        self.assertNotEqual(self.held_by(server), [])
        self.cluster.cli("server", "drain", server)
        self.tell("drain")
        self.assertEqual(self.cluster.cli("server", "ok-to-stop", server, check=False).returncode, 1)
        wait_for("ok-to-stop to say yes", lambda: self.cluster.cli("server", "ok-to-stop", server, check=False).returncode == 0, 120)
        self.tell(f"ok-to-stop: yes; {self.repair()}")
        self.assertEqual(self.held_by(server), [])
        self.assertEqual(self.cluster.cli("server", "forget", server, check=False).returncode, 4)
        old.kill(signal.SIGTERM)
        self.cluster.cli("server", "forget", server)
        self.assertNotIn(server, [one["server"] for one in self.cluster.json("server", "ls")])
        self.read_all()


class ThreeServers(Operators):
    master_settings = 'repair_after = "4s"\n'

    def test_the_one_that_returns_is_brought_up_by_the_difference(self):
        self.put_some(6, 1 << 20)
        victim = self.cluster.chunkservers[2]
        victim.kill()
        wait_for("it to be lost", lambda: self.server_of(victim)["state"] == "lost", 60)
        wait_for("it to leave its chunks", lambda: self.repair()["in_need"] == 0 and self.cluster.status()["chunks"]["under"] == 6, 60)
        self.assertEqual(self.repair()["copied_bytes"], 0, "there is nowhere to copy to")
        self.tell("lost; nobody else can take copies")
        data = bytearray(self.contents["/f0"])
        data[70000:70010] = b"0123456789"
        self.contents["/f0"] = bytes(data)
        self.cluster.cli("put", "-f", "-", "/f0", stdin=self.contents["/f0"])
        self.cluster.cli("append", "/f1", "-", stdin=b"more")
        self.contents["/f1"] += b"more"
        victim.start().wait_ready()
        self.wait_whole()
        repair = self.repair()
        self.tell(f"whole again: {repair}")
        self.read_all()
        # /f0 is new, of /f1 one block has changed; the other four are there.
        self.assertLess(repair["copied_bytes"], 2 << 20)

    def test_nobody_makes_up_for_maintenance(self):
        self.put_some(3)
        victim = self.cluster.chunkservers[0]
        self.cluster.cli("server", "maint", self.server_of(victim)["server"], "--for", "10min")
        victim.kill(signal.SIGTERM)
        wait_for("it to leave its chunks", lambda: self.repair()["in_need"] > 0 or self.cluster.status()["chunks"]["under"] > 0, 60)
        status = self.cluster.status()
        self.assertIn("GFS_SERVERS_MAINT", status["codes"])
        self.assertNotIn("GFS_SERVERS_LOST", status["codes"])
        self.read_all()
        victim.start().wait_ready()
        self.cluster.cli("server", "maint", self.server_of(victim)["server"], "--end")
        self.wait_whole()

    def flip(self, server, block):
        (path,) = glob.glob(os.path.join(self.cluster.root, server.name, "chunks", "*", "*.data"))
        with open(path, "r+b") as file:
            file.seek(block * 65536 + 17)
            byte = file.read(1)
            file.seek(block * 65536 + 17)
            file.write(bytes([byte[0] ^ 1]))

    def test_rot_in_every_replica_is_mended(self):
        self.put_some(1, 1 << 20)
        for number, server in enumerate(self.cluster.chunkservers):
            self.flip(server, 2 * number + 1)
        self.cluster.cli("scrub", "start")
        wait_for("all to find their bad block", lambda: sum(
            one["bad"] + one["last_bad"] for one in self.cluster.json("scrub", "status")) >= 3, 60)
        self.tell(f"found; health {self.cluster.json('health')[0]['health']}")
        handle = self.cluster.json("chunk", "ls", "/f0")[0]["handle"]
        wait_for("all to be mended", lambda: self.cluster.cli("chunk", "verify", handle, check=False).returncode == 0
                 and self.cluster.status()["chunks"]["corrupt"] == 0, 120)
        self.tell("mended")
        self.wait_whole()
        self.read_all()

    def test_a_block_that_is_bad_everywhere_is_all_that_is_lost(self):
        self.put_some(1, 1 << 20)
        for server in self.cluster.chunkservers:
            self.flip(server, 3)
        self.cluster.cli("scrub", "start")
        wait_for("all to find it", lambda: sum(
            one["bad"] + one["last_bad"] for one in self.cluster.json("scrub", "status")) >= 3, 60)
        wait_for("the master to know it", lambda: "GFS_CHUNKS_CORRUPT" in self.cluster.status()["codes"], 30)
        self.assertEqual(self.cluster.cli("--timeout", "5s", "cat", "/f0", check=False).returncode, 8)
        self.assertEqual(len(self.cluster.json("chunk", "ls", "/f0")[0]["members"]), 3, "nothing is given up")


if __name__ == "__main__":
    main()
