/* Shared by the clients: what a minimal load generator of this protocol needs beside its loop.
 *
 *     PROGRAM PORT CONNECTIONS WARMUP_MS MEASURE_MS
 *
 * One thread, keep-alive connections, a closed loop. It reads the clock once before each wait,
 * without a system call. It prints a line when it begins to measure and another at the end, so that
 * the server can be measured between the same two moments.
 *
 * Our generator also does what this one leaves out: requests that differ; checking each reply byte
 * by byte (here one reply of each connection is compared before the load begins, and afterwards
 * bytes are counted); the times at which a request was sent and answered; a histogram and a series
 * of them; a census of the outcome of every request; timeouts; reconnecting; a drain at the end;
 * schedules for an open loop.
 */
#include "reference.h"
#include <inttypes.h>

#define TEXT "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+/"
static const char REQUEST[] = "ECHO " TEXT "\n";
static const char REPLY[] = "OK " TEXT "\n";
#define REQUEST_BYTES (sizeof REQUEST - 1)
#define REPLY_BYTES (sizeof REPLY - 1)
_Static_assert(sizeof TEXT - 1 == 64, "the payload is 64 bytes");

struct talk {
    int fd;
    /* Bytes received of the reply to the open request. */
    size_t received;
};

static inline void ask(int fd)
{
    if (send(fd, REQUEST, REQUEST_BYTES, MSG_NOSIGNAL) != (ssize_t)REQUEST_BYTES)
        die("send");
}

/* Connects, sends one request, and checks its reply. */
static inline int open_one(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("connect");
    char reply[REPLY_BYTES];
    ask(fd);
    if (recv(fd, reply, sizeof reply, MSG_WAITALL) != (ssize_t)sizeof reply
        || memcmp(reply, REPLY, sizeof reply) != 0) {
        fputs("a wrong reply\n", stderr);
        exit(1);
    }
    return fd;
}

/* Counts received bytes of a reply. Returns whether the reply is complete. */
static inline int completes(struct talk *talk, size_t bytes)
{
    talk->received += bytes;
    if (talk->received < REPLY_BYTES)
        return 0;
    if (talk->received > REPLY_BYTES) {
        fputs("the server sent more than one reply\n", stderr);
        exit(1);
    }
    talk->received = 0;
    return 1;
}

/* The whole program. `begin` opens a number of connections to a port and sends the first requests.
 * `load` follows each reply with a request until an instant, and returns the number of replies. */
static inline int client(int argc, char **argv, void (*begin)(int, int), uint64_t (*load)(uint64_t))
{
    if (argc != 5) {
        fputs("usage: PROGRAM PORT CONNECTIONS WARMUP_MS MEASURE_MS\n", stderr);
        return 2;
    }
    /* This process ends with its parent. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uint64_t warmup_ns = strtoull(argv[3], NULL, 10) * 1000000;
    uint64_t measure_ns = strtoull(argv[4], NULL, 10) * 1000000;
    begin(atoi(argv[1]), atoi(argv[2]));
    load(now_ns(CLOCK_MONOTONIC) + warmup_ns);

    puts("{\"event\":\"begin\"}");
    fflush(stdout);
    uint64_t start = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t replies = load(start + measure_ns);
    cpu = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    uint64_t elapsed = now_ns(CLOCK_MONOTONIC) - start;
    printf("{\"event\":\"end\",\"replies\":%" PRIu64 ",\"cpu_ns\":%" PRIu64
           ",\"elapsed_ns\":%" PRIu64 "}\n", replies, cpu, elapsed);
    return 0;
}
