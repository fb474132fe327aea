/* SPDX-License-Identifier: MIT */
#include "producer/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/pseudo_file.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/source_mark.h"
#include "producer/split.h"

enum { HEAD_BYTES = 4096 };

/* FNV-1a over the bytes of numbers. */
#define MIX_START UINT64_C(0xcbf29ce484222325)
static uint64_t mix(uint64_t hash, uint64_t number)
{
    for (int i = 0; i < 8; i++) {
        hash ^= number >> (8 * i) & 0xff;
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

/* The part of the identity that is the same for all parts and runs; file sizes are not in it, as files may grow.
 */
static uint64_t identity_of_options(const struct options *options)
{
    uint64_t hash = MIX_START;
    hash = mix(hash, (uint64_t)options->framing);
    hash = mix(hash, options->delimiter);
    hash = mix(hash, options->block_bytes);
    return mix(hash, options->split_parts);
}

/* Whether several runs or parts must agree on the inputs. */
static bool is_shared(const struct options *options)
{
    return options->resume || options->split_parts > 1;
}

static enum flow fail(struct publisher *publisher, const char *path, const char *what, int error)
{
    publisher->may_pass = error_may_pass(error);
    return publisher_fail(publisher, EXIT_FAILED, "%s: %s: %s", input_label(path), what, strerrordesc_np(error));
}

static enum flow fail_queue(struct publisher *publisher, int error)
{
    publisher->may_pass = error_may_pass(error);
    return publisher_fail(publisher, (int)exit_status_of(error), "queue '%s': %s", publisher->name,
                          shmq_strerror(error));
}

static int open_file(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* ------------------------------------------------------------------ checking each input */

static enum flow check_regular(struct inputs *inputs, struct publisher *publisher, const struct options *options,
                               size_t i)
{
    const char *path = inputs->paths[i];
    int fd = open_file(path);
    if (fd < 0)
        return fail(publisher, path, "cannot be opened", errno);
    inputs->is_pseudo_file[i] = is_shared(options) && file_is_pseudo(fd);
    close(fd);
    if (inputs->is_pseudo_file[i])
        inputs->sizes[i] = 0;
    if (options->resume && inputs->is_pseudo_file[i])
        return publisher_fail(publisher, EXIT_FAILED,
                              "%s: has no reliable size: cannot be resumed (send it without --resume)", path);
    return FLOW_CONTINUE;
}

static enum flow check_stdin(struct publisher *publisher, struct stat *st)
{
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
        return publisher_fail(publisher, EXIT_FAILED, "standard input: not open for reading (use --input FILE)");
    return fstat(STDIN_FILENO, st) != 0 ? fail(publisher, "-", "cannot be examined", errno) : FLOW_CONTINUE;
}

static enum flow check_input(struct inputs *inputs, struct publisher *publisher, const struct options *options,
                             size_t i)
{
    const char *path = inputs->paths[i];
    struct stat st = {0};
    bool is_stdin = strcmp(path, "-") == 0;
    if (is_stdin && check_stdin(publisher, &st) != FLOW_CONTINUE)
        return FLOW_FAILED;
    if (!is_stdin && stat(path, &st) != 0)
        return fail(publisher, path, "cannot be opened", errno);
    if (S_ISDIR(st.st_mode))
        return publisher_fail(publisher, EXIT_FAILED, "%s: cannot be read: is a directory (give the files in it)",
                              input_label(path));
    if (S_ISSOCK(st.st_mode) && !is_stdin)
        return publisher_fail(publisher, EXIT_FAILED, "%s: cannot be read: is a socket", path);
    inputs->ranges[i] = (struct range){.end = UINT64_MAX};
    if (S_ISREG(st.st_mode)) {
        inputs->sizes[i] = (uint64_t)st.st_size;
        inputs->identity.group = mix(mix(inputs->identity.group, st.st_dev), st.st_ino);
        return is_stdin ? FLOW_CONTINUE : check_regular(inputs, publisher, options, i);
    }
    inputs->unsized = true;
    if (options->split_given || options->resume)
        return publisher_fail(publisher, EXIT_FAILED, "%s: not a regular file (which --%s needs)", path,
                              options->resume ? "resume" : "split");
    if (!is_stdin && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        return fail(publisher, path, "cannot be opened", errno);
    return FLOW_CONTINUE;
}

/* ------------------------------------------------------------------ what must not change */

/* Whether file @i may grow: only the last one, and not with --whole. */
static bool may_grow(const struct inputs *inputs, const struct options *options, size_t i)
{
    return i + 1 == inputs->count && options->framing != FRAMING_WHOLE;
}

static enum flow sum_head(const struct inputs *inputs, struct publisher *publisher, size_t i, uint64_t size,
                          uint64_t *sum)
{
    unsigned char head[HEAD_BYTES];
    const char *path = inputs->paths[i];
    const size_t wanted = size < HEAD_BYTES ? (size_t)size : HEAD_BYTES;
    const int fd = open_file(path);
    if (fd < 0)
        return fail(publisher, path, "cannot be opened", errno);
    ssize_t got;
    do {
        got = pread(fd, head, wanted, 0);
    } while (got < 0 && errno == EINTR);
    const int error = errno;
    close(fd);
    if (got < 0)
        return fail(publisher, path, "cannot be read", error);
    if ((size_t)got < wanted)
        return publisher_fail(publisher, EXIT_FAILED,
                              "%s: has become shorter while it was examined: it has %zd byte%s instead of %zu",
                              path, got, units_plural((uint64_t)got), wanted);
    *sum = mix(*sum, source_mark_sum(head, wanted));
    return FLOW_CONTINUE;
}

/*
 * Computes the check value: a hash of the sizes that must not change in the upper 32 bits, one of the first bytes
 * of each file in the lower 32.
 *
 * @last_size  size of the last file when its first part or run began
 */
static enum flow sum_up(const struct inputs *inputs, struct publisher *publisher, const struct options *options,
                        uint64_t last_size, uint64_t *check)
{
    uint64_t sizes = MIX_START;
    uint64_t heads = MIX_START;
    for (size_t i = 0; i < inputs->count; i++) {
        if (!may_grow(inputs, options, i))
            sizes = mix(sizes, inputs->sizes[i]);
        const uint64_t size = i + 1 == inputs->count ? last_size : inputs->sizes[i];
        const enum flow flow = sum_head(inputs, publisher, i, size, &heads);
        if (flow != FLOW_CONTINUE)
            return flow;
    }
    *check = (sizes ^ sizes >> 32) << 32 | ((heads ^ heads >> 32) & UINT32_MAX);
    return FLOW_CONTINUE;
}

static enum flow set_identity(struct inputs *inputs, struct publisher *publisher, const struct options *options)
{
    struct source_identity *identity = &inputs->identity;
    identity->resumable = options->resume;
    if (!is_shared(options) || options->source != SOURCE_INPUTS) {
        identity->group = 0;
        return FLOW_CONTINUE;
    }
    if (identity->group == 0)
        identity->group = 1;
    identity->part = options->split_part;
    identity->size = inputs->sizes[inputs->count - 1];
    return sum_up(inputs, publisher, options, identity->size, &identity->check);
}

enum flow inputs_check(struct inputs *inputs, struct publisher *publisher, const struct options *options)
{
    inputs->paths = options->inputs;
    inputs->count = options->input_count;
    inputs->ranges = calloc(inputs->count + 1, sizeof(*inputs->ranges));
    inputs->sizes = calloc(inputs->count + 1, sizeof(*inputs->sizes));
    inputs->is_pseudo_file = calloc(inputs->count + 1, sizeof(*inputs->is_pseudo_file));
    if (inputs->ranges == NULL || inputs->sizes == NULL || inputs->is_pseudo_file == NULL)
        return publisher_fail_memory(publisher);
    inputs->identity.group = identity_of_options(options);
    for (size_t i = 0; i < inputs->count; i++) {
        enum flow flow = check_input(inputs, publisher, options, i);
        if (flow != FLOW_CONTINUE)
            return flow;
    }
    return set_identity(inputs, publisher, options);
}

/* ------------------------------------------------------------------ continuing what was begun */

enum flow inputs_fail_changed(const struct inputs *inputs, struct publisher *publisher,
                              const struct options *options, size_t i, const char *why, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, why);
    const int length = vasprintf(&text, why, arguments);
    va_end(arguments);
    /* With --split, other parts may be in progress and would not match. */
    const char *advice = options->split_parts > 1 ? "remove the queue to start over"
                                                  : "start it without --resume, or remove the queue";
    i = inputs->count == 1 ? 0 : i;
    publisher->withdrawn = true;
    const enum flow flow =
        i < inputs->count
            ? publisher_fail(publisher, EXIT_FAILED, "%s: is not the file that was being sent: %s (%s)",
                             inputs->paths[i], length < 0 ? "out of memory" : text, advice)
            : publisher_fail(publisher, EXIT_FAILED,
                             "one of the %zu inputs is not the file that was being sent: %s (%s)", inputs->count,
                             length < 0 ? "out of memory" : text, advice);
    free(text);
    return flow;
}

/* The file may have grown since inputs_check, and the first part may have begun with the new size. */
static enum flow update_size(struct inputs *inputs, struct publisher *publisher, size_t i)
{
    struct stat st;
    if (stat(inputs->paths[i], &st) != 0)
        return fail(publisher, inputs->paths[i], "cannot be examined", errno);
    inputs->sizes[i] = inputs->is_pseudo_file[i] ? 0 : (uint64_t)st.st_size;
    return FLOW_CONTINUE;
}

static enum flow check_unchanged(struct inputs *inputs, struct publisher *publisher, const struct options *options,
                                 uint64_t size, uint64_t check)
{
    const size_t last = inputs->count - 1;
    uint64_t now = 0;
    enum flow flow = update_size(inputs, publisher, last);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (inputs->sizes[last] < size)
        return inputs_fail_changed(inputs, publisher, options, last,
                                   "it has become shorter, %" PRIu64 " byte%s instead of %" PRIu64,
                                   inputs->sizes[last], units_plural(inputs->sizes[last]), size);
    flow = sum_up(inputs, publisher, options, size, &now);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (now >> 32 != check >> 32)
        return inputs_fail_changed(inputs, publisher, options, inputs->count, "its size has changed");
    if (now != check)
        return inputs_fail_changed(inputs, publisher, options, inputs->count, "its first bytes have changed");
    return FLOW_CONTINUE;
}

static void find_pseudo_file_range(const struct inputs *inputs, const struct options *options, size_t i)
{
    inputs->ranges[i].end = options->split_part == 1 ? UINT64_MAX : 0;
    say_status("%s: has no reliable size: part 1 reads all of it, the others nothing", inputs->paths[i]);
}

static enum flow find_range(const struct inputs *inputs, struct publisher *publisher,
                            const struct options *options, size_t i)
{
    struct range *range = &inputs->ranges[i];
    const uint64_t size = i + 1 == inputs->count ? inputs->identity.size : inputs->sizes[i];
    *range = (struct range){.end = UINT64_MAX, .least = inputs->sizes[i]};
    if (options->split_parts == 1)
        return FLOW_CONTINUE;
    if (inputs->is_pseudo_file[i]) {
        find_pseudo_file_range(inputs, options, i);
        return FLOW_CONTINUE;
    }
    const int fd = open_file(inputs->paths[i]);
    if (fd < 0)
        return fail(publisher, inputs->paths[i], "cannot be opened", errno);
    const int error = split_range(fd, size, options, range);
    close(fd);
    if (error == -EINTR)
        return FLOW_END;
    return error != 0 ? fail(publisher, inputs->paths[i], "cannot be read", -error) : FLOW_CONTINUE;
}

enum flow inputs_find_ranges(struct inputs *inputs, struct publisher *publisher, const struct options *options)
{
    struct source_identity *identity = &inputs->identity;
    if (identity->group == 0)
        return FLOW_CONTINUE;
    int error = shmq_source_whole(publisher->queue, &identity->size, &identity->check);
    if (error != 0)
        return fail_queue(publisher, error);
    enum flow flow = check_unchanged(inputs, publisher, options, identity->size, identity->check);
    uint64_t base = 0;
    for (size_t i = 0; i < inputs->count && flow == FLOW_CONTINUE; i++) {
        flow = find_range(inputs, publisher, options, i);
        inputs->ranges[i].base = base;
        base += inputs_range_bytes(inputs, i);
    }
    inputs->bytes = base;
    return flow;
}

uint64_t inputs_range_bytes(const struct inputs *inputs, size_t i)
{
    const struct range *range = &inputs->ranges[i];
    const uint64_t end = range->end == UINT64_MAX ? inputs->sizes[i] : range->end;
    return end > range->begin ? end - range->begin : 0;
}

/* Reading of stdin begins where its description is. */
static uint64_t bytes_before(const struct inputs *inputs, size_t i)
{
    const off_t at = strcmp(inputs->paths[i], "-") == 0 ? lseek(STDIN_FILENO, 0, SEEK_CUR) : 0;
    return at > 0 ? (uint64_t)at : 0;
}

uint64_t inputs_bytes(const struct inputs *inputs)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < inputs->count && !inputs->unsized; i++) {
        const uint64_t before = bytes_before(inputs, i);
        const uint64_t here = inputs_range_bytes(inputs, i);
        bytes += here > before ? here - before : 0;
    }
    return bytes;
}

void inputs_report_growth(const struct inputs *inputs, const struct options *options, const struct input *input)
{
    const struct source_identity *identity = &inputs->identity;
    const bool is_last = input->path == inputs->paths[inputs->count - 1];
    if (is_last && options->split_parts > 1 && input->end == UINT64_MAX && input->least != 0 &&
        input->offset > identity->size)
        say_status("%s: has grown from %" PRIu64 " to %" PRIu64
                   " bytes since its first part began; this part, the last, has read all of it",
                   input->label, identity->size, input->offset);
}

void inputs_free(struct inputs *inputs)
{
    free(inputs->ranges);
    free(inputs->sizes);
    free(inputs->is_pseudo_file);
    *inputs = (struct inputs){0};
}
