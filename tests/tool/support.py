"""What the tests of the command share: a folder of their own, processes that never outlive a test, and waiting for
events instead of sleeping."""

import os
import subprocess
import sys
import tempfile
import unittest

LIMIT_S = 60
TENON = ""


class ToolTest(unittest.TestCase):
    """A test with a folder, which must be as it was (apart from what the test made) when it ends."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="tenon-tool-")
        self.address = self.at("t.sock")
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        left = [name for name in os.listdir(self.folder.name) if name.endswith(".sock")]
        self.folder.cleanup()
        self.assertEqual(left, [], "a name was left behind")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def at(self, name):
        return "unix:" + self.path(name)

    def run_tenon(self, *arguments, stdin=b"", status=0, **options):
        """Runs a command to its end and checks its exit status."""
        done = subprocess.run([TENON, *arguments], input=stdin, capture_output=True, timeout=LIMIT_S, check=False,
                              cwd=self.folder.name, **options)
        self.assertEqual(done.returncode, status, (done.stderr or done.stdout).decode(errors="replace"))
        return done

    def start(self, *arguments, **options):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([TENON, *arguments], bufsize=0, cwd=self.folder.name, **(streams | options))
        self.processes.append(process)
        return process

    def start_listening(self, *arguments, **options):
        """Starts a command with --verbose and returns once it listens."""
        process = self.start(*arguments, "--verbose", **options)
        self.wait_for_line(process, b"listening at")
        return process

    def start_receiver(self, address, *arguments):
        """Starts a recv that listens, and writes to a file: nobody has to read while it runs. See received()."""
        with open(self.path("received"), "wb") as file:
            return self.start_listening("recv", "--listen", address, *arguments, stdout=file)

    def received(self, receiver, status=0):
        """What start_receiver()'s process printed, once it has ended."""
        self.end(receiver, status)
        with open(self.path("received"), "rb") as file:
            return file.read()

    def wait_for_line(self, process, text):
        """Reads the process's standard error up to a line with `text`."""
        seen = b""
        while True:
            line = process.stderr.readline()
            seen += line
            if text in line:
                return line
            self.assertTrue(line, f"no '{text.decode()}' in: {seen.decode()}")

    def read_lines(self, process, count):
        return [process.stdout.readline() for _ in range(count)]

    def end(self, process, status=0, stdin=None):
        """Waits for the end of a process; its output and its errors."""
        out, errors = process.communicate(stdin, timeout=LIMIT_S)
        self.assertEqual(process.returncode, status, (errors or b"").decode())
        return out, (errors or b"").decode()


def main():
    global TENON
    TENON = os.path.abspath(sys.argv.pop(1))
    unittest.main(module="__main__")
