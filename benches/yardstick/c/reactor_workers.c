/* Reactor and workers: one event loop does the I/O, a fixed number of threads the jobs. Jobs go
 * through a list under a mutex with a condition. Answers come back through another list, and an
 * eventfd wakes the loop, which takes all answers at once.
 *
 * The only request is "WORK rounds wait_us reply_bytes tag\n"; the program ignores wait_us. */
#include "reference.h"
#include <inttypes.h>
#include <sys/eventfd.h>

struct client {
    struct connection c;
    /* A worker has the client, so the loop does not touch it. */
    int busy;
    int watched;
    uint64_t rounds, result;
    unsigned bytes;
    char tag[17];
    struct client *next;
};

struct list {
    pthread_mutex_t lock;
    struct client *first, **last;
};

static struct list jobs = {PTHREAD_MUTEX_INITIALIZER, NULL, &jobs.first};
static struct list answers = {PTHREAD_MUTEX_INITIALIZER, NULL, &answers.first};
static pthread_cond_t job_there = PTHREAD_COND_INITIALIZER;
static int epoll, answer_there;

/* Appends, and returns whether the list was empty. */
static int append(struct list *list, struct client *client)
{
    client->next = NULL;
    pthread_mutex_lock(&list->lock);
    int was_empty = list->first == NULL;
    *list->last = client;
    list->last = &client->next;
    pthread_mutex_unlock(&list->lock);
    return was_empty;
}

static void *work(void *argument)
{
    (void)argument;
    for (;;) {
        pthread_mutex_lock(&jobs.lock);
        while (jobs.first == NULL)
            pthread_cond_wait(&job_there, &jobs.lock);
        struct client *client = jobs.first;
        jobs.first = client->next;
        if (jobs.first == NULL)
            jobs.last = &jobs.first;
        pthread_mutex_unlock(&jobs.lock);
        uint64_t x = 0x9E3779B97F4A7C15;
        for (uint64_t i = 0; i < client->rounds * 64; i++)
            x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93;
        client->result = x;
        uint64_t one = 1;
        if (append(&answers, client) && write(answer_there, &one, sizeof one) < 0)
            die("eventfd");
    }
    return NULL;
}

/* Writes the reply, padded with a space and dots to its length. */
static void reply(struct client *client)
{
    struct connection *c = &client->c;
    int n = snprintf(c->out, sizeof c->out, "OK %016" PRIx64 " %s", client->result, client->tag);
    for (int i = n; i + 1 < (int)client->bytes; i++)
        c->out[i] = i == n ? ' ' : '.';
    c->out_len = (unsigned)n + 1 > client->bytes ? (size_t)n + 1 : client->bytes;
    c->out[c->out_len - 1] = '\n';
}

/* Takes one request from the received bytes. Returns 0 without a whole line, -1 for a line that is no
 * request. */
static int request(struct client *client)
{
    struct connection *c = &client->c;
    char *lf = memchr(c->in, '\n', c->in_len);
    if (lf == NULL)
        return c->in_len == sizeof c->in ? -1 : 0;
    *lf = '\0';
    unsigned wait;
    if (sscanf(c->in, "WORK %" SCNu64 " %u %u %16s", &client->rounds, &wait, &client->bytes,
               client->tag) != 4 || client->bytes > sizeof c->out)
        return -1;
    c->in_len -= (size_t)(lf + 1 - c->in);
    memmove(c->in, lf + 1, c->in_len);
    return 1;
}

static void watch_for(struct client *client, uint32_t events)
{
    if (client->watched && client->c.told == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = client};
    int how = client->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(epoll, how, client->c.fd, &event) < 0)
        die("epoll_ctl");
    client->watched = 1;
    client->c.told = events;
}

static void leave(struct client *client)
{
    close(client->c.fd);
    free(client);
}

/* One turn: until a job is handed to a worker, or the client has to send or read. */
static void go_on(struct client *client)
{
    for (int received = 0;;) {
        struct connection *c = &client->c;
        while (c->out_sent < c->out_len) {
            ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
            if (n < 0 && errno == EAGAIN)
                return watch_for(client, EPOLLOUT);
            if (n < 0)
                return leave(client);
            c->out_sent += (size_t)n;
        }
        c->out_len = c->out_sent = 0;
        int found = request(client);
        if (found < 0)
            return leave(client);
        if (found) {
            client->busy = 1;
            append(&jobs, client);
            pthread_cond_signal(&job_there);
            return;
        }
        if (received++)
            return watch_for(client, EPOLLIN);
        ssize_t n = recv(c->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
        if (n < 0 && errno == EAGAIN)
            return watch_for(client, EPOLLIN);
        if (n <= 0)
            return leave(client);
        c->in_len += (size_t)n;
    }
}

static void take_answers(void)
{
    uint64_t count;
    if (read(answer_there, &count, sizeof count) < 0)
        return;
    pthread_mutex_lock(&answers.lock);
    struct client *client = answers.first, *next;
    answers.first = NULL;
    answers.last = &answers.first;
    pthread_mutex_unlock(&answers.lock);
    for (; client != NULL; client = next) {
        next = client->next;
        client->busy = 0;
        reply(client);
        go_on(client);
    }
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept_one(listener, SOCK_NONBLOCK)) >= 0) {
        struct client *client = calloc(1, sizeof *client);
        if (client == NULL)
            die("calloc");
        client->c.fd = fd;
        watch_for(client, EPOLLIN);
    }
}

int main(int argc, char **argv)
{
    int listener = listen_at(0, 0, SOCK_NONBLOCK);
    epoll = new_epoll();
    answer_there = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch_listener(epoll, listener, EPOLLIN);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &answers};
    if (answer_there < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, answer_there, &event) < 0)
        die("eventfd");
    for (int i = workers(argc, argv); i > 0; i--)
        start_thread(work, NULL);
    ready(port_of(listener));
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            struct client *client = events[i].data.ptr;
            if (client == NULL) {
                accept_all(listener);
            } else if ((void *)client == &answers) {
                take_answers();
            } else if (client->busy) {
                /* Epoll would report this client again and again until the job is done. */
                epoll_ctl(epoll, EPOLL_CTL_DEL, client->c.fd, NULL);
                client->watched = 0;
            } else {
                go_on(client);
            }
        }
    }
}
