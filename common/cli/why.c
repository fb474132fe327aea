/* SPDX-License-Identifier: MIT */
#include "common/cli/why.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/sentence.h"
#include "common/cli/units.h"
#include "common/cli/why_it_waited.h"

/* Who has taken something within this time goes on. If nobody has, whoever has the longest had something is what
 * the queue waits for. */
#define LATELY_NS INT64_C(1000000000)
/* Who has had something for so long is told of although others go on. */
#define SLOW_NS INT64_C(10000000000)
/* From this fill on, it is worth telling. */
#define FILL_TOLD_PERCENT 50

/* ------------------------------------------------------------------ what is known of the whole */

struct facts {
    const struct snapshot *snapshot;
    const struct shmq_stat *stat;
    uint32_t blocked;           /* producers that wait for room */
    uint32_t producers_stopped; /* of those alive */
    uint32_t consumers_stopped; /* likewise */
    uint32_t consumers_going;   /* those of them that have taken something lately */
    uint32_t consumers_busy;    /* those of them that have had something for longer */
    pid_t only_pid;             /* of the process that has the seats of all consumers; 0: there are more */
    const struct shmq_lane_stat *producer; /* one that is stopped */
    const struct shmq_seat_stat *stopped;  /* one that is stopped */
    const struct shmq_seat_stat *holder;   /* whose messages hold up the most; NULL: nobody's */
    enum party_state holder_state;
};

/* How much a consumer in this state holds up those behind it; 0: nothing. */
static int weight(enum party_state state, const struct shmq_seat_stat *seat)
{
    if (seat->leased == 0)
        return 0;
    switch (state) {
    case PARTY_STOPPED:
        return 4;
    case PARTY_DEAD:
        return 3;
    case PARTY_GAVE_BACK:
        return 2;
    case PARTY_RUNNING:
    case PARTY_ASLEEP: /* of several seats in one process, another may be the one that sleeps */
        return 1;
    default:
        return 0;
    }
}

static bool is_blocked(const struct snapshot *snapshot, uint32_t lane)
{
    for (uint32_t i = 0; i < snapshot->lane_count; i++)
        if (snapshot->lanes[i].lane == lane)
            return snapshot->lanes[i].blocked;
    return false;
}

/* Whether @seat's messages hold up more than those of the holder so far. Room comes only from a full lane. */
static bool outweighs(const struct facts *facts, const struct shmq_seat_stat *seat, enum party_state state)
{
    const struct shmq_seat_stat *holder = facts->holder;
    if (weight(state, seat) == 0)
        return false;
    if (holder == NULL)
        return true;
    const bool blocks[2] = {is_blocked(facts->snapshot, seat->lane) && !seat->holding,
                            is_blocked(facts->snapshot, holder->lane) && !holder->holding};
    if (blocks[0] != blocks[1])
        return blocks[0];
    const int weights[2] = {weight(state, seat), weight(facts->holder_state, holder)};
    if (weights[0] != weights[1])
        return weights[0] > weights[1];
    return seat->leased_ns > holder->leased_ns;
}

static void add_seat(struct facts *facts, const struct shmq_seat_stat *seat)
{
    const enum party_state state = why_consumer(facts->stat, seat);
    if (state == PARTY_STOPPED) {
        facts->consumers_stopped++;
        if (facts->stopped == NULL)
            facts->stopped = seat;
    }
    if (seat->leased > 0 && weight(state, seat) == 1) {
        facts->consumers_going += seat->leased_ns < LATELY_NS;
        facts->consumers_busy += seat->leased_ns >= LATELY_NS;
    }
    if (outweighs(facts, seat, state)) {
        facts->holder = seat;
        facts->holder_state = state;
    }
}

pid_t why_only_pid(const struct snapshot *snapshot)
{
    pid_t pid = 0;
    uint32_t seats = 0;
    for (uint32_t i = 0; i < snapshot->seat_count; i++) {
        const struct shmq_seat_stat *seat = &snapshot->seats[i];
        if (!seat->alive)
            continue;
        if (seats++ > 0 && seat->pid != pid)
            return 0;
        pid = seat->pid;
    }
    return seats > 1 && seats == snapshot->stat.consumers ? pid : 0;
}

