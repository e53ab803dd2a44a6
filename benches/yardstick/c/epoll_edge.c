/* Epoll, edge-triggered: one event loop. */
#include "reference.h"

/* Serves a client until it would block, because epoll reports received bytes only once, and room for
 * replies only once. Returns 0 when the connection is over. */
static int turn(struct connection *c)
{
    ssize_t n = 0;
    for (;;) {
        do {
            while (c->out_sent < c->out_len) {
                n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
                if (n < 0)
                    return errno == EAGAIN;
                c->out_sent += (size_t)n;
            }
            c->out_len = c->out_sent = 0;
        } while (c->in_len > 0 && (n = answer(c)) > 0);
        if (n < 0)
            return 0;
        n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        c->in_len += (size_t)n;
    }
}

int main(void)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK), epoll = new_epoll();
    watch_listener(epoll, listener, EPOLLIN);
    ready(port_of(listener));
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1), fd;
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c == NULL) {
                while ((fd = accept_one(listener, SOCK_NONBLOCK)) >= 0)
                    watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLET);
            } else if (!turn(c)) {
                end(c);
            }
        }
    }
}
