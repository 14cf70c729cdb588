"""The primary stands still (SIGSTOP) under load: appends go on with the others, and when it goes on it acknowledges
nothing of the version it had."""

import json
import os
import signal
import subprocess
import threading
import time

from harness import ClusterTest, SLOW, main, program, wait_for

FILE = "/log"


class StoppedPrimary(ClusterTest):

    def chunk(self):
        return self.cluster.json("chunk", "ls", FILE)[0]

    def test_appends_resume_without_it(self):
        self.cluster.cli("append", FILE, stdin=b"begin\n")
        before = self.chunk()
        primary = next(m for m in before["members"] if m["server"] == before["primary"])
        victim = next(d for d in self.cluster.chunkservers if primary["address"] in d.arguments)
        command = [program("gfs-cli"), "--master", self.cluster.address, "--json", "rappend", FILE]
        load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        told = []  # when each acknowledgement came

        def collect():
            for line in load.stdout:
                told.append((time.monotonic(), json.loads(line)))

        reader = threading.Thread(target=collect)
        reader.start()
        stopping = threading.Event()

        def feed():
            try:
                number = 0
                while not stopping.is_set():
                    load.stdin.write(b"record %d\n" % number)
                    load.stdin.flush()
                    number += 1
                    time.sleep(0.005)  # the rate of the load
                load.stdin.close()
            except OSError:
                pass

        feeder = threading.Thread(target=feed)
        feeder.start()
        wait_for("the load to run", lambda: len(told) > 100)
        victim.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        changed = wait_for("another version",
                           lambda: next((c for c in [self.chunk()] if c["version"] > before["version"]), None))
        noticed = time.monotonic()
        wait_for("appends to resume", lambda: told and told[-1][0] > noticed)
        resumed = next(at for at, _ in told if at > noticed)
        victim.process.send_signal(signal.SIGCONT)
        wait_for("the server to be back", lambda: self.cluster.status()["servers"]["up"] == 3)
        stopping.set()
        feeder.join()
        reader.join(60 * SLOW)
        self.assertEqual(load.wait(60 * SLOW), 0, load.stderr.read().decode())
        load.stderr.close()
        load.stdout.close()
        self.assertNotEqual(changed["primary"], before["primary"])
        # Each line of the file is there once, and as many as were acknowledged.
        lines = self.cluster.cli("records", FILE).stdout.splitlines()
        self.assertEqual(lines, [b"record %d" % i for i in range(len(told))])
        wait_for("equal replicas", lambda: self.cluster.cli("chunk", "verify", FILE, check=False).returncode == 0, 60)
        print(f"stopped -> another version seen {noticed - stopped:.2f} s, resumed {resumed - noticed:.3f} s later; "
              f"{len(told)} records")


if __name__ == "__main__":
    main()
