/* SPDX-License-Identifier: MIT */
#include "common/queue/events.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "common/core/event_words.h"
#include "common/kernel/clock.h"
#include "common/queue/mapping.h"

#define SECOND_NS INT64_C(1000000000)
#define EMPTY_ALONE_NS (60 * SECOND_NS) /* between two records of an empty queue, with none of others */
#define READ_TRIES 4                    /* of an event that may be in the making */

/* ------------------------------------------------------------------ recording */

static void set_party(const struct shmq *handle, struct shmq_event *event)
{
    switch (handle->role) {
    case SHMQ_PRODUCER:
        event->party = SHMQ_PARTY_PRODUCER;
        event->index = handle->producer.view->ring.lane;
        return;
    case SHMQ_CONSUMER:
        event->party = SHMQ_PARTY_CONSUMER;
        event->index = handle->consumer.seat;
        return;
    case SHMQ_SUPERVISOR:
        event->party = SHMQ_PARTY_SUPERVISOR;
        return;
    default:
        event->party = SHMQ_PARTY_OBSERVER;
    }
}

/* Crash: the slot fails its check until the last word is stored. */
static void write_slot(struct event *slot, const struct shmq_event *event)
{
    uint64_t words[EVENT_WORDS];
    event_pack(words, event);
    for (int i = 0; i < EVENT_WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_relaxed);
}

static void record(struct shmq *handle, struct shmq_event *event)
{
    struct event *slot;
    if (!handle->object.writable)
        return;
    event->pid = getpid();
    event->monotonic_ns = clock_now_ns();
    event->realtime_ns = clock_wall_ns();
    event->number = atomic_fetch_add_explicit(&handle->header->events, 1, memory_order_relaxed);
    if (mapping_event(handle, (uint32_t)(event->number % EVENTS), &slot) == 0)
        write_slot(slot, event);
    else
        atomic_fetch_add_explicit(&handle->header->events_lost, 1, memory_order_relaxed);
}

void events_record(struct shmq *handle, enum shmq_event_kind kind, uint64_t value)
{
    struct shmq_event event = {.kind = kind, .value = value};
    set_party(handle, &event);
    record(handle, &event);
}

void events_record_about(struct shmq *handle, enum shmq_event_kind kind, enum shmq_party about, uint32_t index,
                         uint64_t value)
{
    struct shmq_event event = {.kind = kind, .about_party = about, .about = index, .value = value};
    set_party(handle, &event);
    record(handle, &event);
}

void events_attached(struct shmq *handle)
{
    if (!handle->recorder.passing)
        events_record(handle, SHMQ_EVENT_ATTACHED, 0);
}

/* ------------------------------------------------------------------ events that come in numbers */

void events_damage_in_lane(struct shmq *handle, uint32_t lane)
{
    bool *const told = &handle->lanes[lane].damage_told;
    if (!*told)
        events_record_about(handle, SHMQ_EVENT_DAMAGE, SHMQ_PARTY_PRODUCER, lane, 0);
    *told = true;
}

void events_damage_in_seat(struct shmq *handle, uint32_t seat)
{
    bool *const told = &handle->consumer.buffers[seat].damage_told;
    if (!*told)
        events_record_about(handle, SHMQ_EVENT_DAMAGE, SHMQ_PARTY_CONSUMER, seat, 0);
    *told = true;
}

void events_full_begins(struct shmq *handle)
{
    struct full_wait *wait = &handle->recorder.full;
    const uint64_t position = handle->producer.ring.next;
    if (wait->since_ns == 0 || wait->position != position)
        *wait = (struct full_wait){.since_ns = clock_now_ns(), .position = position};
}

void events_full_goes_on(struct shmq *handle)
{
    struct full_wait *wait = &handle->recorder.full;
    if (wait->told || clock_now_ns() - wait->since_ns < SECOND_NS)
        return;
    wait->told = true;
    events_record(handle, SHMQ_EVENT_FULL, 0);
}

