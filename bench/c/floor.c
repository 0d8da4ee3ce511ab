/* The floor: what it costs at least to give one message to many receivers by one send() each.

       floor PORT [lose|double|swap]

   One thread, epoll, the same bytes for all. Whatever a WebSocket sends goes to all who follow /websocket, /sse or
   /long-poll?cursor=N; a publisher connects to /publish, which receives nothing. It never queues: who doesn't read ends it.

   The second argument plants a fault, so that a test can see whether the generator finds it: every tenth message, beginning
   with the fifth, is lost, doubled, or sent after the next one, to the first receiver of each stream alone. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

#define MAX_CLIENTS 65536
#define MAX_MESSAGE 2048
#define MAX_WRAPPED (MAX_MESSAGE + 64) /* with a frame's header, or as an event in its chunk */
#define KEPT 64 /* messages for polls that come back late; the generator has at most 32 on the way */
#define PLANTED_EVERY 10
#define PLANTED_FIRST 5

enum kind { UNKNOWN, PUBLISHER, WEBSOCKET, SSE, HELD_POLL, KINDS };

struct client {
    int fd;
    enum kind kind;
    int place; /* in the list of its kind */
    size_t have;
    char in[MAX_MESSAGE + 512];
};

struct bytes {
    size_t length;
    char data[MAX_WRAPPED];
};

static int poller;
static struct client *listed[KINDS][MAX_CLIENTS];
static int count[KINDS];
static long head; /* messages so far */
static struct bytes kept[KEPT];
static const char *fault = "";

static void end(const char *why) {
    fprintf(stderr, "floor: %s: %s\n", why, strerror(errno));
    exit(1);
}

static void give(struct client *client, const char *data, size_t length) {
    ssize_t sent = send(client->fd, data, length, MSG_NOSIGNAL);
    if (sent != (ssize_t)length && errno != EPIPE && errno != ECONNRESET) end("a receiver doesn't read");
}

static void enlist(struct client *client, enum kind kind) {
    client->kind = kind;
    client->place = count[kind]++;
    listed[kind][client->place] = client;
}

static void unlist(struct client *client) {
    struct client *last = listed[client->kind][--count[client->kind]];
    last->place = client->place;
    listed[client->kind][last->place] = last;
}

__attribute__((format(printf, 2, 3))) static void print(struct bytes *bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    bytes->length += (size_t)vsnprintf(bytes->data + bytes->length, sizeof bytes->data - bytes->length, format, arguments);
    va_end(arguments);
}

/* Gives everything after *cursor* to *clients* in one answer each; at the head that is nothing. */
static void answer(struct client **clients, int number, long cursor) {
    static char body[KEPT * MAX_MESSAGE], whole[sizeof body + 256];
    size_t length = (size_t)sprintf(body, "{\"events\":[");
    for (long i = cursor; i < head; i++) {
        length += (size_t)sprintf(body + length, "%s%.*s", i > cursor ? "," : "", (int)kept[i % KEPT].length, kept[i % KEPT].data);
    }
    length += (size_t)sprintf(body + length, "],\"next\":\"cursor=%ld\"}", head);
    const char *format = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s";
    length = (size_t)sprintf(whole, format, length, body);
    for (int i = 0; i < number; i++) give(clients[i], whole, length);
}

/* To the first receiver of a stream, as the fault wants it. */
static void give_wrongly(struct client *client, const struct bytes *bytes) {
    static struct bytes held[KINDS];
    bool due = head % PLANTED_EVERY == PLANTED_FIRST;
    if (due && *fault == 'l') return;
    if (due && *fault == 's') {
        held[client->kind] = *bytes;
        return;
    }
    give(client, bytes->data, bytes->length);
    if (due && *fault == 'd') give(client, bytes->data, bytes->length);
    if (held[client->kind].length) give(client, held[client->kind].data, held[client->kind].length);
    held[client->kind].length = 0;
}

static void broadcast(const char *text, size_t length) {
    if (length > MAX_MESSAGE) end("a message is too long");
    struct bytes *raw = &kept[head++ % KEPT];
    raw->length = length;
    memcpy(raw->data, text, length);
    struct bytes frame = {.length = write_frame(frame.data, TEXT, text, length, false)}, chunk = {0};
    print(&chunk, "%zx\r\ndata: %.*s\n\n\r\n", length + 8, (int)length, text);
    int first = *fault ? 1 : 0;
    if (first && count[WEBSOCKET]) give_wrongly(listed[WEBSOCKET][0], &frame);
    if (first && count[SSE]) give_wrongly(listed[SSE][0], &chunk);
    for (int i = first; i < count[WEBSOCKET]; i++) give(listed[WEBSOCKET][i], frame.data, frame.length);
    for (int i = first; i < count[SSE]; i++) give(listed[SSE][i], chunk.data, chunk.length);
    answer(listed[HELD_POLL], count[HELD_POLL], head - 1);
    for (int i = 0; i < count[HELD_POLL]; i++) listed[HELD_POLL][i]->kind = UNKNOWN; /* until it asks again */
    count[HELD_POLL] = 0;
}

static void request(struct client *client) {
    long cursor = -1;
    struct bytes bytes = {0};
    if (!strncmp(client->in, "GET /sse", 8)) {
        print(&bytes, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        enlist(client, SSE);
    } else if (!strncmp(client->in, "GET /long-poll", 14)) {
        sscanf(client->in, "GET /long-poll?cursor=%ld", &cursor);
        if (cursor == head) enlist(client, HELD_POLL);
        else answer(&client, 1, cursor < 0 ? head : cursor);
        return;
    } else {
        print(&bytes, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: " SAMPLE_ACCEPT "\r\n\r\n");
        enlist(client, strncmp(client->in, "GET /publish", 12) ? WEBSOCKET : PUBLISHER);
    }
    give(client, bytes.data, bytes.length);
}

static void gone(struct client *client) {
    if (client->kind != UNKNOWN) unlist(client);
    close(client->fd);
    free(client);
}

static void readable(struct client *client) {
    ssize_t got = recv(client->fd, client->in + client->have, sizeof client->in - 1 - client->have, 0);
    if (got <= 0) {
        gone(client);
        return;
    }
    client->have += (size_t)got;
    client->in[client->have] = 0;
    size_t used = 0;
    if (client->kind == UNKNOWN) {
        char *body = strstr(client->in, "\r\n\r\n");
        if (!body) return;
        used = (size_t)(body + 4 - client->in);
        request(client);
    }
    struct frame frame;
    while ((client->kind == WEBSOCKET || client->kind == PUBLISHER) && parse_frame(client->in + used, client->have - used, &frame) == 1) {
        if (frame.opcode == CLOSE) {
            gone(client);
            return;
        }
        if (frame.opcode == TEXT) broadcast(frame.payload, frame.length);
        used += frame.whole;
    }
    client->have -= used;
    memmove(client->in, client->in + used, client->have);
}

static void watch(struct client *client) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event)) end("epoll_ctl");
}

int main(int argc, char **argv) {
    if (argc < 2) end("usage: floor PORT [lose|double|swap]");
    if (argc > 2) fault = argv[2];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct client listener = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    int yes = 1;
    setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener.fd, (struct sockaddr *)&address, sizeof address) || listen(listener.fd, 4096)) end("can't listen");
    poller = epoll_create1(0);
    watch(&listener);
    for (;;) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (client != &listener) {
                readable(client);
                continue;
            }
            int fd;
            while ((fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                client = calloc(1, sizeof *client);
                client->fd = fd;
                watch(client);
            }
        }
    }
}
