/* SPDX-License-Identifier: MIT */
#include "common/queue/source.h"

#include <string.h>
#include <unistd.h>

#include "common/queue/events.h"
#include "common/queue/slots.h"

_Static_assert(SOURCE_NOTE_WORDS * sizeof(uint64_t) == SHMQ_NOTE_MAX, "a note fits its words");

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

static void store(shared_u64 *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_release);
}

bool source_peek(const struct shmq *handle, uint32_t lane, union source_peek *peek)
{
    const off_t offset = (off_t)handle_lane_byte(handle, lane);
    return pread(handle->object.fd, peek->bytes, sizeof(peek->bytes), offset) == (ssize_t)sizeof(peek->bytes);
}

/* ------------------------------------------------------------------ the group */

/* What the lanes say about a group. */
struct group {
    struct source_whole whole; /* of its latest round; round 0: no part has attached yet */
    bool unfinished;           /* at least one part is unfinished */
    bool repeated;             /* our own part was already in the latest round */
};

static void look_at_lane(struct group *group, const struct lane_control *control, const struct shmq_options *o)
{
    const uint64_t round = control->source_round;
    if (control->source_group != o->source_group || round == 0)
        return;
    if (round > group->whole.round) {
        group->whole = (struct source_whole){.group = o->source_group,
                                             .round = round,
                                             .size = control->source_size,
                                             .check = control->source_check};
        group->repeated = false;
    }
    if (round == group->whole.round && control->source_part == o->source_part)
        group->repeated = true;
    if (lane_life_state(control->life) == LANE_ACTIVE)
        group->unfinished = true;
}

void source_agree(const struct shmq *handle, const struct shmq_options *options, struct source_whole *whole)
{
    struct group group = {0};
    *whole = (struct source_whole){0};
    if (options->source_group == 0)
        return;
    for (uint32_t lane = 0; lane < handle_geometry(handle)->parameters.lanes; lane++) {
        union source_peek peek;
        if (handle_lane_used(handle, lane) && source_peek(handle, lane, &peek))
            look_at_lane(&group, &peek.control, options);
    }
    *whole = group.whole;
    /* A part without a source that attaches a second time, when all parts are finished, starts a new round. */
    const bool anew = options->source_id == 0 && group.repeated && !group.unfinished;
    if (whole->round != 0 && !anew)
        return;
    *whole = (struct source_whole){.group = options->source_group,
                                   .round = group.whole.round + 1,
                                   .size = options->source_size,
                                   .check = options->source_check};
}

/* Does not touch values that are right already, so that a kill here loses nothing that other parts need. */
static void take_up_group(struct lane_control *control, const struct source_whole *whole, uint64_t part)
{
    if (load(&control->source_group) != whole->group || load(&control->source_round) != whole->round) {
        store(&control->source_group, 0);
        store(&control->source_round, whole->round);
        store(&control->source_size, whole->size);
        store(&control->source_check, whole->check);
        store(&control->source_group, whole->group);
    }
    store(&control->source_part, part);
}

/* ------------------------------------------------------------------ the lane's source */

static void clear_cursor(struct ring_producer *producer)
{
    static const uint64_t none[CURSOR_WORDS];
    ring_write_cursor(producer->ring.control, 0, none);
    ring_write_cursor(producer->ring.control, 1, none);
}

void source_take_up(struct ring_producer *producer, const struct shmq_options *options,
                    const struct source_whole *whole)
{
    struct lane_control *control = producer->ring.control;
    const uint64_t source_id = options->source_id;
    const bool same = source_id != 0 && load(&control->source_id) == source_id;
    if (!same) {
        store(&control->source_id, 0);
        store(&control->note, 0);
        store(&control->source_base, producer->stream_offset);
        clear_cursor(producer);
        slots_empty(control);
    }
    take_up_group(control, whole, options->source_part);
    if (!same)
        store(&control->source_id, source_id);
}

void source_forget(struct lane_control *control)
{
    store(&control->source_id, 0);
    store(&control->source_part, 0);
}

int shmq_resume_offset(struct shmq *handle, uint64_t *offset)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    const struct producer_side *p = &handle->producer;
    if (!p->resumable || offset == NULL)
        return -EINVAL;
    const uint64_t base = load(&p->ring.ring.control->source_base);
    if (base > p->ring.stream_offset)
        return events_lane_error(handle, p->ring.ring.lane, -EBADMSG);
    *offset = p->ring.stream_offset - base;
    return 0;
}

int shmq_source_whole(struct shmq *handle, uint64_t *size, uint64_t *check)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    const struct source_whole *whole = &handle->producer.whole;
    if (whole->group == 0 || size == NULL || check == NULL)
        return -EINVAL;
    *size = whole->size;
    *check = whole->check;
    return 0;
}

/* ------------------------------------------------------------------ the note */

int shmq_set_source_note(struct shmq *handle, const void *note, size_t length)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    const struct producer_side *p = &handle->producer;
    if (!p->resumable || length > SHMQ_NOTE_MAX || (note == NULL && length > 0))
        return -EINVAL;
    struct lane_control *control = p->ring.ring.control;
    const uint64_t times = (load(&control->note) >> 8) + 1;
    uint64_t words[SOURCE_NOTE_WORDS] = {0};
    if (length > 0)
        memcpy(words, note, length);
    for (size_t i = 0; i < SOURCE_NOTE_WORDS; i++)
        atomic_store_explicit(&control->note_copies[times & 1][i], words[i], memory_order_relaxed);
    store(&control->note, times << 8 | length);
    return 0;
}

int shmq_source_note(struct shmq *handle, void *note, size_t *length)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    const struct producer_side *p = &handle->producer;
    if (!p->resumable || note == NULL || length == NULL)
        return -EINVAL;
    const struct lane_control *control = p->ring.ring.control;
    const uint64_t word = load(&control->note);
    if (source_note_length(word) > SHMQ_NOTE_MAX)
        return events_lane_error(handle, p->ring.ring.lane, -EBADMSG);
    uint64_t words[SOURCE_NOTE_WORDS];
    for (size_t i = 0; i < SOURCE_NOTE_WORDS; i++)
        words[i] = atomic_load_explicit(&control->note_copies[word >> 8 & 1][i], memory_order_relaxed);
    memcpy(note, words, SHMQ_NOTE_MAX);
    *length = source_note_length(word);
    return 0;
}