void events_full_refused(struct shmq *handle)
{
    events_full_begins(handle);
    events_full_goes_on(handle);
}

void events_full_ended(struct shmq *handle)
{
    struct full_wait *wait = &handle->recorder.full;
    if (wait->told)
        events_record(handle, SHMQ_EVENT_ROOM, (uint64_t)(clock_now_ns() - wait->since_ns));
    *wait = (struct full_wait){0};
}

static bool has_passed(int64_t since_ns, int64_t now_ns, int64_t period_ns)
{
    return since_ns > now_ns || since_ns < 0 || now_ns - since_ns >= period_ns; /* it may be damaged */
}

static int64_t last_empty_ns(const struct shmq *handle)
{
    return (int64_t)atomic_load_explicit(&handle->header->empty_ns, memory_order_relaxed);
}

bool events_empty_is_due(const struct shmq *handle, int64_t now_ns)
{
    return has_passed(last_empty_ns(handle), now_ns, SECOND_NS);
}

/* Whether the last event says that the queue was empty. */
static bool empty_is_last(struct shmq *handle)
{
    struct event *slot;
    const uint64_t end = atomic_load_explicit(&handle->header->events, memory_order_relaxed);
    if (end == 0 || mapping_event(handle, (uint32_t)((end - 1) % EVENTS), &slot) != 0)
        return false;
    return atomic_load_explicit(&slot->words[EVENT_NUMBER], memory_order_relaxed) == end &&
           event_word_kind(atomic_load_explicit(&slot->words[EVENT_KIND], memory_order_relaxed)) ==
               SHMQ_EVENT_EMPTY;
}

bool events_empty(struct shmq *handle, int64_t now_ns, int64_t since_ns)
{
    uint64_t last = (uint64_t)last_empty_ns(handle);
    if (!handle->object.writable || !has_passed((int64_t)last, now_ns, SECOND_NS) ||
        (!has_passed((int64_t)last, now_ns, EMPTY_ALONE_NS) && empty_is_last(handle)))
        return false;
    if (!atomic_compare_exchange_strong_explicit(&handle->header->empty_ns, &last, (uint64_t)now_ns,
                                                 memory_order_relaxed, memory_order_relaxed))
        return false;
    events_record(handle, SHMQ_EVENT_EMPTY, now_ns > since_ns ? (uint64_t)(now_ns - since_ns) : 0);
    return true;
}

static void record_dead_letters(struct shmq *handle, int64_t now_ns)
{
    struct dead_letter_count *letters = &handle->recorder.letters;
    events_record(handle, SHMQ_EVENT_DEAD_LETTER, letters->count);
    *letters = (struct dead_letter_count){.recorded_ns = now_ns};
}

void events_dead_letters(struct shmq *handle, uint64_t count)
{
    struct dead_letter_count *letters = &handle->recorder.letters;
    const int64_t now_ns = clock_now_ns();
    letters->count += count;
    if (letters->recorded_ns == 0 || now_ns - letters->recorded_ns >= SECOND_NS)
        record_dead_letters(handle, now_ns);
}

void events_detached(struct shmq *handle)
{
    if (handle->recorder.letters.count > 0)
        record_dead_letters(handle, clock_now_ns());
    if (handle->role != SHMQ_OBSERVER && !handle->recorder.passing)
        events_record(handle, SHMQ_EVENT_DETACHED, handle->role == SHMQ_PRODUCER && handle->producer.finished);
}

/* ------------------------------------------------------------------ reading */

/* Consecutive slots, in a private copy. */
struct slots {
    uint64_t words[EVENTS_IN_CHUNK][EVENT_WORDS];
};

/* How many of these bytes a copy has; what its file lacks reads as zeros. */
static uint64_t bytes_there(const struct shmq *handle, uint64_t offset, uint64_t bytes)
{
    const struct object *object = &handle->object;
    if (!object->copy)
        return bytes;
    const uint64_t left = object->readable_bytes > offset ? object->readable_bytes - offset : 0;
    return left < bytes ? left : bytes;
}

