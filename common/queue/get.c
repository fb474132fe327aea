/* SPDX-License-Identifier: MIT */
#include "common/core/copy.h"
#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/kernel/probes.h"
#include "common/queue/batch.h"
#include "common/queue/count.h"
#include "common/queue/end_of_stream.h"
#include "common/queue/events.h"
#include "common/queue/lane.h"
#include "common/queue/lane_schedule.h"
#include "common/queue/latency.h"
#include "common/queue/mapping.h"
#include "common/queue/message.h"
#include "common/queue/seat.h"
#include "common/queue/waiting.h"

/* ------------------------------------------------------------------ finishing a batch */

static struct seat *own_seat(const struct shmq *handle)
{
    return &handle->seats[handle->consumer.seat];
}

/* Consumers that wait for the end of the stream must learn that this was the last message. */
static void wake_if_drained(struct shmq *handle, const struct lane_view *view)
{
    const uint64_t life = atomic_load_explicit(&view->ring.control->life, memory_order_relaxed);
    const bool ending = lane_life_state(life) == LANE_FINISHED || (handle_flags(handle) & FLAG_DRAIN) != 0;
    if (ending && ring_is_drained(&view->ring))
        waiting_wake_consumers(handle, UINT32_MAX);
}

/* Marks the leased batch as done in the ring. */
static int finish_in_ring(struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    struct lane_view *view = b->view;
    const int error = ring_finish(&view->ring, b->start, b->end, b->seat);
    if (error == 0)
        waiting_wake_producer(handle, view);
    return events_lane_error(handle, view->ring.lane, error);
}

/* @messages: to be counted. */
static inline __attribute__((always_inline)) int finish_now(struct shmq *handle, uint64_t messages)
{
    const struct batch *b = &handle->consumer.batch;
    const struct lane_view *view = b->view;
    if (b->held) {
        atomic_store_explicit(&handle->seats[b->seat].held_valid, 0, memory_order_seq_cst);
    } else {
        const int error = finish_in_ring(handle);
        if (error != 0)
            return error;
    }
    batch_count_delivered(handle, messages, b->bytes);
    PROBE_ACKNOWLEDGE(view->ring.lane, b->start, messages, b->seat);
    seat_release_adopted(handle);
    wake_if_drained(handle, view);
    return 0;
}

static __attribute__((noinline)) int finish_with_a_look(struct shmq *handle, uint64_t messages)
{
    struct latency_look look;
    latency_look(handle, &look);
    const int error = finish_now(handle, messages);
    if (error == 0)
        latency_looked(handle, &look, messages);
    return error;
}

/* Goes on with the next run of a split batch, or finishes the batch. */
static __attribute__((noinline)) int finish_run(struct shmq *handle)
{
    struct batch *b = &handle->consumer.batch;
    const uint64_t messages = batch_done_of_run(handle) - handle->consumer.counted;
    if (!batch_next_run(handle))
        return finish_with_a_look(handle, messages);
    latency_expect(handle);
    batch_count_delivered(handle, messages, b->bytes);
    b->bytes = 0;
    handle->consumer.counted = 0;
    return 0;
}

static int finish_batch(struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    if (__builtin_expect(b->split, 0))
        return finish_run(handle);
    const uint64_t messages = b->count - handle->consumer.counted;
    return latency_wants_a_look(b->view) ? finish_with_a_look(handle, messages) : finish_now(handle, messages);
}

/* ------------------------------------------------------------------ one attempt at a batch */

static int64_t tick_ns(const struct shmq *handle)
{
    return handle_geometry(handle)->parameters.tick_ns;
}

/* Checks that are due once a tick, and when a message put aside is, however busy the queue is. Return: 0 with a
 * batch; -EAGAIN; errors. */
static int check_once_a_tick(struct shmq *handle, int64_t now)
{
    struct consumer_side *c = &handle->consumer;
    if (now < c->orphans_ns)
        return -EAGAIN;
    lane_schedule_count_sharers(handle, now);
    const int error = seat_adopt(handle);
    /* What is found goes before new messages, and so does what else the dead left: look again before any lease. */
    if (error == -EAGAIN || error == -EBADMSG)
        c->orphans_ns = c->due_ns < now + tick_ns(handle) ? c->due_ns : now + tick_ns(handle);
    return error;
}

