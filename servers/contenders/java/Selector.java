import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.PriorityQueue;

/** One thread and a selector: an event loop around epoll(7), written with java.nio. */
final class Selector {
    private static final long DRAIN_NS = 5_000_000_000L;
    private static final int READS_MAX = 4;

    private static final class Client {
        final SelectionKey key;
        final SocketChannel channel;
        byte[] input = new byte[1024];
        int filled;
        final ArrayDeque<ByteBuffer> output = new ArrayDeque<>();
        boolean waits, ended, closing;
        long dueAt;

        Client(SelectionKey key, SocketChannel channel) {
            this.key = key;
            this.channel = channel;
        }
    }

    private final java.nio.channels.Selector selector = java.nio.channels.Selector.open();
    private final PriorityQueue<Client> timers =
        new PriorityQueue<>((a, b) -> Long.compare(a.dueAt - b.dueAt, 0));
    private final ByteBuffer scratch = ByteBuffer.allocateDirect(64 * 1024);
    private final SelectionKey listener;
    private long acceptAt;
    private volatile boolean stopping;

    private Selector(int port) throws IOException {
        var socket = ServerSocketChannel.open();
        socket.setOption(StandardSocketOptions.SO_REUSEADDR, true);
        socket.bind(new InetSocketAddress("127.0.0.1", port), 4096);
        socket.configureBlocking(false);
        listener = socket.register(selector, SelectionKey.OP_ACCEPT);
    }

    private void run() throws IOException {
        long cutAt = 0;
        while (cutAt == 0 || selector.keys().size() > 0 && System.nanoTime() < cutAt) {
            selector.select(this::ready, timeout());
            if (stopping && cutAt == 0) {
                cutAt = System.nanoTime() + DRAIN_NS;
                listener.channel().close();
                for (var key : selector.keys()) {
                    if (key.attachment() instanceof Client client) {
                        read(client);
                        client.ended = true;
                        advance(client);
                    }
                }
            }
            long now = System.nanoTime();
            if (acceptAt != 0 && acceptAt - now <= 0 && listener.isValid()) {
                acceptAt = 0;
                listener.interestOps(SelectionKey.OP_ACCEPT);
            }
            while (!timers.isEmpty() && timers.peek().dueAt - now <= 0) {
                var client = timers.poll();
                if (client.closing) {
                    close(client);
                } else {
                    client.waits = false;
                    advance(client);
                }
            }
        }
    }

    private long timeout() {
        if (stopping) {
            return 20;
        }
        long first = Math.min(timers.isEmpty() ? Long.MAX_VALUE : timers.peek().dueAt - System.nanoTime(),
            acceptAt == 0 ? Long.MAX_VALUE : acceptAt - System.nanoTime());
        return first == Long.MAX_VALUE ? 0 : Math.max(1, first / 1_000_000);
    }

    private void ready(SelectionKey key) {
        if (key == listener) {
            accept();
        } else if (key.attachment() instanceof Client client) {
            if (key.isReadable()) {
                read(client);
            }
            advance(client);
        }
    }

    private void accept() {
        try {
            SocketChannel channel;
            while (listener.isValid() && (channel = ((ServerSocketChannel) listener.channel()).accept()) != null) {
                channel.configureBlocking(false);
                channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
                var key = channel.register(selector, SelectionKey.OP_READ);
                key.attach(new Client(key, channel));
            }
        } catch (IOException none) {
            // No descriptor is left, or the client has gone already: leave the listener for a while.
            listener.interestOps(0);
            acceptAt = System.nanoTime() + 10_000_000;
        }
    }

    private void read(Client client) {
        try {
            for (int reads = 0; reads < READS_MAX; reads++) {
                scratch.clear();
                int n = client.channel.read(scratch);
                if (n < 0) {
                    client.ended = true;
                }
                if (n <= 0) {
                    return;
                }
                if (client.closing) {
                    continue;
                }
                if (client.filled + n > client.input.length) {
                    client.input = java.util.Arrays.copyOf(client.input, Math.max(client.filled + n, client.input.length * 2));
                }
                scratch.flip().get(client.input, client.filled, n);
                client.filled += n;
                if (n < scratch.capacity()) {
                    return;
                }
            }
        } catch (IOException gone) {
            close(client);
        }
    }

    /** Answers what is complete, writes what can be written, and says what to wait for. */
    private void advance(Client client) {
        write(client);
        while (client.channel.isOpen() && !client.waits && !client.closing && client.output.isEmpty()) {
            int end = 0;
            while (end < client.filled && client.input[end] != '\n') {
                end++;
            }
            // The end of input ends the last line too.
            boolean whole = end < client.filled || client.ended && !stopping && end > 0;
            if (!whole && client.filled < Protocol.LINE_BYTES_MAX) {
                break;
            }
            var answer = whole
                ? Protocol.answer(client.input, 0, end)
                : new Protocol.Answer(Protocol.TOO_LONG, -1, true);
            int rest = answer.last() ? 0 : Math.max(0, client.filled - end - 1);
            System.arraycopy(client.input, client.filled - rest, client.input, 0, rest);
            client.filled = rest;
            client.ended |= answer.last();
            client.output.add(ByteBuffer.wrap(answer.reply()));
            if (answer.waitMicros() >= 0) {
                // One job is a turn: the others' sockets are looked at before the next.
                client.waits = true;
                client.dueAt = System.nanoTime() + answer.waitMicros() * 1000;
                timers.add(client);
            }
            write(client);
        }
        if (!client.channel.isOpen()) {
            return;
        }
        if (client.waits) {
            interest(client, 0);
        } else if (!client.output.isEmpty()) {
            interest(client, SelectionKey.OP_WRITE);
        } else if (!client.ended) {
            interest(client, SelectionKey.OP_READ);
        } else if (client.closing) {
            close(client);
        } else {
            finish(client);
        }
    }

    private void write(Client client) {
        try {
            while (!client.waits && !client.output.isEmpty()) {
                client.channel.write(client.output.peek());
                if (client.output.peek().hasRemaining()) {
                    return;
                }
                client.output.poll();
            }
        } catch (IOException gone) {
            close(client);
        }
    }

    /** Closing with unread input would reset the connection and destroy the last reply. */
    private void finish(Client client) {
        try {
            client.channel.shutdownOutput();
            client.closing = true;
            client.ended = false;
            client.dueAt = System.nanoTime() + 1_000_000_000L;
            timers.add(client);
            interest(client, SelectionKey.OP_READ);
            scratch.clear();
            if (client.channel.read(scratch) < 0) {
                close(client);
            }
        } catch (IOException gone) {
            close(client);
        }
    }

    private void interest(Client client, int operations) {
        if (client.key.isValid() && client.key.interestOps() != operations) {
            client.key.interestOps(operations);
        }
    }

    private void close(Client client) {
        timers.remove(client);
        try {
            client.channel.close();
        } catch (IOException gone) {
            // It is closed.
        }
    }

    public static void main(String[] args) throws IOException {
        var server = new Selector(Integer.parseInt(args[0]));
        var serving = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            server.stopping = true;
            server.selector.wakeup();
            try {
                serving.join();
            } catch (InterruptedException over) {
                // The process ends anyway.
            }
            Runtime.getRuntime().halt(0);
        }));
        server.run();
    }
}
