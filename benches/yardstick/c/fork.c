/* Fork: a process for each client. Children are waited for and not left to the kernel to reap, or
 * what they have used would be in nobody's account. */
#include "reference.h"
#include <sys/wait.h>

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
