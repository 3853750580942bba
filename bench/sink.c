/* An SMTP sink for measuring: accepts everything, keeps nothing but a count. One thread, epoll.
 *
 * sink PORT [-d MS] [-P] [-C] [-t DOMAIN MS]
 *   -d: answer that much later (an emulated round trip),
 *   -P: offer no PIPELINING, -C: offer no CHUNKING,
 *   -t: take that long for each message to that domain (a tarpit), and do not count it.
 * XSTAT answers "250 COUNT FIRST LAST": messages accepted, and when the first and the last were,
 * in seconds of the monotonic clock.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 18, EVENTS = 256 };
enum mode { COMMAND, TEXT, CHUNK };

struct connection {
    int fd, is_gone, pending; /* pieces of it that still wait for their time */
    enum mode mode;
    size_t chunk_left;
    int chunk_is_last;
    int is_for_tarpit;
    double held_until; /* the answer to a message, and all that came after it */
    struct connection *next_held;
    char *input, *output;
    size_t input_size, input_room, output_size, output_room;
};

struct piece { /* bytes that came and are looked at when their time has come */
    double due;
    struct connection *from;
    char *bytes;
    size_t size;
    struct piece *next;
};

static double delay_s;
static int offers_pipelining = 1, offers_chunking = 1, epoll;
static unsigned long accepted;
static double first_at, last_at;
static struct piece *first_piece, *last_piece;
static const char *tarpit;
static double tarpit_s;
static struct connection *held;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void *grown(void *memory, size_t size) {
    memory = realloc(memory, size);
    if (!memory) abort();
    return memory;
}

static void append(char **buffer, size_t *size, size_t *room, const char *bytes, size_t more) {
    if (*size + more > *room) *buffer = grown(*buffer, *room = 2 * (*size + more));
    memcpy(*buffer + *size, bytes, more);
    *size += more;
}

static void answer(struct connection *c, const char *text) {
    append(&c->output, &c->output_size, &c->output_room, text, strlen(text));
}

static void flush(struct connection *c) {
    size_t done = 0;
    while (done < c->output_size) {
        ssize_t sent = write(c->fd, c->output + done, c->output_size - done);
        if (sent > 0) done += sent;
        else if (errno != EAGAIN) break;
        else usleep(50);
    }
    c->output_size = 0;
}

static void count(struct connection *c) {
    if (c->is_for_tarpit) {
        c->held_until = now() + tarpit_s;
        c->next_held = held;
        held = c;
        c->pending++;
        return;
    }
    last_at = now();
    if (!accepted++) first_at = last_at;
    answer(c, "250 2.0.0 Ok: queued as 4XyZ1A2B3C\r\n");
}

static void greet(struct connection *c) {
    answer(c, "250-sink\r\n");
    if (offers_pipelining) answer(c, "250-PIPELINING\r\n");
    if (offers_chunking) answer(c, "250-CHUNKING\r\n");
    answer(c, "250-8BITMIME\r\n250 SIZE 52428800\r\n");
}

static void command(struct connection *c, char *line) {
    char text[100];
    if (tarpit && !strncasecmp(line, "RCPT", 4)) c->is_for_tarpit = strstr(line, tarpit) != NULL;
    if (!strncasecmp(line, "EHLO", 4)) greet(c);
    else if (!strncasecmp(line, "DATA", 4)) c->mode = TEXT, answer(c, "354 go on\r\n");
    else if (!strncasecmp(line, "BDAT", 4)) {
        c->chunk_left = strtoul(line + 4, NULL, 10);
        c->chunk_is_last = strcasestr(line, "LAST") != NULL;
        c->mode = CHUNK;
    } else if (!strncasecmp(line, "XSTAT", 5)) {
        snprintf(text, sizeof text, "250 %lu %.6f %.6f\r\n", accepted, first_at, last_at);
        answer(c, text);
    } else if (!strncasecmp(line, "QUIT", 4)) {
        answer(c, "221 2.0.0 Bye\r\n");
        flush(c);
        shutdown(c->fd, SHUT_RDWR);
    } else answer(c, "250 2.0.0 Ok\r\n");
}

