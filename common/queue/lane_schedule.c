/* SPDX-License-Identifier: MIT */
#include "common/queue/lane_schedule.h"

#include "common/core/marks.h"
#include "common/kernel/byte_lock.h"
#include "common/kernel/probes.h"
#include "common/queue/batch.h"
#include "common/queue/events.h"
#include "common/queue/mapping.h"
#include "common/queue/waiting.h"

#define SHARERS_LOOK_NS INT64_C(1000000000) /* how often to count consumers if the membership has not changed */

/* ------------------------------------------------------------------ lanes in use and their consumers */

static void add_by_priority(struct shmq *handle, uint32_t lane)
{
    struct lane_list *active = &handle->consumer.active;
    uint32_t i = active->count++;
    for (; i > 0 && handle->lanes[active->lanes[i - 1]].priority > handle->lanes[lane].priority; i--)
        active->lanes[i] = active->lanes[i - 1];
    active->lanes[i] = lane;
}

static int find_active_lanes(struct shmq *handle)
{
    handle->consumer.active.count = 0;
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.lanes; i++) {
        struct lane_view *view;
        if (!handle_lane_used(handle, i))
            continue;
        const int error = mapping_lane(handle, i, &view);
        if (error != 0)
            return error;
        const uint32_t priority = atomic_load_explicit(&view->ring.control->priority, memory_order_relaxed);
        view->priority = priority < SHMQ_PRIORITIES ? priority : SHMQ_PRIORITIES - 1;
        add_by_priority(handle, i);
    }
    return 0;
}

static void count_sharers(struct shmq *handle, int64_t now_ns)
{
    struct consumer_side *c = &handle->consumer;
    c->sharers = 1;
    c->sharers_ns = now_ns;
    if (c->takes_all)
        return;
    for (uint32_t i = 0; i < handle_geometry(handle)->parameters.seats; i++)
        if (i != c->seat && atomic_load_explicit(&handle->seats[i].pid, memory_order_relaxed) != 0 &&
            byte_lock_held(handle->object.fd, handle_seat_byte(handle, i)))
            c->sharers++;
}

void lane_schedule_count_sharers(struct shmq *handle, int64_t now_ns)
{
    if (now_ns - handle->consumer.sharers_ns >= SHARERS_LOOK_NS)
        count_sharers(handle, now_ns);
}

int lane_schedule_update(struct shmq *handle, int64_t now_ns)
{
    struct consumer_side *c = &handle->consumer;
    const uint32_t membership = atomic_load_explicit(&handle->header->membership, memory_order_acquire);
    if (membership != c->membership || c->sharers == 0) {
        const int error = find_active_lanes(handle);
        if (error != 0)
            return error;
        c->membership = membership;
        c->busy_leases = 0;
        count_sharers(handle, now_ns);
    }
    return 0;
}

/* ------------------------------------------------------------------ leasing */

/* After messages were dropped: reads again what was read before the lease. Return: 0; -EBADMSG. */
static __attribute__((noinline)) int lease_split(struct shmq *handle, const struct ring_batch *batch)
{
    struct consumer_side *c = &handle->consumer;
    struct lane_view *view = &handle->lanes[c->batch.view->ring.lane];
    view->drops = ring_drops(&view->ring);
    if (!ring_read_words(&view->ring, batch, c->words))
        return -EBADMSG;
    batch_split(handle, batch->count);
    return 0;
}

static inline __attribute__((always_inline)) int lease_from(struct shmq *handle, uint32_t lane)
{
    struct consumer_side *c = &handle->consumer;
    struct lane_view *view = &handle->lanes[lane];
    const struct ring_limits limits = {
        .records = c->prefetch, .cells = view->ring.cells / 4, .sharers = c->sharers, .words = c->words};
    struct ring_batch batch;
    const int error = ring_lease(&view->ring, &handle->seats[c->seat], c->seat, &limits, &batch);
    if (error == 0) {
        c->batch = (struct batch){.view = view,
                                  .start = batch.start,
                                  .end = batch.end,
                                  .next = batch.start,
                                  .payload = ring_payload(&view->ring, batch.start),
                                  .progress = &handle->seats[c->seat].progress,
                                  .count = batch.count,
                                  .seat = c->seat};
        PROBE_LEASE(lane, batch.start, batch.count, c->batch.seat);
    }
    if (error == 0 && __builtin_expect(batch.dropped || ring_drops(&view->ring) != view->drops, 0)) /* L2 */
        return lease_split(handle, &batch);
    return error;
}

