"""A network between processes on loopback that can be told to misbehave: TCP proxies in user space.

A node listens on its own ports and advertises those of its proxy, so that whoever dials it goes through here. The
dialler's end of a connection is looked up in /proc, so that both ends are known, and each of the two directions between
two nodes (a Way) can be

    cut        bytes stop, nothing is closed: as if packets vanished on the way. What was stopped arrives after the cut,
               as TCP would send it again
    delay      seconds later
    rate       bytes a second, all connections of that way together
    loss       of a piece (64 KiB or less). What TCP makes of it: the stream stands still for 0.2 s, twice that for each
               further loss in a row

Pipes (connections) that are begun while one of their directions is cut hang as well: no greeting comes back.
reset() ends the connections between two nodes.
"""

import asyncio
import os
import random
import socket
import struct
import threading
import time

PIECE = 65536
KINDS = {0: "control", 1: "data", 3: "gossip"}  # ports behind the advertised one


class Way:
    """From one node to another, all connections of one kind."""

    def __init__(self):
        self.cut = False
        self.delay = 0.0
        self.rate = None
        self.loss = 0.0
        self.free_at = 0.0  # when what was sent so far has left, at this rate
        self.bytes = 0
        self.dropped = 0  # pieces that were lost at first


class Node:

    def __init__(self, name, advertised, listen):
        self.name, self.advertised, self.listen = name, advertised, listen
        self.pid = lambda: None


class Network:
    """Runs in a thread of its own. Faults may be set from any thread."""

    def __init__(self, seed=1):
        self.nodes = {}
        self.ways = {}
        self.servers = []
        self.pipes = {}  # (dialler, acceptor) -> writers of both ends
        self.random = random.Random(seed)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def add(self, name, advertised, listen):
        """Proxies of a node: control, data and gossip; `advertised` and `listen` are its control ports."""
        node = self.nodes[name] = Node(name, advertised, listen)
        for distance, kind in KINDS.items():
            opening = asyncio.start_server(lambda r, w, k=kind, d=distance: self._accept(node, k, d, r, w), "127.0.0.1",
                                           advertised + distance, limit=PIECE)
            self.servers.append(asyncio.run_coroutine_threadsafe(opening, self.loop).result(10))
        return node

    def way(self, source, target, kind):
        return self.ways.setdefault((source, target, kind), Way())

    def set(self, source, target, kinds=("control", "data", "gossip"), **faults):
        """`source`, `target`: names, or None for everybody else. Faults as in Way."""
        names = list(self.nodes) + ["client"]
        for one in [source] if source else [name for name in names if name != target]:
            for other in [target] if target else [name for name in names if name != source]:
                for kind in kinds:
                    for fault, value in faults.items():
                        setattr(self.way(one, other, kind), fault, value)

    def both(self, one, other, kinds=("control", "data", "gossip"), **faults):
        self.set(one, other, kinds, **faults)
        self.set(other, one, kinds, **faults)

    def share_rate(self, one, kinds, rate):
        """All that goes into a node, and all that comes out of it, shares a rate: a slow network card."""
        for outwards in (False, True):
            shared = Way()
            shared.rate = rate
            for name in [name for name in list(self.nodes) + ["client"] if name != one]:
                for kind in kinds:
                    self.ways[(one, name, kind) if outwards else (name, one, kind)] = shared

    def heal(self):
        for way in list(self.ways.values()):
            way.cut, way.delay, way.rate, way.loss = False, 0.0, None, 0.0

    def reset(self, one, other):
        def work():
            for pair in ((one, other), (other, one)):
                for writer in self.pipes.get(pair, ()):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
        self.loop.call_soon_threadsafe(work)

    def close(self):
        async def end():
            for server in self.servers:
                server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def _dialler(self, port):
        """Which node has the other end of a connection that comes from this port."""
        try:
            with open("/proc/net/tcp") as table:
                inode = next((f[9] for f in (line.split() for line in table) if f[1].endswith(f":{port:04X}") and f[9] != "0"), None)
        except OSError:
            return "client"
        for node in self.nodes.values():
            folder = f"/proc/{node.pid()}/fd"
            try:
                ends = os.listdir(folder)
            except OSError:
                continue
            for end in ends:
                try:
                    if os.readlink(f"{folder}/{end}") == f"socket:[{inode}]":
                        return node.name
                except OSError:  # closed meanwhile
                    continue
        return "client"

    async def _accept(self, node, kind, distance, reader, writer):
        try:
            await self._carry(node, kind, distance, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass

    async def _carry(self, node, kind, distance, reader, writer):
        source = self._dialler(writer.get_extra_info("peername")[1])
        try:
            reader_in, writer_in = await asyncio.open_connection("127.0.0.1", node.listen + distance, limit=PIECE)
        except OSError:  # nobody is there: as a refused connection, as nearly as can be had
            writer.transport.abort()
            return
        ends = {writer, writer_in}
        self.pipes.setdefault((source, node.name), set()).update(ends)
        pumps = self._pump(reader, writer_in, (source, node.name, kind)) + self._pump(reader_in, writer, (node.name, source, kind))
        tasks = [asyncio.ensure_future(pump) for pump in pumps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)  # an end was reached, or told
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.pipes[(source, node.name)] -= ends
            writer.transport.abort()
            writer_in.transport.abort()

    def _pump(self, reader, writer, key):
        queue = asyncio.Queue(64)  # (not before, bytes)

        async def write():
            while True:
                due, piece = await queue.get()
                while self.way(*key).cut:
                    await asyncio.sleep(0.02)
                way = self.way(*key)
                lost = 0
                while way.loss and self.random.random() < way.loss and lost < 4:
                    way.dropped += 1
                    await asyncio.sleep(0.2 * 2**lost)
                    lost += 1
                if way.rate:
                    way.free_at = max(way.free_at, time.monotonic()) + len(piece) / way.rate
                    due = max(due, way.free_at)
                wait = due - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                if not piece:
                    return
                way.bytes += len(piece)
                writer.write(piece)
                await writer.drain()

        async def read():
            while True:
                piece = await reader.read(PIECE)
                await queue.put((time.monotonic() + self.way(*key).delay, piece))
                if not piece:
                    await asyncio.sleep(3600)  # the end of the stream is on its way, as the bytes before it are

        return [read(), write()]
