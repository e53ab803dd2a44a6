/* Fork: a process for each client. The kernel reaps. */
#include "reference.h"

int main(void)
{
    int listener = listen_at(0, 0, 0);
    struct sigaction reap = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
    sigaction(SIGCHLD, &reap, NULL);
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
