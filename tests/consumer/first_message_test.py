"""The README's example in two processes: each must print what the other one said.

    first_message_test.py PROGRAM
"""

import os
import subprocess
import sys
import tempfile
import time

LIMIT_S = 20


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="tenon-first-message-") as folder:
        alone = subprocess.run([program, "hello"], cwd=folder, text=True, capture_output=True, timeout=LIMIT_S, check=False)
        assert alone.returncode == 1 and "start the listener first" in alone.stderr, alone

        server = subprocess.Popen([program], cwd=folder, text=True, stdout=subprocess.PIPE)
        try:
            end = time.monotonic() + LIMIT_S
            while not os.path.exists(os.path.join(folder, "greetings.sock")):
                assert server.poll() is None and time.monotonic() < end, "the server did not listen"
                os.sched_yield()
            client = subprocess.run([program, "hello"], cwd=folder, text=True, stdout=subprocess.PIPE, timeout=LIMIT_S,
                                    check=False)
            output = server.communicate(timeout=LIMIT_S)[0]
        finally:
            if server.poll() is None:
                server.kill()
                server.communicate()
        assert (server.returncode, client.returncode) == (0, 0), (server.returncode, client.returncode)
        assert output == "received: hello\n", output
        assert client.stdout == "answer: hello yourself\n", client.stdout
        assert os.listdir(folder) == [], os.listdir(folder)


if __name__ == "__main__":
    main()
