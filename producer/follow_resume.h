/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOW_RESUME_H
#define SHMQ_PRODUCER_FOLLOW_RESUME_H

#include "producer/follower.h"

/*
 * Finds the files of an earlier run, wherever they are in their folders now, and goes on where they were left.
 * Tells what is lost. Reports a failure.
 *
 * Return: FLOW_CONTINUE; FLOW_END if the earlier run has put all of --count; FLOW_FAILED.
 */
enum flow follow_resume(struct follower *follower);

#endif
