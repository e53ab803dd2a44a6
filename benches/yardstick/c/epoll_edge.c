/* Epoll, edge-triggered: one event loop. */
#include "reference.h"

int main(void)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK), epoll = new_epoll();
    watch_listener(epoll, listener, EPOLLIN);
    ready(port_of(listener));
    epoll_loop(epoll, listener, 1);
}
