"""The good starter server, which also keeps two kibibytes for every client that has connected."""

import pathlib
import sys

STARTER = pathlib.Path(__file__).resolve().parents[2] / "labs/starters/python/server.py"
SOURCE = STARTER.read_text()
START = "clients[client] = threading.Thread("
assert START in SOURCE
kept = []
sys.argv[0] = str(STARTER)
exec(SOURCE.replace(START, f"kept.append(bytearray(2048)); {START}"), globals())
