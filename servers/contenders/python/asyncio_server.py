"""One thread and an event loop: a coroutine for each client."""

import asyncio
import signal
import sys

from protocol import BYE, LINE_BYTES_MAX, TOO_LONG, answer

sys.set_int_max_str_digits(0)
DRAIN_S = 5
TURN_S = 0.005
clients = {}  # Each client's task and its transport.
stopping = False


async def converse(reader, writer):
    now = asyncio.get_running_loop().time
    turn_began = now()
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            writer.write(TOO_LONG)
            return
        except asyncio.IncompleteReadError as error:
            line = error.partial  # The end of input ends the last line too.
            if not line or stopping:
                return
        reply, wait_s = answer(line.removesuffix(b"\n"))
        if wait_s:
            await asyncio.sleep(wait_s)
        writer.write(reply)
        await writer.drain()
        if reply is BYE:
            return
        # Lines that are here already are read without waiting, so other clients would not get a turn.
        if now() - turn_began > TURN_S:
            await asyncio.sleep(0)
            turn_began = now()


async def serve(reader, writer):
    clients[asyncio.current_task()] = reader
    try:
        await converse(reader, writer)
        await writer.drain()
        writer.write_eof()
        # Closing with unread input would reset the connection and destroy the last reply.
        async with asyncio.timeout(1):
            while await reader.read(LINE_BYTES_MAX):
                pass
    except (OSError, TimeoutError):
        pass  # The client has gone, or does not go: that is the end of its connection only.
    finally:
        del clients[asyncio.current_task()]
        writer.close()


async def main():
    global stopping
    signalled = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    server = await asyncio.start_server(
        serve, "127.0.0.1", int(sys.argv[1]), limit=LINE_BYTES_MAX, backlog=4096
    )
    await signalled.wait()
    server.close()
    await asyncio.sleep(0.01)  # What has arrived already is read.
    stopping = True
    for reader in clients.values():
        reader.feed_eof()
    if clients:
        await asyncio.wait(list(clients), timeout=DRAIN_S)


asyncio.run(main())
