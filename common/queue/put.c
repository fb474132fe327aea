/* SPDX-License-Identifier: MIT */
#include "common/queue/put.h"

#include "common/core/copy.h"
#include "common/core/marks.h"
#include "common/kernel/clock.h"
#include "common/kernel/probes.h"
#include "common/queue/blocked.h"
#include "common/queue/count.h"
#include "common/queue/events.h"
#include "common/queue/lane.h"
#include "common/queue/waiting.h"

/* A producer checks once in so many messages that the queue still has its name. */
#define MESSAGES_BETWEEN_CHECKS 4096u
#define ROOM_AHEAD 96u              /* cells; by how much the lines of long messages are prefetched */
#define PATIENT_NS INT64_C(2000000) /* how long a producer waits for more room than it needs */

/* Whether the queue accepts no more messages. */
static inline bool is_shut(const struct shmq *handle)
{
    return (handle_flags(handle) & (FLAG_REMOVED | FLAG_DRAIN | FLAG_NOW)) != 0;
}

/* Return: 0; -ESTALE; -ESHUTDOWN. */
__attribute__((always_inline)) static inline int check_open(const struct shmq *handle)
{
    if (__builtin_expect(!is_shut(handle) && !handle->producer.finished, 1))
        return 0;
    return (handle_flags(handle) & FLAG_REMOVED) != 0 ? -ESTALE : -ESHUTDOWN;
}

__attribute__((cold)) int put_refuse_too_long(const struct shmq *handle)
{
    count_one(&handle->producer.ring.ring.control->counters.too_long);
    return -EMSGSIZE;
}

__attribute__((always_inline)) static inline int check_put(const struct shmq *handle, uint64_t length)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    if (__builtin_expect(length > handle->producer.ring.ring.max_message_bytes, 0))
        return put_refuse_too_long(handle);
    return check_open(handle);
}

/* ------------------------------------------------------------------ waiting for room */

static bool attempt_looks_worthwhile(struct shmq *handle)
{
    const struct ring_producer *p = &handle->producer.ring;
    const uint64_t head = atomic_load_explicit(&p->ring.control->head, memory_order_relaxed);
    return head + p->ring.cells - p->next >= handle->producer.needed_cells || is_shut(handle);
}

static int attempt(struct shmq *handle, uint64_t need_cells)
{
    const int error = check_open(handle);
    return error != 0 ? error : ring_make_room(&handle->producer.ring, need_cells);
}

/* The head position at which @cells more fit; never beyond what is published, because head cannot pass that. */
static uint64_t head_for(const struct ring_producer *p, uint64_t cells)
{
    const uint64_t head = p->next + cells - p->ring.cells;
    return head < p->next ? head : p->next;
}

/* Sleeps once, until there is room for @cells. Return: the result of the attempt at @need_cells that follows. */
static int sleep_once(struct shmq *handle, uint64_t need_cells, uint64_t cells, int64_t deadline_ns)
{
    bool rung = false;
    int64_t woke_ns = 0;
    waiting_arm_producer(handle, head_for(&handle->producer.ring, cells));
    int error = attempt(handle, need_cells); /* S1 */
    const bool slept = error == -EAGAIN && !handle_stopped(handle);
    if (slept) {
        const int64_t began = clock_now_ns();
        rung = waiting_sleep_producer(handle, deadline_ns);
        woke_ns = clock_now_ns();
        spin_learn(&handle->spin, woke_ns - began);
    }
    waiting_disarm_producer(handle);
    if (!slept)
        return error;
    error = attempt(handle, need_cells);
    blocked_slept(handle, woke_ns, rung, error);
    if (cells == need_cells) /* otherwise there may be room without a wake-up having been due */
        waiting_learn_producer(handle, rung, error == 0);
    return error;
}

/*
 * The first, short sleep waits for a larger amount of room: otherwise fast consumers would wake us for each
 * message that they finish. If that room does not come soon, the consumers are slow, and the second sleep waits
 * for just the room that is needed.
 */
static int sleep_for_room(struct shmq *handle, uint64_t need_cells, int64_t deadline_ns)
{
    const uint64_t quarter = handle->producer.ring.ring.cells / 4;
    const int64_t soon = clock_now_ns() + PATIENT_NS;
    if (quarter > need_cells && soon < deadline_ns) {
        const int error = sleep_once(handle, need_cells, quarter, soon);
        if (error != -EAGAIN || handle_stopped(handle))
            return error;
    }
    return sleep_once(handle, need_cells, need_cells, deadline_ns);
}

