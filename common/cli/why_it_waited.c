/* SPDX-License-Identifier: MIT */
#include "common/cli/why_it_waited.h"

#include <inttypes.h>

#include "common/cli/party_state.h"
#include "common/cli/sentence.h"
#include "common/cli/units.h"

/* Who had taken something within this time went on. If nobody had, whoever had had something for longest held up
 * what stood behind it. */
#define LATELY_NS INT64_C(1000000000)
/* A consumer that has had the same messages for so long held up what stands behind them, although others went on.
 */
#define SLOW_NS INT64_C(10000000000)

struct facts {
    const struct snapshot *snapshot;
    const struct shmq_stat *stat;
    uint32_t consumers;                   /* attached; but for the unknown ones, alive */
    uint32_t unknown;                     /* of these: whether they were alive is not known */
    const struct shmq_seat_stat *orphan;  /* a dead consumer's messages, or those of one that left; NULL: none */
    const struct shmq_seat_stat *slowest; /* who had its messages for the longest time; NULL: nobody had any */
    const struct shmq_seat_stat *latest;  /* of the consumers, who was at work last; NULL: there were none */
    bool going;                           /* whether one had taken something lately */
    const struct shmq_lane_stat *dead;    /* a producer that died unfinished; NULL: none is known */
    uint32_t died;                        /* how many */
};

/* ------------------------------------------------------------------ what is known */

static bool has_died(const struct shmq_lane_stat *lane)
{
    return why_producer(lane) == PARTY_DEAD;
}

static void add_seat(struct facts *facts, const struct shmq_seat_stat *seat)
{
    const enum party_state state = why_consumer(facts->stat, seat);
    if (state == PARTY_DEAD || state == PARTY_GAVE_BACK) {
        facts->orphan = facts->orphan != NULL ? facts->orphan : seat;
        return;
    }
    if (seat->aside || !seat->taken || state == PARTY_GONE)
        return;
    facts->consumers++;
    facts->unknown += state == PARTY_IN_COPY;
    facts->going = facts->going || (seat->leased > 0 && seat->leased_ns < LATELY_NS);
    if (facts->latest == NULL || seat->active_ns < facts->latest->active_ns)
        facts->latest = seat;
    if (seat->leased > 0 && (facts->slowest == NULL || seat->leased_ns > facts->slowest->leased_ns))
        facts->slowest = seat;
}

static void collect(struct facts *facts, const struct snapshot *snapshot)
{
    *facts = (struct facts){.snapshot = snapshot, .stat = &snapshot->stat};
    for (uint32_t i = 0; i < snapshot->lane_count; i++) {
        if (!has_died(&snapshot->lanes[i]))
            continue;
        facts->died++;
        facts->dead = facts->dead != NULL ? facts->dead : &snapshot->lanes[i];
    }
    for (uint32_t i = 0; i < snapshot->seat_count; i++)
        add_seat(facts, &snapshot->seats[i]);
}

/* ------------------------------------------------------------------ the sentence */

/* A copy does not say who was stopped. */
static const char *how_busy(uint32_t unknown)
{
    return unknown > 0 ? "busy, stopped or dead" : "busy or stopped";
}

/* Why the consumers did not take the messages. Returns false, having added nothing, if that is not known. */
static bool add_consumers(struct sentence *sentence, const struct facts *facts, int64_t slow_ns)
{
    const struct shmq_seat_stat *seat = facts->orphan != NULL ? facts->orphan : facts->slowest;
    char age[UNITS_SIZE];
    if (facts->consumers == 0 && facts->orphan == NULL)
        sentence_add(sentence, "no consumer was attached");
    else if (facts->orphan != NULL)
        sentence_add(sentence,
                     "nobody had taken over %" PRIu64 " message%s of consumer %" PRIu32 " (pid %jd), which %s",
                     seat->leased, units_plural(seat->leased), seat->seat, (intmax_t)seat->pid,
                     seat->taken ? "was dead" : "had left");
    else if (seat != NULL && seat->leased_ns >= slow_ns)
        sentence_add(sentence,
                     "consumer %" PRIu32 " (pid %jd), which was %s, had had %" PRIu64 " message%s for %s",
                     seat->seat, (intmax_t)seat->pid, how_busy(seat->in_copy == SHMQ_IN_COPY_UNKNOWN),
                     seat->leased, units_plural(seat->leased), units_age(age, seat->leased_ns));
    else
        return false;
    return true;
}

static void add_busy(struct sentence *sentence, const struct facts *facts)
{
    const char *how = how_busy(facts->unknown);
    if (facts->consumers == 1)
        sentence_add(sentence, "the consumer was %s", how);
    else
        sentence_add(sentence, "its %" PRIu32 " consumers were %s", facts->consumers, how);
}

