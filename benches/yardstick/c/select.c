/* Select: an event loop around select(2). */
#include "reference.h"
#include <sys/select.h>

static struct connection *connections[FD_SETSIZE];

int main(void)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK), highest = listener, fd;
    fd_set readers, writers;
    FD_ZERO(&readers);
    FD_ZERO(&writers);
    FD_SET(listener, &readers);
    ready(port_of(listener));
    for (;;) {
        fd_set readable = readers, writable = writers;
        int left = select(highest + 1, &readable, &writable, NULL, NULL);
        for (fd = 0; fd <= highest && left > 0; fd++) {
            int is_ready = FD_ISSET(fd, &readable) || FD_ISSET(fd, &writable);
            left -= is_ready;
            if (!is_ready || fd == listener)
                continue;
            uint32_t wants = turn(connections[fd], 0);
            FD_CLR(fd, &readers);
            FD_CLR(fd, &writers);
            if (wants == 0)
                end(connections[fd]);
            else
                FD_SET(fd, wants == EPOLLIN ? &readers : &writers);
        }
        while (FD_ISSET(listener, &readable) && (fd = accept_one(listener, SOCK_NONBLOCK)) >= 0) {
            if (fd >= FD_SETSIZE) {
                close(fd);
                continue;
            }
            connections[fd] = new_connection(fd);
            FD_SET(fd, &readers);
            highest = fd > highest ? fd : highest;
        }
    }
}