static void collect(struct facts *facts, const struct snapshot *snapshot)
{
    *facts = (struct facts){.snapshot = snapshot, .stat = &snapshot->stat, .only_pid = why_only_pid(snapshot)};
    for (uint32_t i = 0; i < snapshot->lane_count; i++) {
        const struct shmq_lane_stat *lane = &snapshot->lanes[i];
        facts->blocked += lane->blocked;
        if (why_producer(lane) == PARTY_STOPPED) {
            facts->producers_stopped++;
            facts->producer = facts->producer != NULL ? facts->producer : lane;
        }
    }
    if (snapshot->stat.blocked > facts->blocked) /* the lanes were not read */
        facts->blocked = snapshot->stat.blocked;
    for (uint32_t i = 0; i < snapshot->seat_count; i++)
        add_seat(facts, &snapshot->seats[i]);
}

/* ------------------------------------------------------------------ the sentence */

/* "both consumers are busy", "all 3 consumers are busy"; "both jobs of the consumer with pid 71 are busy" */
static void add_all_consumers(struct sentence *sentence, const struct facts *facts, const char *what)
{
    const uint32_t count = facts->stat->consumers;
    if (facts->only_pid != 0 && count == 2)
        sentence_add(sentence, "both jobs of the consumer with pid %jd are %s", (intmax_t)facts->only_pid, what);
    else if (facts->only_pid != 0)
        sentence_add(sentence, "all %" PRIu32 " jobs of the consumer with pid %jd are %s", count,
                     (intmax_t)facts->only_pid, what);
    else if (count == 2)
        sentence_add(sentence, "both consumers are %s", what);
    else
        sentence_add(sentence, "all %" PRIu32 " consumers are %s", count, what);
}

/* "consumer 2 (pid 71, stopped, last at work 40 s ago)". Since when it has been stopped, the system does not say.
 */
static void add_stopped(struct sentence *sentence, const char *role, uint32_t number, pid_t pid, int64_t active_ns)
{
    char age[UNITS_SIZE];
    sentence_add(sentence, "%s %" PRIu32 " (pid %jd, stopped", role, number, (intmax_t)pid);
    if (active_ns > 0)
        sentence_add(sentence, ", last at work %s ago", units_age(age, active_ns));
    sentence_add(sentence, ")");
}

/* Whether what is not taken waits for the holder: nobody else takes it, or makes room. */
static bool holder_holds_up(const struct facts *facts)
{
    const struct shmq_stat *stat = facts->stat;
    return facts->consumers_going == 0 && facts->consumers_busy == 1 &&
           (facts->blocked > 0 || (stat->consumers == 1 && stat->messages > stat->leased));
}

/* A consumer at work. Whether its work hangs, or just takes so long, nobody can tell. */
static void add_busy(struct sentence *sentence, const struct facts *facts)
{
    const struct shmq_seat_stat *seat = facts->holder;
    const bool holds_up = holder_holds_up(facts);
    char age[UNITS_SIZE];
    if (holds_up) {
        sentence_add(sentence, "held up by ");
    } else if (facts->consumers_busy > 1 && facts->consumers_busy == facts->stat->consumers) {
        add_all_consumers(sentence, facts, "busy");
        sentence_add(sentence, ", ");
    }
    sentence_add(sentence, "consumer %" PRIu32 " (pid %jd)%s has had %" PRIu64 " message%s for %s", seat->seat,
                 (intmax_t)seat->pid, holds_up ? ", which" : "", seat->leased, units_plural(seat->leased),
                 units_age(age, seat->leased_ns));
}

static void add_holder(struct sentence *sentence, const struct facts *facts)
{
    const struct shmq_seat_stat *seat = facts->holder;
    switch (facts->holder_state) {
    case PARTY_STOPPED:
        sentence_add(sentence, "held up by ");
        add_stopped(sentence, "consumer", seat->seat, seat->pid, seat->active_ns);
        sentence_add(sentence, ", which has %" PRIu64 " message%s", seat->leased, units_plural(seat->leased));
        break;
    case PARTY_DEAD:
    case PARTY_GAVE_BACK:
        sentence_add(sentence,
                     "held up by consumer %" PRIu32 " (pid %jd, %s): nobody has taken over its %" PRIu64
                     " message%s",
                     seat->seat, (intmax_t)seat->pid, facts->holder_state == PARTY_DEAD ? "dead" : "left",
                     seat->leased, units_plural(seat->leased));
        break;
    default:
        add_busy(sentence, facts);
    }
}

