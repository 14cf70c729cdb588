#!/usr/bin/env python3
"""Shows that tidy.py finds what it is for, and leaves the rest alone: a small tree per row, and what is said of it."""

import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tidy  # noqa: E402

ROWS = [
    ("down", "master/a.cc", '#include "bus/bus.h"\n#include <vector>\n', None),
    ("up", "base/a.h", '\n#include "bus/bus.h"\n', "base/a.h:2: base (floor 0) includes bus/bus.h (floor 1)"),
    ("sideways", "master/a.h", '#include "chunkserver/store.h"\n', "neighbours never include one another"),
    ("sideways to the client", "chunkserver/a.h", '#include "client_cli/client/file.h"\n', "neighbours"),
    ("raft knows no master", "master/raft/a.h", '#include "master/op.h"\n', "includes go down"),
    ("master knows raft", "master/a.h", '#include "master/raft/node.h"\n', None),
    ("not from the root", "master/a.cc", '#include "op.h"\n', "not written from the root"),
    ("tests see everything", "tests/x_test.cc", '#include "master/op.h"\n#include "client_cli/cli/shell.h"\n', None),
    ("clock", "master/a.cc", "auto t = std::chrono::steady_clock::now();\n", "steady_clock::now"),
    ("clock in base", "base/a.cc", "auto t = std::chrono::steady_clock::now();\n", None),
    ("clock in the bus", "bus/zmq_loop.cc", "auto t = std::chrono::steady_clock::now();\n", None),
    ("clock in a comment", "master/a.cc", "// steady_clock::now() is not for us\n", None),
    ("the executor's clock", "master/a.cc", "auto t = executor_.now(); auto s = random.rand();\n", None),
    ("rand", "chunkserver/a.cc", "int x = rand();\n", "rand()"),
    ("random_device", "chunkserver/a.cc", "std::random_device d;\n", "random_device"),
    ("sleep", "tests/a_test.cc", "std::this_thread::sleep_for(1s);\n", "sleep"),
    (
        "unordered walk",
        "master/a.cc",
        "std::unordered_map<A, std::vector<B>> table_;\nvoid f() {\n  for (auto& [a, b] : table_) g(a);\n}\n",
        "master/a.cc:3: walks the unordered table_",
    ),
    ("ordered walk", "master/a.cc", "std::map<A, B> table_;\nvoid f() { for (auto& [a, b] : table_) g(a); }\n", None),
    ("unordered look-up", "master/a.cc", "std::unordered_set<A> seen;\nbool f() { return seen.contains(1); }\n", None),
]


def main():
    failed = 0
    for name, path, text, wanted in ROWS:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / path
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8")
            problems = tidy.check_tree(pathlib.Path(folder))
        right = not problems if wanted is None else len(problems) == 1 and wanted in problems[0]
        if not right:
            failed += 1
            print(f"{name}: wanted {wanted!r}, got {problems}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
