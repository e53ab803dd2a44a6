"""A thread for each client; one of them at a time runs Python."""

import select
import signal
import socket
import sys
import threading
import time

from protocol import BYE, LINE_BYTES_MAX, TOO_LONG, answer

sys.set_int_max_str_digits(0)
DRAIN_S = 5
stopping = threading.Event()
clients = {}  # Each client's socket and its thread.


def converse(client):
    rest, last_look = b"", False
    while not last_look:
        last_look = stopping.is_set()  # What arrived before the signal is still answered.
        received = client.recv(LINE_BYTES_MAX)
        *lines, rest = (rest + received).split(b"\n")
        if not received and rest and not stopping.is_set():
            lines.append(rest)  # The end of input ends the last line too.
        replies = []
        for line in lines:
            reply, wait_s = answer(line)
            if wait_s:
                client.sendall(b"".join(replies))
                replies.clear()
                time.sleep(wait_s)
            replies.append(reply)
            if reply is BYE:
                break
        client.sendall(b"".join(replies))
        if not received or replies and replies[-1] is BYE:
            return
        if len(rest) >= LINE_BYTES_MAX:
            client.sendall(TOO_LONG)
            return


def serve(client):
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        converse(client)
        client.shutdown(socket.SHUT_WR)
        # Closing with unread input would reset the connection and destroy the last reply.
        client.settimeout(1)
        while client.recv(LINE_BYTES_MAX):
            pass
    except OSError:
        pass  # The client has gone, or does not go: that is the end of its connection only.
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
        except OSError:  # No descriptor is left, or the client has gone already.
            time.sleep(0.01)
            continue
        clients[client] = threading.Thread(target=serve, args=(client,), daemon=True)
        try:
            clients[client].start()
        except RuntimeError:  # No thread is left: this client is turned away.
            del clients[client]
            client.close()


# A signal between two bytecodes would be seen only after the next accept. So it is a byte to read.
signalled, signals = socket.socketpair()
signals.setblocking(False)
signal.set_wakeup_fd(signals.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGINT, lambda *_: None)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
listener.setblocking(False)  # A client that has gone by now must not block it.
try:
    accept_clients(listener)
finally:
    listener.close()
    stopping.set()
    deadline = time.monotonic() + DRAIN_S
    for client in list(clients):
        try:
            client.shutdown(socket.SHUT_RD)  # Wakes a thread that waits in recv.
        except OSError:
            pass
    for thread in list(clients.values()):
        thread.join(max(0, deadline - time.monotonic()))
