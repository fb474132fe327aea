/* SPDX-License-Identifier: MIT */
#include "producer/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "producer/split.h"

/* FNV-1a over the bytes of numbers; the source's identity. */
static uint64_t mix(uint64_t hash, uint64_t number)
{
    for (int i = 0; i < 8; i++) {
        hash ^= number >> (8 * i) & 0xff;
        hash *= UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t identity_of_options(const struct options *options)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    hash = mix(hash, (uint64_t)options->framing);
    hash = mix(hash, options->delimiter);
    hash = mix(hash, options->block_bytes);
    hash = mix(hash, options->split_part);
    return mix(hash, options->split_parts);
}

static enum flow fail(struct outlet *outlet, const char *path, const char *what, int error)
{
    return outlet_fail(outlet, EXIT_FAILED, "%s: %s: %s", input_label(path), what, strerrordesc_np(error));
}

static enum flow check_regular(struct inputs *inputs, struct outlet *outlet, const struct options *options,
                               size_t i)
{
    const char *path = inputs->paths[i];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fail(outlet, path, "cannot be opened", errno);
    int error = 0;
    if (options->split_parts > 1)
        error = split_range(fd, inputs->sizes[i], options, &inputs->ranges[i]);
    close(fd);
    return error != 0 ? fail(outlet, path, "cannot be read", -error) : FLOW_ON;
}

static enum flow check_stdin(struct outlet *outlet, struct stat *st)
{
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY)
        return outlet_fail(outlet, EXIT_FAILED, "standard input: not open for reading (use --input FILE)");
    return fstat(STDIN_FILENO, st) != 0 ? fail(outlet, "-", "cannot be examined", errno) : FLOW_ON;
}

static enum flow check_input(struct inputs *inputs, struct outlet *outlet, const struct options *options, size_t i)
{
    const char *path = inputs->paths[i];
    struct stat st = {0};
    bool is_stdin = strcmp(path, "-") == 0;
    if (is_stdin && check_stdin(outlet, &st) != FLOW_ON)
        return FLOW_FAILED;
    if (!is_stdin && stat(path, &st) != 0)
        return fail(outlet, path, "cannot be opened", errno);
    if (S_ISDIR(st.st_mode))
        return outlet_fail(outlet, EXIT_FAILED, "%s: cannot be read: is a directory (give the files in it)",
                           input_label(path));
    inputs->ranges[i] = (struct range){0, UINT64_MAX};
    if (S_ISREG(st.st_mode)) {
        inputs->sizes[i] = (uint64_t)st.st_size;
        inputs->source_id = mix(mix(inputs->source_id, st.st_dev), st.st_ino);
        /* A file that may grow keeps its identity, unless what follows depends on its size. */
        if (options->split_parts > 1 || i + 1 < inputs->count || options->framing == FRAMING_WHOLE)
            inputs->source_id = mix(inputs->source_id, inputs->sizes[i]);
        return is_stdin ? FLOW_ON : check_regular(inputs, outlet, options, i);
    }
    if (options->split_given || options->resume)
        return outlet_fail(outlet, EXIT_FAILED, "%s: not a regular file (which --%s needs)", path,
                           options->resume ? "resume" : "split");
    if (!is_stdin && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        return fail(outlet, path, "cannot be opened", errno);
    return FLOW_ON;
}

enum flow inputs_check(struct inputs *inputs, struct outlet *outlet, const struct options *options)
{
    inputs->paths = options->inputs;
    inputs->count = options->input_count;
    inputs->ranges = calloc(inputs->count + 1, sizeof(*inputs->ranges));
    inputs->sizes = calloc(inputs->count + 1, sizeof(*inputs->sizes));
    if (inputs->ranges == NULL || inputs->sizes == NULL)
        return outlet_fail(outlet, EXIT_FAILED, "out of memory");
    inputs->source_id = identity_of_options(options);
    for (size_t i = 0; i < inputs->count; i++) {
        enum flow flow = check_input(inputs, outlet, options, i);
        if (flow != FLOW_ON)
            return flow;
    }
    if (inputs->source_id == 0)
        inputs->source_id = 1;
    return FLOW_ON;
}

static uint64_t range_bytes(const struct inputs *inputs, size_t i)
{
    const struct range *range = &inputs->ranges[i];
    return (range->end == UINT64_MAX ? inputs->sizes[i] : range->end) - range->begin;
}

enum flow inputs_resume(struct inputs *inputs, struct outlet *outlet, const struct options *options, uint64_t done)
{
    uint64_t total = 0;
    for (size_t i = 0; i < inputs->count; i++)
        total += range_bytes(inputs, i);
    if (done > total)
        return outlet_fail(outlet, EXIT_FAILED,
                           "--resume: %" PRIu64
                           " bytes are in the queue's lane already, but the input has only %" PRIu64
                           ": it has shrunk since (start it without --resume)",
                           done, total);
    inputs->bytes = total;
    say_detail("going on after %" PRIu64 " of %" PRIu64 " bytes", done, total);
    /* A number of messages can only be kept by counting those that are passed over. */
    if (options->count != 0) {
        outlet->skip = done;
        return FLOW_ON;
    }
    for (size_t i = 0; i < inputs->count && done > 0; i++) {
        uint64_t here = range_bytes(inputs, i);
        if (done < here && options->framing == FRAMING_WHOLE)
            return outlet_fail(outlet, EXIT_FAILED,
                               "%s: has changed since the earlier run (start it without --resume)",
                               inputs->paths[i]);
        here = done < here ? done : here;
        inputs->ranges[i].begin += here;
        done -= here;
        /* All of it is done; a last file of lines may have grown meanwhile. */
        if (range_bytes(inputs, i) == 0 && (i + 1 < inputs->count || options->framing == FRAMING_WHOLE))
            inputs->first = i + 1;
    }
    return FLOW_ON;
}

void inputs_free(struct inputs *inputs)
{
    free(inputs->ranges);
    free(inputs->sizes);
    *inputs = (struct inputs){0};
}
