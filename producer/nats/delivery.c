/* SPDX-License-Identifier: MIT */
#include "producer/nats/delivery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "$JS.ACK."

enum {
    SHORT_TOKENS = 7, /* behind the prefix: stream, durable, count, two sequences, time, pending */
    LONG_TOKENS = 9,  /* with domain and account before them */
    TOKENS_MAX = 16,
};

/* A number that fills a token. */
static bool read_number(const char *text, size_t length, uint64_t *number)
{
    *number = 0;
    if (length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        const unsigned digit = (unsigned char)text[i] - '0';
        if (digit > 9 || *number > (UINT64_MAX - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

bool delivery_parse(const char *reply, struct delivery *delivery)
{
    const char *begin[TOKENS_MAX + 1];
    size_t tokens = 0;
    if (strncmp(reply, PREFIX, strlen(PREFIX)) != 0)
        return false;
    begin[tokens++] = reply + strlen(PREFIX);
    for (const char *dot = strchr(begin[0], '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        if (tokens == TOKENS_MAX)
            return false;
        begin[tokens++] = dot + 1;
    }
    if (tokens != SHORT_TOKENS && tokens < LONG_TOKENS)
        return false;
    begin[tokens] = begin[tokens - 1] + strlen(begin[tokens - 1]) + 1;
    const size_t first = tokens == SHORT_TOKENS ? 2 : 4;
    uint64_t numbers[4];
    for (size_t i = 0; i < 4; i++) {
        const char *text = begin[first + i];
        if (!read_number(text, (size_t)(begin[first + i + 1] - 1 - text), &numbers[i]))
            return false;
    }
    *delivery = (struct delivery){.count = numbers[0],
                                  .stream_sequence = numbers[1],
                                  .consumer_sequence = numbers[2],
                                  .stored_ns = (int64_t)numbers[3]};
    return numbers[1] != 0 && numbers[2] != 0 && numbers[3] <= INT64_MAX;
}

bool delivery_write(char *text, size_t size, const char *stream, const char *durable, uint64_t stream_sequence,
                    uint64_t consumer_sequence)
{
    const int length = snprintf(text, size, PREFIX "%s.%s.1.%" PRIu64 ".%" PRIu64 ".0.0", stream, durable,
                                stream_sequence, consumer_sequence);
    return length > 0 && (size_t)length < size;
}
