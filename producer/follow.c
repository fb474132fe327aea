/* SPDX-License-Identifier: MIT */
#include "producer/follow.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/follow_copy.h"
#include "producer/follow_resume.h"
#include "producer/follow_scan.h"
#include "producer/follower.h"

/* How long a file may stay unread before it may have been truncated meanwhile. */
#define UNREAD_NS INT64_C(1000000000)

/* ------------------------------------------------------------------ one file */

/* The file has become shorter, but what was put of it is still there. */
static enum flow handle_missed(struct follower *follower, struct followed_file *file, uint64_t bytes)
{
    uint64_t copied = 0;
    enum flow flow = FLOW_CONTINUE;
    if (bytes == 0)
        return FLOW_CONTINUE;
    if (file->offset == 0)
        flow = follow_copies_of_unread(follower, file, &copied);
    follower_lose(follower, file->path, bytes > copied ? bytes - copied : 0, "was truncated");
    return flow;
}

/* Puts the next messages of a file. */
static enum flow read_file(struct follower *follower, struct followed_file *file, bool rest)
{
    struct follow_step step;
    uint64_t copied;
    enum flow flow = FLOW_CONTINUE;
    if (file->offset == 0 && file->away_ns == 0 && file_time_ns() - file->since_ns > UNREAD_NS)
        flow = follow_copies_of_unread(follower, file, &copied);
    if (flow == FLOW_CONTINUE)
        flow = follow_reader_read(&follower->reader, file, rest, &step);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (step.error == -ESTALE) {
        const struct follow_record old = followed_file_record(file);
        return follow_cut(follower, file, &old);
    }
    if (step.error != 0) {
        file->readable = false; /* until the next look */
        file->unwatched = follower->unwatched = true;
        if (step.error != file->read_error)
            say_error("%s: cannot be read: %s (trying again)", file->path, strerrordesc_np(-step.error));
    }
    file->read_error = step.error;
    return handle_missed(follower, file, step.missed);
}

static bool has_turn(const struct follower *follower, const struct followed_file *file)
{
    return file->readable && !follower_must_wait(follower, file);
}

/* Each file that has something to read gets a turn. */
static enum flow take_turns(struct follower *follower)
{
    enum flow flow = FLOW_CONTINUE;
    for (struct followed_file *file = follower->files; file != NULL && flow == FLOW_CONTINUE; file = file->next) {
        if (!has_turn(follower, file))
            continue;
        flow = read_file(follower, file, false);
        if (flow == FLOW_CONTINUE && stop_requested != 0)
            flow = FLOW_END;
    }
    return flow == FLOW_CONTINUE ? fifos_read(&follower->fifos) : flow;
}

/* ------------------------------------------------------------------ what time brings */

/* When what stands at the end of a file without a delimiter is put; negative: never. */
static int64_t partial_due_ns(const struct follower *follower, const struct followed_file *file)
{
    const bool stands = file->fd >= 0 && !file->readable && file->size > file->offset;
    return follower->options->partial_ns < 0 || !stands ? -1 : file->grown_ns + follower->options->partial_ns;
}

/* When a file that was renamed or removed is left; negative: never. */
static int64_t leave_due_ns(const struct follower *follower, const struct followed_file *file)
{
    if (file->fd < 0 || file->away_ns == 0 || file->readable)
        return -1;
    const int64_t since = file->grown_ns > file->away_ns ? file->grown_ns : file->away_ns;
    return since + follower->options->rotate_wait_ns;
}

static bool is_due(int64_t due_ns, int64_t now_ns)
{
    return due_ns >= 0 && due_ns <= now_ns;
}

/* Only its record is kept, until the next file of its name is found, since that is what tells them apart. */
static enum flow leave(struct follower *follower, struct followed_file *file)
{
    struct file_facts facts;
    if (file->size > file->offset)
        follower_lose(follower, file->path, file->size - file->offset, "was left, with a record cut short,");
    say_detail("%s: left after byte %" PRIu64, file->path, file->offset);
    const bool removed = file_facts_of_open(file->fd, &facts) == 0 && facts.links == 0;
    if (removed || follower_latest(follower, file->name) != file)
        return follower_remove(follower, file);
    watch_remove(&follower->watch, file->watch);
    followed_file_leave(file);
    return follower_save(follower, file);
}

