/* Busy-poll: the loop tries to receive from every client in turn, and never waits. */
#include "reference.h"

static struct connection **connections;
static size_t len, room;

static void add(struct connection *c)
{
    if (len == room) {
        room = room ? 2 * room : 64;
        connections = realloc(connections, room * sizeof *connections);
        if (connections == NULL)
            die("realloc");
    }
    connections[len++] = c;
}

/* Tries one client. Returns 0 when the connection is over. */
static int ask(struct connection *c)
{
    for (int received = 0;;) {
        while (c->out_sent < c->out_len) {
            ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN;
            c->out_sent += (size_t)n;
        }
        c->out_len = c->out_sent = 0;
        int answered = c->in_len > 0 ? answer(c) : 0;
        if (answered < 0)
            return 0;
        if (answered > 0)
            continue;
        if (received)
            return 1;
        ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return 0;
        c->in_len += (size_t)n;
        received = 1;
    }
}

int main(void)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK), fd;
    ready(port_of(listener));
    for (;;) {
        while ((fd = accept_one(listener, SOCK_NONBLOCK)) >= 0)
            add(new_connection(fd));
        for (size_t i = 0; i < len;) {
            if (ask(connections[i])) {
                i++;
                continue;
            }
            end(connections[i]);
            connections[i] = connections[--len];
        }
    }
}
