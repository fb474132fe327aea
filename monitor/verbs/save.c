/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "monitor/replaceable.h"
#include "monitor/saved_file.h"
#include "monitor/verbs/verbs.h"

#define TRIES 8 /* the first one is enough, unless the queue changes very fast */

/* What the copy has, and whether it fits together. Return: 0; -EBADMSG; other errors of reading it. */
static int verify(const struct saved_file *file, struct shmq_stat *stat)
{
    struct shmq *copy;
    int error = shmq_open_file(&copy, saved_file_now(file));
    if (error != 0)
        return error;
    error = shmq_check(copy, NULL, NULL);
    const int counted = shmq_stat(copy, stat);
    (void)shmq_close(copy);
    return error != 0 ? error : counted;
}

/* What is wrong with a queue: the first problem, and how many there are. */
struct damage {
    char first[256];
    unsigned count;
};

static void note_damage(void *context, const char *problem)
{
    struct damage *damage = context;
    if (damage->count++ == 0)
        (void)snprintf(damage->first, sizeof(damage->first), "%s", problem);
}

/* Byte for byte, so that what is wrong stays as it is. Return: -EBADMSG; other errors without a copy. */
static int copy_damaged(struct shmq *queue, const struct saved_file *file)
{
    const int error = shmq_save(queue, file->fd, true);
    return error != 0 ? error : -EBADMSG;
}

/* A copy that fits together leaves out what makes no sense: that would mend a damaged queue, and say nothing.
 * Return: 0; -EBADMSG with a copy of a damaged queue; -EAGAIN, -EINTR, other errors without one. */
static int make_copy(struct shmq *queue, const struct saved_file *file, struct shmq_stat *stat,
                     struct damage *damage)
{
    int error = -EAGAIN;
    if (shmq_check(queue, note_damage, damage) == -EBADMSG)
        return copy_damaged(queue, file);
    for (int tries = 0; tries < TRIES && (error == -EAGAIN || error == -EBADMSG); tries++) {
        if (stop_requested != 0)
            return -EINTR;
        error = shmq_save(queue, file->fd, false);
        if (error == 0)
            error = verify(file, stat);
    }
    if (error != -EAGAIN && error != -EBADMSG)
        return error;
    return shmq_check(queue, note_damage, damage) == -EBADMSG ? copy_damaged(queue, file) : -EAGAIN;
}

/* Errors of the file, and of what is called for both. */
static int fail(const struct options *options, int error)
{
    if (error == -EEXIST && !replaceable(options->into))
        say_error("%s: not saved: exists and is not a regular file", options->into);
    else if (error == -EEXIST)
        say_error("%s: not saved: the file exists (--force replaces it)", options->into);
    else if (error == -EAGAIN)
        say_error("queue '%s': not saved: it changes too fast to be read (try again, or pause it: '%smonitor "
                  "pause %s')",
                  options->queue, say_prefix(), options->queue);
    else if (error == -EINTR)
        say_error("queue '%s': not saved: interrupted", options->queue);
    else
        say_error("%s: not saved: %s", options->into, strerrordesc_np(-error));
    return EXIT_FAILED;
}

static int succeed(const struct options *options, const struct saved_file *file, const struct shmq_stat *copy)
{
    char size[UNITS_SIZE];
    struct stat st = {0};
    (void)fstat(file->fd, &st);
    say_status("saved queue '%s' with %" PRIu64 " message%s to %s, %s on disk", options->queue, copy->messages,
               units_plural(copy->messages), options->into, units_memory(size, (uint64_t)st.st_blocks * 512));
    return EXIT_DONE;
}

static int tell_damage(const struct options *options, const struct damage *damage)
{
    char more[32] = "";
    if (damage->count > 1)
        (void)snprintf(more, sizeof(more), " and %u more", damage->count - 1);
    say_error("queue '%s': damaged: copied to %s as it is: %s%s ('%smonitor check' says what is wrong)",
              options->queue, options->into, damage->first, more, say_prefix());
    return EXIT_QUEUE;
}

static int save_to(const struct options *options, struct shmq *queue)
{
    struct shmq_stat copy = SHMQ_STAT_INIT;
    struct saved_file file;
    struct damage damage = {.count = 0};
    int error = saved_file_begin(&file, options->into);
    if (error == 0)
        error = make_copy(queue, &file, &copy, &damage);
    const bool damaged = error == -EBADMSG;
    if (error == 0 || damaged)
        error = saved_file_finish(&file, options->force);
    const int status = error != 0 ? fail(options, error)
                       : damaged  ? tell_damage(options, &damage)
                                  : succeed(options, &file, &copy);
    saved_file_end(&file);
    return status;
}

int verb_save(const struct options *options)
{
    struct shmq *queue;
    struct stat st;
    if (lstat(options->into, &st) == 0 && (!options->force || !replaceable(options->into)))
        return fail(options, -EEXIST);
    const int error = shmq_open(&queue, options->queue, SHMQ_OBSERVER, NULL);
    if (error != 0)
        return verb_fail(options, "cannot be saved", error);
    const int status = save_to(options, queue);
    (void)shmq_close(queue);
    return status;
}
