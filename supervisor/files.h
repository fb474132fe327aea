/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_FILES_H
#define SUPERVISOR_FILES_H

#include "supervisor/options.h"

/* Checks inputs and outputs before anything starts: a mistyped name is the most common mistake. */

/* Exits if an input cannot be read or is also written to. */
void files_check_inputs(const struct options *options);
/* Whether producers need the supervisor's stdin, perhaps under a name such as /dev/stdin. */
bool files_read_stdin(const struct options *options);

/*
 * Whether an output file is not empty; then only a command that continues may use it. Exits if one cannot be
 * written or is an input.
 *
 * @lanes  maximum number of files of a mirror
 * @found  receives the file's name; PATH_MAX bytes
 */
bool files_have_content(const struct options *options, unsigned lanes, char *found);
/* Sets @path, of PATH_MAX bytes, to the mirror's file for a lane. */
void files_mirror_path(char *path, const char *pattern, unsigned lane);
/* Creates the output, so that the run record can identify it by inode; exits if it cannot. */
void files_make_output(const struct options *options);

#endif
