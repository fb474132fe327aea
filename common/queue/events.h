/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_EVENTS_H
#define SHMQ_EVENTS_H

#include "common/queue/handle.h"

/*
 * The flight recorder: the last EVENTS events of the queue.
 *
 * A writer draws a number from header.events, and writes the event into the slot of that number, without a lock
 * and without waiting for anybody. A check over all words tells a whole event from a mixture (event_words.h). So a
 * writer that is killed leaves at most its own number unreadable. One that is stopped in the middle, and goes on
 * when its slot belongs to a later event, spoils that event at most; it never makes a wrong one. A writer that
 * finds no memory for the slot counts that in header.events_lost, and goes on.
 *
 * Readers use pread, so that reading reserves no memory and works with a file that can only be read.
 *
 * Nothing here is on the path of a message that is put, leased or acknowledged. A handle that cannot write records
 * nothing.
 */

/* Records an event of the handle's party. @value: see enum shmq_event_kind. */
void events_record(struct shmq *handle, enum shmq_event_kind kind, uint64_t value);
/* The same, about the lane or seat of another. */
void events_record_about(struct shmq *handle, enum shmq_event_kind kind, enum shmq_party about, uint32_t index,
                         uint64_t value);

/* The handle's party comes and goes; a mover, which does so for single messages, is not recorded. */
void events_attached(struct shmq *handle);
void events_detached(struct shmq *handle);

/* ------------------------------------------------------------------ events that come in numbers */

/* Records damage once for this handle and lane, or seat. */
__attribute__((cold)) void events_damage_in_lane(struct shmq *handle, uint32_t lane);
__attribute__((cold)) void events_damage_in_seat(struct shmq *handle, uint32_t seat);

/* Records damage if @error says so. Return: @error. */
static inline int events_lane_error(struct shmq *handle, uint32_t lane, int error)
{
    if (__builtin_expect(error == -EBADMSG, 0))
        events_damage_in_lane(handle, lane);
    return error;
}

static inline int events_seat_error(struct shmq *handle, uint32_t seat, int error)
{
    if (__builtin_expect(error == -EBADMSG, 0))
        events_damage_in_seat(handle, seat);
    return error;
}

/*
 * A producer waits for room: before its first sleep, after each, and when the call ends. A call that timed out and
 * the next one, at the same position, are one wait.
 */
void events_full_begins(struct shmq *handle);
void events_full_goes_on(struct shmq *handle);
void events_full_refused(struct shmq *handle); /* of one who does not wait, and may try again */
void events_full_ended(struct shmq *handle);

/*
 * A consumer has found nothing left. It is recorded at most once a second for the whole queue, and at most once a
 * minute while nothing else is, so that a thin stream does not push out everything else.
 *
 * @since_ns  when it began to find nothing
 *
 * Return: whether it is recorded.
 */
bool events_empty(struct shmq *handle, int64_t now_ns, int64_t since_ns);
/* Whether events_empty may record anything: enough time has passed. */
bool events_empty_is_due(const struct shmq *handle, int64_t now_ns);

/* Dead letters: one event a second, with their number. The last ones are recorded at detach. */
void events_dead_letters(struct shmq *handle, uint64_t count);

#endif
