/* See tally.h. */
#define _GNU_SOURCE
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_US 1000
#define TAIL_BYTES 64 /* longer than any number with its tildes, and than any text that shows a receiver to be ready */

struct message {
    uint64_t due_ns;
    long receivers; /* who have it */
};

static struct message *messages; /* of this phase */
static long first = 1, published, finished, room;
static long receivers, deliveries, doubled, out_of_order;
static uint32_t *latencies_us;
static long latencies_room, timed, timed_from; /* how many times there are, and from which message on they are taken */
static uint64_t began_ns, last_ns;

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *grown(void *array, long *size, size_t item) {
    *size = *size ? 2 * *size : 4096;
    array = realloc(array, (size_t)*size * item);
    if (!array) abort();
    return array;
}

void tally_begin(long number) {
    first += published;
    published = finished = deliveries = doubled = out_of_order = 0;
    timed = timed_from = 0;
    receivers = number;
    began_ns = last_ns = now_ns();
}

long tally_publish(uint64_t due_ns) {
    if (published == room) messages = grown(messages, &room, sizeof *messages);
    messages[published] = (struct message){.due_ns = due_ns};
    return first + published++;
}

void tally_time_last(void) { timed_from = first + published - 1; }

/* Whether *number* is new to the receiver; counts it if it is late or came before. */
static int is_new(struct window *window, long number) {
    if (window->highest < first) *window = (struct window){.highest = first - 1};
    if (number > window->highest) {
        long ahead = number - window->highest;
        window->seen = (ahead < 64 ? window->seen << ahead : 0) | 1;
        window->highest = number;
        return 1;
    }
    long behind = window->highest - number;
    if (behind < 64 && window->seen & (uint64_t)1 << behind) {
        doubled++;
        return 0;
    }
    out_of_order++;
    if (behind < 64) window->seen |= (uint64_t)1 << behind;
    return 1;
}

static void arrived(struct window *window, long number, uint64_t arrived_ns) {
    if (number < first || number >= first + published) return; /* of an earlier phase */
    if (!is_new(window, number)) return;
    struct message *message = &messages[number - first];
    deliveries++;
    if (timed == latencies_room) latencies_us = grown(latencies_us, &latencies_room, sizeof *latencies_us);
    if (number >= timed_from) latencies_us[timed++] = (uint32_t)((arrived_ns - message->due_ns) / NS_PER_US);
    last_ns = arrived_ns;
    finished += ++message->receivers == receivers;
}

size_t tally_scan(struct window *window, const char *data, size_t size, uint64_t arrived_ns) {
    const char *end = data + size, *after = data, *at = data;
    while ((at = memchr(at, '~', (size_t)(end - at)))) {
        const char *digit = ++at;
        long number = 0;
        while (digit < end && *digit >= '0' && *digit <= '9') number = 10 * number + (*digit++ - '0');
        if (digit == end || digit == at || *digit != '~') continue;
        arrived(window, number, arrived_ns);
        after = at = digit + 1;
    }
    size_t tail = (size_t)(end - after);
    return size - (tail < TAIL_BYTES ? tail : TAIL_BYTES);
}

long tally_unfinished(void) { return published - finished; }

uint64_t tally_last_arrival_ns(void) { return last_ns; }

static int by_size(const void *one, const void *other) {
    uint32_t left = *(const uint32_t *)one, right = *(const uint32_t *)other;
    return (left > right) - (left < right);
}

static double share_ms(long percent) {
    if (!timed) return 0;
    long index = timed * percent / 100;
    return latencies_us[index < timed ? index : timed - 1] / 1000.0;
}

void tally_print(void) {
    qsort(latencies_us, (size_t)timed, sizeof *latencies_us, by_size);
    printf("\"messages\":%ld,\"receivers\":%ld,\"deliveries\":%ld,\"lost\":%ld,\"doubled\":%ld,\"out_of_order\":%ld,", published, receivers,
           deliveries, published * receivers - deliveries, doubled, out_of_order);
    printf("\"seconds\":%.6f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f", (double)(last_ns - began_ns) / 1e9, share_ms(50), share_ms(99),
           share_ms(100));
}
