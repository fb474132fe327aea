/* SPDX-License-Identifier: MIT */
#include "common/queue/stat_counters.h"

#include "common/queue/life_in_copy.h"

_Static_assert(sizeof(((struct shmq_lane_stat *)0)->bridge) == sizeof(uint64_t) * BRIDGE_WORDS, "all words");
_Static_assert(sizeof(((struct shmq_seat_stat *)0)->bridge) == sizeof(uint64_t) * BRIDGE_WORDS, "all words");

static uint64_t load(const shared_u64 *word)
{
    return atomic_load_explicit(word, memory_order_acquire);
}

/* How long before @now_ns; all ages of a party count from one reading of the clock. */
static int64_t age(uint64_t then_ns, int64_t now_ns)
{
    if (then_ns == 0 || now_ns == 0)
        return -1;
    return then_ns < (uint64_t)now_ns ? now_ns - (int64_t)then_ns : 0;
}

static uint64_t later(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static void copy_bridge(uint64_t *words, const shared_u64 *bridge)
{
    for (int i = 0; i < BRIDGE_WORDS; i++)
        words[i] = load(&bridge[i]);
}

/* A dead owner may have left its wait behind. */
static void fill_blocked(const struct lane_counters *c, int64_t now_ns, struct shmq_lane_stat *stat)
{
    const bool may_wait = life_may_be(stat->alive, stat->in_copy) && !stat->finished;
    const uint64_t since_ns = may_wait ? load(&c->blocked_since) : 0;
    const int64_t for_ns = since_ns != 0 ? age(since_ns, now_ns) : 0;
    stat->blocked = since_ns != 0;
    stat->blocked_for_ns = for_ns > 0 ? for_ns : 0;
}

void stat_counters_lane(const struct shmq *handle, const struct lane_control *control, struct shmq_lane_stat *stat)
{
    const struct lane_counters *c = &control->counters;
    const int64_t now_ns = handle_now_ns(handle);
    fill_blocked(c, now_ns, stat);
    stat->mover = atomic_load_explicit(&control->mover, memory_order_relaxed) != 0;
    stat->attached_ns = age(load(&c->attached_ns), now_ns);
    stat->active_ns = age(load(&c->active_ns), now_ns);
    stat->full_times = load(&c->blocked_times);
    stat->blocked_ns = load(&c->blocked_ns);
    stat->spurious = load(&c->spurious);
    stat->wake_ups = load(&c->wake_ups);
    stat->sleeps = load(&c->sleeps);
    stat->refused = load(&c->refused);
    stat->too_long = load(&c->too_long);
    stat->dropped = load(&control->dropped) + load(&c->dropped);
    stat->dead_letters = load(&c->dead_letters);
    copy_bridge(stat->bridge, control->bridge);
}

void stat_counters_seat(const struct shmq *handle, const struct seat *seat, struct shmq_seat_stat *stat)
{
    const struct seat_counters *c = &seat->counters;
    const int64_t now_ns = handle_now_ns(handle);
    const uint64_t leased_ns = load(&seat->leased_ns);
    stat->leased_ns = stat->leased > 0 ? age(leased_ns, now_ns) : -1;
    stat->attached_ns = age(load(&seat->attached_ns), now_ns);
    stat->active_ns = age(later(load(&seat->active_ns), leased_ns), now_ns);
    stat->spurious = load(&c->spurious);
    stat->wake_ups = load(&c->wake_ups);
    stat->sleeps = load(&c->sleeps);
    stat->failed = load(&c->failed);
    stat->redelivered = load(&c->redelivered);
    stat->adopted = load(&c->adopted); /* before deaths */
    stat->given_back = load(&c->given_back);
    stat->put_aside = load(&c->put_aside);
    stat->deaths = load(&c->deaths);
    stat->dead_letters = load(&c->dead_letters);
    stat->dropped = load(&c->dropped);
    stat->too_long = load(&c->too_long);
    copy_bridge(stat->bridge, seat->bridge);
}

void stat_counters_add_lane(struct shmq_stat *stat, const struct shmq_lane_stat *lane)
{
    stat->blocked += lane->blocked;
    stat->blocked_ns += lane->blocked_ns;
    stat->full_times += lane->full_times;
    stat->sleeps += lane->sleeps;
    stat->wake_ups += lane->wake_ups;
    stat->spurious += lane->spurious;
    stat->refused += lane->refused;
    stat->too_long += lane->too_long;
    stat->dropped += lane->dropped;
    stat->dead_letters += lane->dead_letters;
}

void stat_counters_add_seat(struct shmq_stat *stat, const struct seat *seat)
{
    const struct seat_counters *c = &seat->counters;
    stat->spurious += load(&c->spurious);
    stat->wake_ups += load(&c->wake_ups);
    stat->sleeps += load(&c->sleeps);
    stat->failed += load(&c->failed);
    stat->redelivered += load(&c->redelivered);
    stat->adopted += load(&c->adopted);
    stat->given_back += load(&c->given_back);
    stat->put_aside += load(&c->put_aside);
    stat->dead_letters += load(&c->dead_letters);
    stat->dropped += load(&c->dropped);
    stat->too_long += load(&c->too_long);
}

void stat_counters_header(const struct shmq *handle, struct shmq_stat *stat)
{
    const struct header *h = handle->header;
    stat->deaths = load(&h->deaths);
    stat->bells_replaced = load(&h->bells_replaced);
    stat->created_s = h->created_s;
    stat->creator = (pid_t)h->creator_pid;
    stat->has_latency = (handle_geometry(handle)->parameters.features & FEATURE_NO_LATENCY) == 0;
}
