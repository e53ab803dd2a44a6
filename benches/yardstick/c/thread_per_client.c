/* Thread per client: a detached thread for each. */
#include "reference.h"

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
