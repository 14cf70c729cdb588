"""How fast, and at whose cost, the loss of a server is made up for: real processes, figures, nothing asserted.

    times [--clusters N]      crash -> suspect -> lost -> first copy -> whole at default settings; each server of each
                              cluster of five once by kill -9 and once by SIGSTOP (as a machine without power)
    throughput [--limit S]    one of five is killed: bytes copied a second against what repair_rate_server allows
    single [--limit S]        one of five, then another: when chunks with one replica left have a second one, and all
    clients [--rounds N]      latencies of one client: alone, during scrubbing, during repair; interleaved rounds
    gray [--rounds N]         the same with a chunkserver behind a slow network, heartbeats perfect

GFS_BIN: where the programs are. Data lies in TMPDIR.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../e2e"))
from harness import Cluster, program, wait_for
from proxy import Network

DEFAULTS = 'repair_after = "30s"\nrepair_after_leaving = "10min"\n'


def server_of(cluster, daemon):
    port = daemon.arguments[daemon.arguments.index("--listen") + 1].rsplit(":", 1)[1]
    return next(one for one in cluster.json("server", "ls") if one["address"].endswith(":" + port))


def repair(cluster):
    return cluster.json("repair", "status")[0]


def is_whole(cluster, total):
    chunks = cluster.status().get("chunks", {"full": -1})
    return chunks["full"] == total and repair(cluster)["in_need"] == 0


def one_loss(cluster, victim, how, total):
    """Seconds from the crash to each step."""
    copied = repair(cluster)["copied_chunks"]
    begin = time.monotonic()
    victim.kill() if how == "kill -9" else victim.process.send_signal(signal.SIGSTOP)
    seen = {}

    def note(what, is_so):
        if what not in seen and is_so:
            seen[what] = time.monotonic() - begin

    def over():
        state = server_of(cluster, victim)["state"]
        note("suspect", state in ("suspect", "lost"))
        note("lost", state == "lost")
        if "lost" in seen:
            now = repair(cluster)
            note("first copy begun", now["copied_chunks"] > copied or now["running"] > 0 and seen["lost"] + 10 < time.monotonic() - begin)
            note("first copy", now["copied_chunks"] > copied)
            note("whole", now["copied_chunks"] > copied and is_whole(cluster, total))
        time.sleep(0.05)
        return "whole" in seen

    wait_for("the set to be whole", over, 180)
    if how == "kill -9":
        victim.start().wait_ready()
    else:
        victim.process.send_signal(signal.SIGCONT)
    cluster.wait_up(5)
    wait_for("nothing in need", lambda: is_whole(cluster, total), 120)
    return seen


def times(options):
    rows = []

    def run():
        cluster = Cluster(5, master_settings=DEFAULTS).format_and_start()
        try:
            for number in range(20):
                cluster.cli("put", "-", f"/f{number}", stdin=random.Random(number).randbytes(1 << 20))
            for how in ("kill -9", "SIGSTOP"):
                for victim in cluster.chunkservers:
                    rows.append((how, one_loss(cluster, victim, how, 20)))
                    print(rows[-1], flush=True)
        finally:
            cluster.close()

    threads = [threading.Thread(target=run) for _ in range(options.clusters)]
    for thread in threads:
        thread.start()
        time.sleep(3)
    for thread in threads:
        thread.join()
    for how in ("kill -9", "SIGSTOP"):
        for step in ("suspect", "lost", "first copy", "whole"):
            took = sorted(seen[step] for kind, seen in rows if kind == how)
            print(f"times  {how:8} -> {step:10}  {len(took)} times: least {took[0]:.2f} s, median {statistics.median(took):.2f} s, "
                  f"most {took[-1]:.2f} s", flush=True)


def parse_size(text):
    for suffix, factor in (("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)):
        if text.endswith(suffix):
            return int(float(text[:-len(suffix)]) * factor)
    return int(text)


def fill(cluster, files, size):
    """Files of one chunk each."""
    for number in range(files):
        cluster.cli("put", "-", f"/f{number}", stdin=random.Random(number % 4).randbytes(size))


def cpu_of(daemons):
    ticks = 0
    for daemon in daemons:
        try:
            with open(f"/proc/{daemon.process.pid}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        except OSError:  # killed
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def copying(cluster, seconds):
    """When how many bytes were copied and how many chunks were in need, by how many sound replicas they have left; from
    the first copy until nothing is in need. Bytes are counted when a chunk's copy ends."""
    steps = []

    def over():
        now = repair(cluster)
        steps.append((time.monotonic(), now["copied_bytes"], now["by_sound"], now["in_need"], now["running"]))
        time.sleep(0.1)
        return now["copied_chunks"] > 0 and now["in_need"] == 0

    wait_for("repair to end", over, seconds)
    return steps