static enum flow do_what_is_due(struct follower *follower, struct followed_file *file, int64_t now_ns)
{
    const uint64_t size = file->size;
    const bool leaving = is_due(leave_due_ns(follower, file), now_ns);
    if (!leaving && !is_due(partial_due_ns(follower, file), now_ns))
        return FLOW_CONTINUE;
    const uint64_t sequence = file->sequence;
    enum flow flow = read_file(follower, file, true);
    if (!leaving) {
        file->grown_ns = now_ns; /* nothing more may be put of it, as of half a record */
        return flow;
    }
    if (flow == FLOW_CONTINUE && !file->readable && file->size == size && file->sequence == sequence)
        flow = leave(follower, file);
    return flow;
}

static enum flow look_at_times(struct follower *follower)
{
    const int64_t now = stop_now_ns();
    struct followed_file *file = follower->files;
    enum flow flow = FLOW_CONTINUE;
    while (file != NULL && flow == FLOW_CONTINUE) {
        struct followed_file *next = file->next;
        flow = do_what_is_due(follower, file, now);
        file = next;
    }
    return flow == FLOW_CONTINUE ? fifos_put_due(&follower->fifos, now) : flow;
}

/* Looks at everything, since a notice may not have come. */
static enum flow look(struct follower *follower)
{
    follow_notice(follower);
    const bool due = stop_now_ns() >= follower->look_ns;
    if (!due && !follower->scan_wanted)
        return FLOW_CONTINUE;
    for (struct followed_file *file = follower->files; due && file != NULL; file = file->next)
        file->readable = file->fd >= 0;
    return follow_scan(follower);
}

/* ------------------------------------------------------------------ waiting */

static int64_t earlier(int64_t one, int64_t other)
{
    return other >= 0 && (one < 0 || other < one) ? other : one;
}

static bool is_busy(const struct follower *follower)
{
    const struct followed_file *file = follower->files;
    while (file != NULL && !has_turn(follower, file))
        file = file->next;
    return file != NULL || follower->scan_wanted;
}

static enum flow wait_for_news(struct follower *follower)
{
    struct publisher *publisher = follower->publisher;
    int64_t until = earlier(follower->look_ns, publisher_next_tick_ns(publisher));
    for (const struct followed_file *file = follower->files; file != NULL; file = file->next) {
        until = earlier(until, partial_due_ns(follower, file));
        until = earlier(until, leave_due_ns(follower, file));
    }
    until = earlier(until, fifos_due_ns(&follower->fifos));
    const int fd = fifos_descriptor(&follower->fifos, follower->watch.fd);
    const int error = echo_flush(&publisher->echo);
    if (error != 0)
        return publisher_fail(publisher, EXIT_FAILED, "standard output: cannot be written: %s",
                              strerrordesc_np(-error));
    if (fd >= 0)
        (void)stop_wait_fd(fd, POLLIN, until);
    else
        (void)stop_sleep_until(until);
    publisher_tick(publisher);
    return stop_requested != 0 ? FLOW_END : FLOW_CONTINUE;
}

/* The publisher waits for room: meanwhile, files that appear are opened, since a rotation may remove them. */
static void while_full(void *context)
{
    struct follower *follower = context;
    struct file_facts facts;
    follow_notice(follower);
    follower->waiting = true;
    if (follower->scan_wanted || stop_now_ns() >= follower->look_ns)
        (void)follow_scan(follower);
    follower->waiting = false;
    for (struct followed_file *file = follower->files; file != NULL; file = file->next) {
        if (file->readable && file_facts_of_open(file->fd, &facts) == 0 && facts.size > file->size)
            file->size = facts.size;
    }
}

static enum flow follow(struct follower *follower)
{
    enum flow flow = FLOW_CONTINUE;
    while (flow == FLOW_CONTINUE) {
        flow = take_turns(follower);
        if (flow == FLOW_CONTINUE)
            flow = look(follower);
        if (flow == FLOW_CONTINUE)
            flow = look_at_times(follower);
        if (flow == FLOW_CONTINUE && !is_busy(follower))
            flow = wait_for_news(follower);
    }
    return flow;
}

/* ------------------------------------------------------------------ beginning and end */

/* Nothing is there yet under a name or pattern of --input. */
static void say_missing(const char *path, int error)
{
    glob_t found = {0};
    if (!pattern_is_glob(path))
        say_status("%s: %s; waiting for it", path, strerrordesc_np(error));
    else if (glob(path, GLOB_NOSORT, NULL, &found) == GLOB_NOMATCH)
        say_status("%s: matches no file yet; waiting for one", path);
    globfree(&found);
}

