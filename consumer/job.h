/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_JOB_H
#define CONSUMER_JOB_H

#include "consumer/dead_letters.h"
#include "consumer/policy.h"
#include "consumer/sinks/sink.h"

/*
 * What is known of the messages for which a command runs: the oldest message held, or a batch that begins with it.
 * Counts their failed attempts, and gives them up when these are used up.
 */

#define JOB_WHAT_BYTES (SHMQ_ID_SIZE + 48)

struct job {
    const struct sink *sink;
    struct dead_letters *dead_letters;
    const char *command;                /* its name in messages */
    const struct shmq_message *message; /* the first */
    size_t count;
    char id[SHMQ_ID_SIZE];     /* of the first */
    char what[JOB_WHAT_BYTES]; /* in words: the message, or the batch */
    uint32_t attempts;         /* failed ones */
    bool run_before;           /* a command may have processed it already */
    int64_t first_failure_ns;  /* as far as known, since 1970; 0: none */
    int64_t last_failure_ns;
    int64_t batch_failure_ns;  /* likewise, of the batch that was split last; 0: another consumer split it */
    int64_t pause_ns;          /* the last one before another attempt; 0: none */
    struct shmq_message moved; /* the message, if it was moved within the queue */
};

/* Begins with a message, or with a batch of @count messages. The sink's queue is attached. */
void job_begin(struct job *job, const struct shmq_message *messages, size_t count);
/* Begins with a message of a batch that was tried as a whole and then split: its @attempts include those. */
void job_begin_split(struct job *job, const struct shmq_message *message, uint32_t attempts);

/* Whether its attempts were used up before this consumer got it. */
bool job_is_spent(const struct job *job);
/*
 * Gives up a message for which job_is_spent: the consumers of all its attempts died, or were stopped before they
 * could give it up.
 *
 * Return: SINK_MOVED; SINK_STOPPED, SINK_FAILED, SINK_UNFIT: it is still held.
 */
enum sink_result job_give_up_unseen(struct job *job);

/*
 * Counts the attempt if it failed, and decides what becomes of the messages.
 *
 * @why   what to say of a failure
 * @done  receives whether the messages may be acknowledged
 *
 * Return: SINK_OK, also if it is to be tried again; SINK_MOVED: given up; SINK_SPLIT: a batch failed that is now
 * tried message by message; SINK_STOPPED, SINK_FAILED, SINK_UNFIT: it is still held; SINK_STOPPED also if its
 * command was ended because this consumer ends.
 */
enum sink_result job_conclude(struct job *job, enum verdict verdict, const char *why, bool *done);

/* Returns the pause before the next attempt: the shortest first, then longer and longer, whoever made the others.
 */
int64_t job_next_pause(struct job *job);

/*
 * Puts the message aside for that pause, so that this consumer can go on with others. Whoever takes it then knows
 * of its attempts, of the times of its failures, and of the pause.
 *
 * Return: SINK_ASIDE: it is no longer held; SINK_OK: it cannot be put aside (none may, or no more, or others of
 * its batch are held).
 */
enum sink_result job_put_aside(struct job *job);

#endif
