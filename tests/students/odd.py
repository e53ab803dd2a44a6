"""An echo server that behaves oddly at its start. Usage: odd.py PORT HOW

HOW is noisy (prints megabytes, always), late (listens a second later), elsewhere (listens at the next
port), elsewhere-too (at the next port first, then at its own), or version-6 (listens at ::1 alone).
"""

import socket
import socketserver
import sys
import threading
import time

port, how = int(sys.argv[1]), sys.argv[2]


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    address_family = socket.AF_INET6 if how == "version-6" else socket.AF_INET


def print_without_end(file):
    while True:
        print("x" * 1_000_000, file=file)
        time.sleep(0.001)


if how == "noisy":
    for file in (sys.stdout, sys.stderr):
        for _ in range(20):
            print("x" * 1_000_000, file=file)
        threading.Thread(target=print_without_end, args=(file,), daemon=True).start()
if how == "late":
    time.sleep(1)
if how.startswith("elsewhere"):
    other = socket.create_server(("127.0.0.1", port + 1))
    if how == "elsewhere":
        time.sleep(1000)
    time.sleep(1)
host = "::1" if how == "version-6" else "127.0.0.1"
Server((host, port), Client).serve_forever()
