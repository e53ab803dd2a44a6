/* Prefork: a fixed number of processes, all in accept(2). */
#include "reference.h"

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
