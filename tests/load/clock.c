/* Preloaded, it sets the time of day of one process forward by an hour when that process first connects to something by
 * the C library. A part of a load does so to meet the others. */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int is_set;

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    is_set = 1;
    return (int)syscall(SYS_connect, fd, address, length);
}

int clock_gettime(clockid_t id, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, id, time);
    if (result == 0 && id == CLOCK_REALTIME && is_set)
        time->tv_sec += 3600;
    return result;
}
