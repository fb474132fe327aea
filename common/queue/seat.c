/* SPDX-License-Identifier: MIT */
#include "common/queue/seat.h"

#include "common/kernel/byte_lock.h"
#include "common/kernel/clock.h"
#include "common/kernel/probes.h"
#include "common/queue/batch.h"
#include "common/queue/count.h"
#include "common/queue/due.h"
#include "common/queue/events.h"
#include "common/queue/intent.h"
#include "common/queue/latency.h"
#include "common/queue/mapping.h"
#include "common/queue/owner_info.h"
#include "common/queue/waiting.h"

static uint32_t seat_count(const struct shmq *handle)
{
    return handle_geometry(handle)->parameters.seats;
}

static void announce_membership(struct shmq *handle)
{
    atomic_fetch_add_explicit(&handle->header->membership, 1, memory_order_seq_cst);
}

/* Whether a seat is a poor choice for a new owner, or none while others are free: a write intent is pending, or a
 * message was put aside. One that is not due yet makes it no choice at all. */
static bool is_encumbered(const struct seat *seat, bool in_need)
{
    if (in_need)
        return aside_waits_until(seat) != 0;
    return intent_is_pending(&seat->write_intent) || aside_due_ns(seat) != 0;
}

/* Locks a seat's byte. @in_need: an encumbered seat will do. Return: 0; -EAGAIN; errors. */
static int lock_seat(const struct shmq *handle, uint32_t seat, bool in_need)
{
    const struct seat *s = &handle->seats[seat];
    if (is_encumbered(s, in_need))
        return -EAGAIN;
    const int error = byte_lock_try(handle->object.fd, handle_seat_byte(handle, seat));
    if (error != 0 || !is_encumbered(s, in_need))
        return error;
    byte_lock_release(handle->object.fd, handle_seat_byte(handle, seat)); /* its owner has just left or died */
    return -EAGAIN;
}

static void take_seat(struct shmq *handle, uint32_t i)
{
    struct seat *seat = &handle->seats[i];
    handle->consumer.seat = i;
    handle->consumer.batch.seat = i;
    latency_sit(handle);
    handle->consumer.emptied = atomic_load_explicit(&seat->delivered, memory_order_relaxed);
    handle->consumer.predecessor = (pid_t)atomic_load_explicit(&seat->pid, memory_order_relaxed);
    atomic_store_explicit(&seat->waiting, 0, memory_order_seq_cst);
    const uint64_t now_ns = (uint64_t)clock_coarse_ns();
    atomic_store_explicit(&seat->attached_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&seat->active_ns, now_ns, memory_order_relaxed);
    owner_info_write(&seat->pid, seat->program);
    announce_membership(handle);
}

/* The next write intent of a seat overwrites a pending one, and a message aside waits for the seat's owner to
 * lease something. So such a seat is only taken if there is no other. */
int seat_attach(struct shmq *handle)
{
    for (int in_need = 0; in_need <= 1; in_need++) {
        for (uint32_t i = 0; i < seat_count(handle); i++) {
            const int error = lock_seat(handle, i, in_need != 0);
            if (error == 0)
                take_seat(handle, i);
            if (error != -EAGAIN)
                return error;
        }
    }
    return -EUSERS;
}

/* Follows the seat's lease intent. Return: 0 with view and position; -ENOENT if there is none; -EBADMSG; -ENOMEM.
 */
static int find_intent(struct shmq *handle, uint32_t seat, struct lane_view **view, uint64_t *position)
{
    const struct geometry *g = handle_geometry(handle);
    const struct seat *s = &handle->seats[seat];
    const uint64_t lane = atomic_load_explicit(&s->intent_lane, memory_order_relaxed);
    *position = atomic_load_explicit(&s->intent_position, memory_order_relaxed);
    if (lane == 0)
        return -ENOENT;
    if (lane > g->parameters.lanes || !handle_lane_used(handle, (uint32_t)lane - 1))
        return -EBADMSG;
    const int error = mapping_lane(handle, (uint32_t)lane - 1, view);
    if (error != 0)
        return error;
    /*
     * The intent is half written: its position is still 0, or belongs to another lane. No lease can be there.
     */
    return *position < g->cells || *position > g->max_position ? -ENOENT : 0;
}

