/* SPDX-License-Identifier: MIT */
#include "common/core/copy.h"
#include "common/kernel/clock.h"
#include "common/queue/lane.h"
#include "common/queue/waiting.h"

/* After so many messages a producer looks whether the queue still has its name. */
#define MESSAGES_BETWEEN_LOOKS 4096u
/* A batch is published in portions, so that consumers work on one while the next is written. */
#define PORTION_MESSAGES 64u
#define PORTION_BYTES 32768u
#define PATIENT_NS INT64_C(2000000) /* how long a producer sleeps for more room than it needs */

/* Whether nobody may put any more. */
static inline bool is_shut(const struct shmq *handle)
{
    return (handle_flags(handle) & (FLAG_REMOVED | FLAG_DRAIN | FLAG_NOW)) != 0;
}

/* Why there will be no more puts. Return: 0; -ESTALE; -ESHUTDOWN. */
__attribute__((always_inline)) static inline int check_open(const struct shmq *handle)
{
    if (__builtin_expect(!is_shut(handle) && !handle->producer.finished, 1))
        return 0;
    return (handle_flags(handle) & FLAG_REMOVED) != 0 ? -ESTALE : -ESHUTDOWN;
}

__attribute__((always_inline)) static inline int check_put(const struct shmq *handle, uint64_t length)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (error != 0)
        return error;
    if (__builtin_expect(length > handle->producer.ring.ring.max_message_bytes, 0))
        return -EMSGSIZE;
    return check_open(handle);
}

/* ------------------------------------------------------------------ waiting for room */

static bool looks_worth_an_attempt(struct shmq *handle)
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

/* The head that makes room for @cells more; never beyond what is published, which is all that can come. */
static uint64_t head_for(const struct ring_producer *p, uint64_t cells)
{
    const uint64_t head = p->next + cells - p->ring.cells;
    return head < p->next ? head : p->next;
}

/* One sleep, until there is room for @cells. Return: what the attempt at @need_cells after it brought. */
static int sleep_once(struct shmq *handle, uint64_t need_cells, uint64_t cells, int64_t deadline_ns)
{
    bool rung = false;
    waiting_arm_producer(handle, head_for(&handle->producer.ring, cells));
    int error = attempt(handle, need_cells); /* S1 */
    const bool slept = error == -EAGAIN && !handle_stopped(handle);
    if (slept) {
        const int64_t began = clock_now_ns();
        rung = waiting_sleep_producer(handle, deadline_ns);
        spin_learn(&handle->spin, clock_now_ns() - began);
    }
    waiting_disarm_producer(handle);
    if (!slept)
        return error;
    error = attempt(handle, need_cells);
    if (cells == need_cells) /* else nobody need have rung, although there is room */
        waiting_learn_producer(handle, rung, error == 0);
    return error;
}

/*
 * The first, short sleep is for room worth waking up for: consumers at full speed would else wake us for each
 * message that they finish. If that does not come soon they are slow, and we sleep until there is just the room
 * that we need.
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

static int wait_for_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns)
{
    handle->producer.needed_cells = need_cells;
    /* Most often consumers are at work, and make room soon: reclaiming would only take their lines from them. */
    if (timeout_ns != 0)
        (void)spin_until(&handle->spin, looks_worth_an_attempt, handle);
    int error = attempt(handle, need_cells);
    if (error != -EAGAIN || timeout_ns == 0)
        return error;
    const int64_t deadline = clock_deadline(timeout_ns);
    do {
        error = handle_ends_wait(handle) ? -EINTR : sleep_for_room(handle, need_cells, deadline);
        if (error == -EAGAIN && handle_is_stale(handle))
            error = -ESTALE;
        if (error == -EAGAIN && clock_now_ns() >= deadline)
            error = -ETIMEDOUT;
        if (error == -EAGAIN && spin_until(&handle->spin, looks_worth_an_attempt, handle))
            error = attempt(handle, need_cells);
    } while (error == -EAGAIN);
    return error;
}

static inline int make_room(struct shmq *handle, uint64_t need_cells, int64_t timeout_ns)
{
    if (__builtin_expect(ring_has_room(&handle->producer.ring, need_cells), 1))
        return 0;
    return wait_for_room(handle, need_cells, timeout_ns);
}