/* Consume one command, message or chunk; 0 when more bytes are needed, else how many it was. */
static size_t step(struct connection *c, char *at, size_t left) {
    char *end;
    if (c->mode == CHUNK) {
        size_t taken = left < c->chunk_left ? left : c->chunk_left;
        if (!taken && c->chunk_left) return 0;
        c->chunk_left -= taken;
        if (c->chunk_left) return taken;
        c->mode = COMMAND;
        if (c->chunk_is_last) count(c);
        else answer(c, "250 2.0.0 Ok\r\n");
        return taken;
    }
    if (c->mode == TEXT) {
        if (!(end = memmem(at, left, "\r\n.\r\n", 5))) return 0;
        c->mode = COMMAND;
        count(c);
        return end - at + 5;
    }
    if (!(end = memchr(at, '\n', left))) return 0;
    *end = 0;
    command(c, at);
    return end - at + 1;
}

static void take(struct connection *c, const char *bytes, size_t size) {
    size_t done = 0, taken;
    append(&c->input, &c->input_size, &c->input_room, bytes, size);
    while (!c->held_until && done < c->input_size && (taken = step(c, c->input + done, c->input_size - done))) done += taken;
    memmove(c->input, c->input + done, c->input_size -= done);
    flush(c);
}

static void keep(struct connection *c, const char *bytes, size_t size) {
    struct piece *p = grown(NULL, sizeof *p);
    *p = (struct piece){now() + delay_s, c, memcpy(grown(NULL, size), bytes, size), size, NULL};
    c->pending++;
    last_piece = *(last_piece ? &last_piece->next : &first_piece) = p;
}

static void forget(struct connection *c) {
    if (!c->is_gone || c->pending) return;
    free(c->input), free(c->output), free(c);
}

static void take_due(void) {
    while (first_piece && first_piece->due <= now()) {
        struct piece *p = first_piece;
        if (!(first_piece = p->next)) last_piece = NULL;
        p->from->pending--;
        if (!p->from->is_gone) take(p->from, p->bytes, p->size);
        forget(p->from);
        free(p->bytes), free(p);
    }
}

static void let_go(void) {
    struct connection *some = held, *next;
    held = NULL;
    for (struct connection *c = some; c; c = next) {
        next = c->next_held;
        if (c->held_until > now()) {
            c->next_held = held;
            held = c;
            continue;
        }
        c->held_until = 0;
        c->pending--;
        if (!c->is_gone) answer(c, "250 2.0.0 Ok: queued at last\r\n"), take(c, "", 0);
        forget(c);
    }
}

static void watch(struct connection *c) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
}

static void welcome(int listening) {
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK), one = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    watch(c);
    answer(c, "220 sink ESMTP\r\n");
    flush(c);
}

static void receive(struct connection *c) {
    static char buffer[READ_SIZE];
    ssize_t got = read(c->fd, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close(c->fd);
        c->is_gone = 1;
        forget(c);
    } else if (delay_s) keep(c, buffer, got);
    else take(c, buffer, got);
}

static int listen_at(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 512)) {
        perror("sink");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv) {
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "-P")) offers_pipelining = 0;
        else if (!strcmp(argv[i], "-C")) offers_chunking = 0;
        else if (!strcmp(argv[i], "-d") && i + 1 < argc) delay_s = atof(argv[++i]) / 1000;
        else if (!strcmp(argv[i], "-t") && i + 2 < argc) tarpit = argv[i + 1], tarpit_s = atof(argv[i + 2]) / 1000, i += 2;
    }
    struct epoll_event events[EVENTS];
    struct connection listening = {.fd = listen_at(argc > 1 ? atoi(argv[1]) : 2600)};
    epoll = epoll_create1(0);
    watch(&listening);
    for (;;) {
        double left = first_piece ? (first_piece->due - now()) * 1000 : -1;
        int wait = !first_piece ? -1 : left < 0 ? 0 : (int)left + 1;
        if (held && (wait < 0 || wait > 5)) wait = 5;
        int ready = epoll_wait(epoll, events, EVENTS, wait);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &listening) welcome(listening.fd);
            else receive(events[i].data.ptr);
        }
        take_due();
        let_go();
    }
}
