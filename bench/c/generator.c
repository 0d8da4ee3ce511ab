/* A load generator: many receivers, one publisher, and whether each message arrived once and in order at each receiver.

       generator --port P --wire websocket|sse|long-poll --path PATH [--send TEXT] [--ready TEXT] [--validators 1]
                 [--publish-path PATH] [--publish-send TEXT] [--publish-ready TEXT] [--message TEXT-WITH-{number}]
                 [--patience-s S] [--places N]

   One thread, epoll. It reads commands from its input, a line each, and answers each with a line of JSON:

       open N                      N receivers in all, and the publisher if there is a message to publish
       closed SECONDS WINDOW       publishes as soon as fewer than WINDOW messages are on their way to somebody
       paced SECONDS PER_SECOND    publishes by the clock, whatever has arrived; latency counts from when a message was due
       resume N M                  N receivers at once, which are to get the numbers 1 to M that somebody else published
       connect SECONDS AT_ONCE     connects, is ready, leaves, again and again
       idle SECONDS                answers pings and waits
       message TEXT                is published from now on

   Between commands it serves its connections. It measures nothing of the server: whoever gives the commands does. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"

#define NS 1e9
#define OPENING_NS 90000000000u    /* for all connections */
#define AGAIN_NS 1000000000u       /* between two trials of a client that was refused */
#define OPENING_AT_ONCE 64
#define MAX_TEXT 2048

static int port;
static uint64_t patience_ns; /* without one more arrival for so long, what is missing is lost */
static const char *wire = "websocket", *message = "", *validators = "", *places = "20000", *on_port = "", *patience_s = "4";
static struct route receive = {.path = "/", .send = "", .ready = ""}, publish = {.path = "/", .send = "", .ready = ""};
static struct connection publisher = {.publisher = true};
static struct connection *receivers; /* those that are there, each in a place of its own, since epoll knows the place */
static long place_count, opened;
static bool command_waits;

static void stop(const char *why) {
    fprintf(stderr, "generator: %s\n", why);
    exit(1);
}

/* Serves what is ready within *timeout_ms*. */
static void turn(int timeout_ms) {
    struct epoll_event events[512];
    int ready = epoll_wait(poller, events, 512, timeout_ms);
    for (int i = 0; i < ready; i++) {
        if (events[i].data.ptr) connection_event(events[i].data.ptr, events[i].events);
        else command_waits = true;
    }
}

static void answer(bool tallied) {
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("{\"ready\":%ld,\"failed\":%ld,\"dropped\":%ld,\"left\":%ld,\"bytes\":%ld,\"reason\":\"%s\",\"cpu_s\":%.6f%s", counts.ready,
           counts.failed, counts.dropped, counts.left, counts.bytes, counts.reason, (double)cpu.tv_sec + (double)cpu.tv_nsec / NS,
           tallied ? "," : "");
    if (tallied) tally_print();
    puts("}");
    fflush(stdout);
}

/* Opens receivers up to *number*, at most *at_once* at a time, and the publisher. */
static void open_receivers(long number, long at_once) {
    if (number > place_count) stop("more receivers than places");
    uint64_t deadline = now_ns() + OPENING_NS;
    if (*message && publisher.state == UNUSED) connection_open(&publisher, &publish, port);
    do {
        while (opened < number && counts.opening < at_once) connection_open(&receivers[opened++], &receive, port);
        turn(100);
    } while ((opened < number || counts.opening) && now_ns() < deadline);
    if (counts.opening) snprintf(counts.reason, sizeof counts.reason, "%ld did not get ready", counts.opening);
}

static void publish_next(uint64_t due_ns) {
    static char text[MAX_TEXT + 32];
    const char *place = strstr(message, "{number}");
    if (!place || publisher.state != READY) stop("no publisher");
    snprintf(text, sizeof text, "%.*s~%ld~%s", (int)(place - message), message, tally_publish(due_ns), place + strlen("{number}"));
    connection_send(&publisher, text);
}

/* Until everybody has everything, or nothing comes any more. */
static void drain(void) {
    uint64_t began = now_ns();
    while (tally_unfinished()) {
        turn(100);
        uint64_t last = tally_last_arrival_ns();
        if (now_ns() > (last > began ? last : began) + patience_ns) break;
    }
}

static void closed_loop(double seconds, long window) {
    tally_begin(counts.ready);
    uint64_t end = now_ns() + (uint64_t)(seconds * NS);
    while (now_ns() < end) {
        while (tally_unfinished() < window) publish_next(now_ns());
        turn(100);
        if (now_ns() > tally_last_arrival_ns() + patience_ns) break;
    }
    drain();
}

