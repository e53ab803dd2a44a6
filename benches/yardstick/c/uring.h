/* A ring of io_uring(7) for one thread, without a library. */
#include "reference.h"
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define ENTRIES 1024

static int ring;
/* The submission queue: the kernel moves the head, this program the tail. */
static _Atomic unsigned *sq_head, *sq_tail;
static unsigned sq_mask, sq_entries, to_submit;
static struct io_uring_sqe *sqes;
/* The completion queue: the other way round. */
static _Atomic unsigned *cq_head, *cq_tail;
static unsigned cq_mask;
static struct io_uring_cqe *cqes;

static inline void open_ring(void)
{
    /* Only one thread submits. The kernel does its part of the work when that thread asks for
     * completions, and does not interrupt it. */
    struct io_uring_params p = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
        .cq_entries = 8 * ENTRIES,
    };
    ring = (int)syscall(SYS_io_uring_setup, ENTRIES, &p);
    if (ring < 0)
        die("io_uring_setup");
    size_t sq = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    size_t cq = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
    /* Both queues are in one mapping since Linux 5.4. */
    char *queues = mmap(NULL, sq > cq ? sq : cq, prot, flags, ring, IORING_OFF_SQ_RING);
    sqes = mmap(NULL, p.sq_entries * sizeof *sqes, prot, flags, ring, IORING_OFF_SQES);
    if (queues == MAP_FAILED || sqes == MAP_FAILED)
        die("mmap");
    sq_head = (_Atomic unsigned *)(queues + p.sq_off.head);
    sq_tail = (_Atomic unsigned *)(queues + p.sq_off.tail);
    sq_mask = *(unsigned *)(queues + p.sq_off.ring_mask);
    sq_entries = p.sq_entries;
    unsigned *array = (unsigned *)(queues + p.sq_off.array);
    for (unsigned i = 0; i < p.sq_entries; i++)
        array[i] = i;
    cq_head = (_Atomic unsigned *)(queues + p.cq_off.head);
    cq_tail = (_Atomic unsigned *)(queues + p.cq_off.tail);
    cq_mask = *(unsigned *)(queues + p.cq_off.ring_mask);
    cqes = (struct io_uring_cqe *)(queues + p.cq_off.cqes);
}

/* Submits all pending entries, and waits for this many completions. */
static inline void enter(unsigned wait)
{
    long n = syscall(SYS_io_uring_enter, ring, to_submit, wait, IORING_ENTER_GETEVENTS, NULL, 0);
    if (n < 0 && errno != EINTR && errno != EBUSY && errno != EAGAIN)
        die("io_uring_enter");
    if (n > 0)
        to_submit -= (unsigned)n;
}

/* The next free entry, cleared; it is submitted with the next enter(). */
static inline struct io_uring_sqe *submission(uint8_t opcode, int fd, uint64_t user_data)
{
    unsigned tail = atomic_load_explicit(sq_tail, memory_order_relaxed);
    while (tail - atomic_load_explicit(sq_head, memory_order_acquire) == sq_entries)
        enter(0);
    struct io_uring_sqe *sqe = &sqes[tail & sq_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = opcode;
    sqe->fd = fd;
    sqe->user_data = user_data;
    atomic_store_explicit(sq_tail, tail + 1, memory_order_release);
    to_submit++;
    return sqe;
}

/* Hands every completion in the queue to `handle`. */
static inline void completions(void (*handle)(const struct io_uring_cqe *))
{
    unsigned head = atomic_load_explicit(cq_head, memory_order_relaxed);
    while (head != atomic_load_explicit(cq_tail, memory_order_acquire)) {
        struct io_uring_cqe cqe = cqes[head & cq_mask];
        atomic_store_explicit(cq_head, ++head, memory_order_release);
        handle(&cqe);
    }
}

static inline void submit_send(struct connection *c, uint64_t user_data)
{
    struct io_uring_sqe *sqe = submission(IORING_OP_SEND, c->fd, user_data);
    sqe->addr = (uint64_t)(uintptr_t)(c->out + c->out_sent);
    sqe->len = (unsigned)(c->out_len - c->out_sent);
    sqe->msg_flags = MSG_NOSIGNAL;
}

static inline void set_nodelay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
