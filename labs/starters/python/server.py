"""Answers each line with the product of its two numbers. A thread for each client.

usage: server.py PORT          then, elsewhere: printf '22 9\n' | nc -N 127.0.0.1 PORT
"""

import select
import signal
import socket
import sys
import threading
import time

LINE_BYTES_MAX = 65536
DRAIN_S = 2
sys.set_int_max_str_digits(0)  # Numbers may be longer than Python's default limit.
stopping = threading.Event()
clients = {}  # Each client's socket and the thread that serves it.


def answer(line):
    words = line.split()
    if len(words) != 2 or not all(word.removeprefix(b"-").isdigit() for word in words):
        return b"ERR bad-argument send two whole numbers, as in 22 9\n"
    return b"%d\n" % (int(words[0]) * int(words[1]))


def converse(client):
    """Cuts what arrives into lines: recv returns any part of a line, or many lines."""
    rest, last_look = b"", False
    while not last_look:
        last_look = stopping.is_set()  # What arrived before the signal is still answered.
        received = client.recv(LINE_BYTES_MAX)
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            client.sendall(answer(line))
        if len(rest) >= LINE_BYTES_MAX:
            return client.sendall(b"ERR too-long a line holds 65536 bytes at most\n")
        if not received:  # The client has sent everything, and may end without a line feed.
            return client.sendall(answer(rest)) if rest and not stopping.is_set() else None


def serve(client):
    try:
        converse(client)
        # Closing with unread input would reset the connection and destroy the last reply.
        client.shutdown(socket.SHUT_WR)
        client.settimeout(1)
        while client.recv(65536):
            pass
    except OSError:
        pass  # The client has gone: that ends its own thread and nothing else.
    finally:
        del clients[client]
        client.close()


def accept_clients(listener):
    while True:
        ready, _, _ = select.select([listener, signalled], [], [])
        if signalled in ready:
            return
        try:
            client, _ = listener.accept()
        except OSError:  # No descriptor left, or the client has gone already.
            time.sleep(0.05)
            continue
        clients[client] = threading.Thread(target=serve, args=(client,), daemon=True)
        try:
            clients[client].start()
        except RuntimeError:  # The system has no more threads: this client is turned away.
            del clients[client]
            client.close()


# A signal between two bytecodes would be seen only after the next accept. So it is a byte to read.
signalled, signals = socket.socketpair()
signals.setblocking(False)
signal.set_wakeup_fd(signals.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
listener.setblocking(False)  # A client that has gone by now must not block it.
try:
    accept_clients(listener)
finally:
    listener.close()
    stopping.set()
    deadline = time.monotonic() + DRAIN_S
    for client, thread in list(clients.items()):
        try:
            client.shutdown(socket.SHUT_RD)  # Wakes a thread that waits in recv.
        except OSError:
            pass
    for thread in list(clients.values()):
        thread.join(max(0, deadline - time.monotonic()))
