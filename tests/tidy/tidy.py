#!/usr/bin/env python3
"""Reads the source lines and fails on what would bend the house.

* An include that goes up or sideways between floors, or is not written from the root.
* A clock, machine randomness or sleeping outside the rooms where they live: node code gets them from its constructor.
* A walk over an unordered container where decisions are made: the order would differ from run to run.

Best effort, by regular expressions. Usage: tidy.py ROOT
"""

import pathlib
import re
import sys

# Folder -> floor. The longest folder that fits counts; equal floors are neighbours that never meet.
FLOORS = {
    "base": 0,
    "bus": 1,
    "gossip": 2,
    "master/raft": 2,
    "master": 3,
    "chunkserver": 3,
    "client_cli/client": 3,
    "client_cli/embedded": 4,
    "client_cli/cli": 5,
    "tests": 6,
    "examples": 6,
}

# tests/sim/main.cc says how much faster than real time a run was.
CLOCK_ROOMS = ("base/", "bus/zmq_", "client_cli/cli/", "tests/bench/", "tests/sim/main.cc")
CLOCKS = re.compile(
    r"\b(?:system_clock|steady_clock|high_resolution_clock|utc_clock)\s*::\s*now\s*\("
    r"|(?<![\w.>:])(?:std::)?s?rand\s*\(\s*\)"
    r"|\bsrand\s*\(|\brandom_device\b|\bthis_thread\s*::\s*sleep"
)
ORDER_ROOMS = ("master/", "chunkserver/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
UNORDERED = re.compile(r"\bunordered_(?:multi)?(?:map|set)\s*<")
WALK = re.compile(r"\bfor\s*\((?:[^;()]|\([^()]*\))*?[^:]:\s*(?!:)\*?([A-Za-z_][\w.\->]*)\s*\)")


def folder_of(path):
    fits = [folder for folder in FLOORS if path == folder or path.startswith(folder + "/")]
    return max(fits, key=len) if fits else None


def without_comments_and_strings(text):
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    return re.sub(r'//[^\n]*|/\*.*?\*/|R"\(.*?\)"|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_includes(path, text):
    mine = folder_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        kind, target = found.groups()
        theirs = folder_of(target)
        if theirs is None:
            if kind == '"':
                yield number, f'"{target}" is not written from the root, or is no floor of ours'
        elif FLOORS[theirs] > FLOORS[mine]:
            yield number, f"{mine} (floor {FLOORS[mine]}) includes {target} (floor {FLOORS[theirs]}): includes go down"
        elif FLOORS[theirs] == FLOORS[mine] and theirs != mine and FLOORS[mine] < 6:
            yield number, f"{mine} includes {target}: neighbours never include one another"


def check_clocks(path, code):
    if path.startswith(CLOCK_ROOMS):
        return
    for number, line in enumerate(code.splitlines(), 1):
        found = CLOCKS.search(line)
        if found:
            yield number, f"{found.group(0).strip()}: time and randomness come from the constructor"


def unordered_names(code):
    """Names declared as unordered containers: the word after the closing '>' of the type."""
    names = set()
    for start in UNORDERED.finditer(code):
        depth = 1
        at = start.end()
        while at < len(code) and depth > 0:
            depth += {"<": 1, ">": -1}.get(code[at], 0)
            at += 1
        name = re.match(r"[\s&*]*([A-Za-z_]\w*)", code[at:])
        if name:
            names.add(name.group(1))
    return names


def check_order(path, code, header_code):
    if not path.startswith(ORDER_ROOMS):
        return
    names = unordered_names(code) | unordered_names(header_code)
    for walk in WALK.finditer(code):
        name = re.split(r"\.|->", walk.group(1))[-1]
        if name in names:
            number = code.count("\n", 0, walk.start()) + 1
            yield number, f"walks the unordered {name}: its order differs from run to run"


def check_tree(root):
    problems = []
    for folder in sorted({folder.split("/")[0] for folder in FLOORS}):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cc") or not file.is_file():
                continue
            path = file.relative_to(root).as_posix()
            if folder_of(path) is None:
                continue
            text = file.read_text(encoding="utf-8")
            code = without_comments_and_strings(text)
            header = file.with_suffix(".h")
            header_code = ""
            if file.suffix == ".cc" and header.is_file():
                header_code = without_comments_and_strings(header.read_text(encoding="utf-8"))
            for check in (check_includes(path, text), check_clocks(path, code), check_order(path, code, header_code)):
                problems += [f"{path}:{number}: {why}" for number, why in check]
    return problems


def main():
    root = pathlib.Path(sys.argv[1])
    if not (root / "base" / "result.h").is_file():
        print(f"{root} is not the project's root")
        return 2
    problems = check_tree(root)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