int seat_work_of(struct shmq *handle, uint32_t seat, struct seat_lease *lease)
{
    const int error = find_intent(handle, seat, &lease->view, &lease->position);
    if (error != 0 && error != -ENOENT)
        return error;
    if (error == 0 && ring_is_leased(&lease->view->ring, lease->position, seat))
        return SEAT_LEASE;
    return atomic_load_explicit(&handle->seats[seat].held_valid, memory_order_acquire) == 1 ? SEAT_HELD
                                                                                            : SEAT_EMPTY;
}

int seat_work(struct shmq *handle, uint32_t seat)
{
    struct seat_lease lease;
    return seat_work_of(handle, seat, &lease);
}

/* A delivery after a death counts as an attempt; one after an orderly return does not. */
static uint64_t count_attempt(uint64_t progress)
{
    if ((progress & PROGRESS_RETURNED) != 0)
        return progress & ~PROGRESS_RETURNED;
    const uint32_t attempts = progress_attempts(progress);
    return progress_pack(attempts < ATTEMPTS_MAX ? attempts + 1 : attempts, progress_done(progress));
}

static struct seat_counters *own_counters(struct shmq *handle)
{
    return &handle->seats[handle->consumer.seat].counters;
}

/* Messages of a batch behind the first @done records. */
static uint64_t count_left(const uint64_t *words, uint32_t done, uint32_t count)
{
    uint64_t left = 0;
    for (uint32_t i = done; i < count; i++)
        left += !record_is_dropped(words[i]);
    return left;
}

/* Counts work that is taken over. @before: its progress, or its attempts, as its last owner left them. */
static void count_adopted(struct shmq *handle, uint64_t before, uint64_t messages)
{
    struct seat_counters *c = own_counters(handle);
    count_add(&c->redelivered, messages);
    if ((before & PROGRESS_RETURNED) != 0)
        return;
    count_one(&c->deaths);
    count_one(&c->adopted);
    count_shared(&handle->header->deaths);
}

/* The batch that the seat has leased; its records' words go to the handle's. Return: 0; -EAGAIN: none; -EBADMSG.
 */
static int read_lease(struct shmq *handle, uint32_t seat, struct lane_view **view, struct ring_batch *batch)
{
    uint64_t position;
    int error = find_intent(handle, seat, view, &position);
    if (error == 0)
        error = ring_find_lease(&(*view)->ring, position, seat, batch);
    if (error != 0)
        return error == -ENOENT ? -EAGAIN : error;
    if (batch->count > SHMQ_PREFETCH_MAX || !ring_read_words(&(*view)->ring, batch, handle->consumer.words))
        return -EBADMSG;
    return 0;
}

/* Behind the first @count of a batch's records. */
static uint64_t position_behind(const uint64_t *words, uint32_t count, uint64_t start)
{
    for (uint32_t i = 0; i < count; i++)
        start += record_cells(words[i]);
    return start;
}

/* How many of the first @done records of the leased batch those who gave it back have counted. */
static uint32_t counted_before(const struct shmq *handle, uint32_t done)
{
    const struct batch *b = &handle->consumer.batch;
    const struct seat *s = &handle->seats[b->seat];
    if (atomic_load_explicit(&s->counted_position, memory_order_acquire) != b->start)
        return 0;
    const uint64_t counted = atomic_load_explicit(&s->counted, memory_order_relaxed);
    const uint32_t records = counted_records(counted, b->view->ring.lane);
    return records < done ? records : done;
}

/* What was acknowledged of the leased batch before counts here, unless it was counted when the batch was given
 * back: however many have died since, nothing counts twice. */
static void take_over_counts(struct shmq *handle)
{
    struct batch *b = &handle->consumer.batch;
    const uint32_t first = b->done - batch_done_of_run(handle);
    const uint32_t counted = counted_before(handle, b->done);
    handle->consumer.counted = counted > first ? counted - first : 0;
    b->bytes = batch_payload_bytes(handle, first + handle->consumer.counted, b->done);
}

