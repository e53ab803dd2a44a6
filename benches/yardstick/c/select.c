/* Select: an event loop around select(2). */
#include "reference.h"
#include <sys/select.h>

static struct connection *connections[FD_SETSIZE];

/* One turn of a ready client: receives once, answers, sends what the socket takes. Returns 0 when
 * the connection is over. */
static int turn(struct connection *c)
{
    ssize_t n = 0;
    if (c->out_len == 0) {
        n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        c->in_len += (size_t)n;
    }
    do {
        while (c->out_sent < c->out_len) {
            n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN;
            c->out_sent += (size_t)n;
        }
        c->out_len = c->out_sent = 0;
    } while (c->in_len > 0 && (n = answer(c)) > 0);
    return n >= 0;
}

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
            int goes_on = turn(connections[fd]);
            FD_CLR(fd, &readers);
            FD_CLR(fd, &writers);
            if (goes_on)
                FD_SET(fd, connections[fd]->out_len > 0 ? &writers : &readers);
            else
                end(connections[fd]);
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
