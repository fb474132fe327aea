/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_RESULT_FOLDER_H
#define CONSUMER_RESULT_FOLDER_H

#include "consumer/attempt_record.h"
#include "consumer/captured_output.h"

/*
 * The results of jobs: FOLDER/ID/stdout, stderr and status, of each message's latest attempt. They are written
 * aside, into FOLDER/.ID.new, and take the place of the earlier attempt's in one step.
 */

struct result_folder {
    int fd;
};

/* Opens the folder, or makes it, but not its parents. Return: 0; -EACCES: it cannot be written to; another error.
 */
int result_folder_open(struct result_folder *folder, const char *path);
/*
 * Stores what an attempt at a message left.
 *
 * Return: 0; otherwise the earlier attempt's results are still there: the error of a system call.
 */
int result_folder_store(const struct result_folder *folder, const struct attempt_record *record,
                        struct captured_output *output, struct captured_output *errors);
void result_folder_close(struct result_folder *folder);

#endif
