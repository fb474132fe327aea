/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_REPLACEABLE_H
#define SHMQ_MONITOR_REPLACEABLE_H

#include <stdbool.h>

/*
 * Whether a new file may take this name: nothing has it, a plain file, or a link to either. A device or a FIFO, or
 * a link to one, would be gone for everybody who uses it; /dev/stdout and /dev/null are such names.
 */
bool replaceable(const char *path);

#endif
