/* See connection.h. What is sent is short and waits for nobody, so nothing is queued: a server that doesn't read ends the run. */
#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

#define READ_BYTES (1 << 20)
#define MAX_TEXT 4096
#define SOURCES 16 /* addresses to come from, since one has but 28,000 ports and closed ones rest for a minute */

struct counts counts;
int poller;

static void gone(struct connection *connection, const char *reason) {
    close(connection->fd);
    free(connection->rest);
    connection->rest = NULL;
    connection->rest_bytes = 0;
    enum state was = connection->state;
    connection->state = UNUSED;
    if (was == LEAVING) {
        counts.left++;
        return;
    }
    if (was == READY) {
        counts.ready -= !connection->publisher;
        counts.dropped++;
    } else {
        counts.opening--;
        counts.failed++;
    }
    if (*counts.reason) return;
    for (size_t i = 0; i < sizeof counts.reason - 1 && reason[i]; i++) {
        counts.reason[i] = reason[i] < ' ' || strchr("\"\\\x7f", reason[i]) ? ' ' : reason[i]; /* it goes into JSON */
    }
}

static void transmit(struct connection *connection, const char *data, size_t size) {
    ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL);
    if (sent == (ssize_t)size || errno == EPIPE || errno == ECONNRESET) return; /* the next read sees what happened */
    fprintf(stderr, "generator: the server doesn't read: %s\n", strerror(errno));
    exit(1);
}

static void frame(struct connection *connection, int opcode, const char *payload, size_t length) {
    char out[MAX_TEXT + MAX_FRAME_HEADER];
    transmit(connection, out, write_frame(out, opcode, payload, length, true));
}

void connection_send(struct connection *connection, const char *text) { frame(connection, TEXT, text, strlen(text)); }

void connection_open(struct connection *connection, const struct route *route, int port) {
    static unsigned turn;
    int yes = 1;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn++ % SOURCES)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *connection = (struct connection){.state = CONNECTING, .route = route, .publisher = connection->publisher};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = connection};
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(connection->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    counts.opening++;
    if (connection->fd < 0 || bind(connection->fd, (struct sockaddr *)&from, sizeof from) ||
        (connect(connection->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) ||
        epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event)) {
        gone(connection, strerror(errno));
    }
}

static void request(struct connection *connection) {
    const struct route *route = connection->route;
    char out[MAX_TEXT];
    const char *query = strchr(route->path, '?');
    bool goes_on = *connection->cursor && !route->validators;
    int path = goes_on && query ? (int)(query - route->path) : (int)strlen(route->path);
    int size = snprintf(out, sizeof out, "GET %.*s%s%s HTTP/1.1\r\nHost: 127.0.0.1\r\n", path, route->path, goes_on ? "?" : "",
                        goes_on ? connection->cursor : "");
    if (route->wire == WEBSOCKET) {
        size += snprintf(out + size, sizeof out - (size_t)size,
                         "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " SAMPLE_KEY "\r\n");
    } else {
        size += snprintf(out + size, sizeof out - (size_t)size, "Accept: %s\r\n%s", route->wire == SSE ? "text/event-stream" : "*/*",
                         route->validators ? connection->cursor : "");
    }
    memcpy(out + size, "\r\n", 2);
    transmit(connection, out, (size_t)size + 2);
}

static void ready(struct connection *connection) {
    connection->state = READY;
    counts.opening--;
    counts.ready += !connection->publisher;
}

static void look_if_ready(struct connection *connection, const char *data, size_t size) {
    const char *text = connection->route->ready;
    if (connection->state == SUBSCRIBING && memmem(data, size, text, strlen(text))) ready(connection);
}

static void connected(struct connection *connection) {
    int error = 0;
    socklen_t size = sizeof error;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error || epoll_ctl(poller, EPOLL_CTL_MOD, connection->fd, &event)) {
        gone(connection, strerror(error ? error : errno));
        return;
    }
    connection->state = connection->route->wire == LONG_POLL ? SUBSCRIBING : SHAKING_HANDS;
    request(connection);
    if (connection->route->validators) ready(connection); /* its first poll is held already */
}

/* The value of a header's field, up to the end of its line; NULL without one. */
static const char *field(const char *head, const char *name, int *length) {
    const char *at = strcasestr(head, name);
    if (!at) return NULL;
    at += strlen(name);
    *length = (int)strcspn(at, "\r");
    return at;
}

/* Each takes what it can of *data*, which ends with a zero, and says how much that was; 0 with a connection that is gone. */
typedef size_t (*taker)(struct connection *connection, char *data, size_t size, uint64_t at);