/* Sleeps until there is room. @now_ns: the present time. */
static int sleep_until_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns, int64_t now_ns)
{
    const int64_t deadline = clock_deadline_from(now_ns, timeout_ns);
    int error;
    events_full_begins(handle);
    do {
        error = handle_ends_wait(handle) ? -EINTR : sleep_for_room(handle, need_cells, deadline);
        if (error == -EAGAIN)
            events_full_goes_on(handle);
        if (error == -EAGAIN && handle_is_stale(handle))
            error = -ESTALE;
        if (error == -EAGAIN && clock_now_ns() >= deadline)
            error = -ETIMEDOUT;
        if (error == -EAGAIN && spin_until(&handle->spin, attempt_looks_worthwhile, handle))
            error = attempt(handle, need_cells);
    } while (error == -EAGAIN);
    return error;
}

static int await_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns)
{
    handle->producer.needed_cells = need_cells;
    /* Usually consumers are busy and make room soon: reclaiming now would only steal their cache lines. */
    if (timeout_ns != 0)
        (void)spin_until(&handle->spin, attempt_looks_worthwhile, handle);
    int error = attempt(handle, need_cells);
    if (error != -EAGAIN || timeout_ns == 0) {
        blocked_look(handle, error == -EAGAIN);
        if (error == -EAGAIN)
            events_full_refused(handle);
        return error;
    }
    const int64_t now = clock_now_ns();
    blocked_begin(handle, now);
    error = sleep_until_room(handle, need_cells, timeout_ns, now);
    blocked_end(handle, error);
    return error;
}

static int wait_for_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns)
{
    const int error = await_room(handle, need_cells, timeout_ns);
    if (error == 0 && handle->recorder.full.since_ns != 0)
        events_full_ended(handle);
    return events_lane_error(handle, handle->producer.view->ring.lane, error);
}

/* Marks the block of the next message and dates it, as far as that is due (marks.h). */
static __attribute__((noinline)) void sample(struct ring_producer *p, uint64_t need_cells)
{
    marks_sample(p, need_cells, marks_want_clock(p) ? clock_coarse_ns() : 0);
}

/* Context: the limit is reached. */
static __attribute__((noinline)) int make_room_slow(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns)
{
    struct ring_producer *p = &handle->producer.ring;
    if (handle->producer.reserved_at == (p->next | RESERVED_SLOWLY)) /* it is given up: date what comes instead */
        marks_expect_sample(p);
    const int error = ring_fits(p, need_cells) ? 0 : wait_for_room(handle, need_cells, timeout_ns);
    if (error == 0)
        sample(p, need_cells);
    else
        marks_expect_sample(p); /* a smaller message may fit, and comes later than what was known here */
    return error;
}

static inline int make_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns)
{
    if (__builtin_expect(ring_has_room(&handle->producer.ring, need_cells), 1))
        return 0;
    return make_room_slow(handle, need_cells, timeout_ns);
}

/* Whether there is known to be room for one more message of a portion. */
bool put_continues(struct ring_producer *p, uint64_t need_cells)
{
    if (ring_has_room(p, need_cells))
        return true;
    if (!ring_fits(p, need_cells))
        return false;
    sample(p, need_cells);
    return true;
}

/* ------------------------------------------------------------------ putting */

/* Checks the name now and then: if it is deleted, a process that attaches later cannot find what is put here. */
static inline bool name_check_is_due(uint64_t messages, uint32_t published)
{
    return messages % MESSAGES_BETWEEN_CHECKS < published;
}

/* Consumers were waiting, so the message is the first after a while: it has a put time before they come. */
static void wake_consumers(struct shmq *handle, uint32_t published)
{
    struct ring_producer *p = &handle->producer.ring;
    if (!waiting_consumers_sleep(handle))
        return;
    if (marks_want_date(p))
        marks_date_published(p, clock_coarse_ns());
    waiting_wake_consumers_slow(handle, published);
    marks_expect_sample(p);
}

static __attribute__((noinline)) int after_publish_slow(struct shmq *handle, uint32_t published)
{
    wake_consumers(handle, published);
    /* After B2: consumers that found everything drained after their B1 either saw P1, or we see the flag. */
    if ((handle_flags(handle) & FLAG_DRAIN) != 0)
        return -ESHUTDOWN;
    return name_check_is_due(handle->producer.ring.messages, published) && handle_is_stale(handle) ? -ESTALE : 0;
}

