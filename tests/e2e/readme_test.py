"""The commands that README.md prints, run as they stand there, in a copy of the place where they are printed."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import SOURCE, main


class Readme(unittest.TestCase):

    def test_commands(self):
        with open(os.path.join(SOURCE, "README.md")) as file:
            blocks = re.findall(r"```sh\n(.*?)```", file.read(), re.S)
        commands = [line for block in blocks for line in block.splitlines() if line.startswith("scripts/run ")]
        self.assertGreaterEqual(len(commands), 2, "README.md shows how to put a file and read it back")
        data = os.path.join(SOURCE, "gfs-data")
        kept = None
        if os.path.exists(data):  # somebody's own cluster: not ours to write to
            kept = tempfile.mkdtemp(dir=SOURCE, prefix="build/kept-")
            shutil.move(data, kept)
        try:
            for command in commands:
                done = subprocess.run(command.split("#")[0], shell=True, cwd=SOURCE, capture_output=True, timeout=1800)
                self.assertEqual(done.returncode, 0, f"{command}\n{done.stderr.decode()}")
            with open(os.path.join(SOURCE, "README.md"), "rb") as file:
                self.assertEqual(done.stdout, file.read())
        finally:
            shutil.rmtree(data, ignore_errors=True)
            if kept:
                shutil.move(os.path.join(kept, "gfs-data"), data)
                os.rmdir(kept)


if __name__ == "__main__":
    main()