static uint32_t priority_of(const struct shmq *handle, const struct lane_list *list, uint32_t index)
{
    return handle->lanes[list->lanes[index]].priority;
}

/* Index of the next lane to serve among those of one priority, [@first, @end), which are sorted by number. */
static uint32_t find_turn(const struct shmq *handle, const struct lane_list *list, uint32_t first, uint32_t end)
{
    const uint32_t turn = handle->consumer.turns[priority_of(handle, list, first)];
    for (uint32_t i = first; i < end; i++)
        if (list->lanes[i] >= turn)
            return i;
    return first;
}

static inline __attribute__((always_inline)) int lease_in_turn(struct shmq *handle, uint32_t lane)
{
    const int error = lease_from(handle, lane);
    if (error != -EAGAIN) {
        handle->consumer.last_plus1 = lane + 1;
        handle->consumer.turns[handle->lanes[lane].priority] = lane + 1;
    }
    return error;
}

/* As in lease_from, with other records. */
static inline struct ring_limits limits_in(const struct shmq *handle, uint32_t lane, uint32_t records)
{
    const struct consumer_side *c = &handle->consumer;
    return (struct ring_limits){
        .records = records, .cells = handle->lanes[lane].ring.cells / 4, .sharers = c->sharers, .words = c->words};
}

static __attribute__((noinline)) int lease_from_one(struct shmq *handle, uint32_t lane)
{
    return lease_in_turn(handle, lane);
}

/* Whether there is something to lease. Leases what begins with a dropped message, to step over it. Return: 0;
 * -EAGAIN if not; -EBADMSG. */
static int find(struct shmq *handle, uint32_t lane)
{
    const struct ring_limits one = limits_in(handle, lane, 1);
    struct ring_batch batch;
    bool more;
    const int error = ring_look(&handle->lanes[lane].ring, &one, &batch, &more);
    return error == 0 && batch.dropped ? lease_from_one(handle, lane) : error;
}

/* Records up to the first that is dropped. */
static uint32_t first_run(const struct shmq *handle, const struct ring_batch *batch)
{
    uint32_t count = 0;
    while (count < batch->count && !record_is_dropped(handle->consumer.words[count]))
        count++;
    return count;
}

/* What a lease from the lane would bring. Return: 0; -EAGAIN if there is nothing; -EBADMSG. */
static int measure(struct shmq *handle, uint32_t lane)
{
    struct consumer_side *c = &handle->consumer;
    const struct ring_limits limits = limits_in(handle, lane, c->prefetch);
    struct ring_batch batch;
    bool more;
    const int error = ring_look(&handle->lanes[lane].ring, &limits, &batch, &more);
    if (error != 0)
        return error;
    const uint32_t count = batch.dropped ? first_run(handle, &batch) : batch.count;
    if (count == 0) /* dropped a moment ago */
        return -EAGAIN;
    c->ready =
        (struct ready){.lane = lane, .count = count, .full = more || count < batch.count || count == c->prefetch};
    return 0;
}

/* What is done about a lane. */
enum task { LEASE, FIND, MEASURE };

static inline int do_in(struct shmq *handle, uint32_t lane, enum task task)
{
    return task == LEASE ? lease_in_turn(handle, lane) : task == FIND ? find(handle, lane) : measure(handle, lane);
}

/* Return: the result for the first lane, in the order of service, for which it is not -EAGAIN. */
static inline __attribute__((always_inline)) int do_in_turn(struct shmq *handle, const struct lane_list *list,
                                                            enum task task)
{
    for (uint32_t first = 0, end; first < list->count; first = end) {
        end = first + 1;
        while (end < list->count && priority_of(handle, list, end) == priority_of(handle, list, first))
            end++;
        const uint32_t from = find_turn(handle, list, first, end);
        for (uint32_t i = 0; i < end - first; i++) {
            const uint32_t lane = list->lanes[from + i < end ? from + i : from + i - (end - first)];
            const int error = do_in(handle, lane, task);
            if (error != -EAGAIN)
                return events_lane_error(handle, lane, error);
        }
    }
    return -EAGAIN;
}

