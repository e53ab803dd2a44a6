/* A ring of buffers for io_uring: the kernel takes one when bytes arrive. */
#include "uring.h"

#define BUFFERS 1024
#define BUFFER_BYTES 2048
#define GROUP 0

static struct io_uring_buf_ring *buffers;
static char (*memory)[BUFFER_BYTES];

/* Gives a buffer to the kernel to receive into. */
static inline void give(uint16_t number)
{
    uint16_t tail = buffers->tail;
    struct io_uring_buf *buffer = &buffers->bufs[tail % BUFFERS];
    buffer->addr = (uint64_t)(uintptr_t)memory[number];
    buffer->len = BUFFER_BYTES;
    buffer->bid = number;
    atomic_store_explicit((_Atomic uint16_t *)&buffers->tail, (uint16_t)(tail + 1),
                          memory_order_release);
}

static inline void open_buffers(void)
{
    int prot = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
    buffers = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), prot, flags, -1, 0);
    memory = mmap(NULL, BUFFERS * sizeof *memory, prot, flags, -1, 0);
    if (buffers == MAP_FAILED || memory == MAP_FAILED)
        die("mmap");
    struct io_uring_buf_reg group = {
        .ring_addr = (uint64_t)(uintptr_t)buffers, .ring_entries = BUFFERS, .bgid = GROUP};
    if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &group, 1) < 0)
        die("io_uring_register");
    for (uint16_t i = 0; i < BUFFERS; i++)
        give(i);
}

/* Receives from a socket until that fails: one submission, many completions. */
static inline void submit_recv(int fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = submission(IORING_OP_RECV, fd, user_data);
    sqe->ioprio = IORING_RECV_MULTISHOT;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
}