/* An attempt while @flags forbid to take anything, also what the dead left. Return: as attempt, but never 0. */
static __attribute__((noinline)) int attempt_in_vain(struct shmq *handle, uint32_t flags, int64_t now)
{
    if ((flags & (FLAG_REMOVED | FLAG_NOW)) != 0)
        return (flags & FLAG_REMOVED) != 0 ? -ESTALE : -ESHUTDOWN;
    handle->consumer.due_ns = INT64_MAX; /* nothing is taken at any time */
    const int error = lane_schedule_update(handle, now);
    return error != 0 ? error : end_of_stream_state(handle);
}

/* What is done about new messages. What a dead consumer left is taken over in any case, and so is what begins with
 * dropped messages. */
enum aim { TO_LEASE, TO_FIND };

/* A batch is leased, or found. What was found only is nobody's, and the lease that follows is still the first in
 * this tick of the clock. */
static inline void note_lease(struct shmq *handle, int64_t now, enum aim aim)
{
    struct consumer_side *c = &handle->consumer;
    if (aim == TO_FIND && c->batch.view == NULL) {
        c->busy_ns = now - 1;
        return;
    }
    if (__builtin_expect(c->busy_ns != now, 0)) {
        c->busy_ns = now;
        latency_leased(handle, now);
    }
    atomic_store_explicit(&handle->seats[c->batch.seat].leased_ns, (uint64_t)now, memory_order_relaxed);
}

/* Return: 0 with a batch leased, or found; -EAGAIN; the reason why none will come. The batch may have nothing but
 * dropped messages. */
static inline __attribute__((always_inline)) int attempt_inline(struct shmq *handle, int64_t now, enum aim aim)
{
    const uint32_t flags = handle_flags(handle);
    if (__builtin_expect((flags & handle->consumer.taboo) != 0, 0))
        return attempt_in_vain(handle, flags, now);
    int error = lane_schedule_update(handle, now);
    if (error != 0)
        return error;
    error = check_once_a_tick(handle, now);
    if (error == -EAGAIN)
        error = aim == TO_LEASE ? lane_schedule_lease(handle, now) : lane_schedule_look(handle);
    if (error == -EAGAIN && (error = seat_adopt(handle)) == 0)
        handle->consumer.orphans_ns = now;
    if (error == 0)
        note_lease(handle, now, aim);
    return error == -EAGAIN ? end_of_stream_state(handle) : error;
}

/* Finishes batches that have no message to hand out. Return: as attempt. */
static __attribute__((noinline)) int finish_dropped(struct shmq *handle, int64_t now, enum aim aim)
{
    const struct batch *b = &handle->consumer.batch;
    int error = 0;
    while (error == 0 && b->view != NULL && b->done == b->count) {
        error = finish_batch(handle);
        if (error == 0)
            error = attempt_inline(handle, now, aim);
    }
    return error;
}

static int attempt(struct shmq *handle, int64_t now)
{
    const struct batch *b = &handle->consumer.batch;
    const int error = attempt_inline(handle, now, TO_LEASE);
    return error == 0 && __builtin_expect(b->done == b->count, 0) ? finish_dropped(handle, now, TO_LEASE) : error;
}

static __attribute__((noinline)) int attempt_to_find(struct shmq *handle, int64_t now)
{
    const int error = attempt_inline(handle, now, TO_FIND);
    return error == 0 ? finish_dropped(handle, now, TO_FIND) : error;
}

static inline int attempt_to(struct shmq *handle, int64_t now, enum aim aim)
{
    return aim == TO_LEASE ? attempt(handle, now) : attempt_to_find(handle, now);
}

/* ------------------------------------------------------------------ waiting for a batch */

static void count_sleep(struct shmq *handle, int64_t woke_ns, bool rung, int error)
{
    struct seat *s = own_seat(handle);
    count_one(&s->counters.sleeps);
    count_add(&s->counters.wake_ups, rung);
    count_add(&s->counters.spurious, rung && error == -EAGAIN);
    atomic_store_explicit(&s->active_ns, (uint64_t)woke_ns, memory_order_relaxed);
}