def throughput(options):
    limit, size = parse_size(options.limit), parse_size(options.size)
    cluster = Cluster(5, master_settings='repair_after = "2s"\n').format_and_start()
    try:
        cluster.cli("repair", "limit", "--server", options.limit)
        fill(cluster, options.files, size)
        victim = cluster.chunkservers[0]
        held = server_of(cluster, victim)["chunks"]
        victim.kill()
        wait_for("copying to begin", lambda: repair(cluster)["by_sound"][2] > 0 and repair(cluster)["running"] > 1, 120)
        cpu, begin = cpu_of([cluster.master] + cluster.chunkservers), time.monotonic()
        copying(cluster, 1800)
        took, bytes_copied = time.monotonic() - begin, repair(cluster)["copied_bytes"]
        cpu = cpu_of([cluster.master] + cluster.chunkservers) - cpu
        if options.keep:
            with open(options.keep, "w") as file:
                file.write(cluster.master.log())
        last = {}  # order of each chunk
        for line in cluster.master.log().splitlines():
            if "event=copy_ordered" in line:
                words = dict(word.split("=", 1) for word in line.split() if "=" in word)
                last[words["chunk"]] = words["source"], words["target"]
        into = [sum(target == server for _, target in last.values()) for server in {target for _, target in last.values()}]
        out_of = [sum(source == server for source, _ in last.values()) for server in {source for source, _ in last.values()}]
        rate = bytes_copied / took
        cap = 4 * limit
        busiest = max(into + out_of) * size
        print(f"throughput  {held} chunks of {options.size} were on the server; limit {options.limit}/s into and out of each; "
              f"copied {bytes_copied / (1 << 20):.0f} MiB in {took:.1f} s: {rate / (1 << 20):.1f} MiB/s, "
              f"{100 * rate / cap:.0f} % of 4 x limit; busiest server {100 * busiest / took / limit:.0f} % of its limit; "
              f"{cpu / (bytes_copied / (1 << 30)):.2f} CPU-s/GiB; chunks into each {sorted(into)}, out of each {sorted(out_of)}",
              flush=True)
    finally:
        cluster.close()


def single(options):
    size = parse_size(options.size)
    cluster = Cluster(5, master_settings='repair_after = "2s"\n').format_and_start()
    try:
        cluster.cli("repair", "limit", "--server", options.limit)
        fill(cluster, options.files, size)
        begin = time.monotonic()
        for victim in cluster.chunkservers[:2]:
            victim.kill()
        steps = copying(cluster, 1800)
        alone = [step for step in steps if step[2][1] > 0]
        first = next(step[0] for step in steps if step[4] > 0 and sum(step[2]) > 0)
        end = steps[-1][0]
        print(f"single  {max(step[2][1] for step in steps)} chunks with one replica, {max(step[3] for step in steps)} in need; after the crash: "
              f"first order {first - begin:.1f} s, none with one replica {alone[-1][0] - begin:.1f} s, whole {end - begin:.1f} s: "
              f"{100 * (alone[-1][0] - first) / (end - first):.0f} % of the time of repair", flush=True)
    finally:
        cluster.close()


