"""A shadow of the master, as processes: it answers reads while the master is dead, says how old they are, changes nothing,
and catches up when the master is back, also behind a log that was trimmed meanwhile."""

import json
import os
import signal
import subprocess
import time

from harness import ClusterTest, Daemon, SLOW, free_ports, main, program, wait_for

UNAVAILABLE = 6
REFUSED = 9
NOT_ALLOWED = 5


class Shadow(ClusterTest):
    lease = 3  # seconds
    master_settings = f'log_segment = "8KiB"\ncheckpoint_after = "1GiB"\nlease = "{lease}s"\n'

    def setUp(self):
        super().setUp()
        self.addCleanup(self.cluster.close)  # also if the shadow does not start
        self.shadow_address = f"tcp://127.0.0.1:{free_ports(5)}"
        self.shadow = Daemon("shadow", [program("gfs-master"), "--follow", self.cluster.address, "--listen", self.shadow_address], self.cluster.root)
        self.addCleanup(self.shadow.kill)
        self.shadow.start().wait_ready()

    def gfs(self, master, *arguments, options=(), stdin=b""):
        command = [program("gfs-cli"), "--master", master, *options, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=120 * SLOW)

    def stale(self, *arguments):
        """As somebody who knows both, and takes what may be old."""
        return self.gfs(self.cluster.address, *arguments, options=["--stale-ok", "--shadow", self.shadow_address])

    def shadow_status(self):
        done = self.gfs(self.shadow_address, "status", options=["--stale-ok", "--json", "--timeout", "5s"])
        return json.loads(done.stdout) if done.returncode == 0 else None

    def wait_level(self):
        index = self.cluster.status()["master"]["index"]
        wait_for(f"the shadow to have entry {index}", lambda: (self.shadow_status() or {"master": {"index": 0}})["master"]["index"] >= index)

    def test_reads_go_on_without_the_master(self):
        content = os.urandom(3_000_000)
        self.cluster.cli("mkdir", "/d")
        self.cluster.cli("put", "-", "/d/file", stdin=content)
        self.wait_level()

        # It says what it is, to people and to programs.
        status = self.shadow_status()
        self.assertEqual((status["role"], status["follows"]), ("shadow", self.cluster.address))
        self.assertLess(status["behind_ms"], 5000)
        self.assertEqual(status["files"], 1)
        shown = self.gfs(self.shadow_address, "status", options=["--stale-ok"])
        self.assertRegex(shown.stdout.decode(), r"shadow.*follows tcp://.*behind \d+ ms")
        self.assertNotIn("role", self.cluster.status())

        # While the master answers, its shadow is not asked.
        self.assertEqual(self.stale("ls", "/d").stderr, b"")

        # Nobody reads from it without knowing.
        done = self.gfs(self.shadow_address, "ls", "/d")
        self.assertEqual(done.returncode, REFUSED)
        self.assertIn(b"is a shadow", done.stderr)
        self.assertIn(b"--stale-ok", done.stderr)
        # And nobody changes anything there.
        for options in [[], ["--stale-ok"]]:
            done = self.gfs(self.shadow_address, "mkdir", "/e", options=options)
            self.assertEqual(done.returncode, NOT_ALLOWED, done.stderr)
            self.assertIn(self.cluster.address.encode(), done.stderr)

        self.cluster.master.kill(signal.SIGKILL)
        self.cluster.chunkservers[0].kill(signal.SIGKILL)  # perhaps a primary; nobody takes its place
        killed = time.monotonic()
        # From then on chunkservers refuse reads of those who do not take what may be old.
        wait_for("the sessions of the chunkservers to be over", lambda: time.monotonic() > killed + self.lease)
        done = self.stale("ls", "/d")
        self.assertEqual((done.returncode, done.stdout), (0, b"file\n"), done.stderr)
        self.assertRegex(done.stderr.decode(), r"read from the shadow tcp://.* may be \d+ ms old")
        self.assertEqual(done.stderr.count(b"may be"), 1)
        done = self.stale("cat", "/d/file")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, content)
        done = self.stale("--json", "stat", "/d/file")
        self.assertEqual(done.stderr, b"")
        self.assertEqual(json.loads(done.stdout)["size"], len(content))
        self.assertEqual(self.stale("ls", "/no").returncode, 3)
        done = self.gfs(self.cluster.address, "ls", "/d", options=["--timeout", "2s"])
        self.assertEqual(done.returncode, UNAVAILABLE)
        done = self.gfs(self.cluster.address, "mkdir", "/e", options=["--timeout", "2s", "--stale-ok", "--shadow", self.shadow_address])
        self.assertEqual(done.returncode, UNAVAILABLE)

        self.cluster.master.start().wait_ready()
        self.cluster.cli("mkdir", "/after")
        self.wait_level()
        done = self.gfs(self.shadow_address, "ls", "/", options=["--stale-ok"])
        self.assertEqual(done.stdout, b"after\nd\n")

    def test_a_trimmed_log_is_begun_with_the_checkpoint(self):
        self.wait_level()
        self.shadow.process.send_signal(signal.SIGSTOP)
        script = "".join(f"mkdir /dir-{i:04d}; " for i in range(300))
        for _ in range(2):
            self.cluster.cli("-c", script.replace("dir-", f"d{_}-"))
            self.cluster.cli("checkpoint", "now")
        oldest = min(os.listdir(f"{self.cluster.root}/master/log"))
        self.assertNotEqual(oldest, f"{1:016x}.log", "the log was trimmed")
        self.shadow.process.send_signal(signal.SIGCONT)
        self.wait_level()
        self.assertIn("event=shadow_fetches_checkpoint", self.shadow.log())
        done = self.gfs(self.shadow_address, "ls", "/", options=["--stale-ok"])
        self.assertEqual(len(done.stdout.split()), 600)

        # A new process has nothing, and begins with it too.
        self.shadow.kill(signal.SIGTERM)
        self.shadow.start().wait_ready()
        self.wait_level()
        self.assertEqual(self.gfs(self.shadow_address, "ls", "/", options=["--stale-ok"]).stdout, done.stdout)

    def test_before_it_has_caught_up_it_says_so(self):
        self.shadow.kill()
        self.cluster.master.kill()
        self.shadow.start().wait_ready()
        done = self.gfs(self.shadow_address, "ls", "/", options=["--stale-ok", "--timeout", "3s"])
        self.assertEqual(done.returncode, UNAVAILABLE)
        self.assertIn(b"has not caught up", done.stderr)
        self.cluster.master.start().wait_ready()
        self.wait_level()

    def test_what_makes_no_sense_is_refused(self):
        for arguments in [["--data", f"{self.work}/x"], ["--format"]]:
            done = subprocess.run(self.shadow.arguments + arguments, capture_output=True, timeout=60 * SLOW)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"a shadow keeps nothing on disk", done.stderr)
        self.assertEqual(self.shadow.kill(signal.SIGTERM), 0)


if __name__ == "__main__":
    main()
