import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** A thread for each client: one of the system's, or with "virtual" one of the runtime's. */
final class Threads {
    private static final int DRAIN_S = 5;
    private static final Set<Socket> clients = ConcurrentHashMap.newKeySet();
    private static volatile boolean stopping;

    private static void converse(Socket client) throws IOException {
        var input = client.getInputStream();
        var output = client.getOutputStream();
        var buffer = new byte[4096];
        int filled = 0;
        while (true) {
            int received = input.read(buffer, filled, buffer.length - filled);
            filled += Math.max(received, 0);
            int from = 0;
            for (int i = 0; i < filled; i++) {
                boolean last = received < 0 && i == filled - 1 && buffer[i] != '\n' && !stopping;
                if (buffer[i] != '\n' && !last) {
                    continue;
                }
                var answer = Protocol.answer(buffer, from, last ? filled : i);
                from = i + 1;
                if (answer.waitMicros() > 0) {
                    sleep(answer.waitMicros());
                }
                output.write(answer.reply());
                if (answer.last()) {
                    return;
                }
            }
            if (received < 0) {
                return;
            }
            System.arraycopy(buffer, from, buffer, 0, filled - from);
            filled -= from;
            if (filled >= Protocol.LINE_BYTES_MAX) {
                output.write(Protocol.TOO_LONG);
                return;
            }
            if (filled == buffer.length) {
                buffer = java.util.Arrays.copyOf(buffer, buffer.length * 4);
            }
        }
    }

    private static void sleep(long micros) {
        long until = System.nanoTime() + micros * 1000;
        for (long left = micros * 1000; left > 0; left = until - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private static void serve(Socket client) {
        try (client) {
            client.setTcpNoDelay(true);
            converse(client);
            client.shutdownOutput();
            // Closing with unread input would reset the connection and destroy the last reply.
            client.setSoTimeout(1000);
            client.getInputStream().transferTo(java.io.OutputStream.nullOutputStream());
        } catch (IOException gone) {
            // That is the end of this connection only.
        } finally {
            clients.remove(client);
        }
    }

    /** Looked up, so that this file compiles where there are no virtual threads yet. */
    private static void start(boolean virtual, Runnable work) throws ReflectiveOperationException {
        if (virtual) {
            Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, work);
        } else {
            new Thread(null, work, "client", 256 * 1024).start();
        }
    }

    public static void main(String[] args) throws Exception {
        var listener = new ServerSocket(Integer.parseInt(args[0]), 4096, InetAddress.getByName("127.0.0.1"));
        boolean virtual = args.length > 1 && args[1].equals("virtual");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> drain(listener)));
        while (!stopping) {
            Socket client;
            try {
                client = listener.accept();
            } catch (IOException none) {
                // No descriptor is left, or the client has gone already.
                TimeUnit.MILLISECONDS.sleep(10);
                continue;
            }
            clients.add(client);
            try {
                start(virtual, () -> serve(client));
            } catch (OutOfMemoryError none) {
                // No thread is left: this client is turned away.
                clients.remove(client);
                client.close();
            }
        }
    }

    private static void drain(ServerSocket listener) {
        try {
            stopping = true;
            listener.close();
            for (var client : clients) {
                client.shutdownInput();
            }
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(DRAIN_S);
            while (!clients.isEmpty() && System.nanoTime() < end) {
                TimeUnit.MILLISECONDS.sleep(5);
            }
        } catch (IOException | InterruptedException over) {
            // The process ends anyway.
        }
        Runtime.getRuntime().halt(0);
    }
}
