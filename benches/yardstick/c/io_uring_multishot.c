/* io_uring, multishot: one thread. One accept serves all clients, and one receive all requests of a
 * client, into buffers that the kernel takes from a ring. Only sends are submitted one by one. The
 * program cannot pause receiving, so it closes a client that sends more than its buffer holds while
 * it reads no replies. */
#include "buffers.h"

enum operation { ACCEPT, RECV, SEND };

struct client {
    struct connection c;
    int sending;
    /* Receiving has ended, or is about to. */
    int over;
};

static int listener;

static void start_accept(void)
{
    struct io_uring_sqe *sqe = submission(IORING_OP_ACCEPT, listener, ACCEPT);
    sqe->ioprio = IORING_ACCEPT_MULTISHOT;
    sqe->accept_flags = SOCK_CLOEXEC;
}

static uint64_t data(struct client *client, enum operation operation)
{
    return (uint64_t)(uintptr_t)client | operation;
}

static void start_recv(struct client *client)
{
    submit_recv(client->c.fd, data(client, RECV));
}

/* Answers, unless a send is under way; its completion comes back here. */
static void go_on(struct client *client)
{
    struct connection *c = &client->c;
    if (client->sending)
        return;
    if (c->out_len == 0 && c->in_len > 0 && answer(c) < 0) {
        /* No further request is answered. The shutdown ends the receive. */
        c->in_len = 0;
        shutdown(c->fd, SHUT_RDWR);
    }
    if (c->out_len > 0) {
        submit_send(c, data(client, SEND));
        client->sending = 1;
    } else if (client->over) {
        close(c->fd);
        free(client);
    }
}

static void received(struct client *client, const struct io_uring_cqe *cqe)
{
    struct connection *c = &client->c;
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        uint16_t number = (uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        size_t n = cqe->res > 0 ? (size_t)cqe->res : 0;
        if (n > sizeof c->in - c->in_len) {
            n = 0;
            shutdown(c->fd, SHUT_RDWR);
        }
        memcpy(c->in + c->in_len, memory[number], n);
        c->in_len += n;
        give(number);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        /* A multishot receive also ends without a free buffer, and now and then without a reason. */
        if (cqe->res > 0 || cqe->res == -ENOBUFS)
            start_recv(client);
        else
            client->over = 1;
    }
    go_on(client);
}

static void sent(struct client *client, int res)
{
    struct connection *c = &client->c;
    client->sending = 0;
    if (res > 0)
        c->out_sent += (size_t)res;
    else
        shutdown(c->fd, SHUT_RDWR);
    if (res <= 0 || c->out_sent == c->out_len)
        c->out_len = c->out_sent = 0;
    if (res <= 0)
        c->in_len = 0;
    go_on(client);
}

static void handle(const struct io_uring_cqe *cqe)
{
    struct client *client = (struct client *)(uintptr_t)(cqe->user_data & ~(uint64_t)3);
    switch ((enum operation)(cqe->user_data & 3)) {
    case ACCEPT:
        if (cqe->res >= 0) {
            set_nodelay(cqe->res);
            client = calloc(1, sizeof *client);
            if (client == NULL)
                die("calloc");
            client->c.fd = cqe->res;
            start_recv(client);
        }
        if (!(cqe->flags & IORING_CQE_F_MORE))
            start_accept();
        break;
    case RECV:
        received(client, cqe);
        break;
    case SEND:
        sent(client, cqe->res);
        break;
    }
}

int main(void)
{
    listener = listen_at(0, 0, 0);
    open_ring();
    open_buffers();
    start_accept();
    ready(port_of(listener));
    for (;;) {
        enter(1);
        completions(handle);
    }
}
