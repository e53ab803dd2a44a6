/* Starts a program with posix_spawn(3) again and again, several at a time, each with a pipe for its output. Reads that
 * output to its end, and reaps the process. A remote shell has to do at least this.
 *
 * usage: spawn AT_A_TIME MILLISECONDS PROGRAM
 *
 * Our shell also does what this leaves out: clients, permissions, limits of time and output, process groups, signal
 * dispositions as after a login. */
#define _GNU_SOURCE
#include "../../support/program.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT_A_TIME_MAX 64

static pid_t pids[AT_A_TIME_MAX];
static struct pollfd outputs[AT_A_TIME_MAX];

static void start(int slot, char *program)
{
    int ends[2], error;
    char *arguments[] = {program, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) < 0)
        die("pipe2");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    error = posix_spawnp(&pids[slot], program, &actions, NULL, arguments, environ);
    if (error != 0) {
        errno = error;
        die("posix_spawnp");
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    outputs[slot].fd = ends[0];
    outputs[slot].events = POLLIN;
}

/* Whether the program of this slot has ended. */
static int ended(int slot)
{
    char text[4096];
    ssize_t n = read(outputs[slot].fd, text, sizeof text);
    int status;
    if (n > 0 || (n < 0 && errno == EINTR))
        return 0;
    close(outputs[slot].fd);
    if (waitpid(pids[slot], &status, 0) < 0)
        die("waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fputs("the program failed\n", stderr);
        exit(1);
    }
    return 1;
}

int main(int argc, char **argv)
{
    int at_a_time = argc == 4 ? atoi(argv[1]) : 0;
    if (at_a_time < 1 || at_a_time > AT_A_TIME_MAX) {
        fputs("usage: spawn AT_A_TIME MILLISECONDS PROGRAM\n", stderr);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uint64_t started = now_ns(CLOCK_MONOTONIC), now = started, runs = 0;
    uint64_t until = started + strtoull(argv[2], NULL, 10) * 1000000;
    for (int slot = 0; slot < at_a_time; slot++)
        start(slot, argv[3]);
    for (int running = at_a_time; running > 0;) {
        if (poll(outputs, (nfds_t)at_a_time, -1) < 0 && errno != EINTR)
            die("poll");
        for (int slot = 0; slot < at_a_time; slot++) {
            if (outputs[slot].revents == 0 || !ended(slot))
                continue;
            runs++;
            now = now_ns(CLOCK_MONOTONIC);
            if (now < until) {
                start(slot, argv[3]);
            } else {
                outputs[slot].fd = -1;
                running--;
            }
        }
    }
    printf("{\"event\":\"end\",\"runs\":%llu,\"elapsed_ns\":%llu}\n", (unsigned long long)runs,
           (unsigned long long)(now - started));
    return 0;
}
