/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_ALERT_H
#define SHMQ_MONITOR_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/snapshot.h"

/* Conditions on a queue, as --alert takes them: "full>80%,oldest>5m". An alert holds if one of them does. */

enum { ALERT_CONDITIONS = 16, ALERT_TEXT = 128 };

#define ALERT_ALLOWED                                                                                             \
    "full>PERCENT, oldest>DURATION, bytes>SIZE, memory>SIZE, or messages, leased, blocked, dead, producers or "   \
    "consumers >NUMBER; also >=, < and <=; several with commas between them"

enum alert_comparison { ALERT_MORE, ALERT_AT_LEAST, ALERT_LESS, ALERT_AT_MOST };

struct alert_condition {
    size_t field; /* index of what is compared */
    enum alert_comparison comparison;
    uint64_t limit;
    const char *text; /* as it was given */
    size_t length;
};

struct alert {
    struct alert_condition conditions[ALERT_CONDITIONS];
    size_t count;
};

/* Adds the conditions in @text, which has to outlive the alert. Return: 0; -EINVAL; -E2BIG if there are too many.
 */
int alert_add(struct alert *alert, const char *text);

/* Whether the alert needs the lanes and seats in a snapshot. */
bool alert_needs_details(const struct alert *alert);

/*
 * Whether a condition holds. A damaged queue is always an alert; for another one that cannot be read, nobody
 * knows, and it is none.
 *
 * @text  receives which one, and the value: "full>80%: 93 %"
 */
bool alert_holds(const struct alert *alert, const struct snapshot *snapshot, char text[static ALERT_TEXT]);

/* The same; says so on stderr, unless -q is given. */
bool alert_report(const struct alert *alert, const struct snapshot *snapshot);

/* Whether the exit status alone answers: a condition and -q are given. What was looked at is not printed then. */
bool alert_is_silent(const struct alert *alert);

#endif
