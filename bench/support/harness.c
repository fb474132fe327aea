/* SPDX-License-Identifier: MIT */
#include "bench/support/harness.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/support/load.h"
#include "common/shmq.h"

#define EXIT_USAGE 2
#define EXIT_CANNOT 77

int run_status(const char *what, int error)
{
    switch (error) {
    case 0:
        return 0;
    case RUN_CANNOT:
        return EXIT_CANNOT;
    case RUN_WRONG:
        return 1;
    default:
        return bench_failed(what, error);
    }
}

uint64_t plan_messages(const struct plan *plan)
{
    const uint64_t each = (plan->size + 63) & ~UINT64_C(63);
    return plan->capacity_bytes < each ? 1 : plan->capacity_bytes / each;
}

/* ------------------------------------------------------------------ running */

static int prepare_channel(struct run *run, unsigned index)
{
    const struct contender *contender = run->contender;
    const size_t bytes = contender->channel_bytes > 0 ? contender->channel_bytes : sizeof(struct channel);
    struct channel *channel = aligned_alloc(128, (bytes + 127) & ~(size_t)127);
    if (channel == NULL)
        return -ENOMEM;
    memset(channel, 0, bytes);
    channel->plan = &run->arguments.plan;
    channel->index = index;
    run->channels[index] = channel;
    return contender->prepare != NULL ? contender->prepare(channel) : 0;
}

static int run_load(struct run *run)
{
    switch (run->arguments.plan.load) {
    case LOAD_ROUND_TRIP:
        return round_trip_run(run);
    case LOAD_MANY:
        return many_run(run);
    case LOAD_STREAM:
    default:
        return stream_run(run);
    }
}

static int run_prepared(struct run *run)
{
    const unsigned channels = run->arguments.plan.load == LOAD_ROUND_TRIP ? 2 : 1;
    int error = 0;
    run->board = board_create();
    if (run->board == NULL)
        error = -errno;
    for (unsigned i = 0; error == 0 && i < channels; i++)
        error = prepare_channel(run, i);
    const int failed = error != 0 ? run_status("preparing", error) : run_load(run);
    for (unsigned i = 0; i < channels; i++)
        if (run->channels[i] != NULL && run->contender->clean_up != NULL)
            run->contender->clean_up(run->channels[i]);
    bench_folder_remove();
    return failed;
}

static bool is_able(const struct contender *contender, const struct plan *plan)
{
    if ((contender->loads & plan->load) == 0)
        (void)bench_cannot("not this kind of load");
    else if (plan->bounded && contender->unbounded)
        (void)bench_cannot("its capacity cannot be set");
    else
        return true;
    return false;
}

/* ------------------------------------------------------------------ arguments */

static const char help[] = "Usage: %s [OPTION...]\n"
                           "Moves messages between processes, checks each one, and prints a line of CSV.\n\n"
                           "  --load KIND       stream (one producer, one consumer), round-trip or many\n"
                           "                    (stream)\n"
                           "  --size BYTES      size of a message, a multiple of 8 from 8 to 2097152 (64)\n"
                           "  --seconds S       run for S seconds after a warm-up (0.3)\n"
                           "  --messages N      move N messages instead\n"
                           "  --pause US        round-trip: pause between trips, in microseconds (0)\n"
                           "  --histogram FILE  round-trip: write lines nanoseconds,count to FILE\n"
                           "  --shape PxC       many: P producers and C consumers (2x2)\n"
                           "  --room N          at most N messages in flight\n"
                           "  --capacity BYTES  at most BYTES in flight, each message rounded up to 64\n"
                           "                    bytes (8388608)\n"
                           "  --lanes N         shmq: lanes, all attached, one busy\n"
                           "  --seats N         shmq: seats\n"
                           "  --cpus P,C        processors of producer and consumer (0,1; 0,0 with one\n"
                           "                    processor)\n"
                           "  --header          also print the column names\n\n"
                           "Example:\n"
                           "  %s --load many --shape 8x8 --size 64 --header\n";

static int usage(void)
{
    (void)fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
    return EXIT_USAGE;
}

static bool take_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text != '-' && *value >= least && *value <= most;
}

static bool take_unsigned(const char *text, unsigned most, unsigned *value)
{
    uint64_t number;
    const bool taken = take_number(text, 1, most, &number);
    *value = (unsigned)number;
    return taken;
}

static bool take_load(const char *text, enum load *load)
{
    static const struct {
        const char *name;
        enum load load;
    } loads[] = {{"stream", LOAD_STREAM}, {"round-trip", LOAD_ROUND_TRIP}, {"many", LOAD_MANY}};
    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
        if (strcmp(text, loads[i].name) == 0) {
            *load = loads[i].load;
            return true;
        }
    return false;
}

