/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_DEAD_LETTER_NAME_H
#define SHMQ_CLI_DEAD_LETTER_NAME_H

#include "common/shmq.h"

enum { DEAD_LETTER_NAME_BYTES = SHMQ_NAME_MAX + 8 };

/*
 * The dead-letter queue of @queue: @given; else NAME.dead, and none for a queue whose name ends in .dead, because
 * whoever tries dead letters again wants to see them fail. Checks nothing.
 *
 * @given  the argument of --dead-letter; NULL: not given
 * @text   DEAD_LETTER_NAME_BYTES bytes for a name that is composed
 *
 * Return: @given or @text; NULL: there is none.
 */
const char *dead_letter_name(const char *queue, const char *given, char *text);

#endif
