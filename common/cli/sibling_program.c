/* SPDX-License-Identifier: MIT */
#include "common/cli/sibling_program.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/options.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"

#define PATH_BYTES (PATH_MAX + 64)

/* Signals stay blocked until the other program handles them. One that came before is sent again. */
static void hand_over_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    stop_restore_for_child();
    if (stop_requested != 0)
        raise(stop_requested);
}

/* Tries one place; returns if there is no program. */
static void try(const char *path, char *const *arguments)
{
    execv(path, arguments);
    if (errno == ENOENT || errno == ENOTDIR)
        return;
    say_error("%s: cannot be executed: %s", path, strerror(errno));
    exit(EXIT_FAILED);
}

_Noreturn void sibling_program_become(const struct sibling_program *sibling, char *const *arguments)
{
    char self[PATH_MAX];
    char path[PATH_BYTES];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(self, '/');
    if (slash == NULL) {
        say_error("%s: /proc is needed to find the program with it (mount it)", sibling->purpose);
        exit(EXIT_FAILED);
    }
    hand_over_signals();
    snprintf(path, sizeof(path), "%s%s", self, sibling->suffix);
    try(path, arguments);
    snprintf(path, sizeof(path), "%.*s/../libexec/shmq/%s%s", (int)(slash - self), self, slash + 1,
             sibling->suffix);
    try(path, arguments);
    say_error(
        "%s: %s%s is missing: it is built where %s is (apt-get install %s, then make again, and make install if "
        "shmq is installed)",
        sibling->purpose, self, sibling->suffix, sibling->library, sibling->packages);
    exit(EXIT_FAILED);
}

_Noreturn void sibling_program_become_nats(const char *bridge, char *const *arguments)
{
    const struct sibling_program nats = {bridge, "-nats", "libnats", "libnats-dev pkg-config"};
    sibling_program_become(&nats, arguments);
}