static int lease_from_list(struct shmq *handle, const struct lane_list *list)
{
    return do_in_turn(handle, list, LEASE);
}

/*
 * If there are many lanes and few of them are busy, checking all for each batch costs more than the batch. Then
 * only the busy lanes are checked, for a number of leases and at most until the coarse clock advances. With a
 * prefetch of 1, as for slow work, all lanes are always checked, so that an urgent message is served next.
 */
#define LANES_FEW 4u
#define LEASES_BETWEEN_LOOKS 16u

static bool uses_busy_list(const struct consumer_side *c)
{
    return c->active.count > LANES_FEW && c->prefetch > 1;
}

static void find_busy_lanes(struct shmq *handle, int64_t now_ns)
{
    struct consumer_side *c = &handle->consumer;
    c->busy.count = 0;
    for (uint32_t i = 0; i < c->active.count; i++)
        if (ring_has_work(&handle->lanes[c->active.lanes[i]].ring))
            c->busy.lanes[c->busy.count++] = c->active.lanes[i];
    c->busy_leases = LEASES_BETWEEN_LOOKS;
    c->busy_found_ns = now_ns;
}

static int lease_from_any(struct shmq *handle, int64_t now_ns)
{
    struct consumer_side *c = &handle->consumer;
    if (c->active.count == 1) /* there is nothing to choose */
        return events_lane_error(handle, c->active.lanes[0], lease_from_one(handle, c->active.lanes[0]));
    if (!uses_busy_list(c))
        return lease_from_list(handle, &c->active);
    int error = -EAGAIN;
    if (c->busy_leases > 0 && c->busy_found_ns == now_ns) {
        c->busy_leases--;
        error = lease_from_list(handle, &c->busy);
    }
    if (error == -EAGAIN) {
        find_busy_lanes(handle, now_ns);
        error = lease_from_list(handle, &c->busy);
    }
    return error;
}

/*
 * Says to observers what tail of the leased lane was (marks.h). The caller's reading of the clock may be old: it
 * has spun since, or was stopped. So tail is read between two readings that agree; a tick in between is rare.
 */
static void see(const struct shmq *handle, int64_t now_ns)
{
    const struct ring *ring = &handle->consumer.batch.view->ring;
    int64_t before_ns = now_ns;
    for (int tries = 0; tries < 2; tries++) {
        const uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire);
        const int64_t after_ns = clock_coarse_ns();
        if (after_ns == before_ns) {
            marks_see(ring, tail, after_ns);
            return;
        }
        before_ns = after_ns;
    }
}

static __attribute__((noinline)) int lease_and_see(struct shmq *handle, int64_t now_ns)
{
    const int error = lease_from_any(handle, now_ns);
    if (error == 0)
        see(handle, now_ns);
    return error;
}

/* The first lease in a tick of the coarse clock says what tail was; that is often enough. */
int lane_schedule_lease(struct shmq *handle, int64_t now_ns)
{
    return __builtin_expect(handle->consumer.busy_ns == now_ns, 1) ? lease_from_any(handle, now_ns)
                                                                   : lease_and_see(handle, now_ns);
}

/* ------------------------------------------------------------------ looking without leasing */

static uint64_t cells_there(const struct ring *ring)
{
    return atomic_load_explicit(&ring->control->tail, memory_order_relaxed) -
           atomic_load_explicit(&ring->control->claim, memory_order_relaxed);
}

int lane_schedule_look(struct shmq *handle)
{
    return do_in_turn(handle, &handle->consumer.active, FIND);
}

/* Whether a lease from another lane than @best would be full. A lane that may be damaged is left to a lease. */
static bool another_is_full(struct shmq *handle, uint32_t best)
{
    const struct consumer_side *c = &handle->consumer;
    for (uint32_t i = 0; i < c->active.count; i++) {
        const uint32_t lane = c->active.lanes[i];
        const struct ring_limits limits = limits_in(handle, lane, c->prefetch);
        const uint64_t least = limits.cells < limits.records ? limits.cells : limits.records;
        if (lane != best && cells_there(&handle->lanes[lane].ring) >= least && measure(handle, lane) == 0 &&
            c->ready.full)
            return true;
    }
    return false;
}