/* Sleeps once. Return: the result of the attempt that follows. */
static int sleep_once(struct shmq *handle, int64_t deadline_ns, enum aim aim)
{
    bool rung = false;
    waiting_arm_consumer(handle);
    int error = attempt_to(handle, clock_coarse_ns(), aim); /* S1 */
    const bool slept = error == -EAGAIN && !handle_stopped(handle);
    const int64_t due_ns = handle->consumer.due_ns;
    int64_t woke_ns = 0;
    if (slept) {
        const int64_t began = clock_now_ns();
        rung = waiting_sleep_consumer(handle, due_ns < deadline_ns ? due_ns : deadline_ns);
        woke_ns = clock_now_ns();
        spin_learn(&handle->spin, woke_ns - began);
    }
    waiting_disarm_consumer(handle, rung);
    if (!slept)
        return error;
    error = attempt_to(handle, clock_coarse_ns(), aim);
    count_sleep(handle, woke_ns, rung, error);
    if (rung || woke_ns < due_ns) /* nobody rings for a message that has become due */
        waiting_learn_consumer(handle, rung, error == 0);
    return error;
}

/* Return: whether an attempt looks worthwhile. */
static bool spin(struct shmq *handle)
{
    if (!spin_until(&handle->spin, lane_schedule_looks_busy, handle))
        return false;
    lane_schedule_let_grow(handle);
    return true;
}

/* After an attempt that ended with @error. */
static __attribute__((noinline)) int wait_on(struct shmq *handle, int64_t timeout_ns, enum aim aim, int error)
{
    latency_count(handle); /* what was acknowledged may have been the last for a while */
    if (error != -EAGAIN || timeout_ns == 0)
        return error;
    const int64_t deadline = clock_deadline(timeout_ns);
    do {
        error = handle_ends_wait(handle) ? -EINTR : sleep_once(handle, deadline, aim);
        if (error == -EAGAIN && handle_is_stale(handle))
            error = -ESTALE;
        if (error == -EAGAIN && clock_now_ns() >= deadline)
            error = -ETIMEDOUT;
        if (error == -EAGAIN && spin(handle))
            error = attempt_to(handle, clock_coarse_ns(), aim);
    } while (error == -EAGAIN);
    if (error != 0 && error != -ETIMEDOUT) /* after a timeout, most callers come back at once */
        waiting_hand_over_watch(handle);
    return error;
}

/* Waits until an attempt succeeds. */
static inline __attribute__((always_inline)) int wait_to(struct shmq *handle, int64_t timeout_ns, enum aim aim)
{
    /* Usually a message is there or comes soon. The checks for dead consumers and for the end of the stream take
     * longer, so spin first. */
    const int64_t now = clock_coarse_ns(); /* read before spinning, because afterwards latency matters */
    if (timeout_ns != 0)
        (void)spin(handle);
    const int error = attempt_to(handle, now, aim);
    return __builtin_expect(error == 0, 1) ? 0 : wait_on(handle, timeout_ns, aim, error);
}

static int wait_for_batch(struct shmq *handle, int64_t timeout_ns)
{
    return wait_to(handle, timeout_ns, TO_LEASE);
}

/* ------------------------------------------------------------------ handing out */

static inline uint64_t next_stream_offset(const struct shmq *handle)
{
    const struct batch *b = &handle->consumer.batch;
    const shared_u64 *offset =
        b->held ? &handle->seats[b->seat].held_record[1] : &ring_record(&b->view->ring, b->next)->stream_offset;
    return atomic_load_explicit(offset, memory_order_relaxed);
}

/* Advances past the next message, which is now handed out. */
static inline void advance_cells(struct batch *b, uint64_t length, uint64_t cells)
{
    b->next += cells;
    b->payload += cells << CELL_SHIFT;
    b->bytes += length;
    b->handed++;
}

/* A message with only those fields set that all messages of the batch with the framing of @word share. */
static inline struct shmq_message common_fields(const struct batch *b, uint64_t word)
{
    const struct record_head head = record_unpack(word);
    return (struct shmq_message){.lane = b->view->ring.lane,
                                 .frame = head.frame,
                                 .delimiter = head.delimiter,
                                 .redelivered = b->redelivered};
}

