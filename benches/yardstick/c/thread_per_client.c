/* Thread per client: a detached thread for each. */
#include "reference.h"

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
    serve((int)(intptr_t)argument);
    return NULL;
}

int main(void)
{
    int listener = listen_at(0, 0, 0);
    ready(port_of(listener));
    for (;;)
        start_thread(run, (void *)(intptr_t)accept_one(listener, 0));
}