class Client:
    """latency_bench, and what it measured in each phase."""

    def __init__(self, cluster, *arguments):
        self.process = subprocess.Popen([program("latency_bench"), cluster.address, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        self.took = {}

    def phase(self, label, seconds):
        self.process.stdin.write(f"{label} {seconds}\n".encode())
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        for kind in ("read", "write", "sync"):
            self.took.setdefault((label, kind), []).append(sorted(told[kind + "_ms"]))
        if told["failed"]:
            print(f"{label}: {told['failed']} failed", flush=True)

    def tell(self, what, plain):
        for label in dict.fromkeys(label for label, _ in self.took):
            for kind in ("read", "write", "sync"):
                print(f"{what}  {label:12} {kind:5} {self.text(label, kind, plain)}", flush=True)

    def quantile(self, label, kind, part):
        rounds = self.took[(label, kind)]
        together = sorted(one for each in rounds for one in each)
        return together[int(len(together) * part)], [each[int(len(each) * part)] for each in rounds]

    def text(self, label, kind, plain):
        p50, _ = self.quantile(label, kind, 0.5)
        p99, by_round = self.quantile(label, kind, 0.99)
        _, plain_by_round = self.quantile(plain, kind, 0.99)
        ratios = [one / other for one, other in zip(by_round, plain_by_round)]
        plain_p99, _ = self.quantile(plain, kind, 0.99)
        return (f"p50 {p50:8.2f} ms  p99 {p99:8.2f} ms  p99 by round {' '.join(f'{one:.1f}' for one in by_round)}  "
                f"p99 against {plain}: {p99 / plain_p99:.2f} (median of rounds {statistics.median(ratios):.2f})")

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


def clients(options):
    """During repair a server that was lost before is away, and as many chunks as a round takes are copied: the phases
    without repair run with all five servers in the same state otherwise."""
    cluster = Cluster(5, master_settings='repair_after = "0s"\nrepair_after_leaving = "10min"\n',
                      chunkserver_settings=f'scrub_pass = "{options.scrub_pass}"\n').format_and_start()
    client = None
    try:
        cluster.cli("repair", "pause")
        if options.cluster_limit:
            cluster.cli("repair", "limit", "--cluster", options.cluster_limit)
        cluster.cli("scrub", "pause", "all")
        fill(cluster, options.files, parse_size(options.size))
        client = Client(cluster, "--rate", str(options.rate), "--files", "8", "--file", "8MiB")
        victim = cluster.chunkservers[4]
        client.phase("warm", 5)
        del client.took[("warm", "read")], client.took[("warm", "write")], client.took[("warm", "sync")]

        def scrubbed_bytes():  # of those that answer
            lines = cluster.cli("--json", "scrub", "status", "all", check=False).stdout.splitlines()
            return sum(json.loads(line)["bytes"] for line in lines)

        def phase(label):
            daemons = [cluster.master] + cluster.chunkservers
            copied, cpu, begin = repair(cluster)["copied_bytes"], cpu_of(daemons), time.monotonic()
            scrubbed = scrubbed_bytes()
            client.phase(label, options.seconds)
            took = time.monotonic() - begin
            copied = repair(cluster)["copied_bytes"] - copied
            scrubbed = scrubbed_bytes() - scrubbed
            print(f"clients  {label}: copied {copied / took / (1 << 20):.1f} MiB/s, scrubbed {scrubbed / took / (1 << 20):.1f} MiB/s, "
                  f"{(cpu_of(daemons) - cpu) / took:.2f} CPUs of the daemons", flush=True)

        for number in range(options.rounds):
            phase("plain")
            cluster.cli("scrub", "resume", "all", check=False)
            cluster.cli("scrub", "start", "all", check=False)
            phase("scrub")
            cluster.cli("scrub", "pause", "all", check=False)
            if number == 0:
                victim.kill()
                wait_for("it to be lost", lambda: server_of(cluster, victim)["state"] == "lost", 60)
            phase("degraded")
            cluster.cli("repair", "resume")
            wait_for("copies to run", lambda: repair(cluster)["running"] > 1 or repair(cluster)["in_need"] == 0, 60)
            phase("repair")
            over = repair(cluster)["in_need"] == 0
            cluster.cli("repair", "pause")
            wait_for("copies to end", lambda: repair(cluster)["running"] == 0, 120)
            if over:  # there was not enough to copy for another round
                break
        client.tell("clients", "plain")
        client.tell("clients", "degraded")
    finally:
        if client:
            client.close()
        cluster.close()


def gray(options):
    """A chunkserver whose data, in and out, comes late or at 1 Mbit/s; its gossip and the words of the master to it are not
    touched, nor is what it says to the master."""
    cluster = Cluster(options.servers)
    network = Network()
    client = None
    try:
        for number, daemon in enumerate(cluster.chunkservers):
            listen = int(daemon.arguments[daemon.arguments.index("--listen") + 1].rsplit(":", 1)[1])
            node = network.add(f"cs{number + 1}", listen + 5, listen)
            node.pid = lambda d=daemon: d.process.pid if d.process else None
            daemon.arguments += ["--advertise", f"tcp://127.0.0.1:{listen + 5}"]
        network.nodes["master"] = type("Node", (), {"name": "master", "pid": staticmethod(lambda: cluster.master.process.pid)})()
        cluster.format_and_start()
        client = Client(cluster, "--rate", str(options.rate), "--files", "8", "--file", "8MiB")
        client.phase("warm", 5)
        del client.took[("warm", "read")], client.took[("warm", "write")], client.took[("warm", "sync")]
        for _ in range(options.rounds):
            for label in ("healthy", "late", "thin"):
                network.ways.clear()
                kinds = ("control", "data")
                for other in [name for name in list(network.nodes) + ["client"] if name not in ("cs1", "master")]:
                    if label == "late":
                        network.both("cs1", other, kinds, delay=0.2)
                if label == "thin":
                    network.share_rate("cs1", kinds, 125000)
                    for kind in kinds:  # heartbeats
                        network.ways.pop(("cs1", "master", kind), None)
                        network.ways.pop(("master", "cs1", kind), None)
                client.phase(label, options.seconds)
                network.ways.clear()
                time.sleep(options.rest)  # the client forgets who was slow (10 s)
                print(f"gray  after {label}: " + " ".join(sorted(one["state"] for one in cluster.json("server", "ls"))), flush=True)
        client.tell("gray", "healthy")
    finally:
        if client:
            client.close()
        cluster.close()
        network.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(work, **defaults):
        one = commands.add_parser(work.__name__)
        for name, value in defaults.items():
            one.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
        one.set_defaults(run=work)

    command(times, clusters=2)
    command(throughput, files=40, size="64MiB", limit="32MiB", keep="")
    command(single, files=60, size="8MiB", limit="8MiB")
    command(clients, files=24, size="64MiB", rounds=3, seconds=15, rate=50, scrub_pass="336h", cluster_limit="")
    command(gray, servers=5, rounds=3, seconds=15, rate=50, rest=11)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