static void paced(double seconds, double per_second) {
    tally_begin(counts.ready);
    uint64_t began = now_ns();
    long number = (long)(seconds * per_second);
    for (long i = 0; i < number; i++) {
        uint64_t due = began + (uint64_t)((double)i * NS / per_second);
        for (uint64_t now; (now = now_ns()) < due;) turn((int)((due - now) / 1000000)); /* spins through the last millisecond */
        publish_next(due);
    }
    drain();
}

/* A client that is refused comes again, as clients do; how often that was is among the failed. */
static void resume(long number, long messages) {
    tally_begin(number);
    for (long i = 0; i < messages; i++) tally_publish(now_ns());
    tally_time_last();
    uint64_t again = 0, end = now_ns() + OPENING_NS;
    while (tally_unfinished() && now_ns() < end) {
        if (now_ns() >= again) {
            for (long i = 0; i < number; i++) {
                if (receivers[i].state == UNUSED) connection_open(&receivers[i], &receive, port);
            }
            again = now_ns() + AGAIN_NS;
        }
        turn(100);
    }
}

static void connect_again_and_again(double seconds, long at_once) {
    uint64_t end = now_ns() + (uint64_t)(seconds * NS);
    bool busy = true;
    while (busy) {
        busy = false;
        bool more = now_ns() < end;
        for (long i = 0; i < at_once; i++) {
            struct connection *connection = &receivers[i];
            if (connection->state == READY) connection_leave(connection);
            if (connection->state == UNUSED && more && !counts.failed) connection_open(connection, &receive, port);
            busy |= connection->state != UNUSED;
        }
        if (now_ns() > end + patience_ns) break; /* a server that doesn't end what was left */
        if (busy) turn(100);
    }
}

static void command(const char *line) {
    static char text[MAX_TEXT];
    double first = 0, second = 0;
    char name[16];
    if (!strncmp(line, "message ", 8)) {
        snprintf(text, sizeof text, "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
        message = text;
        answer(false);
        return;
    }
    if (sscanf(line, "%15s %lf %lf", name, &first, &second) < 2) stop("a command and its numbers, please");
    bool tallied = true;
    counts.bytes = 0;
    if (!strcmp(name, "closed")) closed_loop(first, (long)second);
    else if (!strcmp(name, "paced")) paced(first, second);
    else if (!strcmp(name, "resume")) resume((long)first, (long)second);
    else {
        tallied = false;
        if (!strcmp(name, "open")) open_receivers((long)first, OPENING_AT_ONCE);
        else if (!strcmp(name, "connect")) connect_again_and_again(first, (long)second);
        else if (!strcmp(name, "idle")) {
            for (uint64_t now, end = now_ns() + (uint64_t)(first * NS); (now = now_ns()) < end;) turn((int)((end - now) / 1000000) + 1);
        } else stop("unknown command");
    }
    answer(tallied);
}

int main(int argc, char **argv) {
    const struct { const char *name, **value; } options[] = {
        {"--port", &on_port}, {"--wire", &wire}, {"--path", &receive.path}, {"--send", &receive.send}, {"--ready", &receive.ready},
        {"--validators", &validators}, {"--publish-path", &publish.path}, {"--publish-send", &publish.send},
        {"--publish-ready", &publish.ready}, {"--message", &message}, {"--places", &places}, {"--patience-s", &patience_s},
    };
    for (int i = 1; i + 1 < argc; i += 2) {
        size_t known = 0;
        while (known < sizeof options / sizeof *options && strcmp(argv[i], options[known].name)) known++;
        if (known == sizeof options / sizeof *options) stop(argv[i]);
        *options[known].value = argv[i + 1];
    }
    port = atoi(on_port);
    patience_ns = (uint64_t)(atof(patience_s) * NS);
    receive.wire = !strcmp(wire, "sse") ? SSE : !strcmp(wire, "long-poll") ? LONG_POLL : WEBSOCKET;
    receive.validators = *validators;
    place_count = atol(places);
    receivers = calloc((size_t)place_count, sizeof *receivers);
    poller = epoll_create1(0);
    struct epoll_event input = {.events = EPOLLIN};
    if (!receivers || epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &input)) stop("the input has to be a pipe");
    setvbuf(stdin, NULL, _IONBF, 0); /* what is waiting stays where epoll sees it */
    for (;;) {
        char line[MAX_TEXT];
        turn(-1);
        if (command_waits && !fgets(line, sizeof line, stdin)) return 0;
        if (command_waits) command(line);
        command_waits = false;
    }
}
