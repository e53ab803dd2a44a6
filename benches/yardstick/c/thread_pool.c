/* Thread pool: one thread accepts, a fixed number take clients from a bounded queue, which is a
 * ring under a mutex with a condition for each of its ends. */
#include "reference.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER;
static int *ring;
static int room, first, len;

static void put(int fd)
{
    pthread_mutex_lock(&lock);
    while (len == room)
        pthread_cond_wait(&not_full, &lock);
    ring[(first + len++) % room] = fd;
    pthread_cond_signal(&not_empty);
    pthread_mutex_unlock(&lock);
}

static int take(void)
{
    pthread_mutex_lock(&lock);
    while (len == 0)
        pthread_cond_wait(&not_empty, &lock);
    int fd = ring[first];
    first = (first + 1) % room;
    len--;
    pthread_cond_signal(&not_full);
    pthread_mutex_unlock(&lock);
    return fd;
}

/* Serves one client to its end: receives, answers the whole lines, sends. */
static void serve(int fd)
{
    struct connection c = {.fd = fd};
    int answered = 0;
    ssize_t n;
    while (answered == 0 && (n = recv(fd, c.in + c.in_len, sizeof c.in - c.in_len, 0)) > 0) {
        c.in_len += (size_t)n;
        while ((answered = answer(&c)) > 0) {
            while (c.out_sent < c.out_len) {
                n = send(fd, c.out + c.out_sent, c.out_len - c.out_sent, MSG_NOSIGNAL);
                if (n < 0)
                    goto over;
                c.out_sent += (size_t)n;
            }
            c.out_len = c.out_sent = 0;
        }
    }
over:
    close(fd);
}

static void *run(void *argument)
{
    (void)argument;
    for (;;)
        serve(take());
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = listen_at(0, 0, 0);
    room = workers(argc, argv);
    ring = calloc((size_t)room, sizeof *ring);
    if (ring == NULL)
        die("calloc");
    for (int i = 0; i < room; i++)
        start_thread(run, NULL);
    ready(port_of(listener));
    for (;;)
        put(accept_one(listener, 0));
}
