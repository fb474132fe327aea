/* SPDX-License-Identifier: MIT */
#include "consumer/job_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/command_text.h"

/* In the log, of a command that exited with 0 when its timeout ended it; as timeout(1) does. */
#define STATUS_TIMED_OUT 124

#define STAYS "(the message stays in the queue)"

/* ------------------------------------------------------------------ opening */

static bool open_results(struct job_report *report, const char *path)
{
    int error = path ? result_folder_open(&report->results, path) : 0;

    if (error < 0)
        say_error("--results %s: cannot be used: %s (give a folder in which this user may make folders)", path,
                  strerror(-error));
    return error == 0;
}

/* Whether a file is also where this process's own output goes: its lines would mix, and be taken for the log's. */
static bool is_own_output(const char *path)
{
    struct stat named;
    struct stat own;

    if (stat(path, &named) < 0 || !S_ISREG(named.st_mode))
        return false;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fstat(fd, &own) == 0 && own.st_dev == named.st_dev && own.st_ino == named.st_ino)
            return true;
    }
    return false;
}

static bool open_log(struct job_report *report, const char *path)
{
    int error = !path ? 0 : is_own_output(path) ? -EDEADLK : job_log_open(&report->log, path);

    report->log.grace_ns = report->options->common.shmq.grace_ns;
    if (error == -EDEADLK)
        say_error("--joblog %s: is also stdout or stderr (give another file)", path);
    else if (error == -EBADMSG)
        say_error("--joblog %s: is not a job log, and is left as it is (give the name of a new file)", path);
    else if (error == -ENOSPC || error == -EDQUOT || error == -EFBIG)
        say_error("--joblog %s: cannot be written: %s (free some space, or give another file)", path,
                  strerror(-error));
    else if (error < 0 && error != -EINTR)
        say_error(
            "--joblog %s: cannot be opened: %s (give a file that this user may write, in a folder that exists)",
            path, strerror(-error));
    return error == 0;
}

static bool open_output(struct job_report *report, const struct consumer_options *options)
{
    if (options->output_mode == OUTPUT_UNGROUPED)
        return true;
    report->output = calloc(1, sizeof(*report->output));
    if (report->output && command_output_init(report->output, options) == 0)
        return true;
    say_error("memory: %s", strerror(ENOMEM));
    return false;
}

bool job_report_open(struct job_report *report, const struct consumer_options *options)
{
    *report = (struct job_report){.options = options, .results.fd = -1, .log.fd = -1};
    if (open_results(report, options->results) && open_log(report, options->job_log) &&
        open_output(report, options))
        return true;
    job_report_close(report);
    return false;
}

void job_report_close(struct job_report *report)
{
    if (report->output)
        command_output_free(report->output);
    free(report->output);
    report->output = NULL;
    result_folder_close(&report->results);
    job_log_close(&report->log);
}

/* ------------------------------------------------------------------ what is reported */

void attempt_times_begin(struct attempt_times *times)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    times->start_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    times->begin_ns = times->end_ns = stop_now_ns();
}

void attempt_times_end(struct attempt_times *times)
{
    times->end_ns = stop_now_ns();
}

static bool is_name(const char *text, size_t length)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\0' || !strchr(allowed, text[i]))
            return false;
    }
    return length > 0 && text[0] != '.';
}

/* The id under which the message was first put. A header that could not be a file's name is not ours. */
static void copy_first_id(const struct job *job, char id[static SHMQ_ID_SIZE])
{
    size_t bytes;
    size_t length = 0;
    const char *headers = shmq_message_headers(job->message, &bytes);
    const char *first = headers ? shmq_header_value(headers, bytes, "Shmq-Id", &length) : NULL;

    if (!first || length >= SHMQ_ID_SIZE || !is_name(first, length)) {
        memcpy(id, job->id, SHMQ_ID_SIZE);
        return;
    }
    memcpy(id, first, length);
    id[length] = '\0';
}

static int status_of(const struct execution *execution)
{
    const bool hidden = execution->ended_by == ENDED_BY_TIMEOUT && WIFEXITED(execution->status) &&
                        WEXITSTATUS(execution->status) == 0;

    return hidden ? STATUS_TIMED_OUT << 8 : execution->status;
}

static char *text_of(const struct program *program)
{
    if (!program->words)
        return command_text_of_line(program->shell[COMMAND_SHELL_WORDS - 2]);
    return command_text_of_words(program->call.arguments);
}

/* ------------------------------------------------------------------ writing */

static enum sink_result report_error(const char *what, const char *name, const char *failed, int error)
{
    if (error == -EBADMSG)
        return SINK_DAMAGED;
    if (error == -EINTR)
        return SINK_STOPPED;
    if (error == -EPIPE)
        say_error("%s%s: its reader has ended " STAYS, what, name);
    else
        say_error("%s%s: %s: %s " STAYS, what, name, failed, strerror(-error));
    return SINK_FAILED;
}

static enum sink_result write_output(struct job_report *report)
{
    int error = report->output ? command_output_write(report->output) : 0;

    if (error == 0)
        return SINK_OK;
    return report_error("", report->output->failed,
                        report->output->failed == captured_output_folder() ? "output cannot be kept there"
                                                                           : "cannot be written",
                        error);
}

static enum sink_result store_results(struct job_report *report, const struct attempt_record *record)
{
    struct command_output *output = report->output;
    int error = report->results.fd < 0 || !output || output->is_broken
                    ? 0
                    : result_folder_store(&report->results, record, command_output_all(output, 0),
                                          command_output_all(output, 1));

    return error == 0 ? SINK_OK : report_error("--results ", report->options->results, "cannot be written", error);
}

static enum sink_result add_to_log(struct job_report *report, const struct attempt_record *record)
{
    int error = report->options->job_log ? job_log_add(&report->log, record) : 0;

    if (error == -EBADMSG)
        error = -EINVAL; /* it was replaced by something else */
    return error == 0 ? SINK_OK : report_error("--joblog ", report->options->job_log, "cannot be written", error);
}

static enum sink_result worse(enum sink_result one, enum sink_result other)
{
    return one == SINK_OK || (one == SINK_STOPPED && other != SINK_OK) ? other : one;
}

/* Payload bytes of the message, or of the batch. */
static uint64_t bytes_of(const struct job *job)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < job->count; i++)
        bytes += job->message[i].length;
    return bytes;
}

enum sink_result job_report_attempt(struct job_report *report, const struct job *job,
                                    const struct program *program, const struct execution *execution,
                                    const struct attempt_times *times)
{
    struct attempt_record record = {
        .attempt = job->attempts + 1,
        .status = status_of(execution),
        .start_ns = times->start_ns,
        .runtime_ns = times->end_ns - times->begin_ns,
        .sent = bytes_of(job),
        .received = report->output ? report->output->streams[0].bytes : 0,
    };
    enum sink_result result = write_output(report);
    char id[SHMQ_ID_SIZE];
    char *text = NULL;

    if (report->results.fd < 0 && !report->options->job_log)
        return result;
    copy_first_id(job, id);
    record.id = id;
    record.command = text = text_of(program);
    if (!text)
        return report_error("memory", "", "cannot describe the command", -ENOMEM);
    result = worse(result, store_results(report, &record));
    result = worse(result, add_to_log(report, &record));
    free(text);
    return result;
}
