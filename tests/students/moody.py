"""A server that is correct only after every second start. Usage: moody.py PORT FILE, which counts starts."""

import pathlib
import socketserver
import sys

starts = pathlib.Path(sys.argv[2])
count = int(starts.read_text()) if starts.exists() else 0
starts.write_text(str(count + 1))


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line if count % 2 == 0 else b"not today\n")


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Client).serve_forever()
