/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_RESTART_POLICY_H
#define SUPERVISOR_RESTART_POLICY_H

#include "supervisor/supervisor.h"

/* Whether a child that failed is started again, and when. */

struct restart {
    bool wanted;
    int64_t pause_ns;
    char why_not[160];
};

/* Decides about a child that has just failed; counts the restart. */
struct restart restart_after_failure(struct supervisor *supervisor, struct child *child);
/* How long to wait before a child that ended well, but too early, is started anew. */
int64_t restart_pause(struct supervisor *supervisor, struct child *child);
/* Whether nothing was done since it failed: then it has not got over that. */
bool restart_still_fails(struct supervisor *supervisor, const struct child *child);

#endif
