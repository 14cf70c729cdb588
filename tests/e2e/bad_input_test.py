"""Wrong paths, wrong directories, wrong ports, damaged logs: an error that names the thing, and nothing is lost."""

import glob
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

from harness import Cluster, ClusterTest, Daemon, free_ports, main, program, wait_for


def run(*arguments, timeout=120):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


class Paths(ClusterTest):

    def test_every_bad_path_is_named(self):
        self.cluster.cli("put", "-", "/file", stdin=b"x")
        self.cluster.cli("mkdir", "-p", "/dir/sub")
        cases = [
            # arguments, exit code, what the message must contain
            (("cat", "/none"), 3, "/none"),
            (("ls", "/none"), 3, "/none"),
            (("stat", "/file/below"), 3, "/file"),
            (("mkdir", "/none/sub"), 3, "/none"),
            (("mkdir", "/dir"), 4, "/dir"),
            (("put", "/etc/hostname", "/file"), 4, "/file"),
            (("rm", "/dir"), 4, "/dir"),
            (("mkdir", "relative"), 2, "relative"),
            (("mkdir", "/a/../b"), 2, ".."),
            (("mkdir", "/" + "n" * 256), 2, "255"),
            (("mkdir", "/" + "/".join(["n" * 200] * 21)), 2, "4096"),
            (("cat", "/dir"), 1, "/dir"),
            (("nonsense",), 2, "nonsense"),
        ]
        for arguments, code, text in cases:
            done = self.cluster.cli(*arguments, check=False)
            told = done.stderr.decode()
            with self.subTest(arguments=arguments[0:1] + tuple(a[:30] for a in arguments[1:])):
                self.assertEqual(done.returncode, code, told)
                self.assertIn(text, told)
                self.assertEqual(done.stdout, b"")
        self.assertEqual(self.cluster.cli("cat", "/file").stdout, b"x")

    def test_garbage_on_every_port_is_survived(self):
        base = int(self.cluster.address.rsplit(":", 1)[1])
        for port in (base, base + 10, base + 11):
            for junk in (b"GET / HTTP/1.0\r\n\r\n", bytes(range(256)) * 64, b"\xff" * 4096):
                with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
                    try:
                        peer.sendall(junk)
                    except OSError:
                        pass
        self.cluster.cli("put", "-", "/after", stdin=b"alive")
        self.assertEqual(self.cluster.cli("cat", "/after").stdout, b"alive")


class Daemons(unittest.TestCase):

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="gfs-e2e-")

    def tearDown(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def test_master_unreachable_names_address_and_reason(self):
        done = run(program("gfs-cli"), "--master", "tcp://127.0.0.1:1", "--timeout", "2s", "ls", "/")
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("tcp://127.0.0.1:1", done.stderr)
        self.assertIn("refused", done.stderr)

    def test_not_formatted(self):
        done = run(program("gfs-master"), "--data", f"{self.root}/m", "--listen", "tcp://127.0.0.1:0")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("--format", done.stderr)

    def test_format_refuses_a_directory_in_use(self):
        os.makedirs(f"{self.root}/m")
        with open(f"{self.root}/m/precious", "w") as file:
            file.write("data")
        done = run(program("gfs-master"), "--data", f"{self.root}/m", "--listen", "tcp://127.0.0.1:0", "--format")
        self.assertEqual(done.returncode, 9, done.stderr)
        self.assertIn("not empty", done.stderr)
        self.assertEqual(os.listdir(f"{self.root}/m"), ["precious"])

    def test_beyond_loopback_needs_insecure(self):
        done = run(program("gfs-master"), "--data", f"{self.root}/m", "--listen", "tcp://0.0.0.0:0", "--format")
        self.assertEqual(done.returncode, 9, done.stderr)
        self.assertIn("--insecure", done.stderr)

    def test_port_in_use(self):
        with socket.socket() as taken:
            port = free_ports(10)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            done = run(program("gfs-master"), "--data", f"{self.root}/m", "--listen", f"tcp://127.0.0.1:{port}", "--format")
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn(str(port), done.stderr)

    def test_unknown_setting_is_named_with_its_line(self):
        path = f"{self.root}/config.toml"
        with open(path, "w") as file:
            file.write('replicas = 3\n\nreplicsa = 2\n')
        done = run(program("gfs-master"), "--data", f"{self.root}/m", "--listen", "tcp://127.0.0.1:0", "--config", path)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("replicsa", done.stderr)
        self.assertIn("3", done.stderr)

    def test_second_process_on_one_directory(self):
        cluster = Cluster(0)
        try:
            cluster.format_and_start()
            done = run(program("gfs-master"), "--data", f"{cluster.root}/master", "--listen", "tcp://127.0.0.1:0")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("in use", done.stderr.replace("in_use", "in use"))
        finally:
            cluster.close()

    def test_damaged_log_is_refused_and_left_alone(self):
        cluster = Cluster(0)
        try:
            cluster.format_and_start()
            for i in range(20):
                cluster.cli("mkdir", f"/d{i}")
            cluster.kill_all()
            segment = sorted(glob.glob(f"{cluster.root}/master/log/*"))[0]
            size = os.path.getsize(segment)
            with open(segment, "r+b") as file:
                file.seek(size // 2)
                byte = file.read(1)
                file.seek(size // 2)
                file.write(bytes([byte[0] ^ 0x40]))
                file.seek(0)
                before = file.read()
            cluster.master.start()
            code = cluster.master.process.wait(timeout=60)
            log = cluster.master.log()
            self.assertEqual(code, 8, log)
            self.assertIn(os.path.basename(segment), log)
            self.assertRegex(log, r"offset \d+")
            self.assertRegex(log, r"index \d+")
            with open(segment, "rb") as file:
                self.assertEqual(file.read(), before)
        finally:
            cluster.close()

    def test_chunkserver_of_another_cluster(self):
        one, other = Cluster(1), Cluster(0)
        try:
            one.format_and_start()
            other.format_and_start()
            one.chunkservers[0].kill()
            stranger = Daemon("stranger", [
                program("gfs-chunkserver"), "--data", f"{one.root}/chunkserver-1", "--master", other.address, "--listen",
                one.chunkservers[0].arguments[6]
            ], one.root).start()
            code = stranger.process.wait(timeout=60)
            self.assertNotEqual(code, 0)
            self.assertIn("cluster", stranger.log())
        finally:
            one.close()
            other.close()


if __name__ == "__main__":
    main()
