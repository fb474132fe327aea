/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_MAPPED_H
#define FUZZ_MAPPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/core/geometry.h"
#include "common/core/ring.h"

/* A queue's object, mapped whole and writable, past all rules: what whoever may write it could do to it. */
struct mapped {
    unsigned char *base; /* NULL: not mapped */
    size_t bytes;
    uint64_t inode;
    struct geometry geometry; /* as it was made with */
    struct header *header;
    struct seat *seats;
};

/* The object must be undamaged. */
void mapped_open(struct mapped *mapped, const char *name);
void mapped_close(struct mapped *mapped);

/* A lane as the ring's functions take it; payloads are not reached through it. */
struct ring mapped_ring(const struct mapped *mapped, uint32_t lane);

/* ------------------------------------------------------------------ damage */

/* One change of one word. Every value of every field means something. */
struct damage {
    uint8_t place; /* what kind of word */
    uint8_t which; /* lane or seat */
    uint8_t index; /* which word of it */
    uint8_t kind;  /* how it changes */
    uint8_t small;
    uint16_t large;
};

/* Does it. Return: whether it changed anything. */
bool mapped_damage(const struct mapped *mapped, const struct damage *damage);

#endif
