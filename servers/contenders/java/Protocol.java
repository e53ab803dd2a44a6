import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** What requests mean: the same for the servers with threads and the one with a selector. */
final class Protocol {
    static final int LINE_BYTES_MAX = 65536;
    static final byte[] TOO_LONG = bytes("ERR too-long a line holds 65536 bytes at most\n");

    /**
     * A reply, how long to wait before it is sent (-1: it cost nothing, and leaves at once), and
     * whether it is the last one.
     */
    record Answer(byte[] reply, long waitMicros, boolean last) {}

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static long work(long rounds) {
        long x = 0x9E3779B97F4A7C15L;
        for (long i = rounds * 64; i > 0; i--) {
            x = (x ^ x >>> 32) * 0xD6E8FEB86659FD93L;
        }
        return x;
    }

    static Answer answer(byte[] line, int from, int end) {
        if (end > from && line[end - 1] == '\r') {
            end--;
        }
        int space = from;
        while (space < end && line[space] != ' ') {
            space++;
        }
        var verb = new String(line, from, space - from, StandardCharsets.ISO_8859_1);
        int rest = Math.min(space + 1, end);
        return switch (verb.toUpperCase(Locale.ROOT)) {
            case "ECHO" -> echo(line, rest, end);
            case "MUL" -> now(mul(words(line, rest, end)));
            case "WORK" -> workAndWait(words(line, rest, end));
            case "QUIT" -> new Answer(bytes("OK bye\n"), -1, true);
            default -> now("ERR unknown-verb the verbs are ECHO, MUL, WORK and QUIT\n");
        };
    }

    private static Answer now(String reply) {
        return new Answer(bytes(reply), -1, false);
    }

    private static String[] words(byte[] line, int from, int end) {
        var text = new String(line, from, end - from, StandardCharsets.ISO_8859_1).strip();
        return text.isEmpty() ? new String[0] : text.split("\\s+");
    }

    private static Answer echo(byte[] line, int from, int end) {
        var reply = new ByteArrayOutputStream(end - from + 4);
        reply.writeBytes(bytes("OK "));
        reply.write(line, from, end - from);
        reply.write('\n');
        return new Answer(reply.toByteArray(), -1, false);
    }

    private static String mul(String[] words) {
        if (words.length != 2 || !words[0].matches("-?[0-9]+") || !words[1].matches("-?[0-9]+")) {
            return "ERR bad-argument MUL takes two whole numbers in decimal, as in MUL 22 9\n";
        }
        return "OK " + new BigInteger(words[0]).multiply(new BigInteger(words[1])) + "\n";
    }

    private static Answer workAndWait(String[] words) {
        if (words.length < 3 || words.length > 4) {
            return now("ERR bad-argument WORK takes rounds, microseconds, bytes and maybe a tag\n");
        }
        for (int i = 0; i < 3; i++) {
            if (!words[i].matches("[0-9]{1,9}")) {
                return now("ERR bad-argument WORK takes whole numbers\n");
            }
        }
        var reply = new StringBuilder("OK ");
        reply.append(String.format("%016x", work(Long.parseLong(words[0]))));
        if (words.length == 4) {
            reply.append(' ').append(words[3]);
        }
        int missing = Integer.parseInt(words[2]) - reply.length() - 1;
        if (missing > 0) {
            reply.append(' ').append(".".repeat(missing - 1));
        }
        return new Answer(bytes(reply.append('\n').toString()), Long.parseLong(words[1]), false);
    }
}
