"""kill -9 of the master while 8 clients create: every acknowledged name is there after the restart.

GFS_E2E_KILLS: how often (default 5; the campaign uses 50).
"""

import os
import threading

from harness import ClusterTest, main, wait_for


class KillMaster(ClusterTest):

    def test_acknowledged_names_survive(self):
        kills = int(os.environ.get("GFS_E2E_KILLS", "5"))
        clients = 8
        acknowledged = [[] for _ in range(clients)]
        stop = threading.Event()
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
                self.cluster.master.kill()
                self.cluster.master.start().wait_ready()
        finally:
            stop.set()
            for thread in threads:
                thread.join()

        for client in range(clients):
            there = set(self.cluster.cli("ls", f"/c{client}").stdout.decode().split())
            self.assertEqual([name for name in acknowledged[client] if name not in there], [])
        print(f"{kills} kills, {sum(map(len, acknowledged))} acknowledged names, all there")


if __name__ == "__main__":
    main()
