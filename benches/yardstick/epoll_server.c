/* The least that an echo server of this protocol can do: a yardstick, not an example.
 *
 * One thread, epoll, level-triggered, one recv(2) and one send(2) for each request and no other
 * system call but epoll_wait(2), which is shared by all that is ready. It answers "ECHO x\n" with
 * "OK x\n" by writing over the end of the verb, without copying.
 *
 * Left out, and done by ours: requests in pieces or several at once, every other verb, error
 * replies, partial writes and slow readers, idle clients, admission and running out of
 * descriptors, counting, stopping. Where any of that would matter it gives up instead, so that
 * no figure comes from a server that cut a corner of its own shape. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many as ours takes at a time. */
#define EVENTS_MAX 256

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_somewhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof address;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0)
        die("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        die("getsockname");
    printf("{\"event\":\"ready\",\"address\":\"127.0.0.1:%d\"}\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_one(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int on = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0
        || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("accept");
}

static void answer(int fd)
{
    char line[4096];
    ssize_t n = recv(fd, line, sizeof line, 0);
    if (n <= 0) {
        close(fd);
        return;
    }
    if (n < 6 || memcmp(line, "ECHO ", 5) != 0 || line[n - 1] != '\n') {
        fputs("not one whole ECHO\n", stderr);
        exit(1);
    }
    memcpy(line + 2, "OK ", 3);
    if (send(fd, line + 2, n - 2, MSG_NOSIGNAL) != n - 2)
        die("send");
}

int main(void)
{
    /* Ends with whoever started it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int listener = listen_somewhere();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        die("epoll");
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_one(epoll, listener);
            else
                answer(events[i].data.fd);
        }
    }
}
