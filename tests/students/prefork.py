"""A student's server that forks: its workers echo lines, each after some work. Usage: prefork.py PORT WORKERS

The first worker is an orphan: it is not a descendant of the first process, because its parent has ended."""

import os
import signal
import socket
import sys

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)


def work():
    while True:
        client, _ = listener.accept()
        with client, client.makefile("rb") as lines:
            for line in lines:
                sum(range(20_000))
                client.sendall(line)


def start(orphan):
    if os.fork() == 0:
        if orphan and os.fork() != 0:
            os._exit(0)
        # Its parent may have ended, and then only a signal to the group ends it.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()


for worker in range(int(sys.argv[2])):
    start(orphan=worker == 0)
while True:
    try:
        os.wait()
    except ChildProcessError:
        signal.pause()
