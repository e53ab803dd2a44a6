/* Shared by these clients: what a minimal client of HTTP/1.1 needs.
 *
 * They ask for "/" and assume that every reply is as long as the first one. Our generator also does what they leave
 * out: the status and the length of each reply, timestamps, histograms, a census, timeouts, a drain. */
#define _GNU_SOURCE
#include "../../support/program.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char REQUEST[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
#define REQUEST_BYTES (sizeof REQUEST - 1)
#define EVENTS_MAX 256

static inline void ask(int fd)
{
    if (send(fd, REQUEST, REQUEST_BYTES, MSG_NOSIGNAL) != (ssize_t)REQUEST_BYTES)
        die("send");
}

/* A connection to a port of 127.0.0.1, from 127.0.0.`source`, or from an address that the kernel chooses if `source`
 * is 0. */
static inline int open_one(int port, int source)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        die("socket");
    if (source > 0) {
        struct sockaddr_in from = {.sin_family = AF_INET};
        from.sin_addr.s_addr = htonl(0x7f000000U + (uint32_t)source);
        /* Leaves the choice of the port to connect(2), which knows the other end. */
        if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0
            || bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
            die("bind");
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0
        || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        die("connect");
    return fd;
}

/* Makes one request and returns the length of its reply: all bytes until none come for a while. */
static inline size_t first_reply(int fd)
{
    char buffer[65536];
    struct timeval patience = {.tv_usec = 200000};
    size_t length = 0;
    ssize_t got;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        die("setsockopt");
    ask(fd);
    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
        length += (size_t)got;
    if (length == 0)
        die("no reply");
    return length;
}
