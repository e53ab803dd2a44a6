/* Sequential: one client at a time. */
#include "reference.h"

int main(void)
{
    int listener = listen_at(0, 0, 0);
    ready(port_of(listener));
    for (;;)
        serve(accept_one(listener, 0));
}
