// Answers with the product of two numbers. It works when you try it by hand: what is wrong?
//
//   cc -pthread broken.c -o broken && ./broken PORT
//   printf '22 9\n' | nc -N 127.0.0.1 PORT
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void *serve(void *argument) {
    int client = *(int *)argument;
    char message[1024], reply[64];
    long first, second;
    while (1) {
        int n = recv(client, message, sizeof message - 1, 0);
        if (n == 0) break;
        message[n] = '\0';
        if (sscanf(message, "%ld %ld", &first, &second) == 2) {
            sprintf(reply, "%ld\n", first * second);
            send(client, reply, strlen(reply), 0);
        }
    }
    close(client);
    return NULL;
}

int main(int argc, char **argv) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    bind(listener, (struct sockaddr *)&address, sizeof address);
    listen(listener, 5);
    while (1) {
        int client = accept(listener, NULL, NULL);
        pthread_t thread;
        pthread_create(&thread, NULL, serve, &client);
    }
}
