"""A student's last server: products over lines, for bad clients too. The port is in $PORT."""

import asyncio
import os
import signal
import sys

LINE_BYTES_MAX = 65536
LINGER_S = 1
sys.set_int_max_str_digits(0)
stopping = asyncio.Event()
clients = set()


def answer(line):
    try:
        first, second = line.split()
        return b"%d\n" % (number(first) * number(second))
    except ValueError:
        return b"ERR bad-argument send two whole numbers in decimal, as in 22 9\n"


def number(word):
    if not word.removeprefix(b"-").isdigit():
        raise ValueError(word)
    return int(word)


async def converse(reader, writer):
    """Answers one line after another; returns true if the client may still be sending."""
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            # The end of input also ends a last line, unless this server has caused that end.
            if end.partial and not stopping.is_set():
                writer.write(answer(end.partial))
            return stopping.is_set()
        except asyncio.LimitOverrunError:
            writer.write(b"ERR too-long a line holds 65536 bytes at most\n")
            return True
        writer.write(answer(line))
        # Read no more before the client has read its replies.
        await writer.drain()


async def linger(reader):
    while await reader.read(4096):
        pass


async def serve(reader, writer):
    clients.add((reader, writer))
    try:
        if await converse(reader, writer) and not stopping.is_set():
            # Closing with unread input would reset the connection, and destroy the last reply.
            writer.write_eof()
            await asyncio.wait_for(linger(reader), LINGER_S)
    except (OSError, TimeoutError):
        pass  # The client has gone, which is not an error of the server.
    finally:
        clients.discard((reader, writer))
        writer.close()


def stop():
    stopping.set()
    for reader, writer in clients:
        writer.transport.pause_reading()
        reader.feed_eof()


async def main():
    port = int(os.environ["PORT"])
    # Not more: when descriptors run out, asyncio fails to accept as many clients in a row each second.
    server = await asyncio.start_server(
        serve, "127.0.0.1", port, limit=LINE_BYTES_MAX, backlog=128
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    await stopping.wait()
    # Closing the listener would reset the clients in its queue, so they are accepted first.
    await asyncio.sleep(0.1)
    stop()
    server.close()
    while clients:
        await asyncio.sleep(0.01)


asyncio.run(main())
