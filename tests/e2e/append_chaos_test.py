"""Appenders with kept ids, while servers and the master are killed and stopped at random: every record once, at the
offset that was told, in its writer's order, and nothing that nobody wrote; all replicas equal afterwards.

GFS_E2E_APPENDERS, GFS_E2E_RECORDS, GFS_E2E_CHAOS_S and GFS_E2E_SEED make it larger: the defaults take half a minute.
"""

import json
import os
import random
import signal
import struct
import subprocess
import threading
import time
import uuid

from harness import ClusterTest, SLOW, main, program, wait_for

APPENDERS = int(os.environ.get("GFS_E2E_APPENDERS", "3"))
RECORDS = int(os.environ.get("GFS_E2E_RECORDS", "150"))
CHAOS_S = float(os.environ.get("GFS_E2E_CHAOS_S", "12"))
SEED = int(os.environ.get("GFS_E2E_SEED", "1"))
LARGEST = 64 << 10
FILE = "/queue"


def record_of(writer, number):
    """1 to 64 KiB that say who wrote them and as which, and can be made again."""
    draw = random.Random(f"{SEED} {writer} {number}")
    size = int(min(LARGEST, 1024 * 2 ** (6 * draw.random())))
    head = f"{writer}:{number}:"
    filler = "".join(draw.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=64))
    return (head + filler * (size // 64 + 1))[:size]


class Appender(threading.Thread):
    """Appends its records in order; a gfs-cli that gives up is followed by another one that goes on where it stood."""

    def __init__(self, cluster, writer):
        super().__init__(name=f"appender {writer}")
        self.cluster = cluster
        self.writer = writer
        self.client = str(uuid.uuid4())
        self.offsets = {}  # number -> offset, as told
        self.runs = 0
        self.error = None

    def run(self):
        try:
            deadline = time.monotonic() + (CHAOS_S + 300) * SLOW
            while len(self.offsets) < RECORDS:
                if time.monotonic() > deadline:
                    raise AssertionError(f"{self.name}: {len(self.offsets)} of {RECORDS} records after {self.runs} runs")
                self.run_once(1 + len(self.offsets))
        except Exception as error:  # told by the test
            self.error = error

    def run_once(self, first):
        self.runs += 1
        command = [program("gfs-cli"), "--master", self.cluster.address, "--json", "rappend", FILE, "--length-prefixed",
                   "--client", self.client, "--first", str(first)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        feeder = threading.Thread(target=self.feed, args=(process.stdin, first))
        feeder.start()
        number = first
        for line in process.stdout:
            told = json.loads(line)
            sequence = int(told["req"].rsplit(":", 1)[1])
            if sequence != number:
                break  # a record in between has no outcome yet: from there again
            self.offsets[number] = told["offset"]
            number += 1
        process.stdout.close()
        process.wait()
        feeder.join()

    def feed(self, pipe, first):
        try:
            for number in range(first, RECORDS + 1):
                record = record_of(self.writer, number).encode()
                pipe.write(struct.pack(">I", len(record)) + record)
            pipe.close()
        except OSError:
            pass  # it gave up


class AppendChaos(ClusterTest):

    def strike(self, draw):
        victim = draw.choice(self.cluster.chunkservers + [self.cluster.master])
        if draw.random() < 0.5:
            victim.kill()
            time.sleep(draw.random())
            victim.start()
        else:
            victim.process.send_signal(signal.SIGSTOP)
            time.sleep(draw.random() * 1.5)
            victim.process.send_signal(signal.SIGCONT)

    def read_back(self):
        command = [program("gfs-cli"), "--master", self.cluster.address, "--json", "records", FILE]
        reading = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in reading.stdout:
            found = json.loads(line)
            yield found["offset"], found["record"]
        _, err = reading.communicate()
        self.assertEqual(reading.returncode, 0, err.decode())

    def test_every_record_once_in_order(self):
        self.cluster.cli("rappend", FILE, stdin=b"first\n")
        appenders = [Appender(self.cluster, writer) for writer in range(APPENDERS)]
        for appender in appenders:
            appender.start()
        draw = random.Random(SEED)
        strikes = 0
        end = time.monotonic() + CHAOS_S
        while time.monotonic() < end:
            began = time.monotonic()
            self.strike(draw)
            strikes += 1
            time.sleep(max(0.0, 2 - (time.monotonic() - began)))  # the pace of the chaos, no waiting for something
        for appender in appenders:
            appender.join()
            if appender.error is not None:
                raise appender.error
        self.cluster.wait_up(3)

        places = {}
        last = [0] * APPENDERS
        for offset, record in self.read_back():
            if record == "first":
                continue
            writer, number, _ = record.split(":", 2)
            writer, number = int(writer), int(number)
            self.assertEqual(record, record_of(writer, number), f"record {number} of writer {writer} at {offset}")
            self.assertNotIn((writer, number), places, f"record {number} of writer {writer} is there twice")
            self.assertGreater(number, last[writer], f"writer {writer}: {number} comes after {last[writer]}")
            places[(writer, number)] = offset
            last[writer] = number
        for appender in appenders:
            for number, offset in appender.offsets.items():
                self.assertEqual(places.get((appender.writer, number)), offset, f"writer {appender.writer}, {number}")
        self.assertEqual(len(places), APPENDERS * RECORDS)

        def whole():
            done = self.cluster.cli("chunk", "verify", FILE, check=False)
            return done if done.returncode == 0 else None

        done = wait_for("all replicas of all chunks to be equal", whole, 120)
        print(f"{strikes} strikes, {sum(a.runs for a in appenders)} runs, {len(places)} records;",
              done.stdout.decode().strip().replace("\n", "; "))


if __name__ == "__main__":
    main()