static inline struct shmq_message message_of(const struct batch *b, const void *data, uint64_t word,
                                             uint64_t stream_offset)
{
    struct shmq_message message = common_fields(b, word);
    message.data = data;
    message.length = (uint32_t)word;
    message.position = b->held ? b->start : b->next;
    message.stream_offset = stream_offset;
    message.attempts = b->handed == b->done ? b->attempts : 0;
    return message;
}

/* Return: 0; -EBADMSG if its headers are invalid. */
static __attribute__((noinline)) int hand_out_slow(struct shmq *handle, struct shmq_message *message)
{
    struct batch *b = &handle->consumer.batch;
    const uint64_t word = handle->consumer.words[b->handed];
    *message = message_of(b, b->payload, word, next_stream_offset(handle));
    if (!message_set_headers_apart(message, word))
        return events_lane_error(handle, message->lane, -EBADMSG);
    advance_cells(b, message->length, cells_for((uint32_t)word));
    return 0;
}

__attribute__((always_inline)) static inline int hand_out(struct shmq *handle, struct shmq_message *message)
{
    struct batch *b = &handle->consumer.batch;
    const uint64_t word = handle->consumer.words[b->handed];
    if (__builtin_expect(record_has_headers(word), 0))
        return hand_out_slow(handle, message);
    *message = message_of(b, b->payload, word, next_stream_offset(handle));
    advance_cells(b, (uint32_t)word, cells_for((uint32_t)word));
    return 0;
}

/* The fields that messages with the same framing share: from this offset to the end of the struct. */
#define COMMON_OFFSET offsetof(struct shmq_message, lane)
struct common {
    unsigned char bytes[sizeof(struct shmq_message) - COMMON_OFFSET];
};

static inline struct common common_of(const struct batch *b, uint64_t word)
{
    const struct shmq_message fields = common_fields(b, word);
    struct common common;
    memcpy(common.bytes, (const unsigned char *)&fields + COMMON_OFFSET, sizeof(common));
    return common;
}

/*
 * Delivers messages of a batch in the ring, from next on, as long as they have the same framing as the first.
 *
 * @words  descriptors of @most messages
 *
 * Return: how many.
 */
static inline size_t hand_out_run(struct batch *b, const uint64_t *words, struct shmq_message *messages,
                                  size_t most)
{
    const struct common common = common_of(b, words[0]);
    const struct record *const records = b->view->ring.records;
    const uint64_t mask = b->view->ring.mask;
    const unsigned char *payload = b->payload;
    uint64_t position = b->next;
    uint64_t bytes = 0;
    size_t i = 0;
    while (i < most && ((words[i] ^ words[0]) & RECORD_FRAME_MASK) == 0) {
        const uint64_t word = words[i];
        const uint64_t length = (uint32_t)word;
        const uint64_t cells = cells_for(length);
        do { /* usually many messages have the same length */
            const struct record *record = &records[position & mask];
            messages[i].data = payload;
            messages[i].length = length;
            messages[i].position = position;
            messages[i].stream_offset = atomic_load_explicit(&record->stream_offset, memory_order_relaxed);
            memcpy((unsigned char *)&messages[i] + COMMON_OFFSET, common.bytes, sizeof(common));
            payload += cells << CELL_SHIFT;
            position += cells;
            bytes += length;
            i++;
        } while (i < most && (words[i] ^ word) << RECORD_TAG_BITS == 0);
    }
    b->next = position;
    b->payload = payload;
    b->bytes += bytes;
    return i;
}

/* Goes on where a message with headers stands, message by message. Return: 0; -EBADMSG if its headers are invalid.
 */
static __attribute__((noinline)) int hand_out_rest(struct shmq *handle, struct shmq_message *messages, size_t many,
                                                   size_t *count)
{
    int error = 0;
    while (*count < many && error == 0) {
        error = hand_out_slow(handle, messages + *count);
        *count += error == 0;
    }
    return *count > 0 ? 0 : error;
}