/* ------------------------------------------------------------------ putting */

/* A deleted name is noticed now and then: nobody who comes later will find what is put into the object. */
static inline bool looks_at_name(uint64_t messages, uint32_t published)
{
    return messages % MESSAGES_BETWEEN_LOOKS < published;
}

static __attribute__((noinline)) int tell_slowly(struct shmq *handle, uint32_t published)
{
    waiting_wake_consumers(handle, published);
    /* After B2: consumers that found everything drained after their B1 either saw P1, or we see the flag. */
    if ((handle_flags(handle) & FLAG_DRAIN) != 0)
        return -ESHUTDOWN;
    return looks_at_name(handle->producer.ring.messages, published) && handle_is_stale(handle) ? -ESTALE : 0;
}

/* What is to do after a publication: seldom anything. @messages: of the lane so far. */
static inline int tell(struct shmq *handle, uint64_t messages, uint32_t published)
{
    const bool wake = waiting_consumers_sleep(handle);
    const bool drain = (handle_flags(handle) & FLAG_DRAIN) != 0;
    if (__builtin_expect(!wake && !drain && !looks_at_name(messages, published), 1))
        return 0;
    return tell_slowly(handle, published);
}

/* Publishes what was appended, and wakes. */
static inline int publish(struct shmq *handle, uint32_t messages)
{
    struct ring_producer *p = &handle->producer.ring;
    ring_publish(p);
    return tell(handle, p->messages, messages);
}

/* Whether a message has a content, takes no more than a cell, and may be put. */
static inline bool is_short(const struct producer_side *side, size_t length)
{
    return length - 1 < side->most_short;
}

/* Writes the payload of the message to be appended next. */
static inline void write_payload(const struct ring_producer *p, const void *data, size_t length)
{
    if (length > 0)
        memcpy(ring_payload(&p->ring, p->next), data, length);
    if (length > CELL_BYTES) /* for less, it costs more than it brings */
        ring_ask_for_room(&p->ring, p->next, p->limit, cells_for(length));
}

/*
 * Whether there is room for @cells, as far as known, and nothing in the way: in a handle of another role, and
 * after shmq_finish, there is no room.
 */
static inline bool has_way(const struct shmq *handle, uint64_t cells)
{
    return __builtin_expect(handle != NULL && handle->magic == HANDLE_MAGIC &&
                                ring_has_room(&handle->producer.ring, cells) && !is_shut(handle),
                            1);
}

static __attribute__((noinline)) int put_slowly(struct shmq *handle, const void *data, size_t length,
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
    ring_append(&p->ring, p->frame | length);
    return publish(handle, 1);
}

/*
 * On the way of a short message there is no call, and so nothing to save, and what is needed again is not read
 * again: together, that would be half of the time.
 */
int shmq_put(struct shmq *handle, const void *data, size_t length, int64_t timeout_ns)
{
    if (data == NULL || !has_way(handle, 1) || !is_short(&handle->producer, length))
        return put_slowly(handle, data, length, timeout_ns);
    const struct producer_side *side = &handle->producer;
    const struct ring *ring = &side->ring.ring;
    const uint64_t next = side->ring.next;
    copy_short(ring_payload(ring, next), data, length);
    const uint64_t offset = side->ring.stream_offset;
    const uint64_t messages = side->ring.messages + 1;
    ring_write_record(ring_record(ring, next), record_tag(ring, next), side->frame | length, offset);
    ring_publish_at(&handle->producer.ring, next + 1, offset + side->framing + length, messages);
    return tell(handle, messages, 1);
}

static inline void reserve(struct producer_side *p, size_t length, void **payload)
{
    p->reserved_at = p->ring.next;
    p->reserved_bytes = length;
    *payload = ring_payload(&p->ring.ring, p->ring.next);
}

static __attribute__((noinline)) int reserve_slowly(struct shmq *handle, size_t length, void **payload,
                                                    int64_t timeout_ns)
{
    int error = check_put(handle, length);
    if (error == 0 && payload == NULL)
        error = -EINVAL;
    if (error == 0)
        error = make_room(handle, cells_for(length), timeout_ns);
    if (error == 0)
        reserve(&handle->producer, length, payload);
    return error;
}

