/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PSEUDO_FILE_H
#define SHMQ_CLI_PSEUDO_FILE_H

#include <stdbool.h>

/*
 * True for a regular file whose size does not tell how much can be read from it: files in /proc report size 0 but
 * have content, files in /sys report a whole page but hold less. A read position in such a file cannot be resumed,
 * and the file cannot be split into parts.
 */
bool file_is_pseudo(int fd);

#endif
