"""Who is alive, among real processes: they meet, one is killed and found, comes back, stands still, says goodbye."""

import signal
import time

from harness import ClusterTest, main, wait_for


class Gossip(ClusterTest):
    chunkservers = 4

    def at(self, number, port=0):
        """An address of the master (-1) or of a chunkserver; its gossip is three ports further."""
        host, base = self.cluster.address.rsplit(":", 1)
        return f"{host}:{int(base) + 10 * (number + 1) + port}"

    def table(self, *server):
        """What the master, or a chunkserver, believes: address of the gossip -> row."""
        return {row["address"]: row for row in self.cluster.json("gossip", *server)}

    def row(self, number, *server):
        return self.table(*server).get(self.at(number, 3), {"status": "unknown", "verdict": "unknown"})

    def test_members(self):
        wait_for("everybody to be known", lambda: len(self.table()) == 5)
        table = self.table()
        self.assertEqual({row["status"] for row in table.values()}, {"alive"})
        self.assertEqual(sorted(row["role"] for row in table.values()), ["chunkserver"] * 4 + ["master"])
        self.assertEqual([address for address, row in table.items() if row["self"]], [self.at(-1, 3)])
        servers = {row["server"]: row["rack"] for row in self.cluster.json("server", "ls")}
        self.assertEqual({row["node"]: row["rack"] for row in table.values() if row["role"] == "chunkserver"}, servers)
        wait_for("a chunkserver to know all", lambda: len(self.table(self.at(1))) == 5)
        wait_for("room to be told", lambda: all(row["free"] > 0 for row in self.table().values() if row["role"] == "chunkserver"))
        shown = self.cluster.cli("gossip").stdout.decode().splitlines()
        self.assertEqual(len(shown), 5)
        self.assertEqual({len(line.split("\t")) for line in shown}, {11})

        killed = self.cluster.chunkservers[2]
        def state(number):
            return {row["address"]: row["state"] for row in self.cluster.json("server", "ls")}[self.at(number)]

        killed.kill()
        begun = time.monotonic()
        wait_for("the master to send nobody there any more", lambda: state(2) != "up")
        print(f"suspect at the master after {time.monotonic() - begun:.2f} s")
        wait_for("the killed one to be suspected", lambda: self.row(2)["status"] in ("suspect", "dead"))
        wait_for("the killed one to be dead", lambda: self.row(2)["status"] == "dead", 60)
        wait_for("the master's verdict", lambda: self.row(2)["verdict"] == "lost", 60)
        print(f"lost at the master after {time.monotonic() - begun:.2f} s")
        wait_for("the verdict at a chunkserver", lambda: self.row(2, self.at(0))["verdict"] == "lost", 60)
        killed.start()
        killed.wait_ready()
        wait_for("it to be back", lambda: self.row(2)["status"] == "alive", 60)
        wait_for("the master to say so", lambda: self.row(2)["verdict"] == "back", 60)

        stopped = self.cluster.chunkservers[1].process
        before = self.row(1)["incarnation"]
        stopped.send_signal(signal.SIGSTOP)
        try:
            wait_for("the stopped one to be suspected", lambda: self.row(1)["status"] in ("suspect", "dead"), 60)
        finally:
            stopped.send_signal(signal.SIGCONT)
        wait_for("it to contradict", lambda: self.row(1)["status"] == "alive", 60)
        self.assertGreater(self.row(1)["incarnation"], before)

        self.cluster.chunkservers[3].kill(signal.SIGTERM)
        wait_for("the goodbye to be heard", lambda: self.row(3)["status"] == "left", 60)


if __name__ == "__main__":
    main()
