/* Shared by the reference programs: what a minimal server of lines needs beside its model. How a
 * program waits, receives and sends is in its own file.
 *
 * A request is "ECHO x\n" and its reply "OK x\n"; reactor_workers.c knows WORK instead. Requests may
 * come in pieces or several at once, and clients may read replies in pieces. Every connection keeps
 * its two buffers to its end. A line that does not fit, or any other request, ends the connection.
 *
 * Our servers also do what these leave out: every other verb, error replies, buffers that are given
 * back, idle timeouts, admission, running out of descriptors, counting, stopping and draining. */
#pragma once
#define _GNU_SOURCE
#include "../../support/program.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
/* Events of one wait, as in our event loops. */
#define EVENTS_MAX 256

struct connection {
    int fd;
    /* The events for which epoll watches this connection. */
    uint32_t told;
    /* Bytes received and not yet answered. */
    size_t in_len;
    /* Bytes of replies, and how many of these were sent. */
    size_t out_len, out_sent;
    char in[2048];
    char out[4096];
};

/* Listens on loopback; port 0 takes a free one. */
static inline int listen_at(int port, int shared, int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shared, sizeof shared) < 0
        || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        die("listen");
    return fd;
}

static inline int port_of(int listener)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &len) < 0)
        die("getsockname");
    return ntohs(address.sin_port);
}

/* Prints where this server listens. From here on it ends with its parent. */
static inline void ready(int port)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    printf("{\"event\":\"ready\",\"address\":\"127.0.0.1:%d\"}\n", port);
    fflush(stdout);
}

/* The number of workers on the command line, or 1. */
static inline int workers(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 1;
    return n < 1 ? 1 : n;
}

/* The next client, or -1 if none waits. */
static inline int accept_one(int listener, int flags)
{
    for (;;) {
        int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | flags);
        if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return -1;
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            die("accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return fd;
    }
}

static inline struct connection *new_connection(int fd)
{
    struct connection *c = malloc(sizeof *c);
    if (c == NULL)
        die("malloc");
    /* Not calloc(3): the buffers need no zeroes. */
    c->fd = fd;
    c->told = 0;
    c->in_len = c->out_len = c->out_sent = 0;
    return c;
}

static inline void end(struct connection *c)
{
    close(c->fd);
    free(c);
}

/* Answers the whole lines that were received, as long as there is room for replies. Returns how
 * many, or -1 if the connection must end. */
static inline int answer(struct connection *c)
{
    char *at = c->in, *limit = c->in + c->in_len, *lf;
    int answered = 0;
    while ((lf = memchr(at, '\n', (size_t)(limit - at))) != NULL) {
        size_t text = (size_t)(lf + 1 - at) - 5;
        if (lf - at < 5 || memcmp(at, "ECHO ", 5) != 0)
            return -1;
        if (c->out_len + 3 + text > sizeof c->out)
            break;
        memcpy(c->out + c->out_len, "OK ", 3);
        memcpy(c->out + c->out_len + 3, at + 5, text);
        c->out_len += 3 + text;
        at = lf + 1;
        answered++;
    }
    c->in_len = (size_t)(limit - at);
    if (c->in_len > 0 && at > c->in)
        memmove(c->in, at, c->in_len);
    if (answered == 0 && c->in_len == sizeof c->in)
        return -1;
    return answered;
}

/* Adds a new client to an epoll instance. */
static inline void watch(int epoll, int fd, uint32_t events)
{
    struct connection *c = new_connection(fd);
    c->told = events;
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

/* Changes the events for which an epoll instance watches a client, if they differ. */
static inline void wait_for(int epoll, struct connection *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (events == c->told)
        return;
    c->told = events;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event) < 0)
        die("epoll_ctl");
}

static inline void watch_listener(int epoll, int listener, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = NULL};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll_ctl");
}

static inline int new_epoll(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll_create1");
    return epoll;
}

/* Starts a detached thread. */
static inline void start_thread(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0
        || pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) != 0
        || pthread_attr_setstacksize(&attributes, 256 * 1024) != 0
        || pthread_create(&thread, &attributes, run, argument) != 0) {
        fputs("cannot start a thread\n", stderr);
        exit(1);
    }
    pthread_attr_destroy(&attributes);
}
