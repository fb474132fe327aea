/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_JOB_REPORT_H
#define CONSUMER_JOB_REPORT_H

#include "consumer/command_output.h"
#include "consumer/execution.h"
#include "consumer/job.h"
#include "consumer/job_log.h"
#include "consumer/program.h"
#include "consumer/result_folder.h"

/*
 * What an attempt leaves besides its verdict, before anything else becomes of its message: the command's output,
 * --results, and a line of --joblog. What cannot be written is an error, with which the message stays.
 */

struct job_report {
    const struct consumer_options *options;
    struct command_output *output; /* NULL: commands write to this process's own stdout and stderr */
    struct result_folder results;
    struct job_log log;
};

/* Times of an attempt. */
struct attempt_times {
    int64_t start_ns; /* since 1970 */
    int64_t begin_ns; /* monotonic */
    int64_t end_ns;
};

/* Opens the files that the options name. Return: false after reporting an error. */
bool job_report_open(struct job_report *report, const struct consumer_options *options);
void job_report_close(struct job_report *report);

void attempt_times_begin(struct attempt_times *times);
void attempt_times_end(struct attempt_times *times);

/*
 * Writes it all for an attempt that has ended. @program is as it was for this attempt, @execution how it ended.
 *
 * Return: SINK_OK; SINK_STOPPED: a stop was requested, and there was no turn to write the output; SINK_FAILED,
 *         SINK_DAMAGED: reported.
 */
enum sink_result job_report_attempt(struct job_report *report, const struct job *job,
                                    const struct program *program, const struct execution *execution,
                                    const struct attempt_times *times);

#endif
