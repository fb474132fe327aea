/* SPDX-License-Identifier: MIT */
#include "producer/follow_record.h"

#include <string.h>

#define RECORD_MAGIC UINT64_C(0x31656c6966717368)  /* the 1 is the version */
#define STARTED_MAGIC UINT64_C(0x317472617471736d) /* likewise */

/* The words of a record, in their order. */
enum {
    WORD_MAGIC,
    WORD_SEQUENCE,
    WORD_NAME,
    WORD_DEVICE,
    WORD_INODE,
    WORD_BORN,
    WORD_HEAD_SUM,
    WORD_OFFSET,
    WORD_MARK,
    WORD_SINCE,
    WORD_SIZE,
    WORD_HEAD_LENGTH, /* and, above it, whether it began after a cut */
    WORD_SUM,
    WORDS
};

#define AFTER_CUT (UINT64_C(1) << 32)

_Static_assert(WORDS * sizeof(uint64_t) == FOLLOW_RECORD_BYTES, "a record is its words");

static void seal(uint64_t words[WORDS], unsigned char *bytes)
{
    words[WORD_SUM] = file_sum(words, WORD_SUM * sizeof(words[0]));
    memcpy(bytes, words, FOLLOW_RECORD_BYTES);
}

static bool is_sealed(uint64_t words[WORDS], uint64_t magic, const void *bytes, size_t length)
{
    if (length != FOLLOW_RECORD_BYTES)
        return false;
    memcpy(words, bytes, FOLLOW_RECORD_BYTES);
    return words[WORD_MAGIC] == magic && words[WORD_SUM] == file_sum(words, WORD_SUM * sizeof(words[0]));
}

void follow_record_write(const struct follow_record *record, unsigned char bytes[FOLLOW_RECORD_BYTES])
{
    const struct file_identity *identity = &record->identity;
    uint64_t words[WORDS] = {
        [WORD_MAGIC] = RECORD_MAGIC,
        [WORD_SEQUENCE] = record->sequence,
        [WORD_NAME] = record->name,
        [WORD_DEVICE] = identity->device,
        [WORD_INODE] = identity->inode,
        [WORD_BORN] = (uint64_t)identity->born_ns,
        [WORD_HEAD_SUM] = identity->head_sum,
        [WORD_OFFSET] = record->offset,
        [WORD_MARK] = record->mark,
        [WORD_SINCE] = (uint64_t)record->since_ns,
        [WORD_SIZE] = record->size,
        [WORD_HEAD_LENGTH] = identity->head_length | (record->after_cut ? AFTER_CUT : 0),
    };
    seal(words, bytes);
}

bool follow_record_read(struct follow_record *record, const void *bytes, size_t length)
{
    uint64_t words[WORDS];
    if (!is_sealed(words, RECORD_MAGIC, bytes, length))
        return false;
    *record = (struct follow_record){
        .sequence = words[WORD_SEQUENCE],
        .name = words[WORD_NAME],
        .identity = {.device = words[WORD_DEVICE],
                     .inode = words[WORD_INODE],
                     .born_ns = (int64_t)words[WORD_BORN],
                     .head_length = words[WORD_HEAD_LENGTH] & ~AFTER_CUT,
                     .head_sum = words[WORD_HEAD_SUM]},
        .offset = words[WORD_OFFSET],
        .mark = words[WORD_MARK],
        .since_ns = (int64_t)words[WORD_SINCE],
        .size = words[WORD_SIZE],
        .after_cut = (words[WORD_HEAD_LENGTH] & AFTER_CUT) != 0,
    };
    return record->sequence != 0 && record->offset <= INT64_MAX &&
           record->identity.head_length <= FILE_HEAD_BYTES && record->identity.head_length <= record->offset;
}

void follow_started_write(unsigned char bytes[FOLLOW_RECORD_BYTES])
{
    uint64_t words[WORDS] = {[WORD_MAGIC] = STARTED_MAGIC};
    seal(words, bytes);
}

bool follow_started_is(const void *bytes, size_t length)
{
    uint64_t words[WORDS];
    return is_sealed(words, STARTED_MAGIC, bytes, length);
}

struct shmq_cursor follow_place_cursor(const struct follow_place *place)
{
    return (struct shmq_cursor){{place->sequence, place->offset, place->mark, place->messages}};
}

struct follow_place follow_place_of(const struct shmq_cursor *cursor)
{
    return (struct follow_place){cursor->words[0], cursor->words[1], cursor->words[2], cursor->words[3]};
}
