/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_SENTENCE_H
#define SHMQ_CLI_SENTENCE_H

#include <stddef.h>
#include <stdint.h>

/* A text that grows, and is cut off where it is full. */
struct sentence {
    char *text; /* ended by 0 */
    size_t size;
    size_t length;
};

void sentence_add(struct sentence *sentence, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds "1 producer waits" or "3 producers wait". */
void sentence_add_count(struct sentence *sentence, uint64_t count, const char *noun, const char *one,
                        const char *many);

#endif
