"""Each example program against itself and against its Python counterpart, in both roles.

    mechanisms_test.py EXAMPLES_FOLDER NAME

NAME is a row of the table below. Every pairing must exchange 100 pings and `end`, exit 0, and leave nothing at its
place. Only the standard library is used (and python3-sysv-ipc by the System V counterparts).
"""

import os
import re
import signal
import subprocess
import sys
import tempfile

COUNTERPARTS = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "mechanisms", "python")
ROUNDS = 100
LIMIT_S = 30

# name -> (PLACE inside the test's own folder, or a format with {pid}; two-way; what stays at the place is a fault)
PLACES = {
    "anonymous_pipe": None,  # starts its own child: no place, no roles
    "eventfd": None,
    "named_pipe": "{folder}/ping",
    "named_pipe_two_way": "{folder}/ping",
    "unix_socket": "{folder}/udsocket",
    "tcp_socket": "127.0.0.1:{port}",
    "udp_socket": "127.0.0.1:{port}",
    "posix_queue": "/tenon-example-{pid}",
    "sysv_queue": "{folder}/example",
    "sysv_memory": "{folder}/example",
    "posix_memory": "/tenon-example-{pid}",
    "mapped_file": "{folder}/mapped",
    "plain_file": "{folder}/plain",
    "signals": "{folder}/server.pid",
}
ONE_WAY = {"named_pipe"}  # the server never answers


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(language, examples, name, role, place):
    if language == "c++":
        return [os.path.join(examples, name), role, place]
    return ["/usr/bin/python3", os.path.join(COUNTERPARTS, name + ".py"), role, place]


def stop(process):
    if process.poll() is None:
        process.kill()
    process.communicate()


def check(condition, text, *outputs):
    if not condition:
        sys.exit("\n".join([text, *outputs]))


def run_pair(examples, name, server_language, client_language):
    with tempfile.TemporaryDirectory(prefix="tenon-interop-") as folder:
        place = PLACES[name].format(folder=folder, pid=os.getpid(), port=free_port())
        title = f"{name}: {server_language} server, {client_language} client"
        server = subprocess.Popen(
            command(server_language, examples, name, "server", place), cwd=folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            first_line = server.stdout.readline()  # every server says that it is ready
            check("waiting" in first_line, f"{title}: the server did not get ready", first_line)
            client = subprocess.run(
                command(client_language, examples, name, "client", place), cwd=folder, text=True, timeout=LIMIT_S,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if name == "unix_socket":  # serves one client after another, as in the notes, until it is told to stop
                while "shutting down" not in first_line:
                    first_line = first_line + server.stdout.readline()
                server.send_signal(signal.SIGINT)
            output = first_line + server.communicate(timeout=LIMIT_S)[0]
        finally:
            stop(server)
        check(client.returncode == 0, f"{title}: the client exited {client.returncode}", client.stdout, output)
        check(server.returncode == 0, f"{title}: the server exited {server.returncode}", output)
        received = len(re.findall(r"^Server: Received ping$", output, re.M))
        check(received == ROUNDS, f"{title}: the server received {received} pings", output)
        if name not in ONE_WAY:
            answered = len(re.findall(r"^Client: Received pong$", client.stdout, re.M))
            check(answered == ROUNDS, f"{title}: the client received {answered} pongs", client.stdout)
        left = sorted(os.listdir(folder))
        check(left in ([], ["example"]), f"{title}: left {left} behind")  # ftok(3) needs its file
        print(f"{title}: {received} pings")


def run_parent_and_child(examples, name):
    done = subprocess.run([os.path.join(examples, name)], text=True, timeout=LIMIT_S, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    check(done.returncode == 0, f"{name} exited {done.returncode}", done.stdout)
    received = len(re.findall(r"^Server: Received ping$", done.stdout, re.M))
    check(received == ROUNDS, f"{name}: {received} pings", done.stdout)
    print(f"{name}: {received} pings")


def main():
    examples, name = os.path.abspath(sys.argv[1]), sys.argv[2]
    if PLACES[name] is None:
        run_parent_and_child(examples, name)
        return
    languages = ["c++"]
    if os.path.exists(os.path.join(COUNTERPARTS, name + ".py")):
        languages.append("python")
    for server_language in languages:
        for client_language in languages:
            run_pair(examples, name, server_language, client_language)


if __name__ == "__main__":
    main()