static size_t take_handshake(struct connection *connection, char *data, size_t size, uint64_t at) {
    (void)size, (void)at;
    const struct route *route = connection->route;
    char *end = strstr(data, "\r\n\r\n");
    if (!end) return 0;
    if (atoi(data + strlen("HTTP/1.1 ")) != (route->wire == WEBSOCKET ? 101 : 200)) {
        gone(connection, data);
        return 0;
    }
    connection->state = SUBSCRIBING;
    if (*route->send) connection_send(connection, route->send);
    if (!*route->ready) ready(connection);
    return (size_t)(end + 4 - data);
}

static size_t take_frames(struct connection *connection, char *data, size_t size, uint64_t at) {
    size_t used = 0;
    struct frame frame_in;
    int whole;
    while ((whole = parse_frame(data + used, size - used, &frame_in)) == 1) {
        if (frame_in.opcode == TEXT) {
            look_if_ready(connection, frame_in.payload, frame_in.length);
            if (!connection->publisher) tally_scan(&connection->window, frame_in.payload, frame_in.length, at);
        } else if (frame_in.opcode == PING) {
            frame(connection, PONG, frame_in.payload, frame_in.length);
        } else if (frame_in.opcode == CLOSE && connection->state != LEAVING) { /* else the end of the stream follows */
            gone(connection, "closed by the server");
            return 0;
        }
        used += frame_in.whole;
    }
    if (whole < 0) gone(connection, "no frame of RFC 6455");
    return whole < 0 ? 0 : used;
}

static size_t take_stream(struct connection *connection, char *data, size_t size, uint64_t at) {
    look_if_ready(connection, data, size);
    return tally_scan(&connection->window, data, size, at); /* servers begin a chunk with an event, so no number is cut by one */
}

static size_t take_answer(struct connection *connection, char *data, size_t size, uint64_t at) {
    int length;
    char *end = strstr(data, "\r\n\r\n");
    if (!end) return 0;
    *end = 0;
    const char *status = data + strlen("HTTP/1.1 "), *declared = field(data, "\r\nContent-Length: ", &length);
    size_t head = (size_t)(end + 4 - data), body = declared ? strtoul(declared, NULL, 10) : 0;
    if (atoi(status) != 200 || !declared) {
        gone(connection, data);
        return 0;
    }
    if (size < head + body) {
        *end = '\r';
        return 0;
    }
    if (connection->route->validators) {
        int tag_length;
        const char *modified = field(data, "\r\nLast-Modified: ", &length), *tag = field(data, "\r\nETag: ", &tag_length);
        if (modified && tag) {
            snprintf(connection->cursor, sizeof connection->cursor, "If-Modified-Since: %.*s\r\nIf-None-Match: %.*s\r\n", length, modified,
                     tag_length, tag);
        }
    } else {
        const char *next = strstr(end + 4, "\"next\":");
        next = next ? strchr(next + strlen("\"next\":"), '"') : NULL;
        if (next) snprintf(connection->cursor, sizeof connection->cursor, "%.*s", (int)strcspn(next + 1, "\""), next + 1);
    }
    tally_scan(&connection->window, end + 4, body, at);
    look_if_ready(connection, end + 4, body);
    request(connection);
    return head + body;
}

static taker taker_of(const struct connection *connection) {
    static const taker takers[] = {[WEBSOCKET] = take_frames, [SSE] = take_stream, [LONG_POLL] = take_answer};
    return connection->state == SHAKING_HANDS ? take_handshake : takers[connection->route->wire];
}

static void readable(struct connection *connection) {
    static char data[READ_BYTES + 1];
    size_t size = connection->rest_bytes;
    if (size) memcpy(data, connection->rest, size);
    ssize_t got = recv(connection->fd, data + size, READ_BYTES - size, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) gone(connection, got ? strerror(errno) : "ended by the server");
        return;
    }
    counts.bytes += got;
    size += (size_t)got;
    data[size] = 0;
    uint64_t at = now_ns();
    size_t used = 0;
    for (size_t more = 1; more && used < size && connection->state != UNUSED; used += more) {
        more = taker_of(connection)(connection, data + used, size - used, at);
    }
    if (connection->state == UNUSED) return;
    size_t rest = size - used;
    if (rest > connection->rest_bytes || !rest) {
        free(connection->rest);
        connection->rest = rest ? malloc(rest) : NULL;
    }
    connection->rest_bytes = rest;
    if (rest) memcpy(connection->rest, data + used, rest);
}

void connection_event(struct connection *connection, uint32_t events) {
    if (connection->state == CONNECTING) connected(connection);
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(connection);
}

void connection_leave(struct connection *connection) {
    counts.ready -= !connection->publisher;
    connection->state = LEAVING;
    if (connection->route->wire == WEBSOCKET) frame(connection, CLOSE, "\x03\xe8", 2); /* 1000: RFC 6455 section 7.4.1 */
    else gone(connection, "");
}
