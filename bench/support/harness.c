/* SPDX-License-Identifier: MIT */
#include "bench/support/harness.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/shmq.h"

#define WARM_UP_MESSAGES 300000u
#define WARM_UP_BYTES (32u << 20)
#define WARM_UPS 2u /* the first touches every page for the first time, the second tells the pace */
#define DEADLINE_S 120

enum side { PRODUCER, CONSUMER, SIDES };
static const char *const side_names[SIDES] = {"producer", "consumer"};

struct arguments {
    size_t size;
    uint64_t messages; /* 0: as many as the time allows, by what the warm-up took */
    double seconds;
    int cpus[SIDES];
    bool header;
};

/* Shared by the two. */
struct board {
    _Atomic uint32_t arrived;
    _Alignas(128) int64_t started_ns; /* written by the producer */
    int64_t sleeps[SIDES];
    _Alignas(128) int64_t ended_ns; /* written by the consumer */
    uint64_t messages;              /* of the measured round; both write the same */
};

int64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int bench_pin(int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((size_t)cpu, &cpus);
    return sched_setaffinity(0, sizeof(cpus), &cpus) == 0 ? 0 : -errno;
}

int bench_failed(const char *what, int error)
{
    (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, shmq_strerror(error));
    return 1;
}

/* Both come here before either goes on. */
static void meet(struct board *board, uint32_t meeting)
{
    atomic_fetch_add(&board->arrived, 1);
    while (atomic_load_explicit(&board->arrived, memory_order_acquire) < meeting * SIDES)
        bench_relax();
}

static uint64_t warm_up_count(size_t size)
{
    const uint64_t by_bytes = WARM_UP_BYTES / size + 1;
    return by_bytes < WARM_UP_MESSAGES ? by_bytes : WARM_UP_MESSAGES;
}

/* As many as the last warm-up lets expect to take the time asked for. */
static uint64_t measured_count(const struct arguments *arguments, const struct board *board)
{
    if (arguments->messages != 0)
        return arguments->messages;
    const double warm_s = (double)(board->ended_ns - board->started_ns) / 1e9;
    const double count = (double)warm_up_count(arguments->size) / warm_s * arguments->seconds;
    return count < 1 ? 1 : (uint64_t)count;
}

static int64_t sleeps_so_far(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nvcsw : 0;
}

/* One of the two processes. */
struct party {
    const struct contender *contender;
    struct board *board;
    enum side side;
    size_t size;
    struct source source;   /* the producer's */
    struct checker checker; /* the consumer's */
};

/* Sends or receives so many messages, from the producer's first to the consumer's last by the clock. */
static int move_messages(struct party *party, uint64_t count)
{
    if (party->side == PRODUCER) {
        party->board->started_ns = bench_now_ns();
        return party->contender->produce(&party->source, count);
    }
    const int error = party->contender->consume(&party->checker, count);
    party->board->ended_ns = bench_now_ns();
    return error;
}

static int run_rounds(struct party *party, const struct arguments *arguments)
{
    struct board *board = party->board;
    uint32_t meeting = 0;
    for (uint32_t i = 0; i < WARM_UPS; i++) {
        meet(board, ++meeting);
        const int error = move_messages(party, warm_up_count(party->size));
        if (error != 0)
            return error;
    }
    meet(board, ++meeting);
    const uint64_t count = measured_count(arguments, board);
    meet(board, ++meeting);
    const int64_t sleeps_before = sleeps_so_far();
    const int error = move_messages(party, count);
    board->sleeps[party->side] = sleeps_so_far() - sleeps_before;
    if (error != 0)
        return error;
    board->messages = count;
    meet(board, ++meeting);
    return 0;
}

static int check_all(const struct party *party)
{
    const uint64_t expected = WARM_UPS * warm_up_count(party->size) + party->board->messages;
    if (party->checker.bad == 0 && party->checker.next == expected)
        return 0;
    (void)fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " messages are wrong\n", program_invocation_short_name,
                  party->checker.bad, party->checker.next);
    return -EBADMSG;
}

static int produce(struct party *party, const struct arguments *arguments)
{
    const struct contender *contender = party->contender;
    int error = contender->open_producer != NULL ? contender->open_producer(party->size) : 0;
    if (error == 0)
        error = source_init(&party->source, party->size);
    if (error == 0)
        error = run_rounds(party, arguments);
    if (error == 0 && contender->close_producer != NULL)
        contender->close_producer();
    return error;
}

static int consume(struct party *party, const struct arguments *arguments)
{
    const struct contender *contender = party->contender;
    checker_init(&party->checker, party->size);
    int error = contender->open_consumer != NULL ? contender->open_consumer(party->size) : 0;
    if (error == 0)
        error = run_rounds(party, arguments);
    if (error == 0)
        error = check_all(party);
    if (error == 0 && contender->close_consumer != NULL)
        contender->close_consumer();
    return error;
}

/* ------------------------------------------------------------------ the two processes */

