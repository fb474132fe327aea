/* SPDX-License-Identifier: MIT */
#include "common/cli/party_state.h"

#include "common/cli/process_state.h"

static bool is_stopped(pid_t pid, const char *program)
{
    const enum process_state state = process_state_of(pid, program);
    return state == PROCESS_STOPPED || state == PROCESS_TRACED;
}

static enum party_state producer_in_copy(const struct shmq_lane_stat *lane)
{
    if (lane->finished)
        return PARTY_FINISHED;
    if (lane->blocked)
        return PARTY_BLOCKED;
    switch (lane->in_copy) {
    case SHMQ_IN_COPY_ALIVE:
        return PARTY_RUNNING;
    case SHMQ_IN_COPY_GONE:
        return PARTY_DEAD;
    default:
        return PARTY_IN_COPY;
    }
}

enum party_state why_producer(const struct shmq_lane_stat *lane)
{
    if (lane->in_copy != SHMQ_IN_COPY_NOT)
        return producer_in_copy(lane);
    if (!lane->alive)
        return lane->finished ? PARTY_FINISHED : PARTY_DEAD;
    if (is_stopped(lane->pid, lane->program))
        return PARTY_STOPPED;
    return lane->blocked ? PARTY_BLOCKED : PARTY_RUNNING;
}

bool party_all_wait_aside(const struct shmq_stat *queue)
{
    return queue->aside > 0 && queue->aside >= queue->messages;
}

/* What a consumer does that sleeps until there is a message. */
static enum party_state asleep_or_more(const struct shmq_stat *queue)
{
    if (queue->paused)
        return PARTY_PAUSED;
    return party_all_wait_aside(queue) ? PARTY_ASIDE : PARTY_ASLEEP;
}

static enum party_state consumer_in_copy(const struct shmq_stat *queue, const struct shmq_seat_stat *seat)
{
    switch (seat->in_copy) {
    case SHMQ_IN_COPY_ALIVE:
        return seat->waiting ? asleep_or_more(queue) : PARTY_RUNNING;
    case SHMQ_IN_COPY_GONE:
        return seat->leased > 0 ? PARTY_DEAD : PARTY_GONE;
    default:
        return PARTY_IN_COPY;
    }
}

enum party_state why_consumer(const struct shmq_stat *queue, const struct shmq_seat_stat *seat)
{
    if (seat->aside)
        return PARTY_ASIDE;
    if (!seat->alive && !seat->taken)
        return seat->leased > 0 ? PARTY_GAVE_BACK : PARTY_FINISHED;
    if (seat->in_copy != SHMQ_IN_COPY_NOT)
        return consumer_in_copy(queue, seat);
    if (!seat->alive)
        return seat->leased > 0 ? PARTY_DEAD : PARTY_GONE;
    if (is_stopped(seat->pid, seat->program))
        return PARTY_STOPPED;
    return seat->waiting ? asleep_or_more(queue) : PARTY_RUNNING;
}

static const struct {
    const char *word;
    const char *text;
} party_texts[] = {
    [PARTY_RUNNING] = {"running", "running"},
    [PARTY_BLOCKED] = {"blocked", "blocked on full"},
    [PARTY_ASLEEP] = {"asleep", "asleep on empty"},
    [PARTY_ASIDE] = {"aside", "waiting aside"},
    [PARTY_PAUSED] = {"paused", "paused"},
    [PARTY_STOPPED] = {"stopped", "stopped"},
    [PARTY_DEAD] = {"dead", "dead, unfinished"},
    [PARTY_FINISHED] = {"finished", "finished"},
    [PARTY_GAVE_BACK] = {"left", "left, its messages given back"},
    [PARTY_GONE] = {"gone", "dead, nothing undone"},
    [PARTY_IN_COPY] = {"in copy", "in a copy"},
};

const char *why_state_text(enum party_state state)
{
    return party_texts[state].text;
}

const char *why_state_word(enum party_state state)
{
    return party_texts[state].word;
}
