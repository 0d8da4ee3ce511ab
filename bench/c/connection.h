/* The generator's connections: receivers on any of the three wires, and the publisher. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "tally.h"

enum wire { WEBSOCKET, SSE, LONG_POLL };

/* How a server is reached. Texts may be "". */
struct route {
    enum wire wire;
    const char *path;
    const char *send;    /* first of all, on a WebSocket */
    const char *ready;   /* what shows that it is subscribed; without one, the answer of the handshake does */
    bool validators;     /* a poll's cursor is in Last-Modified and ETag (RFC 9110 section 8.8), not in "next":"…" */
};

enum state { UNUSED, CONNECTING, SHAKING_HANDS, SUBSCRIBING, READY, LEAVING };

struct connection {
    int fd;
    enum state state;
    const struct route *route;
    bool publisher; /* what it gets isn't counted */
    struct window window;
    char *rest; /* bytes that are no whole frame, event or answer yet */
    size_t rest_bytes;
    char cursor[256];
};

/* What became of all of them. */
struct counts {
    long opening, ready, failed, dropped, left, bytes;
    char reason[160]; /* of the first that failed or was dropped */
};
extern struct counts counts;
extern int poller; /* the epoll instance; data.ptr is the connection */

void connection_open(struct connection *connection, const struct route *route, int port);
void connection_event(struct connection *connection, uint32_t events);
/* Sends *text* on a WebSocket. */
void connection_send(struct connection *connection, const char *text);
/* A closing handshake on a WebSocket; elsewhere the client just goes. */
void connection_leave(struct connection *connection);

#endif
