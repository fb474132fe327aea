/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_SIZELESS_H
#define SHMQ_CLI_SIZELESS_H

#include <stdbool.h>

/*
 * True for a regular file whose size says nothing about what can be read of it: a file of /proc says that it is
 * empty, and is not; one of /sys claims a page, and has less. How far it was read cannot be known, nor can it be
 * cut into parts.
 */
bool file_is_sizeless(int fd);

#endif
