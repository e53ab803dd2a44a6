/* Acceptor and loops: one thread accepts and adds each client to an event loop's epoll instance, in
 * turn. epoll_ctl(2) may be called from any thread, so no queue is needed. */
#include "reference.h"

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
    int epoll = (int)(intptr_t)argument;
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!turn(c))
                end(c);
            else
                wait_for(epoll, c, c->out_len > 0 ? EPOLLOUT : EPOLLIN);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = listen_at(0, 0, 0), n = workers(argc, argv);
    int *loops = calloc((size_t)n, sizeof *loops);
    if (loops == NULL)
        die("calloc");
    for (int i = 0; i < n; i++) {
        loops[i] = new_epoll();
        start_thread(run, (void *)(intptr_t)loops[i]);
    }
    ready(port_of(listener));
    for (int next = 0;; next = (next + 1) % n)
        watch(loops[next], accept_one(listener, SOCK_NONBLOCK), EPOLLIN);
}
