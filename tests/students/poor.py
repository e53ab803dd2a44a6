"""A student's first server, wrong in the usual ways. Products over lines; the port is argument 1.

It takes what one recv returns for a message, serves one client at a time, believes what a client
says and that a client will stay, and does not set SO_REUSEADDR.
"""

import socket
import sys

listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
while True:
    client, _ = listener.accept()
    while message := client.recv(1024):
        first, second = message.split()
        client.sendall(b"%d\n" % (int(first) * int(second)))
    client.close()
