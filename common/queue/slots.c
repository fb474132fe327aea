/* SPDX-License-Identifier: MIT */
#include "common/queue/slots.h"

#include <string.h>

#include "common/kernel/sparse.h"
#include "common/queue/events.h"
#include "common/queue/mapping.h"

#define LENGTH_BITS 8
#define EPOCH_SHIFT (LENGTH_BITS + 1)
#define EPOCH_MAX (UINT64_MAX >> EPOCH_SHIFT)
#define SLOTS_AT_ONCE 16 /* read by one system call */

_Static_assert(SOURCE_SLOT_WORDS * sizeof(uint64_t) == SHMQ_SLOT_MAX, "a slot's data fits its words");
_Static_assert(SOURCE_SLOTS == SHMQ_SLOTS_MAX && SOURCE_SLOTS % SLOTS_AT_ONCE == 0, "a lane has all its slots");

/* Slots, read without mapping them: a look at memory that is not reserved would reserve it, or raise SIGBUS. */
union slots_peek {
    struct source_slot slots[SLOTS_AT_ONCE];
    unsigned char bytes[SLOTS_AT_ONCE * sizeof(struct source_slot)];
};

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static void store(shared_u64 *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

/* ------------------------------------------------------------------ the word */

static uint64_t word_epoch(uint64_t word)
{
    return word >> EPOCH_SHIFT;
}

static uint64_t word_copy(uint64_t word)
{
    return word >> LENGTH_BITS & 1;
}

static uint64_t word_length(uint64_t word)
{
    return word & ((1u << LENGTH_BITS) - 1);
}

static bool word_is_valid(uint64_t word, uint64_t epoch)
{
    return epoch <= EPOCH_MAX && word_epoch(word) <= epoch && word_length(word) <= SHMQ_SLOT_MAX;
}

/* The word as it counts in this epoch. Return: 0; -EBADMSG. */
static int word_in_epoch(uint64_t *word, uint64_t epoch)
{
    if (!word_is_valid(*word, epoch))
        return -EBADMSG;
    if (word_epoch(*word) != epoch)
        *word = epoch << EPOCH_SHIFT; /* left by an earlier source: empty */
    return 0;
}

/* ------------------------------------------------------------------ reading and writing */

static bool peek_slots(const struct shmq *handle, uint32_t lane, uint32_t first, uint32_t count,
                       union slots_peek *peek)
{
    const size_t bytes = count * sizeof(struct source_slot);
    const uint64_t offset =
        geometry_slots_offset(handle_geometry(handle), lane) + first * sizeof(struct source_slot);
    return object_read(&handle->object, peek->bytes, bytes, offset) == 0;
}

static int check_call(const struct shmq *handle, uint32_t slot)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    return handle->producer.resumable && slot < SHMQ_SLOTS_MAX ? 0 : -EINVAL;
}

/* Return: 0 with a copy of the slot, and its word as it counts now; -EBADMSG. */
static int read_slot(struct shmq *handle, uint32_t slot, union slots_peek *peek, uint64_t *word)
{
    const struct ring *ring = &handle->producer.ring.ring;
    if (!peek_slots(handle, ring->lane, slot, 1, peek))
        return -EBADMSG; /* the object was cut off */
    *word = load(&peek->slots[0].word);
    return events_lane_error(handle, ring->lane, word_in_epoch(word, load(&ring->control->slot_epoch)));
}

/* Writes beside what counts, then makes that count. Return: 0; -EBADMSG. */
static int write_slot(struct source_slot *slot, uint64_t epoch, const void *data, size_t length)
{
    uint64_t words[SOURCE_SLOT_WORDS] = {0};
    uint64_t word = load(&slot->word);
    const int error = word_in_epoch(&word, epoch);
    if (error != 0)
        return error;
    const uint64_t copy = word_copy(word) ^ 1;
    if (length > 0)
        memcpy(words, data, length);
    for (size_t i = 0; i < SOURCE_SLOT_WORDS; i++)
        atomic_store_explicit(&slot->copies[copy][i], words[i], memory_order_relaxed);
    store(&slot->word, epoch << EPOCH_SHIFT | copy << LENGTH_BITS | length);
    return 0;
}

int shmq_set_source_slot(struct shmq *handle, uint32_t slot, const void *data, size_t length)
{
    union slots_peek peek;
    uint64_t word;
    int error = check_call(handle, slot);
    if (error != 0)
        return error;
    struct producer_side *p = &handle->producer;
    if (length > SHMQ_SLOT_MAX || (data == NULL && length > 0))
        return -EINVAL;
    if (length == 0 && slot >= p->slots_reserved) { /* what is empty anyhow needs no memory */
        error = read_slot(handle, slot, &peek, &word);
        if (error != 0 || word_length(word) == 0)
            return error;
    }
    error = mapping_slots(handle, slot + 1);
    if (error != 0)
        return error;
    error = write_slot(&p->slots[slot], load(&p->ring.ring.control->slot_epoch), data, length);
    return events_lane_error(handle, p->ring.ring.lane, error);
}

int shmq_source_slot(struct shmq *handle, uint32_t slot, void *data, size_t *length)
{
    union slots_peek peek;
    uint64_t word;
    int error = check_call(handle, slot);
    if (error != 0)
        return error;
    if (data == NULL || length == NULL)
        return -EINVAL;
    error = read_slot(handle, slot, &peek, &word);
    if (error != 0)
        return error;
    *length = word_length(word);
    for (size_t i = 0; i<SOURCE_SLOT_WORDS && * length> 0; i++) {
        const uint64_t part = load(&peek.slots[0].copies[word_copy(word)][i]);
        memcpy((unsigned char *)data + i * sizeof(part), &part, sizeof(part));
    }
    return 0;
}

void slots_empty(struct lane_control *control)
{
    store(&control->slot_epoch, (load(&control->slot_epoch) + 1) & EPOCH_MAX);
}

/* ------------------------------------------------------------------ checking */

/* The owner may be writing: what is invalid is looked at a second time. The lane's epoch is read last, because a
 * slot may have a new one as soon as the lane has it. */
static bool stays_invalid(const struct shmq *handle, uint32_t lane, uint32_t slot,
                          const struct lane_control *control)
{
    union slots_peek peek;
    if (!peek_slots(handle, lane, slot, 1, &peek))
        return true;
    return !word_is_valid(load(&peek.slots[0].word), load(&control->slot_epoch));
}

uint32_t slots_find_invalid(const struct shmq *handle, uint32_t lane, const struct lane_control *control)
{
    const struct geometry *g = handle_geometry(handle);
    const uint64_t begin = geometry_slots_offset(g, lane);
    const uint64_t bytes = SLOTS_AT_ONCE * sizeof(struct source_slot);
    uint64_t at = begin;
    while ((at = sparse_next_data(handle->object.fd, at, begin + g->slots_bytes)) < begin + g->slots_bytes) {
        const uint32_t first = (uint32_t)((at - begin) / bytes) * SLOTS_AT_ONCE;
        union slots_peek peek;
        if (!peek_slots(handle, lane, first, SLOTS_AT_ONCE, &peek))
            return first;
        const uint64_t epoch = load(&control->slot_epoch);
        for (uint32_t i = 0; i < SLOTS_AT_ONCE; i++)
            if (!word_is_valid(load(&peek.slots[i].word), epoch) &&
                stays_invalid(handle, lane, first + i, control))
                return first + i;
        at = begin + (uint64_t)first * sizeof(struct source_slot) + bytes;
    }
    return SHMQ_SLOTS_MAX;
}
