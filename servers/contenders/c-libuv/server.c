/* Callbacks on libuv's event loop: one thread, epoll(7) below it. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <uv.h>

enum { LINE_BYTES_MAX = 65536, DRAIN_MS = 5000, LINGER_MS = 1000, LOOK_MS = 5, LOOKS_MAX = 1000, OUTPUT_MARK = 65536 };
static const char TOO_LONG[] = "ERR too-long a line holds 65536 bytes at most\n";

struct client {
	uv_tcp_t socket;
	uv_timer_t timer;
	uv_idle_t turn;
	uv_shutdown_t shutdown;
	struct client *next, *previous;
	char *input;
	size_t filled, room;
	char *output; /* What leaves when everything that is complete has been answered. */
	size_t answered, output_room;
	int open_handles, reading, waits, ended, last, lingers, looks;
};

static uv_loop_t *loop;
static uv_tcp_t listener;
static uv_timer_t accept_timer, drain_timer;
static uv_signal_t signals[2];
static struct client clients = {.next = &clients, .previous = &clients};
static int stopping;

static uint64_t work(uint64_t rounds)
{
	uint64_t x = 0x9E3779B97F4A7C15;
	for (uint64_t i = rounds * 64; i > 0; i--)
		x = (x ^ x >> 32) * 0xD6E8FEB86659FD93;
	return x;
}

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static void say(struct client *c, const char *bytes, size_t n)
{
	if (c->answered + n > c->output_room) {
		c->output_room = (c->answered + n) * 2;
		c->output = must(realloc(c->output, c->output_room));
	}
	memcpy(c->output + c->answered, bytes, n);
	c->answered += n;
}

static void say_text(struct client *c, const char *text)
{
	say(c, text, strlen(text));
}

static int whole(const char *word, int64_t *n)
{
	char *end;
	errno = 0;
	*n = strtoll(word, &end, 10);
	return errno == 0 && *word != 0 && *word != '+' && strcmp(word, "-") && *end == 0;
}

/* A whole number of any length: limbs of nine digits, the lowest first. */
struct number {
	size_t limbs;
	int negative;
	uint32_t limb[];
};

static struct number *number(const char *word)
{
	int negative = *word == '-';
	word += negative;
	size_t digits = strspn(word, "0123456789");
	if (digits == 0 || word[digits] != 0)
		return NULL;
	size_t limbs = (digits + 8) / 9;
	struct number *n = must(calloc(1, sizeof *n + limbs * sizeof n->limb[0]));
	n->limbs = limbs;
	n->negative = negative;
	for (size_t at = 0; at < digits; at++) {
		uint32_t *limb = &n->limb[(digits - 1 - at) / 9];
		*limb = *limb * 10 + (word[at] - '0');
	}
	return n;
}

static void say_product(struct client *c, const struct number *a, const struct number *b)
{
	size_t limbs = a->limbs + b->limbs;
	uint32_t *product = must(calloc(limbs, sizeof *product));
	for (size_t i = 0; i < a->limbs; i++) {
		uint64_t carry = 0;
		for (size_t j = 0; j < b->limbs || carry; j++) {
			uint64_t sum = product[i + j] + carry;
			if (j < b->limbs)
				sum += (uint64_t)a->limb[i] * b->limb[j];
			product[i + j] = sum % 1000000000;
			carry = sum / 1000000000;
		}
	}
	while (limbs > 1 && product[limbs - 1] == 0)
		limbs--;
	say_text(c, "OK ");
	if (a->negative != b->negative && (limbs > 1 || product[0] != 0))
		say_text(c, "-");
	char text[16];
	snprintf(text, sizeof text, "%" PRIu32, product[limbs - 1]);
	say_text(c, text);
	for (size_t at = limbs - 1; at-- > 0;) {
		snprintf(text, sizeof text, "%09" PRIu32, product[at]);
		say_text(c, text);
	}
	say_text(c, "\n");
	free(product);
}

static void mul(struct client *c, char *words[], int count)
{
	struct number *a = count == 2 ? number(words[0]) : NULL, *b = a ? number(words[1]) : NULL;
	if (b)
		say_product(c, a, b);
	else
		say_text(c, "ERR bad-argument MUL takes two whole numbers, as in MUL 22 9\n");
	free(a);
	free(b);
}

/* Returns how many microseconds to wait before the reply leaves. */
static int64_t work_and_wait(struct client *c, char *words[], int count)
{
	int64_t rounds, wait, bytes;
	if (count < 3 || count > 4 || !whole(words[0], &rounds) || !whole(words[1], &wait) ||
	    !whole(words[2], &bytes) || rounds < 0 || wait < 0 || bytes < 0) {
		say_text(c, "ERR bad-argument WORK takes rounds, microseconds, bytes and maybe a tag\n");
		return -1;
	}
	char reply[64];
	int length = snprintf(reply, sizeof reply, "OK %016" PRIx64 "%s%.16s", work(rounds),
			      count == 4 ? " " : "", count == 4 ? words[3] : "");
	say(c, reply, length);
	int64_t missing = bytes - length - 1;
	for (int64_t i = 0; i < missing; i++)
		say(c, i == 0 ? " " : ".", 1);
	say(c, "\n", 1);
	return wait;
}

