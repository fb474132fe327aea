/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_NATS_ANSWER_H
#define SHMQ_NATS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The server's answer to a message that was published to a stream: {"stream":"S","seq":7}, perhaps with
 * "duplicate":true, or {"error":{"code":503,"err_code":10077,"description":"..."}}.
 */

enum { ANSWER_TEXT_BYTES = 160 };

struct answer {
    bool stored;                         /* the stream has the message */
    bool duplicate;                      /* and had it before */
    char stream[ANSWER_TEXT_BYTES];      /* that has it; "": none is named */
    uint64_t sequence;                   /* its number there */
    unsigned code;                       /* of an error: like HTTP's */
    unsigned err_code;                   /* JetStream's own */
    char description[ANSWER_TEXT_BYTES]; /* of an error; "" otherwise; control characters are replaced */
};

/*
 * Parses an answer. Reads nothing outside of @length bytes, whatever they are.
 *
 * Return: whether it is one; @answer is undefined if not.
 */
bool answer_parse(const char *text, size_t length, struct answer *answer);

#endif