/* @count: receives how many there are, if something was cut off behind them. Return: 0; other system errors. */
static int read_slots(const struct shmq *handle, uint64_t first, uint64_t *count, struct slots *slots)
{
    const uint64_t offset = handle_geometry(handle)->events_offset + first * sizeof(struct event);
    const uint64_t bytes = bytes_there(handle, offset, *count * sizeof(struct event));
    const ssize_t got = pread(handle->object.fd, slots->words, bytes, (off_t)offset);
    if (got < 0)
        return -errno;
    *count = (uint64_t)got / sizeof(struct event);
    return 0;
}

/* How many numbers from this one on have been drawn. */
static uint64_t drawn_since(const struct shmq *handle, uint64_t number)
{
    return atomic_load_explicit(&handle->header->events, memory_order_acquire) - number;
}

/* Whether the slot of @number belongs, or soon will, to a later event. */
static bool is_overwritten(const struct shmq *handle, uint64_t number)
{
    return drawn_since(handle, number) > EVENTS;
}

/* Whether the writer of an event that is not whole is probably at it. */
static bool is_recent(const struct shmq *handle, uint64_t number)
{
    return !handle->object.copy && drawn_since(handle, number) <= EVENTS_IN_CHUNK;
}

/* What is said of an event that is not whole in a first look at its slot. Return: 0 with @event, perhaps
 * unreadable, or a later one; other system errors. */
static int read_again(const struct shmq *handle, uint64_t number, struct shmq_event *event)
{
    struct slots one;
    for (int tries = 0; tries < READ_TRIES && is_recent(handle, number); tries++) {
        uint64_t count = 1;
        (void)sched_yield();
        const int error = read_slots(handle, number % EVENTS, &count, &one);
        if (error != 0)
            return error;
        if (count == 0 || !event_is_whole(one.words[0], number % EVENTS))
            continue;
        event_unpack(event, one.words[0]);
        if (event->number >= number)
            return 0;
    }
    *event = (struct shmq_event){.size = sizeof(*event), .number = number, .kind = SHMQ_EVENT_UNREADABLE};
    return 0;
}

/* Visits events whose slots are consecutive, as far as they are there. */
static int visit_slots(struct shmq *handle, uint64_t from, uint64_t count, shmq_event_visitor *visit,
                       void *context)
{
    struct slots slots;
    int result = read_slots(handle, from % EVENTS, &count, &slots);
    for (uint64_t i = 0; i < count && result == 0; i++) {
        const uint64_t number = from + i;
        struct shmq_event event = {0};
        if (event_is_whole(slots.words[i], number % EVENTS))
            event_unpack(&event, slots.words[i]);
        if (event.size == 0 || event.number < number)
            result = read_again(handle, number, &event);
        if (result != 0)
            break;
        const bool unreadable = event.kind == SHMQ_EVENT_UNREADABLE;
        if (event.number == number && !(unreadable && is_overwritten(handle, number)))
            result = visit(context, &event);
    }
    return result;
}

int shmq_events(struct shmq *handle, uint64_t from, shmq_event_visitor *visit, void *context)
{
    int result = handle_check_any(handle);
    if (result == 0 && visit == NULL)
        result = -EINVAL;
    if (result != 0)
        return result;
    const uint64_t end = atomic_load_explicit(&handle->header->events, memory_order_acquire);
    const uint64_t oldest = end > EVENTS ? end - EVENTS : 0;
    uint64_t number = from > oldest ? from : oldest;
    while (number < end && result == 0) {
        const uint64_t in_chunk = EVENTS_IN_CHUNK - number % EVENTS_IN_CHUNK;
        const uint64_t count = end - number < in_chunk ? end - number : in_chunk;
        result = visit_slots(handle, number, count, visit, context);
        number += count;
    }
    return result == 0 && !object_is_whole(&handle->object) ? -EBADMSG : result;
}