/* Returns how many microseconds to wait before the reply leaves, or -1 where it was no job. */
static int64_t answer(struct client *c, char *line, size_t length)
{
	if (length > 0 && line[length - 1] == '\r')
		length--;
	char *space = memchr(line, ' ', length), verb[8] = "";
	size_t verb_length = space ? (size_t)(space - line) : length;
	for (size_t i = 0; i < verb_length && verb_length < sizeof verb; i++)
		verb[i] = toupper((unsigned char)line[i]);
	char *rest = space ? space + 1 : line + length;
	size_t rest_length = line + length - rest;
	if (!strcmp(verb, "ECHO")) {
		say(c, "OK ", 3);
		say(c, rest, rest_length);
		say(c, "\n", 1);
		return -1;
	}
	if (!strcmp(verb, "QUIT")) {
		say_text(c, "OK bye\n");
		c->last = 1;
		return -1;
	}
	int is_mul = !strcmp(verb, "MUL"), is_work = !strcmp(verb, "WORK"), count = 0;
	if (!is_mul && !is_work) {
		say_text(c, "ERR unknown-verb the verbs are ECHO, MUL, WORK and QUIT\n");
		return -1;
	}
	char *text = must(malloc(rest_length + 1)), *words[5], *state;
	memcpy(text, rest, rest_length);
	text[rest_length] = 0;
	for (char *word = strtok_r(text, " \t\r\f", &state); word && count < 5;
	     word = strtok_r(NULL, " \t\r\f", &state))
		words[count++] = word;
	int64_t wait = -1;
	if (is_mul)
		mul(c, words, count);
	else
		wait = work_and_wait(c, words, count);
	free(text);
	return wait;
}

static void on_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;
	if (--c->open_handles > 0)
		return;
	free(c->input);
	free(c->output);
	free(c);
}

static void leave(struct client *c)
{
	if (uv_is_closing((uv_handle_t *)&c->socket))
		return;
	c->next->previous = c->previous;
	c->previous->next = c->next;
	uv_close((uv_handle_t *)&c->socket, on_closed);
	uv_close((uv_handle_t *)&c->timer, on_closed);
	uv_close((uv_handle_t *)&c->turn, on_closed);
	if (stopping && clients.next == &clients)
		uv_stop(loop);
}

static void on_linger_over(uv_timer_t *timer)
{
	leave(timer->data);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
	struct client *c = request->handle->data;
	/* Closing with unread input would reset the connection and destroy the last reply. */
	if (status < 0 || c->ended)
		leave(c);
}

static void read_on(struct client *c);
static void advance(struct client *c);

static void finish(struct client *c);

static void on_look(uv_timer_t *timer)
{
	finish(timer->data);
}

static void finish(struct client *c)
{
	/* What comes when both halves are closed resets the connection: everything is to have arrived before. */
	int fd, unacknowledged = 0;
	if ((stopping || c->last) && c->looks++ < LOOKS_MAX && uv_fileno((uv_handle_t *)&c->socket, &fd) == 0 &&
	    ioctl(fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0) {
		uv_timer_start(&c->timer, on_look, LOOK_MS, 0);
		return;
	}
	c->lingers = 1;
	if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->socket, on_shutdown) < 0) {
		leave(c);
		return;
	}
	uv_timer_start(&c->timer, on_linger_over, LINGER_MS, 0);
	read_on(c);
}

struct written {
	uv_write_t request;
	char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
	struct client *c = request->handle->data;
	free(request);
	if (uv_is_closing((uv_handle_t *)&c->socket))
		return;
	if (status < 0)
		leave(c);
	else
		advance(c);
}

/* Returns whether everything has left. */
static int flush(struct client *c)
{
	if (c->answered == 0)
		return 1;
	uv_buf_t buffer = uv_buf_init(c->output, c->answered);
	int n = uv_try_write((uv_stream_t *)&c->socket, &buffer, 1);
	if (n < 0 && n != UV_EAGAIN) {
		leave(c);
		return -1;
	}
	size_t sent = n < 0 ? 0 : n, left = c->answered - sent;
	c->answered = 0;
	if (left == 0)
		return 1;
	struct written *written = must(malloc(sizeof *written + left));
	memcpy(written->bytes, c->output + sent, left);
	buffer = uv_buf_init(written->bytes, left);
	if (uv_write(&written->request, (uv_stream_t *)&c->socket, &buffer, 1, on_written) < 0) {
		free(written);
		leave(c);
	}
	return 0;
}

static void on_waited(uv_timer_t *timer)
{
	struct client *c = timer->data;
	c->waits = 0;
	if (flush(c))
		advance(c);
}

static void on_turn(uv_idle_t *turn)
{
	struct client *c = turn->data;
	uv_idle_stop(turn);
	c->waits = 0;
	if (flush(c))
		advance(c);
}

