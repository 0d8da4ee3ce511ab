/* What arrived of what was published: each message once and in order at each receiver, and how long it took.

   Messages carry their number between two tildes, ~17~: no server changes that, and none of the wires uses it otherwise. */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>
#include <stdint.h>

/* What one receiver has seen: the highest number, and a bit for each of the 64 that end there. A generator has at most 32
   messages on the way, so whatever comes later than that is out of order, too. */
struct window {
    long highest;
    uint64_t seen;
};

uint64_t now_ns(void);

/* A new phase: later messages alone count, for *receivers*. */
void tally_begin(long receivers);
/* The number of the message that is published now, and was due at *due_ns*. */
long tally_publish(uint64_t due_ns);
/* From now on the times of the last message alone are kept: of a client that catches up, it is the one that counts. */
void tally_time_last(void);
/* Takes the messages in *data*, and says how much of it has been looked at for good. */
size_t tally_scan(struct window *window, const char *data, size_t size, uint64_t arrived_ns);
/* Messages that not all receivers have yet. */
long tally_unfinished(void);
uint64_t tally_last_arrival_ns(void);
/* The fields of a JSON object, without its braces. */
void tally_print(void);

#endif
