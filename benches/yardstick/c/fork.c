/* Fork: a process for each client. The parent waits for its children, because the kernel adds the CPU
 * time of a child to its parent's only then. */
#include "reference.h"
#include <sys/wait.h>

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

static void reap(int signal)
{
    (void)signal;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

int main(void)
{
    int listener = listen_at(0, 0, 0);
    struct sigaction action = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, NULL);
    ready(port_of(listener));
    for (;;) {
        int fd = accept_one(listener, 0);
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(listener);
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}