int shmq_reserve(struct shmq *handle, size_t length, void **payload, int64_t timeout_ns)
{
    if (payload == NULL || !has_way(handle, cells_for(length)) ||
        length > handle->producer.ring.ring.max_message_bytes)
        return reserve_slowly(handle, length, payload, timeout_ns);
    reserve(&handle->producer, length, payload);
    return 0;
}

int shmq_commit(struct shmq *handle, size_t length)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    if (__builtin_expect(error != 0, 0))
        return error;
    struct producer_side *p = &handle->producer;
    if (p->reserved_at != p->ring.next || length > p->reserved_bytes)
        return -EINVAL;
    const int closed = check_open(handle);
    if (closed != 0)
        return closed;
    ring_append_cells(&p->ring, p->frame | length, cells_for(length), p->framing + length);
    return publish(handle, 1);
}

static bool may_be_put(const struct ring *ring, const struct iovec *message)
{
    return message->iov_len <= ring->max_message_bytes && (message->iov_base != NULL || message->iov_len == 0);
}

/*
 * Appends messages from the first on that are not short, as far as @bytes (which become less) and the room known
 * of go, and no further than the first that cannot be put. Return: how many.
 */
static size_t append_others(struct producer_side *side, const struct iovec *messages, size_t most, size_t *bytes)
{
    struct ring_producer p = side->ring; /* in registers */
    const uint64_t frame = side->frame;
    const uint64_t framing = side->framing;
    size_t left = *bytes;
    size_t i = 0;
    for (; i < most && left > 0; i++) {
        const size_t length = messages[i].iov_len;
        const uint64_t cells = cells_for(length);
        if (is_short(side, length) || !may_be_put(&p.ring, &messages[i]) || !ring_has_room(&p, cells))
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
 * Appends messages from the first on that are short, up to @most, as far as there is room and up to the end
 * of the lap, so that cells and descriptors follow upon each other. Return: how many.
 */
static size_t append_short(struct producer_side *side, const struct iovec *messages, size_t most)
{
    struct ring_producer *producer = &side->ring;
    const uint64_t frame = side->frame;
    const uint64_t framing = side->framing;
    const size_t longest = side->most_short;
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

/*
 * Appends messages from the first on, as far as a portion and the room known of go, and no further than the first
 * that cannot be put. Return: how many.
 */
static size_t append_portion(struct producer_side *side, const struct iovec *messages, size_t count)
{
    const size_t most = count < PORTION_MESSAGES ? count : PORTION_MESSAGES;
    size_t bytes = PORTION_BYTES; /* the short ones do not count: a portion of them is far less */
    size_t i = 0;
    size_t before;
    do {
        before = i;
        i += append_short(side, messages + i, most - i);
        i += append_others(side, messages + i, most - i, &bytes);
    } while (i > before && i < most && bytes > 0);
    return i;
}

/* One portion, whose first message there is room for. Return: how many in @put; as shmq_put. */
static int put_portion(struct shmq *handle, const struct iovec *messages, size_t count, size_t *put,
                       int64_t timeout_ns)
{
    int error = check_put(handle, messages->iov_len);
    if (error == 0 && !may_be_put(&handle->producer.ring.ring, messages))
        error = -EINVAL;
    if (error == 0)
        error = make_room(handle, cells_for(messages->iov_len), timeout_ns);
    if (error != 0)
        return error;
    const size_t portion = append_portion(&handle->producer, messages, count);
    *put += portion;
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
    while (error == 0 && put < count) {
        error = put_portion(handle, messages + put, count - put, &put, left_ns);
        if (timeout_ns > 0) {
            left_ns = deadline - clock_now_ns();
            left_ns = left_ns > 0 ? left_ns : 0;
        }
    }
    if (done != NULL)
        *done = put;
    return error == -EAGAIN && timeout_ns > 0 ? -ETIMEDOUT : error;
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
    return 0;
}

int shmq_finish(struct shmq *handle)
{
    const int error = handle_check(handle, SHMQ_PRODUCER);
    return error != 0 ? error : lane_finish(handle);
}