/* What a mistyped command would do is refused before a queue is made for it. */
static enum flow check_paths(struct publisher *publisher, const struct options *options)
{
    struct stat st;
    for (size_t i = 0; i < options->input_count; i++) {
        const char *path = options->inputs[i];
        if (stat(path, &st) != 0) {
            say_missing(path, errno);
            continue;
        }
        if (S_ISDIR(st.st_mode))
            return publisher_fail(publisher, EXIT_FAILED,
                                  "%s: cannot be followed: is a directory (give the files in it, as '%s/*.log')",
                                  path, path);
        if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
            return publisher_fail(publisher, EXIT_FAILED,
                                  "%s: cannot be followed: neither a regular file nor a FIFO", path);
    }
    return FLOW_CONTINUE;
}

static enum flow check_block(struct publisher *publisher, const struct options *options)
{
    char texts[2][UNITS_SIZE];
    if (options->framing != FRAMING_BLOCK || options->block_bytes <= publisher->max_message)
        return FLOW_CONTINUE;
    return publisher_fail(publisher, EXIT_FAILED,
                          "--block %s: larger than the queue's largest message of %s (create the queue with "
                          "--max-message %s or more)",
                          units_size(texts[0], options->block_bytes), units_size(texts[1], publisher->max_message),
                          texts[0]);
}

/* What a source is: where it looks and how it cuts, since the files come and go. */
static struct source_identity identity_of(const struct patterns *patterns, const struct options *options)
{
    const uint64_t framing[] = {(uint64_t)options->framing, options->delimiter, options->block_bytes,
                                patterns_hash(patterns)};
    const uint64_t group = file_sum(framing, sizeof(framing));
    return (struct source_identity){
        .resumable = options->resume, .group = options->resume ? group | 1 : 0, .part = options->resume};
}

/* As many files as the kernel lets us. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum flow begin(struct follower *follower)
{
    struct publisher *publisher = follower->publisher;
    follow_store_init(&follower->store, publisher);
    follow_reader_init(&follower->reader, publisher, follower->options, &follower->store);
    const int error = watch_open(&follower->watch);
    if (error != 0)
        say_status("no notices about files: %s; looking every second", strerrordesc_np(-error));
    enum flow flow = check_block(publisher, follower->options);
    if (flow == FLOW_CONTINUE)
        flow = follow_resume(follower);
    if (flow == FLOW_CONTINUE)
        flow = follow_scan(follower);
    follower->from_end = false;
    if (flow == FLOW_CONTINUE)
        flow = follow_store_start(&follower->store);
    publisher->while_full = while_full;
    publisher->while_full_context = follower;
    return flow;
}

static void leave_unfinished(struct publisher *publisher, const struct options *options)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    if (shmq_info(publisher->queue, &info) != 0 || info.removed)
        return; /* shmq_finish will report the error */
    publisher->unfinished = true;
    say_status("stopped by a signal%s", options->common.supervised
                                            ? ""
                                            : " (the same command continues there, as long as the queue is kept)");
}

enum flow follow_run(struct publisher *publisher, const struct options *options)
{
    struct follower *follower = calloc(1, sizeof(*follower));
    if (follower == NULL)
        return publisher_fail_memory(publisher);
    follower->publisher = publisher;
    follower->options = options;
    follower->patterns = (struct patterns){options->inputs, options->input_count};
    follower->watch.fd = -1;
    fifos_init(&follower->fifos, publisher, options);
    raise_descriptors();
    enum flow flow = check_paths(publisher, options);
    const struct source_identity identity = identity_of(&follower->patterns, options);
    if (flow == FLOW_CONTINUE)
        flow = publisher_open(publisher, options, &identity);
    if (flow == FLOW_CONTINUE) {
        flow = begin(follower);
        if (flow == FLOW_CONTINUE)
            flow = follow(follower);
        if (flow == FLOW_END && publisher->left > 0)
            flow = fifos_finish(&follower->fifos);
        if (flow == FLOW_END && publisher->left > 0 && options->resume)
            leave_unfinished(publisher, options);
    }
    publisher->while_full = NULL;
    follower_free(follower);
    free(follower);
    return flow;
}
