/* Signal-driven: the kernel queues a real-time signal for each socket that has become ready
 * (fcntl(2), F_SETSIG), and the loop takes signals from the queue. If the queue was full, a plain
 * SIGIO comes instead, and the loop tries every client. */
#include "reference.h"
#include <fcntl.h>
#include <sys/resource.h>

/* By descriptor. */
static struct connection **connections;
static int room, listener;

static void ask_for_signals(int fd)
{
    struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = gettid()};
    if (fcntl(fd, F_SETOWN_EX, &owner) < 0 || fcntl(fd, F_SETSIG, SIGRTMIN + 1) < 0
        || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) < 0)
        die("fcntl");
}

/* Serves a client until it would block, because bytes that are left there cause no further signal.
 * Returns 0 when the connection is over. */
static int serve_ready(struct connection *c)
{
    for (;;) {
        while (c->out_sent < c->out_len) {
            ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
            if (n < 0)
                return errno == EAGAIN;
            c->out_sent += (size_t)n;
        }
        c->out_len = c->out_sent = 0;
        int answered = c->in_len > 0 ? answer(c) : 0;
        if (answered < 0)
            return 0;
        if (answered > 0)
            continue;
        ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return 0;
        c->in_len += (size_t)n;
    }
}

static void look_at(int fd)
{
    if (fd < 0 || fd >= room || connections[fd] == NULL || serve_ready(connections[fd]))
        return;
    end(connections[fd]);
    connections[fd] = NULL;
}

static void accept_all(void)
{
    int fd;
    while ((fd = accept_one(listener, SOCK_NONBLOCK)) >= 0) {
        if (fd >= room) {
            close(fd);
            continue;
        }
        connections[fd] = new_connection(fd);
        ask_for_signals(fd);
        /* The client's first bytes may have arrived before its signals were on. */
        look_at(fd);
    }
}

int main(void)
{
    struct rlimit files;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGRTMIN + 1);
    sigaddset(&signals, SIGIO);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
        die("sigprocmask");
    room = (int)files.rlim_cur;
    connections = calloc((size_t)room, sizeof *connections);
    if (connections == NULL)
        die("calloc");
    listener = listen_at(0, 0, SOCK_NONBLOCK);
    ask_for_signals(listener);
    ready(port_of(listener));
    for (;;) {
        siginfo_t info;
        int signal = sigwaitinfo(&signals, &info);
        if (signal == SIGIO)
            for (int fd = 0; fd < room; fd++)
                look_at(fd);
        if (signal == SIGIO || (signal > 0 && info.si_fd == listener))
            accept_all();
        else if (signal > 0)
            look_at(info.si_fd);
    }
}