/* Answers what is complete, and reads on once that has left. */
static void advance(struct client *c)
{
	size_t from = 0;
	while (!c->waits && !c->last && c->answered < OUTPUT_MARK) {
		char *line = c->input + from, *end = c->filled > from ? memchr(line, '\n', c->filled - from) : NULL;
		/* The end of input ends the last line too. */
		if (!end && c->ended && !stopping && c->filled > from)
			end = c->input + c->filled;
		if (!end)
			break;
		int64_t wait_us = answer(c, line, end - line);
		from += end - line + 1;
		if (from > c->filled)
			from = c->filled;
		/* One job is a turn: the others' sockets are looked at before the next. */
		if (wait_us >= 0) {
			c->waits = 1;
			if (wait_us > 0)
				uv_timer_start(&c->timer, on_waited, (wait_us + 999) / 1000, 0);
			else
				uv_idle_start(&c->turn, on_turn);
		}
	}
	memmove(c->input, c->input + from, c->filled - from);
	c->filled -= from;
	if (c->waits) {
		uv_read_stop((uv_stream_t *)&c->socket);
		c->reading = 0;
		return;
	}
	if (c->filled >= LINE_BYTES_MAX && !c->last && !memchr(c->input, '\n', c->filled)) {
		say(c, TOO_LONG, sizeof TOO_LONG - 1);
		c->last = 1;
	}
	if (!flush(c)) {
		uv_read_stop((uv_stream_t *)&c->socket);
		c->reading = 0;
		return;
	}
	if (c->last || (c->ended && (c->filled == 0 || stopping)))
		finish(c);
	else if (c->filled > 0 && memchr(c->input, '\n', c->filled))
		advance(c);
	else
		read_on(c);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *c = handle->data;
	(void)suggested;
	if (c->room - c->filled < 4096) {
		c->room += 16384;
		c->input = must(realloc(c->input, c->room));
	}
	*buffer = uv_buf_init(c->input + c->filled, c->room - c->filled);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct client *c = stream->data;
	(void)buffer;
	if (n == 0)
		return;
	if (c->lingers) {
		if (n < 0)
			leave(c);
		return;
	}
	if (n < 0 && n != UV_EOF) {
		leave(c);
		return;
	}
	if (n < 0)
		c->ended = 1;
	else
		c->filled += n;
	advance(c);
}

static void read_on(struct client *c)
{
	if (!c->reading && !c->ended && uv_read_start((uv_stream_t *)&c->socket, on_room, on_read) == 0)
		c->reading = 1;
}

static void on_client(uv_stream_t *server, int status);

static void on_accept_again(uv_timer_t *timer)
{
	(void)timer;
	if (!stopping)
		on_client((uv_stream_t *)&listener, 0);
}

static void on_client(uv_stream_t *server, int status)
{
	if (status < 0) {
		/* No descriptor is left: libuv turns the client away by itself. */
		uv_timer_start(&accept_timer, on_accept_again, 10, 0);
		return;
	}
	struct client *c = must(calloc(1, sizeof *c));
	c->open_handles = 3;
	uv_tcp_init(loop, &c->socket);
	uv_timer_init(loop, &c->timer);
	uv_idle_init(loop, &c->turn);
	c->socket.data = c->timer.data = c->turn.data = c;
	c->next = clients.next;
	c->previous = &clients;
	c->next->previous = clients.next = c;
	if (uv_accept(server, (uv_stream_t *)&c->socket) < 0) {
		leave(c);
		return;
	}
	uv_tcp_nodelay(&c->socket, 1);
	read_on(c);
}

static void on_drained(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)handle, (void)number;
	if (stopping) {
		uv_stop(loop);
		return;
	}
	stopping = 1;
	uv_close((uv_handle_t *)&listener, NULL);
	uv_timer_start(&drain_timer, on_drained, DRAIN_MS, 0);
	for (struct client *c = clients.next, *next; c != &clients; c = next) {
		next = c->next;
		/* What has arrived is read and answered before the end that this makes. */
		uv_os_fd_t fd;
		if (uv_fileno((uv_handle_t *)&c->socket, &fd) == 0)
			shutdown(fd, SHUT_RD);
	}
	if (clients.next == &clients)
		uv_stop(loop);
}

int main(int count, char **arguments)
{
	struct sockaddr_in address;
	loop = uv_default_loop();
	signal(SIGPIPE, SIG_IGN);
	if (count < 2 || uv_ip4_addr("127.0.0.1", atoi(arguments[1]), &address) < 0)
		return 2;
	uv_timer_init(loop, &accept_timer);
	uv_timer_init(loop, &drain_timer);
	uv_tcp_init(loop, &listener);
	int error = uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
	if (!error)
		error = uv_listen((uv_stream_t *)&listener, 4096, on_client);
	if (error) {
		fprintf(stderr, "cannot listen: %s\n", uv_strerror(error));
		return 1;
	}
	const int numbers[] = {SIGTERM, SIGINT};
	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &signals[i]);
		uv_signal_start(&signals[i], on_signal, numbers[i]);
	}
	uv_run(loop, UV_RUN_DEFAULT);
	return 0;
}
