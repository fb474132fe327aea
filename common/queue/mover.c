/* SPDX-License-Identifier: MIT */
#include "common/queue/mover.h"

#include <stdlib.h>
#include <string.h>

#include "common/queue/lane.h"
#include "common/queue/seat.h"
#include "common/queue/sized.h"
#include "common/queue/source.h"

static void let_go(struct seat_tie *tie, uint32_t seat)
{
    mover_let_go((struct shmq_mover *)tie, seat);
}

int shmq_mover_open(struct shmq_mover **mover, struct shmq *consumer, const char *destination,
                    const struct shmq_options *options)
{
    if (mover == NULL)
        return -EINVAL;
    *mover = NULL;
    int error = handle_check(consumer, SHMQ_CONSUMER);
    if (error == 0)
        error = shmq_name_check(destination);
    if (error != 0)
        return error;
    struct shmq_mover *fresh = calloc(1, sizeof(*fresh));
    if (fresh == NULL)
        return -ENOMEM;
    error = sized_take_options(&fresh->options, options);
    if (error != 0) {
        free(fresh);
        return error;
    }
    fresh->tie.let_go = let_go;
    fresh->consumer = consumer;
    memcpy(fresh->name, destination, strlen(destination) + 1); /* shmq_name_check has checked its length */
    *mover = fresh;
    return 0;
}

/* ------------------------------------------------------------------ lanes that are kept */

static bool keeps_any(const struct shmq_mover *mover)
{
    return mover->kept[0].to != NULL || mover->kept[1].to != NULL;
}

/* The handle of a consumer knows the movers that keep lanes for its seats. */
static void tie(struct shmq_mover *mover)
{
    mover->tie.next = mover->consumer->consumer.ties;
    mover->consumer->consumer.ties = &mover->tie;
}

static void untie(struct shmq_mover *mover)
{
    struct seat_tie **at = &mover->consumer->consumer.ties;
    while (*at != NULL && *at != &mover->tie)
        at = &(*at)->next;
    if (*at != NULL) /* in a forked child, the consumer's handle is wiped */
        *at = mover->tie.next;
}

static struct mover_lane *find_kept(struct shmq_mover *mover, uint32_t seat)
{
    for (size_t i = 0; i < KEPT_LANES; i++)
        if (mover->kept[i].to != NULL && mover->kept[i].seat == seat)
            return &mover->kept[i];
    return NULL;
}

static void leave(struct mover_lane *lane)
{
    shmq_withdraw(lane->to);
    lane->to = NULL;
}

void mover_let_go(struct shmq_mover *mover, uint32_t seat)
{
    struct mover_lane *lane = find_kept(mover, seat);
    if (lane != NULL)
        leave(lane);
}

void shmq_mover_close(struct shmq_mover *mover)
{
    if (mover == NULL)
        return;
    for (size_t i = 0; i < KEPT_LANES; i++)
        if (mover->kept[i].to != NULL)
            leave(&mover->kept[i]);
    untie(mover);
    free(mover);
}

/* The source identity of a seat's mover; never 0. */
static uint64_t source_of(uint64_t queue_id, uint32_t seat)
{
    uint64_t hash = queue_id + UINT64_C(0x9e3779b97f4a7c15) * ((uint64_t)seat + 1);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    hash ^= hash >> 31;
    return hash != 0 ? hash : 1;
}

int mover_open_lane(const struct shmq_mover *mover, uint64_t flags, struct shmq **to, int64_t timeout_ns)
{
    const struct shmq *consumer = mover->consumer;
    struct shmq_options options = mover->options;
    options.source_id = source_of(consumer->object.queue_id, consumer->consumer.batch.seat);
    options.source_flags = flags;
    options.attach_wait_ns = timeout_ns;
    options.stop = consumer->stop;
    return shmq_open(to, mover->name, SHMQ_PRODUCER, &options);
    /* Cannot occur: -ENAMETOOLONG (shmq_mover_open has checked the name). */
}

/* A place for one more lane. Both are taken only if the consumer has changed its own seat and batch since. */
static struct mover_lane *find_place(struct shmq_mover *mover)
{
    struct mover_lane *lane = mover->kept;
    if (lane->to != NULL && (mover->kept[1].to == NULL || lane->seat == mover->consumer->consumer.seat))
        lane++;
    if (lane->to != NULL)
        leave(lane);
    return lane;
}

int mover_keep_lane(struct shmq_mover *mover, struct shmq **to, int64_t timeout_ns)
{
    const uint32_t seat = mover->consumer->consumer.batch.seat;
    struct mover_lane *lane = find_kept(mover, seat);
    if (lane == NULL) {
        const bool first = !keeps_any(mover);
        struct shmq *fresh;
        const int error = mover_open_lane(mover, 0, &fresh, timeout_ns);
        if (error != 0)
            return error;
        if (first) {
            untie(mover);
            tie(mover);
        }
        lane = find_place(mover);
        *lane = (struct mover_lane){.to = fresh, .seat = seat};
    }
    *to = lane->to;
    return 0;
}

