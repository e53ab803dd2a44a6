/* A minimal closed loop: one epoll_wait(2) for all ready connections, then one recv(2) and one send(2) for each
 * reply.
 *
 *     closed_client PORT CONNECTIONS MEASURE_MS kept|each
 *
 * With `each` a connection carries one request. After the reply it is closed, and another one is opened from one of
 * eight local addresses in turn: one address has only 28,000 ports, and each rests for a second after its use.
 * connect(2) blocks, but on loopback the handshake ends before it would sleep. */
#include "http.h"

#define SOURCES 8

struct connection {
    int fd;
    size_t received;
};

static int epoll, port, each;

static void watch(struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        die("epoll_ctl");
    ask(c->fd);
}

static void again(struct connection *c)
{
    static unsigned opened;
    c->received = 0;
    if (!each) {
        ask(c->fd);
        return;
    }
    close(c->fd);
    c->fd = open_one(port, 1 + (int)(opened++ % SOURCES));
    watch(c);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: closed_client PORT CONNECTIONS MEASURE_MS kept|each\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    port = atoi(argv[1]);
    int n = atoi(argv[2]);
    uint64_t measure_ns = strtoull(argv[3], NULL, 10) * 1000000;
    each = strcmp(argv[4], "each") == 0;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)n, sizeof *connections);
    if (epoll < 0 || connections == NULL)
        die("setup");
    size_t reply_bytes = 0;
    for (int i = 0; i < n; i++) {
        connections[i].fd = open_one(port, 0);
        if (i == 0)
            reply_bytes = first_reply(connections[0].fd);
    }
    for (int i = 0; i < n; i++)
        watch(&connections[i]);
    uint64_t start = now_ns(CLOCK_MONOTONIC), replies = 0, now = start;
    while (now - start < measure_ns) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            char buffer[65536];
            ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
            if (got <= 0)
                die("recv");
            c->received += (size_t)got;
            if (c->received < reply_bytes)
                continue;
            replies++;
            again(c);
        }
        now = now_ns(CLOCK_MONOTONIC);
    }
    printf("{\"event\":\"end\",\"offered\":%" PRIu64 ",\"replies\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64 "}\n",
           replies, replies, now - start);
    return 0;
}
