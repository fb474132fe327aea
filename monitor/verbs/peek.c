/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/cli/queue_file.h"
#include "common/cli/say.h"
#include "common/shmq.h"
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"

#define COUNT_DEFAULT 10
#define STOPPED 1 /* what the visitor returns when it has seen enough */

struct showing {
    const struct options *options;
    struct shmq *queue;
    uint64_t most;
    uint64_t shown;
};

static int show(void *context, const struct shmq_peeked *peeked)
{
    struct showing *showing = context;
    if (showing->options->raw) {
        output_peeked_raw(peeked);
        if (showing->options->count != 1)
            putchar('\n');
    } else if (showing->options->format == FORMAT_JSON) {
        fputs(showing->shown == 0 ? "\n  " : ",\n  ", stdout);
        output_peeked_json(showing->queue, peeked);
    } else {
        output_peeked_text(showing->queue, peeked);
    }
    return ++showing->shown == showing->most || ferror(stdout) != 0 ? STOPPED : 0;
}

/* Shows what can be read of a damaged queue. */
static int show_lanes(struct showing *showing)
{
    const uint32_t only = showing->options->lane;
    struct shmq_info info = SHMQ_INFO_INIT;
    int result = shmq_info(showing->queue, &info);
    if (result != 0)
        return result;
    if (only != LANE_ANY)
        return shmq_peek(showing->queue, only, show, showing);
    for (uint32_t i = 0; i < info.lanes; i++) {
        const int error = shmq_peek(showing->queue, i, show, showing);
        if (error == STOPPED)
            break;
        if (error != 0)
            result = error;
    }
    return result;
}

static int refuse_lane(const struct options *options)
{
    say_error("%s '%s': has no lane %" PRIu32, queue_file_kind(options->queue), options->queue, options->lane);
    return EXIT_FAILED;
}

int verb_peek(const struct options *options)
{
    struct showing showing = {.options = options, .most = options->count != 0 ? options->count : COUNT_DEFAULT};
    const bool json = options->format == FORMAT_JSON;
    int error = queue_file_open(&showing.queue, options->queue);
    if (error != 0)
        return verb_fail(options, "cannot be read", error);
    if (json)
        putchar('[');
    error = show_lanes(&showing);
    if (json)
        fputs(showing.shown > 0 ? "\n]\n" : "]\n", stdout);
    const int status = error < 0 ? EXIT_FAILED : verb_judge(options, showing.queue);
    shmq_close(showing.queue);
    if (error >= 0 && status == EXIT_DONE && showing.shown == 0)
        say_status("%s '%s': no messages", queue_file_kind(options->queue), options->queue);
    if (error == -EINVAL)
        return refuse_lane(options);
    return error < 0 ? verb_fail(options, "cannot be read", error) : status;
}