/* What follows a publication: usually nothing. @messages: put into the lane so far. */
static inline int after_publish(struct shmq *handle, uint64_t messages, uint32_t published)
{
    const struct header *const header = handle->header; /* read once, although a barrier follows */
    const bool wake = waiting_consumers_sleep_in(header);
    const bool drain = (atomic_load_explicit(&header->flags, memory_order_relaxed) & FLAG_DRAIN) != 0;
    if (__builtin_expect(!wake && !drain && !name_check_is_due(messages, published), 1))
        return 0;
    return after_publish_slow(handle, published);
}

/* Publishes what was appended, and wakes consumers. */
__attribute__((always_inline)) static inline int publish(struct shmq *handle, uint32_t messages)
{
    struct ring_producer *p = &handle->producer.ring;
    if (__builtin_expect(handle->producer.has_cursor, 0))
        ring_publish_with_cursor(p, handle->producer.cursor);
    else
        ring_publish(p);
    return after_publish(handle, p->messages, messages);
}

/* Whether a message is not empty, fits into one cell, and is not longer than the largest message. */
static inline bool is_short(const struct producer_side *side, size_t length)
{
    return length - 1 < side->max_short_bytes;
}

/* Writes the payload of the next message to append. */
static inline void write_payload(const struct ring_producer *p, const void *data, size_t length)
{
    if (length > 0)
        memcpy(ring_payload(&p->ring, p->next), data, length);
    if (length > CELL_BYTES) /* for less, prefetching costs more than it saves */
        ring_prefetch_room(&p->ring, p->next + ROOM_AHEAD, p->room, cells_for(length));
}

/*
 * Whether the fast path applies: a valid handle, room for @cells without reading shared memory, and no shutdown.
 * A handle of another role, and one after shmq_finish, never has room.
 */
static inline bool fast_path_applies(const struct shmq *handle, uint64_t cells)
{
    return __builtin_expect(handle != NULL && handle->magic == HANDLE_MAGIC &&
                                ring_has_room(&handle->producer.ring, cells) && !is_shut(handle),
                            1);
}

static __attribute__((noinline)) int put_slow(struct shmq *handle, const void *data, size_t length,
                                              int64_t timeout_ns)
{
    int error = check_put(handle, length);
    if (error == 0 && data == NULL && length > 0)
        error = -EINVAL;
    if (error == 0)
        error = make_room(handle, cells_for(length), timeout_ns);
    if (error != 0)
        return error;
    struct producer_side *p = &handle->producer;
    write_payload(&p->ring, data, length);
    PROBE_PUT(p->ring.ring.lane, p->ring.next, length, 1);
    ring_append(&p->ring, p->frame | length);
    return publish(handle, 1);
}

/* Puts the message at next, whose payload is written. Context: no cursor belongs to it. */
__attribute__((always_inline)) static inline int put_written(struct shmq *handle, uint64_t next, size_t length,
                                                             uint64_t cells)
{
    const struct producer_side *side = &handle->producer;
    const struct ring *ring = &side->ring.ring;
    const uint64_t offset = side->ring.stream_offset;
    const uint64_t messages = side->ring.messages + 1;
    ring_write_record(ring_record(ring, next), record_tag(ring, next), side->frame | length, offset);
    PROBE_PUT(ring->lane, next, length, 1);
    ring_publish_at(&handle->producer.ring, next + cells, offset + side->framing + length, messages);
    return after_publish(handle, messages, 1);
}

/*
 * The path of a short message makes no calls, so no registers are spilled, and it reads nothing twice. Together,
 * that halves its time.
 */
int shmq_put(struct shmq *handle, const void *data, size_t length, int64_t timeout_ns)
{
    if (data == NULL || !fast_path_applies(handle, 1) || !is_short(&handle->producer, length))
        return put_slow(handle, data, length, timeout_ns);
    const uint64_t next = handle->producer.ring.next;
    copy_short(ring_payload(&handle->producer.ring.ring, next), data, length);
    return put_written(handle, next, length, 1);
}

static inline void reserve(struct producer_side *p, size_t length, void **payload)
{
    p->reserved_at = p->ring.next;
    p->reserved_bytes = length;
    *payload = ring_payload(&p->ring.ring, p->ring.next);
}

