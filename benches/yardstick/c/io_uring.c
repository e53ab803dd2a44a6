/* io_uring: one thread, and one submission for every accept, receive and send. A connection has
 * either a receive or a send under way: a send if it has replies, otherwise a receive. */
#include "uring.h"

static int listener;

static void next_accept(void)
{
    submission(IORING_OP_ACCEPT, listener, 0)->accept_flags = SOCK_CLOEXEC;
}

/* Submits a send if there are replies, otherwise a receive; or ends the connection. */
static void next(struct connection *c)
{
    if (c->out_len == 0 && c->in_len > 0 && answer(c) < 0)
        return end(c);
    uint64_t user_data = (uint64_t)(uintptr_t)c;
    if (c->out_len > 0)
        return submit_send(c, user_data);
    struct io_uring_sqe *sqe = submission(IORING_OP_RECV, c->fd, user_data);
    sqe->addr = (uint64_t)(uintptr_t)(c->in + c->in_len);
    sqe->len = (unsigned)(sizeof c->in - c->in_len);
}

static void handle(const struct io_uring_cqe *cqe)
{
    struct connection *c = (struct connection *)(uintptr_t)cqe->user_data;
    if (c == NULL) {
        if (cqe->res >= 0) {
            set_nodelay(cqe->res);
            next(new_connection(cqe->res));
        }
        return next_accept();
    }
    if (cqe->res <= 0)
        return end(c);
    if (c->out_len == 0) {
        c->in_len += (size_t)cqe->res;
    } else {
        c->out_sent += (size_t)cqe->res;
        if (c->out_sent == c->out_len)
            c->out_len = c->out_sent = 0;
    }
    next(c);
}

int main(void)
{
    listener = listen_at(0, 0, 0);
    open_ring();
    next_accept();
    ready(port_of(listener));
    for (;;) {
        enter(1);
        completions(handle);
    }
}
