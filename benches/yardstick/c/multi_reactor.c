/* Multi-reactor: several event loops, each with a listening socket of its own (SO_REUSEPORT). */
#include "reference.h"

static void *run(void *argument)
{
    int listener = (int)(intptr_t)argument, epoll = new_epoll();
    watch_listener(epoll, listener, EPOLLIN);
    epoll_loop(epoll, listener, 0);
    return NULL;
}

int main(int argc, char **argv)
{
    int first = listen_at(0, 1, SOCK_NONBLOCK), port = port_of(first);
    for (int i = workers(argc, argv); i > 1; i--)
        start_thread(run, (void *)(intptr_t)listen_at(port, 1, SOCK_NONBLOCK));
    ready(port);
    run((void *)(intptr_t)first);
}
