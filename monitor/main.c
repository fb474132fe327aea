/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/cli/bus_guard.h"
#include "common/cli/open_error.h"
#include "common/cli/queue_file.h"
#include "common/cli/say.h"
#include "common/cli/snapshot.h"
#include "common/cli/stop.h"
#include "monitor/command_line.h"
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"

#define VERB_ENTRY(code, function) [VERB_##code] = verb_##function,
static int (*const verbs[VERBS])(const struct options *options) = {MONITOR_VERBS(VERB_ENTRY)};
#undef VERB_ENTRY

static int fail_on_file(const struct options *options, const char *what, int error)
{
    char damage[QUEUE_FILE_TEXT_BYTES] = "";
    struct shmq *queue;
    if (error == -EBADMSG && shmq_open_file(&queue, options->queue) == 0) {
        queue_file_damage(queue, options->queue, damage);
        (void)shmq_close(queue);
    }
    if (damage[0] != '\0')
        say_error("file '%s': not all of it can be read: %s", options->queue, damage);
    else
        say_error("file '%s': %s: %s", options->queue, what, queue_file_error(options->queue, error));
    return (int)exit_status_of(error);
}

/* A file is named by a path, so one that is named like a queue was perhaps meant. */
static bool is_file(const struct options *options)
{
    struct stat st;
    return options->takes_file && stat(options->queue, &st) == 0 && S_ISREG(st.st_mode);
}

/* An object of that name is there, so list shows it. */
static bool is_incomplete(const char *queue)
{
    char path[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "/dev/shm/shmq.%s", queue);
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Reads the object of a queue that cannot be opened as if it were a copy. Return: false if that cannot be done. */
static bool look_at_remains(const char *queue, char damage[static QUEUE_FILE_TEXT_BYTES])
{
    char path[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    struct shmq *handle;
    snprintf(path, sizeof(path), "/dev/shm/shmq.%s", queue);
    if (shmq_open(&handle, queue, SHMQ_OBSERVER, NULL) == 0) {
        (void)shmq_close(handle);
        return false;
    }
    if (shmq_open_file(&handle, path) != 0)
        return false;
    queue_file_damage(handle, queue, damage);
    (void)shmq_close(handle);
    return damage[0] != '\0';
}

int verb_fail(const struct options *options, const char *what, int error)
{
    char damage[QUEUE_FILE_TEXT_BYTES];
    if (queue_file_is_path(options->queue))
        return fail_on_file(options, what, error);
    if (error == -ENOENT && is_incomplete(options->queue))
        say_error("queue '%s': %s: %s", options->queue, what,
                  snapshot_reason(&(struct snapshot){.error = -ENOENT}));
    else if (error == -ENOENT && is_file(options))
        say_error("queue '%s': %s: no such queue (the file of this name is ./%s)", options->queue, what,
                  options->queue);
    else if (error == -ENOENT)
        say_error("queue '%s': %s: no such queue (see '%smonitor list')", options->queue, what, say_prefix());
    else if (error == -EBADMSG && (options->takes_file || options->verb == VERB_SAVE) &&
             look_at_remains(options->queue, damage))
        say_error("queue '%s': %s: damaged: %s (what is left is read in a copy: 'cp /dev/shm/shmq.%s FILE')",
                  options->queue, what, damage, options->queue);
    else
        say_error("queue '%s': %s: %s", options->queue, what, open_error_text(options->queue, error));
    return (int)exit_status_of(error);
}

void verb_say_damage(const char *queue)
{
    say_error("queue '%s': damaged, so this may be wrong or incomplete ('%smonitor check' says what is wrong)",
              queue, say_prefix());
}

int verb_judge(const struct options *options, struct shmq *queue)
{
    char damage[QUEUE_FILE_TEXT_BYTES] = "";
    if (shmq_glance(queue, NULL, NULL) != -EBADMSG)
        return EXIT_DONE;
    if (queue_file_is_path(options->queue))
        say_error("file '%s': damaged: %s", options->queue, queue_file_damage(queue, options->queue, damage));
    else
        verb_say_damage(options->queue);
    return EXIT_QUEUE;
}

/* Where stdout and stderr are one pipe or file, what is printed stays in its order, and no line is torn. */
static void flush_output(void)
{
    (void)output_flush();
}

int main(int argc, char **argv)
{
    struct options options;
    say_init("monitor", argc, argv);
    say_set_before(flush_output);
    stop_init();
    bus_guard_init();
    options_parse(&options, argc, argv);
    int status = verbs[options.verb](&options);
    int written = output_finish();
    return status != EXIT_DONE ? status : written;
}