int lane_schedule_ready(struct shmq *handle, uint32_t *count, bool *full)
{
    struct consumer_side *c = &handle->consumer;
    c->busy_leases = 0; /* so that the next lease looks at the same lanes */
    const int error = do_in_turn(handle, &c->active, MEASURE);
    if (error != 0)
        return error;
    const struct ready best = c->ready;
    *count = best.count;
    *full = best.full || another_is_full(handle, best.lane);
    return 0;
}

/* ------------------------------------------------------------------ polling while spinning */

static bool has_work(const struct shmq *handle, uint32_t lane)
{
    const struct ring *ring = &handle->lanes[lane].ring;
    if (!ring_has_work(ring))
        return false;
    ring_prefetch_work(ring);
    return true;
}

bool lane_schedule_looks_busy(struct shmq *handle)
{
    struct consumer_side *c = &handle->consumer;
    if (atomic_load_explicit(&handle->header->membership, memory_order_relaxed) != c->membership)
        return true;
    if (c->active.count == 0)
        return false;
    c->glance = c->glance + 1 < c->active.count ? c->glance + 1 : 0;
    return (c->last_plus1 != 0 && has_work(handle, c->last_plus1 - 1)) ||
           has_work(handle, c->active.lanes[c->glance]);
}

/* ------------------------------------------------------------------ letting a batch grow */

/*
 * A consumer that is faster than its producer takes messages one by one. Each message then costs a lease, and
 * costs both sides a transfer of the cache line that publishes it. It pays off to wait until some messages have
 * gathered, as long as they come fast. The wait becomes longer if the batch doubled during it, and shorter if it
 * did not. If no more messages come, for example because the producer waits for an answer, the wait ends, and is
 * tried again only occasionally.
 */
#define GROWN_CELLS UINT64_C(256)
#define SMALL_CELLS UINT64_C(64)
#define LOOKS_MAX 32u
#define PAUSES_BETWEEN_LOOKS 8u
#define QUIET_LOOKS 4u /* consecutive checks without a new message, after which to give up */
#define SMALL_BATCHES_BETWEEN_TRIALS 64u
#define PREFETCH_MIN 32u

/* Return: the cells available in the end; 0 if no more messages came, or they stopped coming. */
static uint64_t wait_for_more(const struct ring *ring, uint64_t there, uint32_t patience)
{
    uint32_t looks = 0;
    uint32_t quiet = 0;
    while (looks < patience && there < GROWN_CELLS && quiet < QUIET_LOOKS) {
        const uint64_t before = there;
        for (uint32_t i = 0; i < PAUSES_BETWEEN_LOOKS; i++)
            cpu_relax();
        there = cells_there(ring);
        looks++;
        quiet = there == before ? quiet + 1 : 0;
    }
    return quiet < QUIET_LOOKS && quiet < looks ? there : 0;
}

void lane_schedule_let_grow(struct shmq *handle)
{
    struct consumer_side *c = &handle->consumer;
    if (c->last_plus1 == 0 || c->sharers != 1 || c->prefetch < PREFETCH_MIN || handle->spin.limit == 0)
        return;
    const struct ring *last = &handle->lanes[c->last_plus1 - 1].ring;
    const uint64_t there = cells_there(last);
    if (there == 0 || there >= SMALL_CELLS ||
        there >= last->cells / 32) /* do not let the lane fill up and block the producer */
        return;
    if (c->patience == 0 && ++c->small_batches < SMALL_BATCHES_BETWEEN_TRIALS)
        return;
    if (c->patience == 0)
        c->patience = 1;
    c->small_batches = 0;
    const uint64_t grown = wait_for_more(last, there, c->patience);
    if (grown == 0)
        c->patience = 0;
    else if (grown < 2 * there)
        c->patience = c->patience > 1 ? c->patience / 2 : 1;
    else if (c->patience < LOOKS_MAX)
        c->patience *= 2;
}
