/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_SOURCE_HEADERS_H
#define SHMQ_PRODUCER_SOURCE_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/shmq.h"

/*
 * The headers of --source-headers, which say where a message comes from: Shmq-File and Shmq-Offset, or
 * Shmq-Peer-Pid and Shmq-Peer-Uid.
 */

enum { SOURCE_HEADERS_PEER_BYTES = 64 }; /* the most that those of a client take */

/* Of one source. All zeros: its messages have none. */
struct source_headers {
    char *fixed; /* what all its messages have; NULL: nothing */
    size_t fixed_length;
    bool has_offset; /* the offset of each follows */
};

/* The header blocks of a batch. Sources that take turns share one. */
struct source_blocks {
    char *bytes;
    size_t size;
};

/*
 * Of a file. In its name, control characters and backslashes are written as \xHH: a header is one line.
 *
 * Return: false if there is no memory.
 */
bool source_headers_set_file(struct source_headers *headers, const char *path);
/* Of a client of a socket. Return: false if there is no memory. */
bool source_headers_set_peer(struct source_headers *headers, pid_t pid, uid_t uid);
void source_headers_free(struct source_headers *headers);
/* The most bytes that the block of a message has. */
size_t source_headers_longest(const struct source_headers *headers);

/* Makes room for the blocks of @count messages of a source. Return: false if there is no memory. */
bool source_blocks_reserve(struct source_blocks *blocks, const struct source_headers *headers, size_t count);
/*
 * Gives a message its block; none if the source has none.
 *
 * @i       its number in the batch, less than the count for which there is room
 * @offset  where it begins in the source, framing included
 */
void source_blocks_set(const struct source_blocks *blocks, const struct source_headers *headers, size_t i,
                       uint64_t offset, struct shmq_outgoing *message);
void source_blocks_free(struct source_blocks *blocks);

#endif