static __attribute__((noinline)) int reserve_slow(struct shmq *handle, size_t length, void **payload,
                                                  int64_t timeout_ns)
{
    int error = check_put(handle, length);
    if (error == 0 && payload == NULL)
        error = -EINVAL;
    if (error == 0)
        error = make_room(handle, cells_for(length), timeout_ns);
    if (error != 0)
        return error;
    reserve(&handle->producer, length, payload);
    handle->producer.reserved_at |= RESERVED_SLOWLY;
    handle->producer.ring.limit = handle->producer.ring.next; /* if it is given up, sample again */
    return 0;
}

int shmq_reserve(struct shmq *handle, size_t length, void **payload, int64_t timeout_ns)
{
    if (payload == NULL || !fast_path_applies(handle, cells_for(length)) ||
        length > handle->producer.ring.ring.max_message_bytes)
        return reserve_slow(handle, length, payload, timeout_ns);
    reserve(&handle->producer, length, payload);
    return 0;
}

/* After a reservation that was sampled, the message is put now, so it is dated again. */
static __attribute__((noinline)) int commit_slow(struct shmq *handle, size_t length)
{
    int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    struct producer_side *p = &handle->producer;
    if ((p->reserved_at & ~RESERVED_SLOWLY) != p->ring.next || length > p->reserved_bytes)
        return -EINVAL;
    error = check_open(handle);
    if (error != 0)
        return error;
    if (p->reserved_at != p->ring.next) {
        p->reserved_at = p->ring.next;
        ring_set_limit(&p->ring);
        marks_date_again(&p->ring, clock_coarse_ns());
    }
    PROBE_PUT(p->ring.ring.lane, p->ring.next, length, 1);
    ring_append_cells(&p->ring, p->frame | length, cells_for(length), p->framing + length);
    return publish(handle, 1);
}

/* A handle of another role, and one after shmq_finish, has no reservation of this kind. */
int shmq_commit(struct shmq *handle, size_t length)
{
    if (__builtin_expect(handle == NULL || handle->magic != HANDLE_MAGIC, 0))
        return commit_slow(handle, length);
    const struct producer_side *p = &handle->producer;
    const uint64_t next = p->ring.next;
    if (__builtin_expect(p->reserved_at != next || length > p->reserved_bytes || p->has_cursor || is_shut(handle),
                         0))
        return commit_slow(handle, length);
    return put_written(handle, next, length, cells_for(length));
}

static bool is_valid(const struct ring *ring, const struct iovec *message)
{
    return message->iov_len <= ring->max_message_bytes && (message->iov_base != NULL || message->iov_len == 0);
}

/* The same as append_others, of which the first is not short. */
static __attribute__((noinline)) size_t append_long(struct producer_side *side, const struct iovec *messages,
                                                    size_t most, size_t *bytes)
{
    struct ring_producer p = side->ring; /* a copy, to be kept in registers */
    const uint64_t frame = side->frame;
    const uint64_t framing = side->framing;
    size_t left = *bytes;
    size_t i = 0;
    for (; i < most && left > 0; i++) {
        const size_t length = messages[i].iov_len;
        const uint64_t cells = cells_for(length);
        if (is_short(side, length) || !is_valid(&p.ring, &messages[i]) || !ring_has_room(&p, cells))
            break;
        write_payload(&p, messages[i].iov_base, length);
        ring_append_cells(&p, frame | length, cells, framing + length);
        left -= length < left ? length : left;
    }
    side->ring = p;
    *bytes = left;
    return i;
}

/*
 * Appends leading messages that are not short. Stops at a short or invalid one, after @most messages, when @bytes
 * (which it decreases) are used up, or when the known room is. Return: how many.
 */
static inline size_t append_others(struct producer_side *side, const struct iovec *messages, size_t most,
                                   size_t *bytes)
{
    return most == 0 || is_short(side, messages->iov_len) ? 0 : append_long(side, messages, most, bytes);
}

/*
 * Appends leading messages that are short: at most @most, no more than there is known room for, and none beyond
 * the end of the lap, so that their cells and descriptors are contiguous. Return: how many.
 */
