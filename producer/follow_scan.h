/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOW_SCAN_H
#define SHMQ_PRODUCER_FOLLOW_SCAN_H

#include "producer/follower.h"

/*
 * Looks at all names: which files they lead to now, which files are new, and which were renamed or removed. While
 * the publisher waits for room (follower->waiting), it only opens new files, so that a rotation cannot take them
 * away.
 */
enum flow follow_scan(struct follower *follower);

/* Handles the notices that have come: what they were about is readable, or wants a scan. */
void follow_notice(struct follower *follower);

#endif
