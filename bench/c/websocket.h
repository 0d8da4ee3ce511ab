/* WebSocket frames (RFC 6455 section 5.2), as far as the generator and the floor need them: whole messages below 64 KiB. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* The example of RFC 6455 section 1.3: with it neither of the two has to know SHA-1. */
#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define SAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#define TEXT 1
#define CLOSE 8
#define PING 9
#define PONG 10
#define MAX_FRAME_HEADER 8 /* two bytes, two of length, four of mask */

struct frame {
    int opcode;
    char *payload;
    size_t length;
    size_t whole; /* with its header */
};

/* 1 with the frame at *data*, unmasked in place; 0 if more bytes are needed; -1 for what no server or client of ours sends:
   extensions, fragments, lengths of 64 bits. */
static inline int parse_frame(char *data, size_t size, struct frame *frame) {
    unsigned char *byte = (unsigned char *)data;
    size_t header = 2;
    if (size < header) return 0;
    if ((byte[0] & 0xf0) != 0x80 || (byte[1] & 0x7f) == 127) return -1;
    frame->opcode = byte[0] & 0x0f;
    frame->length = byte[1] & 0x7f;
    if (frame->length == 126) {
        header = 4;
        if (size < header) return 0;
        frame->length = (size_t)byte[2] << 8 | byte[3];
    }
    bool masked = byte[1] & 0x80;
    if (masked) header += 4;
    frame->payload = data + header;
    frame->whole = header + frame->length;
    if (size < frame->whole) return 0;
    for (size_t i = 0; masked && i < frame->length; i++) frame->payload[i] ^= data[header - 4 + i % 4];
    return 1;
}

/* Writes the frame to *out*, which has room for MAX_FRAME_HEADER more than *length*; how long it became. */
static inline size_t write_frame(char *out, int opcode, const char *payload, size_t length, bool masked) {
    static const char mask[4] = {0x5a, 0x17, 0x2e, 0x71};
    size_t header = 2;
    out[0] = (char)(0x80 | opcode);
    if (length < 126) {
        out[1] = (char)length;
    } else {
        header = 4;
        out[1] = 126;
        out[2] = (char)(length >> 8);
        out[3] = (char)length;
    }
    if (!masked) {
        memcpy(out + header, payload, length);
        return header + length;
    }
    out[1] |= (char)0x80;
    memcpy(out + header, mask, 4);
    header += 4;
    for (size_t i = 0; i < length; i++) out[header + i] = payload[i] ^ mask[i % 4];
    return header + length;
}

#endif
