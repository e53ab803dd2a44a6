/* Poll: an event loop around poll(2), over two dense arrays. The listener has line 0; a client
 * that leaves is replaced by the last one. */
#include "reference.h"
#include <poll.h>

static struct pollfd *lines;
static struct connection **connections;
static nfds_t len, room;

static void add(int fd, struct connection *c)
{
    if (len == room) {
        room = room ? 2 * room : 64;
        lines = realloc(lines, room * sizeof *lines);
        connections = realloc(connections, room * sizeof *connections);
        if (lines == NULL || connections == NULL)
            die("realloc");
    }
    lines[len] = (struct pollfd){.fd = fd, .events = POLLIN};
    connections[len++] = c;
}

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
    int listener = listen_at(0, 0, SOCK_NONBLOCK), fd;
    add(listener, NULL);
    ready(port_of(listener));
    for (;;) {
        int left = poll(lines, len, -1);
        int accepting = lines[0].revents != 0;
        left -= accepting;
        for (nfds_t i = 1; i < len && left > 0;) {
            if (lines[i].revents == 0) {
                i++;
                continue;
            }
            left--;
            if (turn(connections[i])) {
                lines[i].events = connections[i]->out_len > 0 ? POLLOUT : POLLIN;
                i++;
            } else {
                end(connections[i]);
                lines[i] = lines[--len];
                connections[i] = connections[len];
            }
        }
        while (accepting && (fd = accept_one(listener, SOCK_NONBLOCK)) >= 0)
            add(fd, new_connection(fd));
    }
}
