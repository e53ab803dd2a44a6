/* The least that a load generator of this protocol can do: a yardstick, not an example.
 *
 *     epoll_client PORT CONNECTIONS WARMUP_MS MEASURE_MS
 *
 * One thread, keep-alive connections, a closed loop: one epoll_wait(2) for all that is ready, then
 * one recv(2) and one send(2) for each reply. The clock is read once after each epoll_wait, and
 * that is no system call. It prints a line when it begins to measure and one when it has, so that
 * whoever watches the server can look at the same two moments.
 *
 * Left out, and done by ours: requests that differ, and checking each reply byte by byte (here
 * one reply of each connection is compared before the load begins, afterwards bytes are counted),
 * stamps of when a request was sent and done, a histogram and a series of them, a census of what
 * became of every request, timeouts, reconnecting, a drain at the end, schedules for an open loop.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TEXT "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ+/"
static const char REQUEST[] = "ECHO " TEXT "\n";
static const char REPLY[] = "OK " TEXT "\n";
#define REQUEST_BYTES (sizeof REQUEST - 1)
#define REPLY_BYTES (sizeof REPLY - 1)
_Static_assert(sizeof TEXT - 1 == 64, "the payload is 64 bytes");

/* As many as ours takes at a time. */
#define EVENTS_MAX 256

struct connection {
    int fd;
    /* Bytes of the open request's reply that are there. */
    size_t received;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) < 0)
        die("clock_gettime");
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void ask(int fd)
{
    if (send(fd, REQUEST, REQUEST_BYTES, MSG_NOSIGNAL) != (ssize_t)REQUEST_BYTES)
        die("send");
}

/* Connects and has one reply, which is compared with what it must be. */
static int open_one(int port)
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

/* Answers replies with requests until the clock shows `until`, and says how many. */
static uint64_t load(int epoll, uint64_t until)
{
    uint64_t replies = 0;
    while (now_ns(CLOCK_MONOTONIC) < until) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            struct connection *connection = events[i].data.ptr;
            char buffer[1024];
            ssize_t got = recv(connection->fd, buffer, sizeof buffer, 0);
            if (got <= 0)
                die("recv");
            connection->received += (size_t)got;
            if (connection->received < REPLY_BYTES)
                continue;
            if (connection->received > REPLY_BYTES) {
                fputs("more than was asked for\n", stderr);
                exit(1);
            }
            connection->received = 0;
            replies++;
            ask(connection->fd);
        }
    }
    return replies;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: epoll_client PORT CONNECTIONS WARMUP_MS MEASURE_MS\n", stderr);
        return 2;
    }
    /* Ends with whoever started it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int port = atoi(argv[1]), n = atoi(argv[2]);
    uint64_t warmup_ns = strtoull(argv[3], NULL, 10) * 1000000;
    uint64_t measure_ns = strtoull(argv[4], NULL, 10) * 1000000;

    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)n, sizeof *connections);
    if (epoll < 0 || connections == NULL)
        die("epoll");
    for (int i = 0; i < n; i++) {
        connections[i].fd = open_one(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) < 0)
            die("epoll_ctl");
    }
    for (int i = 0; i < n; i++)
        ask(connections[i].fd);
    load(epoll, now_ns(CLOCK_MONOTONIC) + warmup_ns);

    puts("{\"event\":\"begin\"}");
    fflush(stdout);
    uint64_t start = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t replies = load(epoll, start + measure_ns);
    cpu = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    uint64_t elapsed = now_ns(CLOCK_MONOTONIC) - start;
    printf("{\"event\":\"end\",\"replies\":%" PRIu64 ",\"cpu_ns\":%" PRIu64
           ",\"elapsed_ns\":%" PRIu64 "}\n", replies, cpu, elapsed);
    return 0;
}
