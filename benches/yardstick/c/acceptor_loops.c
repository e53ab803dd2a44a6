/* Acceptor and loops: one thread accepts and adds each client to an event loop's epoll instance, in
 * turn. epoll_ctl(2) may be called from any thread, so no queue is needed. */
#include "reference.h"

static void *run(void *argument)
{
    epoll_loop((int)(intptr_t)argument, -1, 0);
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
        watch(loops[next], accept_one(listener, SOCK_NONBLOCK), 0);
}
