/* Prefork with descriptor passing: the parent accepts and sends each socket to an idle child
 * (unix(7), SCM_RIGHTS). The child reports when it is idle again. */
#include "reference.h"
#include <poll.h>

struct child {
    int way;
    int idle;
};

static void send_descriptor(int way, int fd)
{
    char byte = 0, space[CMSG_SPACE(sizeof fd)];
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    if (sendmsg(way, &message, MSG_NOSIGNAL) < 0)
        die("sendmsg");
}

static int receive_descriptor(int way)
{
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    int fd;
    if (recvmsg(way, &message, MSG_CMSG_CLOEXEC) <= 0 || CMSG_FIRSTHDR(&message) == NULL)
        _exit(0);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

/* Serves one client to its end: receives, answers the whole lines, sends. */
static void serve(int fd)
{
    struct connection c = {.fd = fd};
    int answered = 0;
    ssize_t n;
    while (answered == 0 && (n = recv(fd, c.in + c.in_len, sizeof c.in - c.in_len, 0)) > 0) {
        c.in_len += (size_t)n;
        while ((answered = answer(&c)) > 0) {
            while (c.out_sent < c.out_len) {
                n = send(fd, c.out + c.out_sent, c.out_len - c.out_sent, MSG_NOSIGNAL);
                if (n < 0)
                    goto over;
                c.out_sent += (size_t)n;
            }
            c.out_len = c.out_sent = 0;
        }
    }
over:
    close(fd);
}

static int start_child(void)
{
    int ways[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ways) < 0)
        die("socketpair");
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (send(ways[1], ".", 1, MSG_NOSIGNAL) == 1)
            serve(receive_descriptor(ways[1]));
        _exit(0);
    }
    close(ways[1]);
    return ways[0];
}

int main(int argc, char **argv)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK), n = workers(argc, argv);
    struct child *children = calloc((size_t)n, sizeof *children);
    struct pollfd *lines = calloc((size_t)n + 1, sizeof *lines);
    if (children == NULL || lines == NULL)
        die("calloc");
    for (int i = 0; i < n; i++) {
        children[i].way = start_child();
        lines[i + 1] = (struct pollfd){.fd = children[i].way, .events = POLLIN};
    }
    ready(port_of(listener));
    for (int idle = 0;;) {
        /* Without an idle child, clients wait in the listener's queue. */
        lines[0] = (struct pollfd){.fd = listener, .events = idle > 0 ? POLLIN : 0};
        if (poll(lines, (nfds_t)n + 1, -1) < 0)
            continue;
        for (int i = 0; i < n; i++) {
            char byte;
            if (lines[i + 1].revents && recv(children[i].way, &byte, 1, MSG_DONTWAIT) == 1) {
                children[i].idle = 1;
                idle++;
            }
        }
        for (int i = 0, fd; i < n && idle > 0 && lines[0].revents; i++) {
            if (!children[i].idle)
                continue;
            if ((fd = accept_one(listener, 0)) < 0)
                break;
            send_descriptor(children[i].way, fd);
            close(fd);
            children[i].idle = 0;
            idle--;
        }
    }
}
