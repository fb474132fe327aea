/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's command line: words with a NUL between them. It takes it only if its children can take theirs,
 * or lets them say before anything is begun why they cannot; and theirs are about the same queue, input and words.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"
#include "supervisor/preflight.h"
#include "tests/fuzz/support/child_line.h"
#include "tests/fuzz/support/command_line.h"

/* What was allocated when a program exits needs nobody to free it. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return 1;
}

static char producer_name[] = "producer";
static char consumer_name[] = "consumer";
static const struct programs programs = {producer_name, consumer_name};
static struct options options;

static void parse(int argc, char **argv)
{
    supervisor_options_read(&options, argc, argv);
    supervisor_options_default(&options);
}

static void judge_own(void)
{
    fuzz_require(options.producers >= 1 && options.producers <= 1024 && options.consumers >= 1 &&
                     options.consumers <= 1024,
                 "%ju producers, %ju consumers", (uintmax_t)options.producers, (uintmax_t)options.consumers);
    fuzz_require((options.sink == SINK_OUTPUT) == (options.output != NULL && strcmp(options.output, "-") != 0),
                 "an output that is none");
    fuzz_require(options.sink != SINK_MIRROR || options.mirror != NULL, "a mirror without a pattern");
    fuzz_require(options.restart <= RESTART_NEVER && options.restart_pause_ns[0] >= 0 &&
                     options.restart_pause_ns[0] <= options.restart_pause_ns[1],
                 "a pause that is none");
    command_line_judge_ns(options.restart_pause_ns[1]);
    command_line_judge_ns(options.grace_ns);
    fuzz_require(!options.resumable || options.source == SOURCE_FILES, "only files can be resumed");
}

/* ------------------------------------------------------------------ children */

static bool is_same_list(const char *const *found, size_t count, char *const *wanted, size_t wanted_count)
{
    if (count != wanted_count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(found[i], wanted[i]) != 0)
            return false;
    }
    return true;
}

static void judge_producer(const struct child_line *line, unsigned number)
{
    const uint64_t parts = options.inputs.count > 0 ? options.producers : 1;
    fuzz_require(line->part == (parts > 1 ? number : 1) && line->parts == parts,
                 "producer %u of %ju reads %ju/%ju", number, (uintmax_t)options.producers, (uintmax_t)line->part,
                 (uintmax_t)line->parts);
    fuzz_require(is_same_list(line->inputs, line->input_count, options.inputs.words, options.inputs.count),
                 "a producer reads other inputs");
    fuzz_require(
        is_same_list((const char *const *)line->words, line->word_count, options.words.words, options.words.count),
        "a producer sends other words");
}

static void judge_consumer(const struct child_line *line)
{
    /* As the sinks of consumer/options.h are numbered. */
    static const enum sink sinks[] = {SINK_STDOUT, SINK_OUTPUT, SINK_MIRROR, SINK_EXEC, SINK_PIPE, SINK_DISCARD};
    const enum sink wanted = options.sink == SINK_LABELLED ? SINK_STDOUT : options.sink;
    fuzz_require(line->common.shmq.producers == options.producers, "consumers wait for %u producers",
                 line->common.shmq.producers);
    fuzz_require(sinks[line->sink] == wanted, "sink %d, but consumers have %d", (int)wanted, line->sink);
    fuzz_require(wanted != SINK_OUTPUT || strcmp(line->target, options.output) == 0,
                 "consumers have another output");
    fuzz_require(wanted != SINK_MIRROR || strcmp(line->target, options.mirror) == 0,
                 "consumers have another mirror");
}

/* The queue is made by the supervisor, with its own sizes. */
static void judge_queue(const struct common_options *child)
{
    const struct shmq_options *own = &options.common.shmq;
    const struct shmq_options *its = &child->shmq;
    fuzz_require(strcmp(child->queue, options.common.queue) == 0, "a child uses queue %s, not %s", child->queue,
                 options.common.queue);
    fuzz_require((its->capacity_bytes == 0 || its->capacity_bytes == own->capacity_bytes) &&
                     (its->max_message_bytes == 0 || its->max_message_bytes == own->max_message_bytes) &&
                     (its->lanes == 0 || its->lanes == own->lanes) &&
                     (its->seats == 0 || its->seats == own->seats) && (its->mode == 0 || its->mode == own->mode) &&
                     (its->tick_ns == 0 || its->tick_ns == own->tick_ns) &&
                     (its->group == SHMQ_GROUP_ANY || its->group == own->group),
                 "a child wants a queue of other sizes");
}

static void judge_child(enum role role, unsigned number, const struct arguments *command)
{
    struct child_line line;
    child_line_read(&line, role == ROLE_PRODUCER, command->count, command->words);
    fuzz_require(line.taken, "%s %u exits with %d: %s", role == ROLE_PRODUCER ? "producer" : "consumer", number,
                 line.status, line.said);
    free(line.said);
    command_line_judge(&line.common);
    judge_queue(&line.common);
    if (role == ROLE_PRODUCER)
        judge_producer(&line, number);
    else
        judge_consumer(&line);
}

/* Return: whether the program goes on. */
static bool passes_preflight(enum role role, const struct arguments *command)
{
    struct child_line line;
    child_line_read(&line, role == ROLE_PRODUCER, command->count, command->words);
    fuzz_require(!line.taken, "a preflight check that goes to work");
    fuzz_require(line.status == EXIT_DONE || (line.status == EXIT_USAGE && line.said[0] != '\0'),
                 "a preflight check ends with %d: %s", line.status, line.said);
    free(line.said);
    return line.status == EXIT_DONE;
}

static void judge_children(void)
{
    struct arguments checks[2], commands[2][2];
    bool needed[2];
    const unsigned last[2] = {(unsigned)options.producers, (unsigned)options.consumers};
    bool passed = true;
    for (enum role role = ROLE_PRODUCER; role <= ROLE_CONSUMER; role++) {
        needed[role] = preflight_make(&checks[role], &options, &programs, role);
        command_make(&commands[role][0], &options, &programs, role, 1);
        command_make(&commands[role][1], &options, &programs, role, last[role]);
    }
    for (enum role role = ROLE_PRODUCER; role <= ROLE_CONSUMER; role++)
        passed = (!needed[role] || passes_preflight(role, &checks[role])) && passed;
    for (enum role role = ROLE_PRODUCER; role <= ROLE_CONSUMER; role++) {
        for (size_t i = 0; i < 2; i++) {
            if (passed)
                judge_child(role, i == 0 ? 1 : last[role], &commands[role][i]);
            arguments_free(&commands[role][i]);
        }
        arguments_free(&checks[role]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (command_line_run("supervisor", data, size, parse)) {
        command_line_judge(&options.common);
        judge_own();
        judge_children();
    }
    supervisor_options_free(&options);
    command_line_end();
    return 0;
}