static bool holder_is_told(const struct facts *facts, int64_t slow_ns)
{
    const struct shmq_seat_stat *holder = facts->holder;
    if (holder == NULL || weight(facts->holder_state, holder) > 1)
        return holder != NULL;
    return holder->leased_ns >= (facts->consumers_going == 0 ? LATELY_NS : slow_ns);
}

/* Adds why the consumers do not take the messages. Returns false, having added nothing, if that is not known. */
static bool add_consumers(struct sentence *sentence, const struct facts *facts, int64_t slow_ns)
{
    const uint32_t consumers = facts->stat->consumers;
    if (consumers == 0) {
        sentence_add(sentence, "no consumer is attached");
    } else if (facts->consumers_stopped >= consumers && consumers > 1) {
        add_all_consumers(sentence, facts, "stopped");
    } else if (holder_is_told(facts, slow_ns)) {
        add_holder(sentence, facts);
    } else if (facts->consumers_stopped >= consumers) {
        sentence_add(sentence, "held up by ");
        add_stopped(sentence, "consumer", facts->stopped->seat, facts->stopped->pid, facts->stopped->active_ns);
    } else {
        return false;
    }
    return true;
}

static void add_full(struct sentence *sentence, const struct facts *facts)
{
    const uint32_t consumers = facts->stat->consumers;
    sentence_add(sentence, "full: ");
    sentence_add_count(sentence, facts->blocked, "producer", "waits", "wait");
    sentence_add(sentence, ", ");
    if (add_consumers(sentence, facts, LATELY_NS))
        return;
    if (consumers == 1)
        sentence_add(sentence, "the consumer is busy");
    else
        add_all_consumers(sentence, facts, "busy");
}

static void add_waiting(struct sentence *sentence, const struct facts *facts)
{
    const struct shmq_stat *stat = facts->stat;
    char left[UNITS_SIZE];
    if (stat->consumers == 0 || facts->consumers_stopped >= stat->consumers) {
        sentence_add_count(sentence, stat->messages, "message", "waits", "wait");
        sentence_add(sentence, ", ");
        (void)add_consumers(sentence, facts, SLOW_NS);
    } else if (party_all_wait_aside(stat)) {
        sentence_add_count(sentence, stat->aside, "message", "waits", "wait");
        sentence_add(sentence, " aside, the first is due in %s", units_age(left, stat->aside_left_ns));
    } else {
        (void)add_consumers(sentence, facts, SLOW_NS);
    }
}

static void add_unfinished(struct sentence *sentence, const struct facts *facts)
{
    const struct snapshot *snapshot = facts->snapshot;
    const struct shmq_lane_stat *dead = NULL;
    for (uint32_t i = 0; i < snapshot->lane_count && dead == NULL; i++)
        if (why_producer(&snapshot->lanes[i]) == PARTY_DEAD)
            dead = &snapshot->lanes[i];
    if (dead != NULL && facts->stat->unfinished == 1)
        sentence_add(sentence, "producer %" PRIu32 " (pid %jd) died before it finished", dead->lane,
                     (intmax_t)dead->pid);
    else
        sentence_add(sentence, "%" PRIu32 " producer%s died before finishing", facts->stat->unfinished,
                     units_plural(facts->stat->unfinished));
    sentence_add(sentence, " (go on: '%sproducer --resume'; end the stream: '%smonitor finish %s')", say_prefix(),
                 say_prefix(), snapshot->name);
}

static void add_paused(struct sentence *sentence, const struct facts *facts)
{
    sentence_add(sentence, "paused: ");
    if (facts->stat->messages > 0) {
        sentence_add_count(sentence, facts->stat->messages, "message", "waits", "wait");
        if (facts->blocked > 0) {
            sentence_add(sentence, ", and ");
            sentence_add_count(sentence, facts->blocked, "producer", "for room", "for room");
        }
        sentence_add(sentence, " ");
    } else {
        sentence_add(sentence, "nothing is handed out ");
    }
    sentence_add(sentence, "(see '%smonitor resume %s')", say_prefix(), facts->snapshot->name);
}

