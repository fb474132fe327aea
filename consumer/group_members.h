/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_GROUP_MEMBERS_H
#define CONSUMER_GROUP_MEMBERS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether a process group still has a process that runs. Looks at every process of the machine in /proc; without
 * /proc, says no. (A signal 0 to the group would also find a leader that has ended and is not reaped.)
 */
bool group_has_members(pid_t group);

#endif