static int adopt_lease(struct shmq *handle, uint32_t seat)
{
    struct seat *s = &handle->seats[seat];
    struct lane_view *view;
    struct ring_batch batch;
    const int error = read_lease(handle, seat, &view, &batch);
    if (error != 0)
        return error;

    const uint64_t before = atomic_load_explicit(&s->progress, memory_order_relaxed);
    const uint64_t progress = count_attempt(before);
    const uint32_t done = progress_done(progress);
    const uint64_t *words = handle->consumer.words;
    if (done >= batch.count)
        return -EBADMSG;
    const uint64_t next = position_behind(words, done, batch.start);

    /* A buffer counts only after the acknowledgement in the ring; its owner died before that, so void it. */
    atomic_store_explicit(&s->held_valid, 0, memory_order_relaxed);
    atomic_store_explicit(&s->progress, progress, memory_order_relaxed);
    handle->consumer.batch = (struct batch){
        .view = view,
        .start = batch.start,
        .end = batch.end,
        .next = next,
        .payload = ring_payload(&view->ring, next),
        .progress = &s->progress,
        .count = batch.count,
        .handed = done,
        .done = done,
        .seat = seat,
        .attempts = progress_attempts(progress),
        .redelivered = true,
    };
    latency_set_skip(view, 0); /* it is apart from those that were leased from the lane */
    if (batch.dropped)
        batch_split(handle, batch.count);
    take_over_counts(handle);
    count_adopted(handle, before, count_left(words, done, batch.count));
    return 0;
}

bool seat_read_held(const struct shmq *handle, uint32_t seat, struct seat_held *held)
{
    const struct geometry *g = handle_geometry(handle);
    const struct seat *s = &handle->seats[seat];
    *held = (struct seat_held){.lane = atomic_load_explicit(&s->held_lane, memory_order_relaxed),
                               .position = atomic_load_explicit(&s->held_position, memory_order_relaxed),
                               .word = atomic_load_explicit(&s->held_record[0], memory_order_relaxed)};
    return held->lane < g->parameters.lanes && held->position >= g->cells && held->position <= g->max_position &&
           record_rest_is_valid(held->word & (RECORD_TAG_LOW - 1)) &&
           (uint32_t)held->word <= g->parameters.max_message_bytes;
}

/* A message that was due is no longer aside; its note stays. One that is taken early is due as before. */
static int end_aside(const struct shmq *handle, struct seat *s)
{
    const uint64_t due = atomic_load_explicit(&s->held_due, memory_order_relaxed);
    if (!aside_is_plausible(held_due_ns(due), clock_now_ns()))
        return -EBADMSG;
    if (!handle->consumer.eager)
        atomic_store_explicit(&s->held_due, held_due_pack(0, held_due_note(due)), memory_order_seq_cst);
    return 0;
}

static int adopt_held(struct shmq *handle, uint32_t seat)
{
    struct seat *s = &handle->seats[seat];
    struct seat_held held;
    if (!seat_read_held(handle, seat, &held))
        return -EBADMSG;

    struct lane_view *view;
    unsigned char *base;
    int error = mapping_lane(handle, (uint32_t)held.lane, &view);
    if (error == 0)
        error = mapping_seat_buffer(handle, seat, (uint32_t)held.word, &base);
    if (error == 0)
        error = end_aside(handle, s);
    if (error != 0)
        return error;
    const uint64_t before = atomic_load_explicit(&s->held_attempts, memory_order_relaxed);
    const uint64_t attempts = count_attempt(before);
    atomic_store_explicit(&s->held_attempts, attempts, memory_order_relaxed);
    handle->consumer.words[0] = held.word;
    handle->consumer.batch = (struct batch){
        .view = view,
        .start = held.position,
        .payload = base,
        .count = 1,
        .seat = seat,
        .attempts = progress_attempts(attempts),
        .redelivered = true,
        .held = true,
    };
    latency_set_skip(view, 0);
    count_adopted(handle, before, 1);
    return 0;
}

/* Where a seat's work begins; only called while its byte is ours. */
struct place {
    uint64_t lane;
    uint64_t position;
};

static struct place place_of(const struct shmq *handle, uint32_t seat, int work)
{
    const struct seat *s = &handle->seats[seat];
    if (work == SEAT_HELD)
        return (struct place){atomic_load_explicit(&s->held_lane, memory_order_relaxed),
                              atomic_load_explicit(&s->held_position, memory_order_relaxed)};
    return (struct place){atomic_load_explicit(&s->intent_lane, memory_order_relaxed) - 1,
                          atomic_load_explicit(&s->intent_position, memory_order_relaxed)};
}

