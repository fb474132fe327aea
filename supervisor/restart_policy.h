/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_RESTART_POLICY_H
#define SUPERVISOR_RESTART_POLICY_H

#include "supervisor/supervisor.h"

/* Decides whether and when a child is restarted. */

struct restart {
    bool wanted;
    bool at_work; /* it died with a message, which has failed once more; the restart does not count */
    int64_t pause_ns;
    char why_not[160];
};

/* Decides about a child that has just failed; counts the restart. */
struct restart restart_after_failure(struct supervisor *supervisor, struct child *child);
/* Counts the restart of a child that ended too early without failing; returns the pause before it. */
int64_t restart_pause(struct supervisor *supervisor, struct child *child);
/* Whether no message was processed since the child's last failure, so that its cause probably remains. */
bool restart_still_fails(struct supervisor *supervisor, const struct child *child);

#endif
