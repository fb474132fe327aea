/* SPDX-License-Identifier: MIT */
#include "supervisor/preflight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/say.h"

struct check {
    char name[NAME_BYTES];
    pid_t pid;
    int fd; /* read end of the pipe that is its stderr */
};

/* Inserts --version before all other options: after a "--", the child would send it as a message. */
static void add_version(struct arguments *command)
{
    arguments_add(command, "--version");
    char *version = command->words[command->count - 1];
    memmove(command->words + 2, command->words + 1, (command->count - 2) * sizeof(*command->words));
    command->words[1] = version;
}

_Noreturn static void exec_check(const struct arguments *command, int fd)
{
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(fd, 2);
    execv(command->words[0], command->words);
    dprintf(2, "%s: cannot be run: %s\n", command->words[0], strerror(errno));
    _exit(EXIT_FAILED);
}

/* Only the last child of a role is checked: its label is the longest, and the others have the same options. */
static unsigned last_of(const struct options *options, enum role role)
{
    return (unsigned)(role == ROLE_PRODUCER ? options->producers : options->consumers);
}

static void start(struct check *check, const struct options *options, enum role role,
                  const struct arguments *command)
{
    int ends[2];
    label_name(check->name, role, last_of(options, role));
    if (pipe2(ends, O_CLOEXEC) != 0 || (check->pid = fork()) < 0) {
        say_error("%s: cannot be started: %s", check->name, strerror(errno));
        exit(EXIT_FAILED);
    }
    if (check->pid == 0)
        exec_check(command, ends[1]);
    close(ends[1]);
    check->fd = ends[0];
}

/* Waits for the checking process and returns its exit status. Relays its messages only if the check failed. */
static int finish(struct check *check)
{
    char line[4096];
    char *said = NULL;
    size_t bytes = 0;
    int status = 0;
    FILE *to = open_memstream(&said, &bytes);
    FILE *from = fdopen(check->fd, "r");
    while (to != NULL && from != NULL && fgets(line, sizeof(line), from) != NULL)
        fprintf(to, "%s | %s", check->name, line);
    if (from != NULL)
        fclose(from);
    if (to != NULL)
        fclose(to);
    while (waitpid(check->pid, &status, 0) < 0 && errno == EINTR) {
    }
    status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (status != 0 && bytes > 0)
        fwrite(said, 1, bytes, stderr);
    free(said);
    return status;
}

/* Whether the command line of this role has options that the supervisor has not checked itself. */
static bool is_needed(const struct options *options, enum role role)
{
    bool producer = role == ROLE_PRODUCER;
    const char *owner = producer ? "producer" : "consumer";
    size_t passed = 0;
    for (size_t i = 0; i < options->passed_count; i++) {
        if (strcmp(options->passed[i].owner, owner) == 0 ||
            strcmp(options->passed[i].owner, OPTIONS_OF_BRIDGES) == 0)
            passed += options->passed[i].argument != NULL ? 2 : 1;
    }
    const struct arguments *extra = producer ? &options->extra_producer : &options->extra_consumer;
    const struct arguments *framing = producer ? &options->producer_framing : &options->consumer_framing;
    return passed > 1 || extra->count > 0 || framing->count > 0;
}

bool preflight_make(struct arguments *command, const struct options *options, const struct programs *programs,
                    enum role role)
{
    command_make(command, options, programs, role, last_of(options, role));
    add_version(command);
    return is_needed(options, role);
}

void preflight_run(const struct options *options, const struct programs *programs)
{
    struct check checks[2];
    size_t count = 0;
    int failed = 0;
    for (enum role role = ROLE_PRODUCER; role <= ROLE_CONSUMER; role++) {
        struct arguments command;
        if (preflight_make(&command, options, programs, role))
            start(&checks[count++], options, role, &command);
        arguments_free(&command);
    }
    for (size_t i = 0; i < count; i++) {
        int status = finish(&checks[i]);
        if (failed == 0)
            failed = status;
    }
    if (failed != 0)
        exit(failed);
}
