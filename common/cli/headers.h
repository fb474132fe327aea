/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_HEADERS_H
#define SHMQ_CLI_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Header blocks as programs make them: lines "Name: value\n". Names that begin with "Shmq-" are ours. */

/* The most bytes that headers_write_history adds to a message's header block. */
#define HEADERS_HISTORY_BYTES 1024

enum { HEADERS_TIME_BYTES = 32 };

/* What is known about a message that was given up. */
struct history {
    const char *id;     /* under which it was first put, unless the message itself says */
    const char *queue;  /* where it was given up */
    const char *reason; /* of the last failure; only its first line is used */
    uint32_t attempts;  /* failed ones */
    int64_t first_ns;   /* first and last failure known, since 1970 */
    int64_t last_ns;
};

/* Checks "NAME: VALUE" as a user writes it. Return: NULL if it is a header; else what is wrong with it. */
const char *headers_check(const char *line);

/* Whether @name can be the name of a header: a token. */
bool headers_is_name(const char *name);

/* Whether a line of a block is one of ours. */
bool headers_is_ours(const char *line, size_t length);

/*
 * Finds the next line of a block.
 *
 * @at      where it begins; receives where the next one does; 0 for the first
 * @length  receives its bytes, without the newline
 *
 * Return: the line, not terminated; NULL after the last.
 */
const char *headers_next_line(const char *headers, size_t bytes, size_t *at, size_t *length);

/*
 * Composes the header block of a dead letter: its history, then the message's other headers, as many as fit.
 *
 * @block    SHMQ_HEADERS_MAX bytes
 * @headers  the message's own block of @bytes bytes; NULL: none
 *
 * Return: bytes of the new block.
 */
size_t headers_write_history(char *block, const char *headers, size_t bytes, const struct history *history);

/*
 * Composes the header block of a dead letter that is tried again: without its history, but with the id under which
 * it was first put.
 *
 * @block  @bytes bytes
 *
 * Return: bytes of the new block.
 */
size_t headers_write_retried(char *block, const char *headers, size_t bytes);

/* Writes a time as ISO 8601 in UTC, "2026-01-31T12:00:00.123Z". Return: @text. */
char *headers_time(char text[static HEADERS_TIME_BYTES], int64_t ns);

#endif
