"""What requests mean: the same for the server with threads and the one with an event loop."""

import re

LINE_BYTES_MAX = 65536
TOO_LONG = b"ERR too-long a line holds 65536 bytes at most\n"
BYE = b"OK bye\n"
INTEGER, WHOLE = re.compile(rb"-?[0-9]+"), re.compile(rb"[0-9]+")


def work(rounds):
    x = 0x9E3779B97F4A7C15
    for _ in range(rounds * 64):
        x = ((x ^ (x >> 32)) * 0xD6E8FEB86659FD93) & 0xFFFFFFFFFFFFFFFF
    return x


def answer(line):
    """The reply to a line, and how many seconds to wait before it is sent."""
    verb, _, rest = line.removesuffix(b"\r").partition(b" ")
    words = rest.split()
    match verb.upper():
        case b"ECHO":
            return b"OK " + rest + b"\n", 0
        case b"MUL" if len(words) == 2 and all(INTEGER.fullmatch(word) for word in words):
            return b"OK %d\n" % (int(words[0]) * int(words[1])), 0
        case b"MUL":
            return b"ERR bad-argument MUL takes two whole numbers, as in MUL 22 9\n", 0
        case b"WORK" if 3 <= len(words) <= 4 and all(WHOLE.fullmatch(word) for word in words[:3]):
            rounds, wait_us, reply_bytes = (int(word) for word in words[:3])
            reply = b" ".join([b"OK %016x" % work(rounds), *words[3:]])
            missing = reply_bytes - len(reply) - 1
            if missing > 0:
                reply += b" " + b"." * (missing - 1)
            return reply + b"\n", wait_us / 1e6
        case b"WORK":
            return b"ERR bad-argument WORK takes rounds, microseconds and bytes\n", 0
        case b"QUIT":
            return BYE, 0
    return b"ERR unknown-verb the verbs are ECHO, MUL, WORK and QUIT\n", 0
