/* SPDX-License-Identifier: MIT */
#ifndef SUPERVISOR_FILES_H
#define SUPERVISOR_FILES_H

#include "supervisor/options.h"

/* What is read and written, looked at before anything is begun: a mistyped name is the commonest mistake. */

/* Ends the program where an input cannot be read, or is written, too. */
void files_check_inputs(const struct options *options);
/* Whether producers need our stdin: also for a regular file that is named /dev/stdin or the like. */
bool files_read_stdin(const struct options *options);

/*
 * Whether something is in the files that are to be written, so that only a command that goes on may use them. Sets
 * @found to its name, of PATH_MAX bytes. Ends the program where one cannot be written, or is an input.
 *
 * @lanes  how many files a mirror may have
 */
bool files_have_content(const struct options *options, unsigned lanes, char *found);
/* Sets @path, of PATH_MAX bytes, to the mirror's file for a lane. */
void files_mirror_path(char *path, const char *pattern, unsigned lane);
/* Makes the output, so that the run record can tell it from another one of its name; ends the program if it
 * cannot. */
void files_make_output(const struct options *options);

#endif