static bool is_before(const struct place *one, const struct place *other)
{
    return one->lane != other->lane ? one->lane < other->lane : one->position < other->position;
}

static void release_work(const struct shmq *handle, uint32_t seat)
{
    if (seat != handle->consumer.seat)
        byte_lock_release(handle->object.fd, handle_seat_byte(handle, seat));
}

/*
 * Whether what a seat holds has to wait until it is due; remembers the earliest such time. Our own seat's work
 * never waits, because the next lease would overwrite it.
 */
static bool has_to_wait(struct shmq *handle, uint32_t seat, int work)
{
    if (work != SEAT_HELD || seat == handle->consumer.seat || handle->consumer.eager)
        return false;
    const int64_t due_ns = aside_waits_until(&handle->seats[seat]);
    if (due_ns == 0)
        return false;
    if (due_ns < handle->consumer.due_ns)
        handle->consumer.due_ns = due_ns;
    return true;
}

/*
 * Locks the byte of a seat whose owner left work behind. A live consumer's seat may look damaged while it changes,
 * so damage is only reported with the byte locked. Return: enum seat_work, not SEAT_EMPTY; -EAGAIN; -EBADMSG;
 * -ENOMEM; other system errors.
 */
static int claim_work(struct shmq *handle, uint32_t seat)
{
    if (seat != handle->consumer.seat) {
        const int work = seat_work(handle, seat);
        if (work == SEAT_EMPTY || has_to_wait(handle, seat, work))
            return -EAGAIN;
        const int error = byte_lock_try(handle->object.fd, handle_seat_byte(handle, seat));
        if (error != 0)
            return error;
    }
    int work = seat_work(handle, seat);
    if (has_to_wait(handle, seat, work)) /* put aside a moment ago */
        work = SEAT_EMPTY;
    if (work <= SEAT_EMPTY)
        release_work(handle, seat);
    return work == SEAT_EMPTY ? -EAGAIN : work;
}

/* Whether its last owner died with the work, and did not give it back. */
static bool is_dead_owners(const struct shmq *handle, uint32_t seat, int work)
{
    const struct seat *s = &handle->seats[seat];
    const shared_u64 *word = work == SEAT_LEASE ? &s->progress : &s->held_attempts;
    return (atomic_load_explicit(word, memory_order_relaxed) & PROGRESS_RETURNED) == 0;
}

static void record_adoption(struct shmq *handle, uint32_t seat)
{
    const struct consumer_side *c = &handle->consumer;
    const uint32_t pid = seat == c->seat ? (uint32_t)c->predecessor
                                         : atomic_load_explicit(&handle->seats[seat].pid, memory_order_relaxed);
    events_record_about(handle, SHMQ_EVENT_DEATH, SHMQ_PARTY_CONSUMER, seat, pid);
    events_record_about(handle, SHMQ_EVENT_ADOPTED, SHMQ_PARTY_CONSUMER, seat, c->batch.count - c->batch.done);
}

static int adopt_claimed(struct shmq *handle, uint32_t seat, int work)
{
    const bool died = is_dead_owners(handle, seat, work);
    const int error = work == SEAT_LEASE ? adopt_lease(handle, seat) : adopt_held(handle, seat);
    if (error != 0)
        release_work(handle, seat);
    else if (died)
        record_adoption(handle, seat);
    if (error == 0)
        PROBE_ADOPT((uint32_t)handle->consumer.seat, seat, handle->consumer.batch.view->ring.lane,
                    handle->consumer.batch.start);
    return events_seat_error(handle, seat, error);
}

int seat_adopt(struct shmq *handle)
{
    int error = -EAGAIN;
    int work = SEAT_EMPTY;
    uint32_t first = 0;
    struct place first_place = {0};
    handle->consumer.due_ns = INT64_MAX;
    /* Our own seat is among them. Until its work is done nothing may be leased, which would overwrite it. */
    for (uint32_t i = 0; i < seat_count(handle); i++) {
        const int found = claim_work(handle, i);
        if (found < 0) {
            error = found == -EAGAIN ? error : events_seat_error(handle, i, found);
            continue;
        }
        const struct place place = place_of(handle, i, found);
        if (work != SEAT_EMPTY && !is_before(&place, &first_place)) {
            release_work(handle, i);
            continue;
        }
        if (work != SEAT_EMPTY)
            release_work(handle, first);
        work = found;
        first = i;
        first_place = place;
    }
    return work != SEAT_EMPTY ? adopt_claimed(handle, first, work) : error;
}

