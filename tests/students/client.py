"""A student's first client, unchanged: two numbers and no line feed, one recv for the product.

usage: client.py PORT kept|afresh TIMES: over one connection, or a new one for each pair.
"""

import socket
import sys


def connect(port):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(30)
    client.connect(("127.0.0.1", port))
    return client


port, how, times = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
client = connect(port)
for turn in range(times):
    if how == "afresh" and turn > 0:
        client = connect(port)
    client.send(b"22 9")
    print("Product:", client.recv(1024).decode(), "to", client.getsockname()[1])
    if how == "afresh":
        # A stateless server closes; the client sees the end of what it sends.
        assert client.recv(1024) == b"", "the server sent more than one product"
        client.close()
client.close()
