/* A minimal load generator with io_uring(7): a yardstick, not an example.
 *
 * One io_uring_enter(2) submits all requests of a turn and waits. Each connection has one multishot
 * receive. The kernel does its part of the work when this thread waits, and reports no completion
 * for a request that was sent whole. */
#include "buffers.h"
#include "client.h"

enum operation { RECV, SEND };

static uint64_t replies;

static uint64_t data(struct talk *talk, enum operation operation)
{
    return (uint64_t)(uintptr_t)talk | operation;
}

static void submit_ask(struct talk *talk)
{
    struct io_uring_sqe *sqe = submission(IORING_OP_SEND, talk->fd, data(talk, SEND));
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    sqe->addr = (uint64_t)(uintptr_t)REQUEST;
    sqe->len = REQUEST_BYTES;
    /* With MSG_WAITALL a partial send is a failure. */
    sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
}

static void begin(int port, int connections)
{
    struct talk *talks = calloc((size_t)connections, sizeof *talks);
    if (talks == NULL)
        die("calloc");
    open_ring();
    open_buffers();
    for (int i = 0; i < connections; i++) {
        talks[i].fd = open_one(port);
        submit_recv(talks[i].fd, data(&talks[i], RECV));
    }
    for (int i = 0; i < connections; i++)
        submit_ask(&talks[i]);
}

static void handle(const struct io_uring_cqe *cqe)
{
    struct talk *talk = (struct talk *)(uintptr_t)(cqe->user_data & ~(uint64_t)1);
    errno = cqe->res < 0 ? -cqe->res : 0;
    if ((cqe->user_data & 1) == SEND)
        die("send");
    if (cqe->res <= 0 && cqe->res != -ENOBUFS)
        die("recv");
    if (cqe->flags & IORING_CQE_F_BUFFER)
        give((uint16_t)(cqe->flags >> IORING_CQE_BUFFER_SHIFT));
    /* A multishot receive ends without a free buffer, and now and then without a reason. */
    if (!(cqe->flags & IORING_CQE_F_MORE))
        submit_recv(talk->fd, data(talk, RECV));
    if (cqe->res > 0 && completes(talk, (size_t)cqe->res)) {
        replies++;
        submit_ask(talk);
    }
}

static uint64_t load(uint64_t until)
{
    uint64_t before = replies;
    while (now_ns(CLOCK_MONOTONIC) < until) {
        enter(1);
        completions(handle);
    }
    return replies - before;
}

int main(int argc, char **argv)
{
    return client(argc, argv, begin, load);
}
