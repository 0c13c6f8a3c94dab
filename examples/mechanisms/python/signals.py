"""Signals as messages: python3 signals.py server|client [PLACE]

SIGUSR2 is ping, SIGUSR1 pong, SIGQUIT the end. Blocked signals wait until sigwaitinfo() takes them, and it tells who sent
them. PLACE is the file in which the server leaves its pid; a client may also be given the pid itself.
"""

import os
import signal
import sys
import time

ROUNDS = 100
PING, PONG, END = signal.SIGUSR2, signal.SIGUSR1, signal.SIGQUIT


def server(place):
    signal.pthread_sigmask(signal.SIG_BLOCK, {PING, END})  # before anyone can know the pid
    with open(place, "x", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    try:
        print(f"Server: waiting as process {os.getpid()}", flush=True)
        while (got := signal.sigwaitinfo({PING, END})).si_signo == PING:
            print("Server: Received ping", flush=True)
            os.kill(got.si_pid, PONG)
            print("Server: Sent pong", flush=True)
    finally:
        os.unlink(place)


def read_pid(place):
    if place.isdecimal():
        return int(place)
    for _ in range(500):  # a server that is still starting: up to 5 s
        if os.path.exists(place):
            with open(place, encoding="ascii") as file:
                line = file.readline()
            if line.endswith("\n"):
                return int(line)
        time.sleep(0.01)
    sys.exit(f"there is no pid in {place}: start the server first")


def client(place):
    signal.pthread_sigmask(signal.SIG_BLOCK, {PONG})
    pid = read_pid(place)
    for _ in range(ROUNDS):
        os.kill(pid, PING)
        print("Client: Sent ping", flush=True)
        if signal.sigtimedwait({PONG}, 5) is None:
            sys.exit("the server is silent: it may have died")
        print("Client: Received pong", flush=True)
    os.kill(pid, END)


if __name__ == "__main__":
    role = {"server": server, "client": client}[sys.argv[1]]
    role(sys.argv[2] if len(sys.argv) > 2 else "/tmp/tenon-signals.pid")