static size_t append_short(struct producer_side *side, const struct iovec *messages, size_t most)
{
    struct ring_producer *producer = &side->ring;
    const uint64_t frame = side->frame;
    const uint64_t framing = side->framing;
    const size_t longest = side->max_short_bytes;
    const struct ring *ring = &producer->ring;
    const uint64_t next = producer->next;
    struct record *const records = ring_record(ring, next);
    unsigned char *const cells = ring_payload(ring, next);
    const uint64_t lap = lease_lap_of(ring->format, next);
    const uint64_t to_end = ring->cells - (next & ring->mask);
    const uint64_t room = producer->limit - next;
    uint64_t stream_offset = producer->stream_offset;
    size_t i = 0;
    most = most < to_end ? most : to_end;
    most = most < room ? most : room;
    for (; i < most; i++) {
        const size_t length = messages[i].iov_len;
        if (length - 1 >= longest || messages[i].iov_base == NULL)
            break;
        copy_short(cells + (i << CELL_SHIFT), messages[i].iov_base, length);
        ring_write_record(&records[i], (next + i) ^ lap, frame | length, stream_offset);
        stream_offset += framing + length;
    }
    producer->next = next + i;
    producer->stream_offset = stream_offset;
    producer->messages += i;
    return i;
}

/* Whether appending can go on with a message: it is valid, and there is known to be room. */
static inline bool goes_on(struct producer_side *side, const struct iovec *message)
{
    return is_valid(&side->ring.ring, message) && put_continues(&side->ring, cells_for(message->iov_len));
}

/*
 * Appends leading messages: at most a portion, no more than there is known room for, and none from the first
 * invalid one on. Return: how many.
 */
static size_t append_portion(struct producer_side *side, const struct iovec *messages, size_t count)
{
    const size_t most = count < PORTION_MESSAGES ? count : PORTION_MESSAGES;
    size_t bytes = PORTION_BYTES; /* short messages do not count: a portion of them takes far less */
    size_t i = 0;
    do {
        i += append_short(side, messages + i, most - i);
        i += append_others(side, messages + i, most - i, &bytes);
    } while (i < most && bytes > 0 && goes_on(side, &messages[i]));
    return i;
}

/* Puts one portion, after waiting for room for its first message. Adds to @put. Return: like shmq_put. */
static int put_portion(struct shmq *handle, const struct iovec *messages, size_t count, size_t *put,
                       int64_t timeout_ns)
{
    int error = check_put(handle, messages->iov_len);
    if (error == 0 && !is_valid(&handle->producer.ring.ring, messages))
        error = -EINVAL;
    if (error == 0)
        error = make_room(handle, cells_for(messages->iov_len), timeout_ns);
    if (error != 0)
        return error;
    const struct ring_producer *p = &handle->producer.ring;
    const size_t portion = append_portion(&handle->producer, messages, count);
    *put += portion;
    PROBE_PUT(p->ring.lane, PROBE_FIELD(p->ring.control->tail), messages->iov_len, portion);
    return publish(handle, (uint32_t)portion);
}

int shmq_put_many(struct shmq *handle, const struct iovec *messages, size_t count, size_t *done,
                  int64_t timeout_ns)
{
    size_t put = 0;
    int64_t left_ns = timeout_ns;
    const int64_t deadline = timeout_ns > 0 ? clock_deadline(timeout_ns) : 0;
    int error = handle_check(handle, SHMQ_PRODUCER);
    if (error == 0 && messages == NULL && count > 0)
        error = -EINVAL;
    if (error == 0)
        put_expect(&handle->producer, count);
    while (error == 0 && put < count) {
        error = put_portion(handle, messages + put, count - put, &put, left_ns);
        left_ns = put_time_left(timeout_ns, deadline);
    }
    if (done != NULL)
        *done = put;
    return error == -EAGAIN && timeout_ns > 0 ? -ETIMEDOUT : error;
}

int put_check(const struct shmq *handle, uint64_t length)
{
    return check_put(handle, length);
}

int put_make_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns)
{
    return make_room(handle, need_cells, timeout_ns);
}

__attribute__((noinline)) int put_publish(struct shmq *handle, uint32_t messages)
{
    return publish(handle, messages);
}

void put_set_cursor(struct producer_side *side, const struct shmq_cursor *cursor)
{
    memcpy(side->cursor, cursor->words, sizeof(side->cursor));
    side->has_cursor = true;
    side->max_short_bytes = 0;
}

int shmq_set_frame(struct shmq *handle, enum shmq_frame frame, uint8_t delimiter)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    if (frame < SHMQ_FRAME_NONE || frame > SHMQ_FRAME_LENGTH32)
        return -EINVAL;
    handle->producer.frame = record_frame((uint8_t)frame, frame == SHMQ_FRAME_DELIMITER ? delimiter : 0);
    handle->producer.framing = record_stream_bytes(handle->producer.frame);
    marks_set_framing(&handle->producer.ring, handle->producer.framing);
    return 0;
}

int shmq_finish(struct shmq *handle)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    return error != 0 ? error : lane_finish(handle);
}