/*
 * Delivers up to @max messages of a batch, but only those before the first one with invalid headers. Returns their
 * number in @count.
 * Return: 0; -EBADMSG if the very first has invalid headers.
 */
static int hand_out_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count)
{
    struct batch *b = &handle->consumer.batch;
    const uint64_t *words = handle->consumer.words + b->handed;
    const size_t there = b->count - b->handed;
    const size_t many = max < there ? max : there;
    const bool oldest = b->handed == b->done;
    size_t i = 0;
    int error = 0;
    while (i < many && __builtin_expect(!b->held && !record_has_headers(words[i]), 1))
        i += hand_out_run(b, words + i, messages + i, many - i);
    b->handed += (uint32_t)i;
    *count = i;
    if (__builtin_expect(i < many, 0))
        error = hand_out_rest(handle, messages, many, count);
    if (oldest && error == 0)
        messages[0].attempts = b->attempts;
    return error;
}

/* Waits until there is a message to deliver. */
static int next_message(struct shmq *handle, int64_t timeout_ns)
{
    const struct batch *b = &handle->consumer.batch;
    if (b->view == NULL)
        return wait_for_batch(handle, timeout_ns);
    return b->handed < b->count ? 0 : -EBUSY;
}

int shmq_lease(struct shmq *handle, struct shmq_message *message, int64_t timeout_ns)
{
    int error = handle_check(handle, SHMQ_CONSUMER);
    if (error == 0 && message == NULL)
        error = -EINVAL;
    if (error == 0)
        error = next_message(handle, timeout_ns);
    if (error == 0)
        error = hand_out(handle, message);
    return error;
}

int shmq_lease_many(struct shmq *handle, struct shmq_message *messages, size_t max, size_t *count,
                    int64_t timeout_ns)
{
    int error = handle_check(handle, SHMQ_CONSUMER);
    if (error == 0 && (messages == NULL || count == NULL || max == 0))
        error = -EINVAL;
    if (error == 0)
        error = next_message(handle, timeout_ns);
    if (error != 0)
        return error;

    return hand_out_many(handle, messages, max, count);
}

/* ------------------------------------------------------------------ looking before a lease */

/* What the next lease would bring. */
static int measure(struct shmq *handle, size_t *count, bool *complete)
{
    const struct batch *b = &handle->consumer.batch;
    uint32_t there = b->count - b->handed;
    int error = 0;
    *complete = true;
    if (b->view == NULL) {
        error = lane_schedule_ready(handle, &there, complete);
        if (error == 0 && !*complete)
            *complete = end_of_stream_is_near(handle);
    }
    *count = there;
    return error;
}

int shmq_ready(struct shmq *handle, size_t *count, bool *complete, int64_t timeout_ns)
{
    int error = handle_check(handle, SHMQ_CONSUMER);
    if (error == 0 && (count == NULL || complete == NULL))
        error = -EINVAL;
    if (error != 0)
        return error;
    struct consumer_side *c = &handle->consumer;
    if (c->batch.view != NULL && c->batch.handed == c->batch.count)
        return -EBUSY;
    c->takes_all = true;
    c->sharers = c->sharers != 0; /* 0: not counted yet */
    const int64_t deadline = clock_deadline(timeout_ns);
    int64_t left = timeout_ns;
    do {
        if (c->batch.view == NULL)
            error = wait_to(handle, left, TO_FIND);
        if (error == 0)
            error = measure(handle, count, complete);
        left = clock_time_left(timeout_ns, deadline);
    } while (error == -EAGAIN && left != 0); /* others were quicker */
    return error == -EAGAIN && timeout_ns != 0 ? -ETIMEDOUT : error;
}

/* ------------------------------------------------------------------ acknowledging */

/* After failed attempts. */
static __attribute__((noinline)) int acknowledge_tried(struct shmq *handle)
{
    struct batch *b = &handle->consumer.batch;
    if (!handle->consumer.shared_attempts)
        b->attempts = 0;
    if (b->done == b->count)
        return finish_batch(handle);
    atomic_store_explicit(b->progress, progress_pack(b->attempts, b->done), memory_order_release);
    return 0;
}

