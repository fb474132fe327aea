/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOW_RECORD_H
#define SHMQ_PRODUCER_FOLLOW_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"
#include "producer/file_identity.h"

/*
 * What --follow --resume keeps in the queue: a record for each file, in a slot of the source, and the cursor of
 * the last message, which says how far its file had come. The first slot says that the first run has found its
 * files.
 */

/* A file, and how far it had come when its record was written. */
struct follow_record {
    uint64_t sequence; /* identifies the record: a number that is used once; greater for later files. Not 0 */
    uint64_t name;     /* hash of the path that the file had when it was found */
    struct file_identity identity;
    uint64_t offset;  /* all messages before it are put */
    uint64_t mark;    /* file_sum of the file_mark_bytes(offset) bytes before it */
    int64_t since_ns; /* when it was found, or found to be truncated: later copies are of what came after that */
    uint64_t size;    /* the greatest size seen, which tells what is missing when the file is gone */
    bool after_cut;   /* the file began anew when it was truncated, so zeros at its beginning are no content */
};

enum { FOLLOW_RECORD_BYTES = 104 };
_Static_assert(FOLLOW_RECORD_BYTES <= SHMQ_SLOT_MAX, "a record fits a slot");

void follow_record_write(const struct follow_record *record, unsigned char bytes[FOLLOW_RECORD_BYTES]);
/* Return: false if the bytes are not a record. */
bool follow_record_read(struct follow_record *record, const void *bytes, size_t length);

/* The record of slot 0. */
void follow_started_write(unsigned char bytes[FOLLOW_RECORD_BYTES]);
bool follow_started_is(const void *bytes, size_t length);

/* The place after a message. */
struct follow_place {
    uint64_t sequence; /* of the file's record; 0: there is no place */
    uint64_t offset;
    uint64_t mark;
    uint64_t messages; /* put by this source so far */
};

struct shmq_cursor follow_place_cursor(const struct follow_place *place);
struct follow_place follow_place_of(const struct shmq_cursor *cursor);

#endif