static void add_full(struct sentence *sentence, const struct facts *facts)
{
    sentence_add(sentence, "it was full: ");
    sentence_add_count(sentence, facts->stat->blocked, "producer", "waited", "waited");
    sentence_add(sentence, ", ");
    if (!add_consumers(sentence, facts, SLOW_NS / 10))
        add_busy(sentence, facts);
}

/* Whether messages waited for longer than consumers take that are not stopped, and nobody had any. */
static bool is_idle(const struct facts *facts)
{
    return facts->unknown == 0 && facts->slowest == NULL && facts->orphan == NULL &&
           facts->latest->active_ns >= LATELY_NS && facts->stat->oldest_ns >= LATELY_NS;
}

static void add_idle(struct sentence *sentence, const struct facts *facts)
{
    char age[UNITS_SIZE];
    sentence_add_count(sentence, facts->stat->messages, "message", "waited", "waited");
    if (facts->consumers == 1)
        sentence_add(sentence, ", and consumer %" PRIu32 " (pid %jd) was", facts->latest->seat,
                     (intmax_t)facts->latest->pid);
    else
        sentence_add(sentence, ", and the last of %" PRIu32 " consumers was", facts->consumers);
    sentence_add(sentence, " last at work %s earlier", units_age(age, facts->latest->active_ns));
}

static void add_waiting(struct sentence *sentence, const struct facts *facts)
{
    const struct shmq_stat *stat = facts->stat;
    const int64_t told_ns = facts->going || facts->unknown > 0 ? SLOW_NS : LATELY_NS;
    char left[UNITS_SIZE];
    if (party_all_wait_aside(stat) && facts->consumers > 0) {
        sentence_add_count(sentence, stat->aside, "message", "waited", "waited");
        sentence_add(sentence, " aside, the first was due in %s", units_age(left, stat->aside_left_ns));
    } else if (facts->consumers == 0) {
        sentence_add_count(sentence, stat->messages, "message", "waited", "waited");
        sentence_add(sentence, ", ");
        (void)add_consumers(sentence, facts, SLOW_NS);
    } else if (add_consumers(sentence, facts, told_ns)) {
        return;
    } else if (is_idle(facts)) {
        add_idle(sentence, facts);
    } else if (facts->unknown == facts->consumers) {
        sentence_add_count(sentence, stat->messages, "message", "waited", "waited");
        sentence_add(sentence, ", and whether %s alive is not known",
                     facts->consumers == 1 ? "the consumer was" : "the consumers were");
    }
}

static void add_paused(struct sentence *sentence, const struct facts *facts)
{
    sentence_add(sentence, "it was paused");
    if (facts->stat->messages == 0)
        return;
    sentence_add(sentence, ": ");
    sentence_add_count(sentence, facts->stat->messages, "message", "waited", "waited");
    if (facts->stat->blocked == 0)
        return;
    sentence_add(sentence, ", and ");
    sentence_add_count(sentence, facts->stat->blocked, "producer", "for room", "for room");
}

static void add_shut_down(struct sentence *sentence, const struct facts *facts)
{
    sentence_add(sentence, "it was shut down");
    if (facts->stat->messages == 0)
        return;
    sentence_add(sentence, " at once: ");
    sentence_add_count(sentence, facts->stat->messages, "message", "stayed", "stayed");
    sentence_add(sentence, " undelivered");
}

static void add_unfinished(struct sentence *sentence, const struct facts *facts)
{
    if (facts->died == 1)
        sentence_add(sentence, "producer %" PRIu32 " (pid %jd) had died before it finished", facts->dead->lane,
                     (intmax_t)facts->dead->pid);
    else
        sentence_add(sentence, "%" PRIu32 " producers had died before they finished", facts->died);
}

/* Adds nothing if nothing held it up. */
static void add_reason(struct sentence *sentence, const struct facts *facts)
{
    const struct shmq_stat *stat = facts->stat;
    const size_t before = sentence->length;
    if (stat->removed)
        sentence_add(sentence, "it was removed");
    else if (stat->shut_down == SHMQ_NOW || (stat->shut_down != 0 && stat->messages == 0))
        add_shut_down(sentence, facts);
    else if (stat->paused)
        add_paused(sentence, facts);
    else if (stat->blocked > 0)
        add_full(sentence, facts);
    else if (stat->messages > 0)
        add_waiting(sentence, facts);
    if (sentence->length == before && facts->died > 0)
        add_unfinished(sentence, facts);
}

const char *why_it_waited(const struct snapshot *snapshot, char *text, size_t size)
{
    struct sentence sentence = {text, size, 0};
    struct facts facts;
    collect(&facts, snapshot);
    sentence_add(&sentence, "a copy%s%s: ", snapshot->error != 0 ? ", " : "", snapshot_reason(snapshot));
    const size_t before = sentence.length;
    add_reason(&sentence, &facts);
    if (sentence.length == before)
        sentence_add(&sentence, "nothing is known to have held it up");
    return text;
}
