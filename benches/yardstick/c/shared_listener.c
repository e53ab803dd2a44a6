/* Shared listener: several event loops, one listening socket in all of them (EPOLLEXCLUSIVE). */
#include "reference.h"

static void *run(void *argument)
{
    int listener = (int)(intptr_t)argument, epoll = new_epoll();
    watch_listener(epoll, listener, EPOLLIN | EPOLLEXCLUSIVE);
    epoll_loop(epoll, listener, 0);
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK);
    for (int i = workers(argc, argv); i > 1; i--)
        start_thread(run, (void *)(intptr_t)listener);
    ready(port_of(listener));
    run((void *)(intptr_t)listener);
}