static bool take_pair(const char *text, const char *format, int least, int most, int pair[2])
{
    char rest;
    return sscanf(text, format, &pair[0], &pair[1], &rest) == 2 && pair[0] >= least && pair[0] <= most &&
           pair[1] >= least && pair[1] <= most;
}

static bool take_shape(const char *text, struct plan *plan)
{
    int pair[2];
    if (!take_pair(text, "%dx%d%c", 1, 64, pair))
        return false;
    plan->producers = (unsigned)pair[0];
    plan->consumers = (unsigned)pair[1];
    return true;
}

static bool take_seconds(const char *text, double *seconds)
{
    char rest;
    return sscanf(text, "%lf%c", seconds, &rest) == 1 && *seconds > 0 && *seconds <= 30;
}

static bool take_plan(struct plan *plan, int code, const char *text)
{
    uint64_t number = 0;
    switch (code) {
    case 'l':
        return take_load(text, &plan->load);
    case 's':
        if (!take_number(text, 8, 2097152, &number) || number % 8 != 0)
            return false;
        plan->size = number;
        return true;
    case 'p':
        return take_shape(text, plan);
    case 'C':
        return take_number(text, 4096, UINT64_C(1) << 36, &plan->capacity_bytes);
    case 'L':
        return take_unsigned(text, SHMQ_LANES_MAX, &plan->lanes);
    case 'S':
        return take_unsigned(text, SHMQ_SEATS_MAX, &plan->seats);
    default:
        return false;
    }
}

static bool take_argument(struct arguments *arguments, int code, const char *text)
{
    uint64_t number;
    switch (code) {
    case 't':
        return take_seconds(text, &arguments->seconds);
    case 'n':
        return take_number(text, 1, UINT64_C(1) << PAYLOAD_PRODUCER_SHIFT, &arguments->messages);
    case 'u':
        if (!take_number(text, 0, 10000000, &number))
            return false;
        arguments->pause_ns = (int64_t)number * 1000;
        return true;
    case 'g':
        arguments->histogram = text;
        return true;
    case 'c':
        return take_pair(text, "%d,%d%c", 0, CPU_SETSIZE - 1, arguments->cpus);
    case 'r':
        arguments->plan.bounded = true;
        return take_number(text, 1, 1 << 20, &arguments->plan.capacity_bytes);
    case 'h':
        arguments->header = true;
        return true;
    default:
        return take_plan(&arguments->plan, code, text);
    }
}

/* Returns -1 to continue or an exit status. */
static int take_arguments(struct arguments *arguments, int argc, char **argv)
{
    static const struct option options[] = {
        {"load", required_argument, NULL, 'l'},
        {"size", required_argument, NULL, 's'},
        {"seconds", required_argument, NULL, 't'},
        {"messages", required_argument, NULL, 'n'},
        {"pause", required_argument, NULL, 'u'},
        {"histogram", required_argument, NULL, 'g'},
        {"shape", required_argument, NULL, 'p'},
        {"room", required_argument, NULL, 'r'},
        {"capacity", required_argument, NULL, 'C'},
        {"lanes", required_argument, NULL, 'L'},
        {"seats", required_argument, NULL, 'S'},
        {"cpus", required_argument, NULL, 'c'},
        {"header", no_argument, NULL, 'h'},
        {"help", no_argument, NULL, '?'},
        {NULL, 0, NULL, 0},
    };
    int code;
    opterr = 0;
    while ((code = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (code == '?' && strcmp(argv[optind - 1], "--help") == 0) {
            (void)printf(help, program_invocation_short_name, program_invocation_short_name);
            return run_reported();
        }
        if (!take_argument(arguments, code, optarg)) {
            (void)fprintf(stderr, "%s: %s: not understood\n", program_invocation_short_name, argv[optind - 1]);
            return usage();
        }
    }
    if (optind != argc)
        return usage();
    struct plan *plan = &arguments->plan;
    if (plan->bounded)
        plan->capacity_bytes *= (plan->size + 63) & ~UINT64_C(63);
    return -1;
}

int bench_run(int argc, char **argv, const struct contender *contender)
{
    const int last_cpu = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0;
    struct run run = {
        .contender = contender,
        .arguments = {.seconds = 0.3,
                      .cpus = {0, last_cpu},
                      .plan = {.load = LOAD_STREAM,
                               .size = 64,
                               .capacity_bytes = PLAN_CAPACITY_BYTES,
                               .producers = 2,
                               .consumers = 2}},
    };
    const int status = take_arguments(&run.arguments, argc, argv);
    if (status >= 0)
        return status;
    if (run.arguments.plan.load != LOAD_MANY)
        run.arguments.plan.producers = run.arguments.plan.consumers = 1;
    return is_able(contender, &run.arguments.plan) ? run_prepared(&run) : EXIT_CANNOT;
}
