/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_DOCTOR_H
#define SHMQ_MONITOR_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/cli/snapshot.h"
#include "monitor/options.h"

/*
 * What monitor doctor looks at. Each check says at least one finding: ok, a warning or a failure, with what to do.
 * A check that can do this itself without any loss does it if it is told to, and says so.
 */

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_FAILURE };

struct doctor {
    bool fix;
    bool json;
    bool quiet; /* only what is not ok */
    bool named; /* one queue was asked about */
    unsigned findings;
    unsigned warnings;
    unsigned failures;
    unsigned fixed;
};

/* A queue that is looked at. */
struct patient {
    const char *name;
    struct shmq *queue; /* NULL: it cannot be opened, because of .snapshot.error */
    struct snapshot snapshot;
    uid_t owner;
};

/*
 * Says a finding.
 *
 * @subject  "machine", or the name of a queue
 * @check    what was looked at, in a word
 * @remedy   what to do; NULL: nothing
 */
void doctor_say(struct doctor *doctor, enum verdict verdict, const char *subject, const char *check,
                const char *remedy, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* Says what was found and mended; it counts as ok. */
void doctor_say_fixed(struct doctor *doctor, const char *subject, const char *check, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ------------------------------------------------------------------ the machine */

/* /dev/shm: whether it is there and writable, how full it is, and what the queues may still need. */
void doctor_shm(struct doctor *doctor, const struct snapshots *queues);
/* Whether systemd-logind deletes the queues of a user who logs out. */
void doctor_logind(struct doctor *doctor, const struct snapshots *queues);
/* Kernel, C library, processors, membarrier, /proc. */
void doctor_system(struct doctor *doctor);
/* Limits of this process and of those that are started from here. */
void doctor_limits(struct doctor *doctor);
/* What is left in /dev/shm without a queue. */
void doctor_leftovers(struct doctor *doctor);

/* ------------------------------------------------------------------ a queue */

/* Whether it can be read, and its content is sound. Return: whether it makes sense to look at more. */
bool doctor_content(struct doctor *doctor, const struct patient *patient);
/* Whether somebody has paused it, shut it down, lost data, or slowed it down. */
void doctor_flags(struct doctor *doctor, const struct patient *patient);
/* Producers: dead and unfinished, stopped, waiting for room or refused, more than there are lanes for. */
void doctor_producers(struct doctor *doctor, const struct patient *patient);
/* Consumers: dead or stopped with messages, what they hold up; busy with the same messages for long. */
void doctor_consumers(struct doctor *doctor, const struct patient *patient);
/* Its semaphores: missing, wrong, another user's. */
void doctor_semaphores(struct doctor *doctor, const struct patient *patient);
/* Messages without a consumer, dead letters that nobody looks at, and a run that was interrupted. */
void doctor_neglect(struct doctor *doctor, const struct patient *patient);

#endif
