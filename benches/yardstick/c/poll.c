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
            uint32_t wants = turn(connections[i], 0);
            if (wants == 0) {
                end(connections[i]);
                lines[i] = lines[--len];
                connections[i] = connections[len];
            } else {
                lines[i++].events = wants == EPOLLIN ? POLLIN : POLLOUT;
            }
        }
        while (accepting && (fd = accept_one(listener, SOCK_NONBLOCK)) >= 0)
            add(fd, new_connection(fd));
    }
}
