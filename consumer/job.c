/* SPDX-License-Identifier: MIT */
#include "consumer/job.h"

#include <stdio.h>
#include <time.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/units.h"
#include "consumer/aside_note.h"

/* What earlier consumers wrote down when they put the message aside. */
static void read_note(struct job *job)
{
    uint64_t words[SHMQ_ASIDE_WORDS];
    struct aside_note note = {0};

    if (shmq_aside_note(job->sink->handle, words) == 0)
        (void)aside_note_read(&note, words);
    job->first_failure_ns = note.first_failure_ns;
    job->last_failure_ns = note.last_failure_ns;
    job->pause_ns = note.pause_ns;
}

void job_begin(struct job *job, const struct shmq_message *messages, size_t count)
{
    job->message = messages;
    job->count = count;
    shmq_message_id(job->sink->handle, messages, job->id);
    if (count == 1)
        snprintf(job->what, sizeof(job->what), "message %s", job->id);
    else
        snprintf(job->what, sizeof(job->what), "batch of %zu messages from %s on", count, job->id);
    job->attempts = messages->attempts;
    job->run_before = messages->redelivered || messages->attempts > 0;
    read_note(job);
}

void job_begin_split(struct job *job, const struct shmq_message *message, uint32_t attempts)
{
    job_begin(job, message, 1);
    job->attempts = attempts;
    job->run_before = true;
    if (job->first_failure_ns != 0)
        return;
    job->first_failure_ns = job->batch_failure_ns;
    job->last_failure_ns = job->batch_failure_ns;
}

bool job_is_spent(const struct job *job)
{
    return policy_is_spent(job->attempts, job->sink->options->retries);
}

static void record_failure(struct job *job)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    job->last_failure_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    if (job->first_failure_ns == 0)
        job->first_failure_ns = job->last_failure_ns;
}

/*
 * Uses up the attempts that are left: if this consumer dies during the move, whoever gets the message completes
 * the move and does not run the command again.
 */
static int use_up_attempts(const struct job *job)
{
    uint32_t attempts = job->attempts;
    int result = 0;

    while (result == 0 && !policy_is_spent(attempts, job->sink->options->retries))
        result = shmq_fail(job->sink->handle, &attempts);
    return result;
}

static enum sink_result fail_to_count(const struct job *job, int error)
{
    say_error("queue: cannot count a failed attempt: %s",
              open_error_text(job->sink->options->common.queue, error));
    return SINK_FAILED;
}

static enum sink_result move(const struct job *job, const struct shmq_message *message, const char *why)
{
    char id[SHMQ_ID_SIZE];
    const struct history history = {
        .id = id,
        .queue = job->sink->options->common.queue,
        .reason = why,
        .attempts = job->attempts,
        .first_ns = job->first_failure_ns,
        .last_ns = job->last_failure_ns,
    };

    shmq_message_id(job->sink->handle, message, id);
    return dead_letters_move(job->dead_letters, message, &history);
}

static enum sink_result give_up(struct job *job, const char *why)
{
    const struct consumer_options *options = job->sink->options;
    enum sink_result result = SINK_MOVED;
    int error;

    if (!dead_letters_are_kept(job->dead_letters)) {
        say_error("%s: %s failed %u time%s: %s (it stays in the queue, and the consumer stops)", job->command,
                  job->what, job->attempts, units_plural(job->attempts), why);
        return SINK_FAILED;
    }
    error = use_up_attempts(job); /* of a batch, too: its messages share them */
    if (error < 0)
        return fail_to_count(job, error);
    for (size_t i = 0; i < job->count && result == SINK_MOVED; i++)
        result = move(job, &job->message[i], why);
    if (result == SINK_MOVED)
        say_status("%s: %s failed %u time%s: %s (moved to queue '%s')", job->command, job->what, job->attempts,
                   units_plural(job->attempts), why, options->dead_letter);
    return result;
}

enum sink_result job_give_up_unseen(struct job *job)
{
    static const char why[] = "its consumer died or was stopped";

    record_failure(job);
    if (dead_letters_are_kept(job->dead_letters))
        return give_up(job, why);
    say_error("%s: %s has failed %u time%s already (it stays in the queue, and the consumer stops; a larger "
              "--retries runs it again)",
              job->command, job->what, job->attempts, units_plural(job->attempts));
    return SINK_FAILED;
}

int64_t job_next_pause(struct job *job)
{
    const struct consumer_options *options = job->sink->options;
    int64_t longest_ns = options->backoff_max_ns;

    job->pause_ns = policy_longer_pause(job->pause_ns, longest_ns);
    if (job->pause_ns < options->backoff_min_ns)
        job->pause_ns = options->backoff_min_ns;
    return job->pause_ns;
}

/* The attempt to put it aside may have moved it. */
static void find_again(struct job *job)
{
    job->moved = *job->message;
    if (shmq_hold(job->sink->handle, &job->moved) == 0)
        job->message = &job->moved;
}

enum sink_result job_put_aside(struct job *job)
{
    const struct aside_note note = {
        .first_failure_ns = job->first_failure_ns,
        .last_failure_ns = job->last_failure_ns,
        .pause_ns = job->pause_ns,
    };
    struct shmq_aside aside = SHMQ_ASIDE_INIT;
    char duration[UNITS_SIZE];
    int error;

    if (job->count > 1 || job->sink->options->aside == 0 || job->pause_ns == 0 ||
        job->pause_ns > SHMQ_ASIDE_DELAY_MAX_NS)
        return SINK_OK;
    aside.delay_ns = job->pause_ns;
    aside.most = job->sink->options->aside;
    aside_note_write(aside.note, &note);
    error = shmq_put_aside(job->sink->handle, &aside);
    if (error == 0) {
        say_detail("%s: message %s waits aside for %s", job->command, job->id,
                   units_duration(duration, job->pause_ns));
        return SINK_ASIDE;
    }
    find_again(job);
    return SINK_OK;
}

static enum sink_result give_back(const struct job *job, const char *why)
{
    totals_add_cut_short(job->sink->totals);
    say_status("%s: %s: %s (it goes back to the queue)", job->command, job->what, why);
    return SINK_STOPPED;
}

/* Whether a batch that failed is tried message by message, to find the guilty ones. */
static bool splits(const struct job *job)
{
    return job->count > 1 && !job->sink->options->batch_whole;
}

static enum sink_result split(struct job *job, const char *why)
{
    job->batch_failure_ns = job->last_failure_ns;
    say_status("%s: %s: failed: %s (now one by one)", job->command, job->what, why);
    return SINK_SPLIT;
}

enum sink_result job_conclude(struct job *job, enum verdict verdict, const char *why, bool *done)
{
    const bool deferred = verdict == VERDICT_DEFERRED;
    const bool failed = verdict == VERDICT_FAILED || verdict == VERDICT_REJECTED;
    enum decision decision;
    int result = 0;

    if (failed) {
        record_failure(job);
        result = shmq_fail(job->sink->handle, &job->attempts);
    }
    if (result < 0)
        return fail_to_count(job, result);
    if (failed && splits(job))
        return split(job, why);
    decision = policy_decide(verdict, job->attempts, job->sink->options->retries);
    *done = decision == DECISION_ACKNOWLEDGE;
    if (decision == DECISION_GIVE_UP)
        return give_up(job, why);
    if (decision == DECISION_GIVE_BACK)
        return give_back(job, why);
    if (decision == DECISION_RETRY)
        say_status("%s: %s: %s: %s", job->command, job->what, deferred ? "deferred" : "failed", why);
    return SINK_OK;
}
