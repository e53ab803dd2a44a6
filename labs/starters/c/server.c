// Answers each line with the product of its two numbers. A thread for each client.
//
//   cc -O2 -pthread server.c -o server && ./server PORT
//   printf '22 9\n' | nc -N 127.0.0.1 PORT
#include <arpa/inet.h>
#include <ctype.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 65536, FDS_MAX = 65536, DRAIN_S = 2 };
static atomic_bool stopping, is_client[FDS_MAX];  // is_client[fd]: a thread serves it.
static atomic_int clients;

static int send_all(int fd, const char *bytes, size_t len) {
    while (len > 0) {  // send may take only a part.
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);  // EPIPE instead of a signal that kills.
        if (n < 0) return -1;
        bytes += n, len -= n;
    }
    return 0;
}

// Takes a number off *at; returns how many digits it has, 0 if it is none.
static int number(const char **at, const char **digits, int *minus) {
    while (isspace((unsigned char)**at)) ++*at;
    *minus = **at == '-', *at += *minus, *digits = *at;
    while (isdigit((unsigned char)**at)) ++*at;
    return *at - *digits;
}

static int answer(int fd, char *line, size_t len) {
    const char *at = line, *a, *b, *error = "ERR bad-argument send two whole numbers, as in 22 9\n";
    int minus_a, minus_b, n = number(&at, &a, &minus_a), space = isspace((unsigned char)*at);
    int m = number(&at, &b, &minus_b);
    while (isspace((unsigned char)*at)) ++at;
    if (n == 0 || m == 0 || !space || at != line + len) return send_all(fd, error, strlen(error));
    // As on paper, in sums of columns: the numbers may be of any length.
    char *text = malloc(n + m + 3);
    unsigned *sums = calloc(n + m + 1, sizeof *sums);
    if (!text || !sums) return free(text), free(sums), -1;
    for (int i = n - 1; i >= 0; i--) {
        for (int j = m - 1; j >= 0; j--) sums[i + j + 1] += (a[i] - '0') * (b[j] - '0');
    }
    for (int i = n + m - 1; i > 0; i--) sums[i - 1] += sums[i] / 10, sums[i] %= 10;
    int first = 0, end = 0;
    while (first < n + m - 1 && sums[first] == 0) first++;
    if (minus_a != minus_b && sums[first] != 0) text[end++] = '-';
    while (first < n + m) text[end++] = '0' + sums[first++];
    text[end++] = '\n';
    int sent = send_all(fd, text, end);
    return free(text), free(sums), sent;
}

// Cuts what arrives into lines: recv returns any part of a line, or many lines.
static void converse(int fd, char *buffer) {
    size_t filled = 0;
    for (int last_look = 0; !last_look;) {
        last_look = stopping;  // What arrived before the signal is still answered.
        ssize_t n = recv(fd, buffer + filled, LINE_MAX_BYTES - filled, 0);
        if (n < 0) return;
        if (n == 0 && (filled == 0 || stopping)) return;
        if (n == 0) buffer[filled] = '\n', n = 1;  // The last line may end without a line feed.
        filled += n;
        char *line = buffer, *feed;
        while ((feed = memchr(line, '\n', buffer + filled - line))) {
            *feed = '\0';
            if (answer(fd, line, feed - line) < 0) return;
            line = feed + 1;
        }
        filled -= line - buffer;
        memmove(buffer, line, filled);
        if (filled == LINE_MAX_BYTES) {
            send_all(fd, "ERR too-long a line holds 65536 bytes at most\n", 46);
            return;
        }
    }
}

static void *serve(void *argument) {
    int fd = (int)(long)argument;
    char *buffer = malloc(LINE_MAX_BYTES + 1);
    if (buffer) converse(fd, buffer);
    // Closing with unread input would reset the connection and destroy the last reply.
    shutdown(fd, SHUT_WR);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 1}, sizeof(struct timeval));
    while (buffer && recv(fd, buffer, LINE_MAX_BYTES, 0) > 0) {}
    free(buffer);
    is_client[fd] = 0;
    close(fd);
    clients--;
    return NULL;
}

static void accept_client(int listener) {
    pthread_t thread;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0 || fd >= FDS_MAX) {  // No descriptor left, or the client has gone already.
        if (fd >= 0) close(fd);
        usleep(50000);
        return;
    }
    is_client[fd] = 1;
    clients++;
    if (pthread_create(&thread, NULL, serve, (void *)(long)fd) != 0) {  // No more threads.
        is_client[fd] = 0;
        clients--;
        close(fd);
    } else {
        pthread_detach(thread);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: server PORT\n"), 2;
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) {
        return perror("cannot listen"), 1;
    }
    sigset_t term;
    sigemptyset(&term), sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, NULL);  // No thread is interrupted: poll sees the signal.
    struct pollfd waits[2] = {{listener, POLLIN, 0}, {signalfd(-1, &term, 0), POLLIN, 0}};
    while (poll(waits, 2, -1) < 0 || !waits[1].revents) {
        if (waits[0].revents) accept_client(listener);
    }
    close(listener);
    stopping = 1;
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (is_client[fd]) shutdown(fd, SHUT_RD);  // Wakes a thread that waits in recv.
    }
    for (int wait = 0; clients > 0 && wait < DRAIN_S * 100; wait++) usleep(10000);
}
