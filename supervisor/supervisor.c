/* SPDX-License-Identifier: MIT */
#include "supervisor/supervisor.h"

#include <stdio.h>

static bool is_over(const struct child *child)
{
    return child->state == CHILD_DONE || child->state == CHILD_FAILED;
}

void supervisor_fail(struct supervisor *supervisor, int status, const char *text)
{
    if (supervisor->failure != 0)
        return;
    supervisor->failure = status;
    snprintf(supervisor->failure_text, sizeof(supervisor->failure_text), "%s", text);
}

bool supervisor_has_producers(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->children[i].role == ROLE_PRODUCER && !is_over(&supervisor->children[i]))
            return true;
    }
    return false;
}

bool supervisor_has_work(struct supervisor *supervisor)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    if (supervisor_has_producers(supervisor))
        return true;
    return queue_stat(&supervisor->queue, &stat) == 0 && stat.messages > 0;
}

bool supervisor_is_busy(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        if (!is_over(&supervisor->children[i]))
            return true;
    }
    return false;
}
