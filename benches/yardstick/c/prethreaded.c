/* Prethreaded: a fixed number of threads, all in accept(2). */
#include "reference.h"

static void *run(void *argument)
{
    for (;;)
        serve(accept_one((int)(intptr_t)argument, 0));
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = listen_at(0, 0, 0);
    for (int i = workers(argc, argv); i > 0; i--)
        start_thread(run, (void *)(intptr_t)listener);
    ready(port_of(listener));
    for (;;)
        pause();
}
