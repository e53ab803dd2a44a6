/* Prefork: a fixed number of processes, all in accept(2). */
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

int main(int argc, char **argv)
{
    int listener = listen_at(0, 0, 0);
    for (int i = workers(argc, argv); i > 0; i--) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                serve(accept_one(listener, 0));
        }
    }
    ready(port_of(listener));
    for (;;)
        pause();
}