/* ------------------------------------------------------------------ cursors */

struct shmq_cursor mover_cursor(const struct shmq_mover *mover, uint32_t lane, uint64_t position)
{
    return (struct shmq_cursor){.words = {mover->consumer->object.queue_id, (uint64_t)lane + 1, position}};
}

int mover_came_to(const struct shmq_mover *mover, struct shmq *to, uint64_t *position)
{
    const struct batch *b = &mover->consumer->consumer.batch;
    struct shmq_cursor last;
    *position = 0;
    const int error = shmq_resume_cursor(to, &last);
    if (error != 0 || b->view == NULL)
        return error;
    const struct shmq_cursor here = mover_cursor(mover, b->view->ring.lane, last.words[2]);
    const uint64_t end = b->held ? b->start + 1 : b->end;
    if (memcmp(&last, &here, sizeof(last)) == 0 && last.words[2] >= b->start && last.words[2] < end)
        *position = last.words[2];
    return 0;
}

/* ------------------------------------------------------------------ the end */

/*
 * Whether the lane is that of a seat of the source queue in which nothing is left, and is unfinished. While there
 * is something, its cursor may be needed.
 */
static bool may_finish(const void *context, const struct lane_control *control)
{
    const struct shmq_mover *mover = context;
    struct shmq *consumer = mover->consumer;
    if (lane_life_state(control->life) != LANE_ACTIVE || control->source_id == 0)
        return false;
    for (uint32_t seat = 0; seat < handle_geometry(consumer)->parameters.seats; seat++)
        if (control->source_id == source_of(consumer->object.queue_id, seat))
            return seat_work(consumer, seat) == SEAT_EMPTY;
    return false;
}

/*
 * Finishes the lanes that dead movers of the source queue left. Those of live ones are locked. The first look
 * saves mapping the lane. The second, while the lane is ours, counts: somebody may have taken it up, put something
 * and died, or it may be another source's now.
 */
static int finish_dead(const struct shmq_mover *mover, struct shmq *to)
{
    for (uint32_t lane = 0; lane < handle_geometry(to)->parameters.lanes; lane++) {
        union source_peek peek;
        if (lane == to->producer.view->ring.lane || !handle_lane_used(to, lane) || !source_peek(to, lane, &peek) ||
            !may_finish(mover, &peek.control))
            continue;
        const int error = lane_finish_dead(to, lane, 0, may_finish, mover);
        if (error != 0 && error != -EBUSY && error != -EALREADY)
            return error;
    }
    return 0;
}

/* Finishes the lanes that this mover keeps. Return: 0; -ESTALE. */
static int finish_kept(struct shmq_mover *mover)
{
    int error = 0;
    for (size_t i = 0; i < KEPT_LANES; i++) {
        const int closed = shmq_close(mover->kept[i].to);
        mover->kept[i].to = NULL;
        error = error != 0 ? error : closed;
    }
    return error; /* Cannot occur: -EINVAL, -ECHILD (they are handles of this process). */
}

/*
 * Whether all messages that are leased are acknowledged, and a previous owner of the seat left none in it. Return:
 * 0; -EBUSY; -EBADMSG; -ENOMEM.
 */
static int check_done(struct shmq *consumer)
{
    const struct batch *b = &consumer->consumer.batch;
    if (b->view != NULL)
        return b->handed != b->done ? -EBUSY : 0;
    const int work = seat_work(consumer, consumer->consumer.seat);
    return work > SEAT_EMPTY ? -EBUSY : work;
}

/* Whether the cursor tells of messages of the batch that are not handed out yet: a dead mover put them. Return: 0;
 * -EBUSY. */
static int check_cursor(const struct shmq_mover *mover, struct shmq *to)
{
    const struct batch *b = &mover->consumer->consumer.batch;
    uint64_t came_to;
    const int error = mover_came_to(mover, to, &came_to);
    if (error != 0 || came_to == 0)
        return error;
    return came_to >= (b->held ? b->start : b->next) ? -EBUSY : 0;
}

/*
 * The dead movers' lanes come first: as long as one of ours is unfinished and alive, no consumer of the
 * destination comes to an end.
 */
int shmq_mover_finish(struct shmq_mover *mover)
{
    struct shmq *to;
    int error = mover == NULL ? -EINVAL : handle_check(mover->consumer, SHMQ_CONSUMER);
    if (error != 0)
        return error;
    error = check_done(mover->consumer);
    if (error != 0)
        return error;
    error = mover_keep_lane(mover, &to, SHMQ_ATTACH_WAIT_DEFAULT_NS);
    if (error == 0)
        error = check_cursor(mover, to);
    if (error == 0)
        error = finish_dead(mover, to);
    return error != 0 ? error : finish_kept(mover);
}