static void let_go_of_ties(const struct shmq *handle, uint32_t seat)
{
    for (struct seat_tie *tie = handle->consumer.ties; tie != NULL; tie = tie->next)
        tie->let_go(tie, seat);
}

void seat_release_other(struct shmq *handle)
{
    const uint32_t seat = handle->consumer.batch.seat;
    struct seat *s = &handle->seats[seat];
    let_go_of_ties(handle, seat);
    atomic_store_explicit(&s->waiting, 0, memory_order_seq_cst);
    atomic_store_explicit(&s->pid, 0, memory_order_relaxed);
    byte_lock_release(handle->object.fd, handle_seat_byte(handle, seat));
}

/* Notes that all that is acknowledged of the leased batch is counted. The position is stored last: until then,
 * the two name another batch. */
static void note_counted(const struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    struct seat *s = &handle->seats[b->seat];
    atomic_store_explicit(&s->counted, counted_pack(b->view->ring.lane, b->done), memory_order_release);
    atomic_store_explicit(&s->counted_position, b->start, memory_order_release);
}

/*
 * Marks what is still held as returned, and counts what is acknowledged of it.
 * Crash: before the note, the next owner counts it; between the note and the count, it is never counted.
 */
static void give_back(struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    struct seat *s = &handle->seats[b->seat];
    shared_u64 *word = b->held ? &s->held_attempts : &s->progress;
    const uint32_t done = b->held ? 0 : batch_done_of_run(handle) - handle->consumer.counted;
    const uint64_t bytes = done == 0 ? 0 : b->bytes - batch_payload_bytes(handle, b->done, b->handed);
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) | PROGRESS_RETURNED,
                          memory_order_seq_cst);
    if (done > 0) {
        latency_expect(handle);
        note_counted(handle);
        batch_count_delivered(handle, done, bytes);
    }
    count_one(&own_counters(handle)->given_back);
}

/* Locks a free seat that holds no work. Return: 0; -EUSERS; other system errors. */
static int lock_empty_seat(struct shmq *handle, uint32_t *seat)
{
    for (uint32_t i = 0; i < seat_count(handle); i++) {
        if (i == handle->consumer.seat) /* we hold its byte, so locking it again would succeed */
            continue;
        if (seat_work(handle, i) != SEAT_EMPTY) /* whoever comes for it may find its byte free */
            continue;
        const int error = lock_seat(handle, i, false);
        if (error == -EAGAIN)
            continue;
        if (error != 0)
            return error;
        *seat = i;
        if (seat_work(handle, i) == SEAT_EMPTY)
            return 0;
        byte_lock_release(handle->object.fd, handle_seat_byte(handle, i));
    }
    return -EUSERS;
}

int seat_move_away(struct shmq *handle)
{
    struct consumer_side *c = &handle->consumer;
    const uint32_t holder = c->batch.seat;
    uint32_t other;
    if (holder != c->seat)
        return 0;
    const int error = lock_empty_seat(handle, &other);
    if (error != 0)
        return error;
    latency_count(handle);
    take_seat(handle, other);
    c->batch.seat = holder; /* from now on it is handled like an adopted seat */
    return 0;
}

int seat_give_back(struct shmq *handle)
{
    const int error = seat_move_away(handle);
    if (error != 0)
        return error;
    give_back(handle);
    seat_release_adopted(handle);
    announce_membership(handle);
    waiting_wake_consumers_slow(handle, 1);
    return 0;
}

void seat_detach(struct shmq *handle)
{
    struct consumer_side *c = &handle->consumer;
    const bool held = c->batch.view != NULL;
    if (held)
        give_back(handle);
    latency_count(handle);
    seat_release_adopted(handle);
    let_go_of_ties(handle, c->seat);
    atomic_store_explicit(&handle->seats[c->seat].pid, 0, memory_order_relaxed);
    byte_lock_release(handle->object.fd, handle_seat_byte(handle, c->seat));
    announce_membership(handle);
    if (held)
        waiting_wake_consumers_slow(handle, 1);
    else
        waiting_hand_over_watch(handle);
}
