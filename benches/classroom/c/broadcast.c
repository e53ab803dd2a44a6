/* A minimal chat room over one level-triggered epoll. Each line goes to every member, including the sender, with the
 * sender's name before it. All members are told who joins and who leaves.
 *
 * Text that a member's socket has no room for is kept for that member, up to BEHIND_MAX bytes. A member that is further
 * behind is disconnected.
 *
 * Our room also does what this one leaves out: labels, messages longer than a buffer, one copy of the text for all
 * members that are behind, idle timeouts, admission, running out of descriptors, counting, stopping and draining. */
#include "../../yardstick/c/reference.h"

#define BEHIND_MAX (1 << 20)

struct member {
    int fd, over;
    uint32_t told;
    char name[32];
    size_t name_len, in_len;
    /* Text that this member's socket had no room for. */
    char *behind;
    size_t behind_len, behind_sent, behind_room;
    char in[2048];
};

static struct member **members;
static size_t count, room;
static int epoll;

static void watch_for(struct member *m, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = m};
    if (events == m->told)
        return;
    if (epoll_ctl(epoll, m->told == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, m->fd, &event) < 0)
        die("epoll_ctl");
    m->told = events;
}

/* Keeps text that a member's socket has no room for. */
static void keep(struct member *m, const char *text, size_t len)
{
    if (m->behind_len - m->behind_sent + len > BEHIND_MAX) {
        m->over = 1;
        return;
    }
    if (m->behind_sent > 0) {
        memmove(m->behind, m->behind + m->behind_sent, m->behind_len - m->behind_sent);
        m->behind_len -= m->behind_sent;
        m->behind_sent = 0;
    }
    if (m->behind_len + len > m->behind_room) {
        m->behind_room = (m->behind_len + len) * 2;
        m->behind = realloc(m->behind, m->behind_room);
        if (m->behind == NULL)
            die("realloc");
    }
    memcpy(m->behind + m->behind_len, text, len);
    m->behind_len += len;
    watch_for(m, EPOLLIN | EPOLLOUT);
}

static void tell(struct member *m, const char *text, size_t len)
{
    size_t sent = 0;
    if (m->over)
        return;
    if (m->behind_len == m->behind_sent) {
        ssize_t n = send(m->fd, text, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            m->over = 1;
            return;
        }
        sent = n > 0 ? (size_t)n : 0;
    }
    if (sent < len)
        keep(m, text + sent, len - sent);
}

/* Sends a line about or from a member to all members. */
static void tell_all(const struct member *of, const char *text, size_t len)
{
    char line[sizeof of->name + sizeof of->in + 2];
    size_t at = of->name_len;
    memcpy(line, of->name, at);
    memcpy(line + at, text, len);
    line[at + len] = '\n';
    for (size_t i = 0; i < count; i++)
        tell(members[i], line, at + len + 1);
}

static void join(int fd)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    char ip[INET_ADDRSTRLEN];
    struct member *m = calloc(1, sizeof *m);
    if (m == NULL)
        die("calloc");
    if (getpeername(fd, (struct sockaddr *)&address, &len) < 0) {
        free(m);
        close(fd);
        return;
    }
    inet_ntop(AF_INET, &address.sin_addr, ip, sizeof ip);
    m->fd = fd;
    m->name_len = (size_t)snprintf(m->name, sizeof m->name, "[%s:%d] ", ip, ntohs(address.sin_port));
    if (count == room) {
        room = room == 0 ? 64 : room * 2;
        members = realloc(members, room * sizeof *members);
        if (members == NULL)
            die("realloc");
    }
    members[count++] = m;
    watch_for(m, EPOLLIN);
    tell_all(m, "(connected)", 11);
}

static void hear(struct member *m)
{
    ssize_t n = recv(m->fd, m->in + m->in_len, sizeof m->in - m->in_len, 0);
    if (n <= 0) {
        m->over |= n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        return;
    }
    m->in_len += (size_t)n;
    char *at = m->in, *limit = m->in + m->in_len, *lf;
    for (; (lf = memchr(at, '\n', (size_t)(limit - at))) != NULL; at = lf + 1)
        tell_all(m, at, (size_t)(lf - at));
    m->in_len = (size_t)(limit - at);
    memmove(m->in, at, m->in_len);
    m->over |= m->in_len == sizeof m->in;
}

static void go_on_telling(struct member *m)
{
    ssize_t n = send(m->fd, m->behind + m->behind_sent, m->behind_len - m->behind_sent, MSG_NOSIGNAL);
    if (n < 0) {
        m->over |= errno != EAGAIN && errno != EWOULDBLOCK;
        return;
    }
    m->behind_sent += (size_t)n;
    if (m->behind_sent == m->behind_len)
        watch_for(m, EPOLLIN);
}

/* Removes the members that have left, after the events of a turn, because an event may point to one. Telling the others
 * may find further members gone, so the search starts again. */
static void see_off(void)
{
    for (size_t i = 0; i < count;) {
        struct member *m = members[i];
        if (!m->over) {
            i++;
            continue;
        }
        members[i] = members[--count];
        close(m->fd);
        tell_all(m, "(disconnected)", 14);
        free(m->behind);
        free(m);
        i = 0;
    }
}

int main(void)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK);
    epoll = new_epoll();
    watch_listener(epoll, listener, EPOLLIN);
    ready(port_of(listener));
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1), lost = 0;
        for (int i = 0; i < n; i++) {
            struct member *m = events[i].data.ptr;
            if (m == NULL) {
                int fd;
                while ((fd = accept_one(listener, SOCK_NONBLOCK)) >= 0)
                    join(fd);
                continue;
            }
            if (events[i].events & EPOLLOUT)
                go_on_telling(m);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                hear(m);
        }
        for (size_t i = 0; i < count && !lost; i++)
            lost = members[i]->over;
        if (lost)
            see_off();
    }
}
