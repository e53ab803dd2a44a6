/* A minimal open loop: one thread that never sleeps and sends each request when it is due.
 *
 *     spinning_client PORT CONNECTIONS RATE_PER_S MEASURE_MS
 *
 * Requests are due at equal intervals, whatever the server does. Each goes out on the connection that
 * has been free longest, or waits for one. Between two due times the thread looks for replies without
 * sleeping, so it sends at most one turn late. A response time lasts from the due time to the last
 * byte. All response times are kept and sorted, without a histogram.
 */
#include "http.h"

struct connection {
    int fd;
    size_t received;
    uint64_t due;
};

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Opens all connections, adds them to epoll, and returns the length of a reply. */
static size_t open_all(int epoll, int port, struct connection *connections, int n)
{
    size_t reply_bytes = 0;
    for (int i = 0; i < n; i++) {
        connections[i].fd = open_one(port, 0);
        if (i == 0)
            reply_bytes = first_reply(connections[0].fd);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) < 0)
            die("epoll_ctl");
    }
    return reply_bytes;
}

/* Sorts the response times and prints two quantiles. */
static void tell(uint64_t *took, uint64_t replies, uint64_t count, uint64_t elapsed_ns)
{
    qsort(took, replies, sizeof *took, ascending);
    printf("{\"event\":\"end\",\"offered\":%" PRIu64 ",\"replies\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
           ",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 "}\n", count, replies, elapsed_ns,
           replies ? took[replies / 2] : 0, replies ? took[replies * 99 / 100] : 0);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fputs("usage: spinning_client PORT CONNECTIONS RATE_PER_S MEASURE_MS\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int port = atoi(argv[1]), n = atoi(argv[2]);
    double gap_ns = 1e9 / atof(argv[3]);
    uint64_t count = (uint64_t)(strtod(argv[4], NULL) * 1e6 / gap_ns);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)n, sizeof *connections);
    struct connection **queue = calloc((size_t)n, sizeof *queue);
    uint64_t *took = calloc(count, sizeof *took);
    if (epoll < 0 || connections == NULL || queue == NULL || took == NULL)
        die("setup");
    memset(took, 1, count * sizeof *took);
    size_t reply_bytes = open_all(epoll, port, connections, n), head = 0, free_now = 0;
    while (free_now < (size_t)n) {
        queue[free_now] = &connections[free_now];
        free_now++;
    }
    uint64_t start = now_ns(CLOCK_MONOTONIC) + 1000000, sent = 0, replies = 0;
    uint64_t end = start + (uint64_t)((double)count * gap_ns) + 5000000000;
    while (replies < count) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        if (now > end)
            break;
        while (sent < count && free_now > 0) {
            uint64_t due = start + (uint64_t)((double)sent * gap_ns);
            if (due > now)
                break;
            struct connection *c = queue[head];
            head = (head + 1) % (size_t)n;
            free_now--;
            c->due = due;
            ask(c->fd);
            sent++;
            now = now_ns(CLOCK_MONOTONIC);
        }
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(epoll, events, EVENTS_MAX, 0);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            char buffer[65536];
            ssize_t got = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT);
            if (got <= 0)
                die("recv");
            c->received += (size_t)got;
            if (c->received < reply_bytes)
                continue;
            c->received = 0;
            took[replies++] = now_ns(CLOCK_MONOTONIC) - c->due;
            queue[(head + free_now++) % (size_t)n] = c;
        }
    }
    tell(took, replies, count, now_ns(CLOCK_MONOTONIC) - start);
    return replies == count ? 0 : 1;
}
