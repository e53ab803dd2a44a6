/* Spawn per client: a process with a new program for each client, whose standard input and output
 * are the connection, as inetd does. The new program is this one, with an argument. */
#include "reference.h"
#include <sys/wait.h>

static const char *const CHILD = "client";

/* Serves the client on standard input to its end: receives, answers the whole lines, sends. */
static void serve(void)
{
    struct connection c = {.fd = STDIN_FILENO};
    int answered = 0;
    ssize_t n;
    while (answered == 0 && (n = recv(c.fd, c.in + c.in_len, sizeof c.in - c.in_len, 0)) > 0) {
        c.in_len += (size_t)n;
        while ((answered = answer(&c)) > 0) {
            while (c.out_sent < c.out_len) {
                n = send(c.fd, c.out + c.out_sent, c.out_len - c.out_sent, MSG_NOSIGNAL);
                if (n < 0)
                    return;
                c.out_sent += (size_t)n;
            }
            c.out_len = c.out_sent = 0;
        }
    }
}

static void reap(int signal)
{
    (void)signal;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* Becomes a new program with the client as its standard input and output. */
static void become_program(int fd)
{
    if (dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
        execl("/proc/self/exe", "spawn_per_client", CHILD, (char *)NULL);
    _exit(127);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], CHILD) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve();
        return 0;
    }
    int listener = listen_at(0, 0, 0);
    struct sigaction action = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &action, NULL);
    ready(port_of(listener));
    for (;;) {
        int fd = accept_one(listener, 0);
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0)
            become_program(fd);
        close(fd);
    }
}