static inline int acknowledge(struct shmq *handle, uint32_t count)
{
    struct batch *b = &handle->consumer.batch;
    b->done += count;
    if (__builtin_expect(b->attempts != 0, 0))
        return acknowledge_tried(handle);
    if (b->done == b->count)
        return finish_batch(handle);
    atomic_store_explicit(b->progress, progress_pack(0, b->done), memory_order_release);
    return 0;
}

int shmq_acknowledge(struct shmq *handle, size_t count)
{
    const int error = handle_check(handle, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    const struct batch *b = &handle->consumer.batch;
    if (count > b->handed - b->done)
        return -EINVAL;
    return count == 0 ? 0 : acknowledge(handle, (uint32_t)count);
}

static __attribute__((noinline)) int take_any(struct shmq *handle, void *buffer, size_t size, size_t *length)
{
    struct batch *b = &handle->consumer.batch;
    const uint64_t word = handle->consumer.words[b->done];
    struct shmq_message message = {.data = b->payload, .length = (uint32_t)word};
    if (!message_set_headers_apart(&message, word))
        return events_lane_error(handle, b->view->ring.lane, -EBADMSG);
    *length = message.length;
    if (message.length > size)
        return -ENOBUFS;
    copy_out(buffer, message.data, message.length);
    advance_cells(b, message.length, cells_for((uint32_t)word));
    return acknowledge(handle, 1);
}

/* Takes the next message of the leased batch. The path of a short message makes no calls, like that of shmq_put.
 */
static inline int take(struct shmq *handle, void *buffer, size_t size, size_t *length)
{
    struct batch *b = &handle->consumer.batch;
    const uint64_t bytes = (uint32_t)handle->consumer.words[b->done];
    if (bytes - 1 >= CELL_BYTES || bytes > size) /* true for all messages with headers */
        return take_any(handle, buffer, size, length);
    *length = bytes;
    copy_short(buffer, b->payload, bytes);
    advance_cells(b, bytes, 1);
    return acknowledge(handle, 1);
}

static __attribute__((noinline)) int get_slow(struct shmq *handle, void *buffer, size_t size, size_t *length,
                                              int64_t timeout_ns)
{
    int error = handle_check(handle, SHMQ_CONSUMER);
    if (error == 0 && ((buffer == NULL && size > 0) || length == NULL))
        error = -EINVAL;
    if (error != 0)
        return error;
    const struct batch *b = &handle->consumer.batch;
    if (b->handed != b->done)
        return -EBUSY;
    if (b->view == NULL)
        error = wait_for_batch(handle, timeout_ns);
    else if (b->done == b->count) /* all acknowledged, but finishing the batch failed */
        error = -EBADMSG;
    return error != 0 ? error : take(handle, buffer, size, length);
}

int shmq_get(struct shmq *handle, void *buffer, size_t size, size_t *length, int64_t timeout_ns)
{
    /* A handle of another role never has a batch. */
    if (handle != NULL && handle->magic == HANDLE_MAGIC && buffer != NULL && length != NULL) {
        const struct batch *b = &handle->consumer.batch;
        if (b->handed == b->done && b->done < b->count)
            return take(handle, buffer, size, length);
    }
    return get_slow(handle, buffer, size, length, timeout_ns);
}

int shmq_fail(struct shmq *handle, uint32_t *attempts)
{
    const int error = handle_check(handle, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    struct batch *b = &handle->consumer.batch;
    if (b->view == NULL || b->done == b->count)
        return -EINVAL;
    if (b->attempts < ATTEMPTS_MAX)
        b->attempts++;
    struct seat *s = &handle->seats[b->seat];
    atomic_store_explicit(b->held ? &s->held_attempts : &s->progress,
                          progress_pack(b->attempts, b->held ? 0 : b->done), memory_order_release);
    count_one(&own_seat(handle)->counters.failed);
    if (attempts != NULL)
        *attempts = b->attempts;
    return 0;
}

int shmq_release(struct shmq *handle)
{
    const int error = handle_check(handle, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    const struct batch *b = &handle->consumer.batch;
    if (b->handed == b->done)
        return -EINVAL;
    if (handle->consumer.write_turn != 0) /* the pending write intent would stay behind in the seat */
        return -EBUSY;
    /* Postpone our own search for abandoned work by a tick, so that other consumers, now awake, come first. Not if
     * there is some in our own seat: the next lease would overwrite it. */
    const uint32_t own = handle->consumer.seat;
    const bool others_first = b->seat == own || seat_work(handle, own) == SEAT_EMPTY;
    handle->consumer.orphans_ns = others_first ? clock_coarse_ns() + tick_ns(handle) : 0;
    return seat_give_back(handle);
}

/* ------------------------------------------------------------------ the seat buffer */

/* Copies the message at @position into the seat's buffer and describes the copy in @copy. Crash: before the store
 * of held_valid the copy does not count; after it, adopt_lease in seat.c decides. */
static int fill_buffer(struct shmq *handle, uint64_t position, struct shmq_message *copy)
{
    unsigned char *base;
    const struct batch *b = &handle->consumer.batch;
    const struct ring *ring = &b->view->ring;
    const uint64_t word = handle->consumer.words[b->done];
    struct seat *s = &handle->seats[b->seat];
    const int error = mapping_seat_buffer(handle, b->seat, (uint32_t)word, &base);
    if (error != 0)
        return error;
    if ((uint32_t)word > 0)
        memcpy(base, ring_payload(ring, position), (uint32_t)word);
    copy->data = base;
    copy->length = (uint32_t)word;
    if (!message_set_headers_apart(copy, word))
        return -EBADMSG;
    const uint64_t offset =
        atomic_load_explicit(&ring_record(ring, position)->stream_offset, memory_order_relaxed);
    atomic_store_explicit(&s->held_lane, ring->lane, memory_order_relaxed);
    atomic_store_explicit(&s->held_position, position, memory_order_relaxed);
    atomic_store_explicit(&s->held_record[0], word, memory_order_relaxed);
    atomic_store_explicit(&s->held_record[1], offset, memory_order_relaxed);
    atomic_store_explicit(&s->held_attempts, progress_pack(b->attempts, 0), memory_order_relaxed);
    atomic_store_explicit(&s->held_due, held_due_pack(0, 0), memory_order_relaxed);
    for (size_t i = 0; i < ASIDE_WORDS; i++)
        atomic_store_explicit(&s->held_notes[0][i], 0, memory_order_relaxed);
    struct put_time put;
    const bool dated = marks_put_time(ring, position, clock_coarse_ns(), &put);
    atomic_store_explicit(&s->held_put_ns, dated ? (uint64_t)put.ns : 0, memory_order_relaxed);
    atomic_store_explicit(&s->held_valid, 1, memory_order_release);
    return 0;
}

/* Gives the message its address in the buffer, to which it may have been moved without the caller's knowledge. */
static int find_held(const struct shmq *handle, struct shmq_message *message)
{
    struct shmq_message held;
    const int error = batch_oldest(handle, &held);
    if (error != 0)
        return error;
    message->data = held.data;
    message->length = held.length;
    message->headers_length = held.headers_length;
    return 0;
}

int shmq_hold(struct shmq *handle, struct shmq_message *message)
{
    int error = handle_check(handle, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    struct batch *b = &handle->consumer.batch;
    if (message == NULL || b->handed == b->done)
        return -EINVAL;
    struct shmq_message copy = *message;
    if (b->held)
        return find_held(handle, message);
    if (b->handed != b->count || b->done + 1 != b->count || !batch_is_last_run(handle))
        return -EBUSY;

    const uint64_t word = handle->consumer.words[b->done];
    const uint64_t position = b->next - cells_for((uint32_t)word); /* of the message handed out last */
    latency_expect(handle);
    error = fill_buffer(handle, position, &copy);
    if (error == 0)
        error = finish_in_ring(handle);
    if (error != 0)
        return events_lane_error(handle, b->view->ring.lane, error);
    batch_count_delivered(handle, batch_done_of_run(handle) - handle->consumer.counted, b->bytes - copy.length);
    handle->consumer.words[0] = word;
    *message = copy;
    b->held = true;
    b->start = position;
    b->bytes = copy.length;
    handle->consumer.counted = 0;
    b->count = 1;
    b->handed = 1;
    b->done = 0;
    b->split = false;
    return 0;
}