static pid_t start(enum side side, const struct contender *contender, const struct arguments *arguments,
                   struct board *board)
{
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    int error = bench_pin(arguments->cpus[side]);
    if (error != 0)
        _exit(bench_failed("pinning to a processor (see --cpus)", error));
    struct party party = {.contender = contender, .board = board, .side = side, .size = arguments->size};
    error = side == PRODUCER ? produce(&party, arguments) : consume(&party, arguments);
    _exit(error != 0 ? bench_failed(side_names[side], error) : 0);
}

static void kill_all(const pid_t pids[SIDES])
{
    for (int side = 0; side < SIDES; side++)
        if (pids[side] > 0)
            (void)kill(pids[side], SIGKILL);
}

/* Waits for both; if one fails, or takes too long, ends the other too. Return: 0; 1. */
static int await(pid_t pids[SIDES], const sigset_t *child_ended)
{
    const struct timespec limit = {.tv_sec = DEADLINE_S};
    int failed = pids[PRODUCER] < 0 || pids[CONSUMER] < 0;
    int left = (pids[PRODUCER] > 0) + (pids[CONSUMER] > 0);
    if (failed)
        kill_all(pids);
    while (left > 0) {
        int status;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0) {
            left--;
            pids[pid == pids[PRODUCER] ? PRODUCER : CONSUMER] = 0;
            if (status == 0)
                continue;
        } else if (sigtimedwait(child_ended, NULL, &limit) >= 0 || errno == EINTR) {
            continue;
        } else {
            (void)fprintf(stderr, "%s: not done after %d s\n", program_invocation_short_name, DEADLINE_S);
        }
        failed = 1;
        kill_all(pids);
    }
    return failed;
}

static int run_both(const struct contender *contender, const struct arguments *arguments, struct board *board)
{
    sigset_t child_ended;
    (void)sigemptyset(&child_ended);
    (void)sigaddset(&child_ended, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child_ended, NULL);
    pid_t pids[SIDES];
    for (enum side side = PRODUCER; side < SIDES; side++)
        pids[side] = start(side, contender, arguments, board);
    return await(pids, &child_ended);
}

static int report(const struct contender *contender, const struct arguments *arguments, const struct board *board)
{
    const uint64_t count = board->messages;
    const double seconds = (double)(board->ended_ns - board->started_ns) / 1e9;
    const double rate = (double)count / seconds;
    if (arguments->header)
        (void)puts("contender,bytes,messages,seconds,messages_per_s,bytes_per_s,producer_sleeps,consumer_sleeps");
    (void)printf("%s,%zu,%" PRIu64 ",%.6f,%.0f,%.0f,%" PRId64 ",%" PRId64 "\n", contender->name, arguments->size,
                 count, seconds, rate, rate * (double)arguments->size, board->sleeps[PRODUCER],
                 board->sleeps[CONSUMER]);
    return fflush(stdout) == 0 ? 0 : bench_failed("writing to stdout", -errno);
}

/* ------------------------------------------------------------------ arguments */

static int usage(void)
{
    (void)fprintf(stderr,
                  "usage: %s [--size BYTES] [--seconds S] [--messages N] [--cpus PRODUCER,CONSUMER] [--header]\n"
                  "BYTES is a multiple of 8, from 8 to 2097152\n",
                  program_invocation_short_name);
    return 2;
}

static bool take_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *text != '-' && *value >= least && *value <= most;
}

static bool take_argument(struct arguments *arguments, int code, const char *text)
{
    uint64_t number;
    char rest;
    switch (code) {
    case 's':
        if (!take_number(text, 8, 2097152, &number) || number % 8 != 0)
            return false;
        arguments->size = number;
        return true;
    case 't':
        return sscanf(text, "%lf%c", &arguments->seconds, &rest) == 1 && arguments->seconds > 0 &&
               arguments->seconds < DEADLINE_S / 2.0;
    case 'n':
        return take_number(text, 1, UINT64_MAX / 2, &arguments->messages);
    case 'c':
        return sscanf(text, "%d,%d%c", &arguments->cpus[PRODUCER], &arguments->cpus[CONSUMER], &rest) == 2 &&
               arguments->cpus[PRODUCER] >= 0 && arguments->cpus[PRODUCER] < CPU_SETSIZE &&
               arguments->cpus[CONSUMER] >= 0 && arguments->cpus[CONSUMER] < CPU_SETSIZE;
    case 'h':
        arguments->header = true;
        return true;
    default:
        return false;
    }
}

int bench_run(int argc, char **argv, const struct contender *contender)
{
    static const struct option options[] = {
        {"size", required_argument, NULL, 's'},     {"seconds", required_argument, NULL, 't'},
        {"messages", required_argument, NULL, 'n'}, {"cpus", required_argument, NULL, 'c'},
        {"header", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    struct arguments arguments = {.size = 64, .seconds = 0.3, .cpus = {0, 1}};
    int code;
    while ((code = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (!take_argument(&arguments, code, optarg))
            return usage();
    if (optind != argc)
        return usage();

    struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return bench_failed("memory", -errno);
    int error = contender->prepare != NULL ? contender->prepare(arguments.size) : 0;
    if (error != 0)
        return bench_failed("preparing", error);
    const int failed = run_both(contender, &arguments, board);
    if (contender->clean_up != NULL)
        contender->clean_up();
    return failed != 0 ? failed : report(contender, &arguments, board);
}
