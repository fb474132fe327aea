/* SPDX-License-Identifier: MIT */
/*
 * Writes metrics to a file. To serve them, which takes libmicrohttpd, the monitor becomes monitor-metrics, which
 * has monitor/metrics/ in this place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/sibling_program.h"
#include "common/cli/stop.h"
#include "monitor/collect.h"
#include "monitor/output.h"
#include "monitor/textfile.h"
#include "monitor/verbs/verbs.h"

/* Return: 0; a negative errno. */
static int write_text(const struct options *options, const struct snapshots *snapshots)
{
    if (textfile_is_stdout(options->textfile)) {
        output_prometheus(stdout, snapshots, true);
        return 0; /* output_finish looks for errors */
    }
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return -errno;
    output_prometheus(out, snapshots, true);
    int error = ferror(out) != 0 ? -ENOMEM : 0;
    if (fclose(out) != 0 && error == 0)
        error = -errno;
    if (error == 0)
        error = textfile_replace(options->textfile, text, length);
    free(text);
    return error;
}

static int write_once(const struct options *options)
{
    struct snapshots snapshots = {0};
    int error = collect_snapshots(&snapshots, options->names, options->name_count);
    if (error != 0)
        say_error("/dev/shm: cannot be read: %s", shmq_strerror(error));
    else if ((error = write_text(options, &snapshots)) == -EBUSY)
        say_error("%s: cannot be written: another process is writing it", options->textfile);
    else if (error == -EEXIST)
        say_error("%s: cannot be written: exists and is not a regular file", options->textfile);
    else if (error != 0)
        say_error("%s: cannot be written: %s", options->textfile, strerrordesc_np(-error));
    snapshots_free(&snapshots);
    return error;
}

/* Later failures are reported, and tried again: a disk may have room again. */
static void write_on(const struct options *options)
{
    int64_t next = stop_now_ns();
    while (stop_requested == 0) {
        const int64_t now = stop_now_ns();
        next = next + options->interval_ns > now ? next + options->interval_ns : now + options->interval_ns;
        while (stop_requested == 0 && !stop_sleep_until(next))
            (void)stop_statistics_wanted(); /* or it would end every sleep at once */
        if (stop_requested == 0)
            (void)write_once(options);
    }
}

int verb_metrics(const struct options *options)
{
    static const struct sibling_program metrics = {"metrics", "-metrics", "libmicrohttpd",
                                                   "libmicrohttpd-dev pkg-config"};
    if (options->textfile == NULL)
        sibling_program_become(&metrics, options->arguments);
    if (write_once(options) != 0)
        return EXIT_FAILED;
    if (options->interval_ns > 0)
        write_on(options);
    return EXIT_DONE;
}
