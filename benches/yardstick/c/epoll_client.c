/* A minimal load generator with epoll(7): a yardstick, not an example.
 *
 * One epoll_wait(2) for all ready connections, then one recv(2) and one send(2) for each reply. */
#include "client.h"

static int epoll;

static void begin(int port, int connections)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct talk *talks = calloc((size_t)connections, sizeof *talks);
    if (epoll < 0 || talks == NULL)
        die("epoll");
    for (int i = 0; i < connections; i++) {
        talks[i].fd = open_one(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &talks[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, talks[i].fd, &event) < 0)
            die("epoll_ctl");
    }
    for (int i = 0; i < connections; i++)
        ask(talks[i].fd);
}

static uint64_t load(uint64_t until)
{
    uint64_t replies = 0;
    while (now_ns(CLOCK_MONOTONIC) < until) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            struct talk *talk = events[i].data.ptr;
            char buffer[1024];
            ssize_t got = recv(talk->fd, buffer, sizeof buffer, 0);
            if (got <= 0)
                die("recv");
            if (completes(talk, (size_t)got)) {
                replies++;
                ask(talk->fd);
            }
        }
    }
    return replies;
}

int main(int argc, char **argv)
{
    return client(argc, argv, begin, load);
}
