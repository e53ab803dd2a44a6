"""Answers with the product of two numbers. It works when you try it by hand: what is wrong?

usage: broken.py PORT          then, elsewhere: printf '22 9\n' | nc -N 127.0.0.1 PORT
"""

import socket
import sys

listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
while True:
    client, address = listener.accept()
    print("connected:", address)
    while message := client.recv(1024):
        first, second = message.split()
        client.sendall(b"%d\n" % (int(first) * int(second)))
    print("disconnected:", address)
    client.close()
