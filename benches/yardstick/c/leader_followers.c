/* Leader and followers: several threads at one epoll instance, each taking one event at a time. With
 * EPOLLONESHOT a client has no further event until the thread that serves it arms it again. */
#include "reference.h"

static int epoll, listener;

static void arm(int how, int fd, struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events | EPOLLONESHOT, .data.ptr = c};
    if (epoll_ctl(epoll, how, fd, &event) < 0)
        die("epoll_ctl");
}

/* One turn of a ready client: receives once, answers, sends what the socket takes. Returns 0 when
 * the connection is over. */
static int turn(struct connection *c)
{
    ssize_t n = 0;
    if (c->out_len == 0) {
        n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        c->in_len += (size_t)n;
    }
    do {
        while (c->out_sent < c->out_len) {
            n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN;
            c->out_sent += (size_t)n;
        }
        c->out_len = c->out_sent = 0;
    } while (c->in_len > 0 && (n = answer(c)) > 0);
    return n >= 0;
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
        if (turn(c))
            arm(EPOLL_CTL_MOD, c->fd, c, c->out_len > 0 ? EPOLLOUT : EPOLLIN);
        else
            end(c);
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
