// Answers each line with the product of its two numbers. A thread for each client.
//
//   javac Server.java && java Server PORT
//   printf '22 9\n' | nc -N 127.0.0.1 PORT

import java.io.*;
import java.math.BigInteger;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

class Server {
    static final int LINE_BYTES_MAX = 65536, LOOK_MS = 100, LINGER_MS = 1000, DRAIN_MS = 2000;
    static final Set<Thread> threads = ConcurrentHashMap.newKeySet();
    static volatile boolean stopping = false;

    static String answer(String line) {
        String[] words = line.strip().split("\\s+");
        if (words.length != 2 || !words[0].matches("-?\\d+") || !words[1].matches("-?\\d+")) {
            return "ERR bad-argument send two whole numbers, as in 22 9\n";
        }
        return new BigInteger(words[0]).multiply(new BigInteger(words[1])) + "\n";
    }

    static void say(Socket client, String text) throws IOException {
        client.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Cuts what arrives into lines: read returns any part of a line, or many lines. */
    static void converse(Socket client) throws IOException {
        byte[] buffer = new byte[LINE_BYTES_MAX];
        int filled = 0;
        for (boolean lastLook = false; !lastLook;) {
            lastLook = stopping; // What arrived before the signal is still answered.
            int n;
            try {
                n = client.getInputStream().read(buffer, filled, LINE_BYTES_MAX - filled);
            } catch (SocketTimeoutException nothing) {
                continue; // Time to look whether the server is to stop.
            }
            int begin = 0;
            for (int at = filled; at < filled + n; at++) {
                if (buffer[at] == '\n') {
                    say(client, answer(text(buffer, begin, at)));
                    begin = at + 1;
                }
            }
            if (n < 0) { // The client has sent everything, and may end without a line feed.
                if (filled > 0 && !stopping) say(client, answer(text(buffer, 0, filled)));
                return;
            }
            filled += n - begin;
            System.arraycopy(buffer, begin, buffer, 0, filled);
            if (filled == LINE_BYTES_MAX) {
                say(client, "ERR too-long a line holds 65536 bytes at most\n");
                return;
            }
        }
    }

    static String text(byte[] bytes, int begin, int end) {
        return new String(bytes, begin, end - begin, StandardCharsets.ISO_8859_1);
    }

    static void serve(Socket client) {
        try (client) {
            client.setSoTimeout(LOOK_MS);
            client.setTcpNoDelay(true);
            converse(client);
            // Closing with unread input would reset the connection and destroy the last reply.
            client.shutdownOutput();
            client.setSoTimeout(LINGER_MS);
            while (client.getInputStream().read(new byte[4096]) >= 0) {}
        } catch (IOException gone) {
            // The client has gone: that ends its own thread and nothing else.
        } finally {
            threads.remove(Thread.currentThread());
        }
    }

    static void stop(ServerSocket listener) {
        stopping = true;
        long deadline = System.currentTimeMillis() + DRAIN_MS;
        try {
            listener.close();
            for (Thread thread : threads) {
                thread.join(Math.max(1, deadline - System.currentTimeMillis()));
            }
        } catch (IOException | InterruptedException end) {
            // The process ends anyway.
        }
    }

    public static void main(String[] arguments) throws Exception {
        InetAddress loopback = InetAddress.getLoopbackAddress();
        ServerSocket listener = new ServerSocket(Integer.parseInt(arguments[0]), 1024, loopback);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(listener)));
        while (!stopping) {
            Socket client = null;
            try {
                Socket accepted = client = listener.accept();
                Thread thread = new Thread(() -> serve(accepted));
                threads.add(thread);
                thread.start();
            } catch (IOException | OutOfMemoryError scarce) { // No descriptor or thread left.
                if (client != null) client.close();
                threads.removeIf(thread -> thread.getState() == Thread.State.NEW);
                Thread.sleep(50);
            }
        }
    }
}