/* Nothing comes any more, and nothing is left. */
static bool is_shut_down_and_empty(const struct shmq_stat *stat)
{
    return stat->shut_down != 0 && stat->messages == 0;
}

/* What ended the queue, or keeps all of it from being used. Returns false if nothing did. */
static bool add_end(struct sentence *sentence, const struct facts *facts)
{
    const struct snapshot *snapshot = facts->snapshot;
    const struct shmq_stat *stat = facts->stat;
    if (snapshot->error != 0) {
        sentence_add(sentence, "%s: %s", why_queue_word(snapshot), snapshot_reason(snapshot));
    } else if (stat->removed) {
        sentence_add(sentence, "removed: nobody can open it any more");
    } else if (stat->shut_down == SHMQ_NOW && stat->messages > 0) {
        sentence_add(sentence, "shut down at once: ");
        sentence_add_count(sentence, stat->messages, "message", "stays", "stay");
        sentence_add(sentence, " undelivered");
    } else if (is_shut_down_and_empty(stat)) {
        sentence_add(sentence, "shut down");
    } else {
        return false;
    }
    return true;
}

const char *why_it_waits(const struct snapshot *snapshot, char *text, size_t size)
{
    struct sentence sentence = {text, size, 0};
    struct facts facts;
    text[0] = '\0';
    if (snapshot->stat.copy)
        return why_it_waited(snapshot, text, size);
    collect(&facts, snapshot);
    if (add_end(&sentence, &facts))
        return text;
    if (facts.stat->paused)
        add_paused(&sentence, &facts);
    else if (facts.blocked > 0)
        add_full(&sentence, &facts);
    else if (facts.stat->messages > 0)
        add_waiting(&sentence, &facts);
    if (sentence.length == 0 && facts.stat->unfinished > 0)
        add_unfinished(&sentence, &facts);
    if (sentence.length == 0 && facts.producers_stopped > 0 && facts.producers_stopped >= facts.stat->producers) {
        sentence_add(&sentence, "held up by ");
        add_stopped(&sentence, "producer", facts.producer->lane, facts.producer->pid, facts.producer->active_ns);
    }
    return text;
}

/* ------------------------------------------------------------------ the state of a queue */

static const char *word_of_error(int error)
{
    switch (error) {
    case -EBADMSG:
        return "damaged";
    case -EPROTO:
        return "foreign";
    case -ESTALE:
        return "removed";
    case -ENOENT:
        return "incomplete";
    case -EACCES:
    case -EPERM:
        return "forbidden";
    default:
        return "unreadable";
    }
}

static bool is_full(const struct snapshot *snapshot)
{
    if (snapshot->stat.blocked > 0 || snapshot->stat.fill_percent >= 100)
        return true;
    for (uint32_t i = 0; i < snapshot->lane_count; i++)
        if (snapshot->lanes[i].blocked)
            return true;
    return false;
}

/* Whether a copy does not say who was alive in it. */
static bool is_unknown(const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->lane_count; i++)
        if (why_producer(&snapshot->lanes[i]) == PARTY_DEAD)
            return false;
    return snapshot->stat.copy;
}

const char *why_queue_word(const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    if (snapshot->error != 0)
        return word_of_error(snapshot->error);
    if (stat->removed)
        return "removed";
    if (stat->shut_down == SHMQ_NOW || is_shut_down_and_empty(stat))
        return "shut down";
    if (stat->paused)
        return "paused";
    if (stat->shut_down == SHMQ_DRAIN)
        return "draining";
    if (is_full(snapshot))
        return "full";
    if (stat->unfinished > 0 && !is_unknown(snapshot))
        return "unfinished";
    return stat->messages == 0 ? "empty" : "ok";
}

const char *why_queue_state(const struct snapshot *snapshot, char *text, size_t size)
{
    const char *word = why_queue_word(snapshot);
    if (strcmp(word, "ok") == 0 && snapshot->stat.fill_percent >= FILL_TOLD_PERCENT)
        snprintf(text, size, "%" PRIu32 " %% full", snapshot->stat.fill_percent);
    else
        snprintf(text, size, "%s", word);
    return text;
}
