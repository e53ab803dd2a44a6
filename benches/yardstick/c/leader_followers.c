/* Leader and followers: several threads at one epoll instance, each taking one event at a time.
 * EPOLLONESHOT keeps quiet about a client until whoever serves it has armed it again. */
#include "reference.h"

static int epoll, listener;

static void arm(int how, int fd, struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = c};
    if (epoll_ctl(epoll, how, fd, &event) < 0)
        die("epoll_ctl");
}

static void *run(void *argument)
{
    for (;;) {
        struct epoll_event event;
        if (epoll_wait(epoll, &event, 1, -1) != 1)
            continue;
        struct connection *c = event.data.ptr;
        if (c == NULL) {
            int fd;
            while ((fd = accept_one(listener, SOCK_NONBLOCK)) >= 0)
                arm(EPOLL_CTL_ADD, fd, new_connection(fd), EPOLLIN);
            arm(EPOLL_CTL_MOD, listener, NULL, EPOLLIN);
            continue;
        }
        uint32_t wants = turn(c, 0);
        if (wants == 0)
            end(c);
        else
            arm(EPOLL_CTL_MOD, c->fd, c, wants);
    }
    return argument;
}

int main(int argc, char **argv)
{
    listener = listen_at(0, 0, SOCK_NONBLOCK);
    epoll = new_epoll();
    arm(EPOLL_CTL_ADD, listener, NULL, EPOLLIN);
    for (int i = workers(argc, argv); i > 1; i--)
        start_thread(run, NULL);
    ready(port_of(listener));
    run(NULL);
}
