/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD, built by output.sh: what can happen to a consumer that writes messages, at the moment that a
 * test wants. The programs write messages by writev, and nothing else.
 *
 *   OUTPUT_NO_LOCKS=1  the file system has no record locks
 *   OUTPUT_FAULT=CALL:BYTES:WHAT
 *                      the CALL-th writev (1 is the first) writes BYTES at the most, and WHAT happens then:
 *                      "kill" and "term" are signals, after "full" there is no room any more, "go" is nothing
 *   OUTPUT_KILL_UNLOCKED=1  is killed when it has let go of a record lock
 *   OUTPUT_COMMAND     is run by the shell then, before WHAT
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int calls;
static bool is_full;

static bool is_record_lock(int command)
{
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK;
}

static int call_fcntl(const char *name, int fd, int command, void *argument)
{
    int (*next)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, name);
    int result;

    if (is_record_lock(command) && getenv("OUTPUT_NO_LOCKS")) {
        errno = ENOLCK;
        return -1;
    }
    result = next(fd, command, argument);
    if (is_record_lock(command) && ((struct flock *)argument)->l_type == F_UNLCK && getenv("OUTPUT_KILL_UNLOCKED"))
        raise(SIGKILL);
    return result;
}

#define FCNTL(name)                                                                                               \
    int name(int fd, int command, ...)                                                                            \
    {                                                                                                             \
        va_list list;                                                                                             \
        void *argument;                                                                                           \
        va_start(list, command);                                                                                  \
        argument = va_arg(list, void *);                                                                          \
        va_end(list);                                                                                             \
        return call_fcntl(#name, fd, command, argument);                                                          \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

static void run_command(void)
{
    const char *command = getenv("OUTPUT_COMMAND");

    if (!command)
        return;
    unsetenv("LD_PRELOAD");
    if (system(command) != 0)
        _exit(99);
}

static ssize_t write_part(int fd, const struct iovec *vectors, int count, size_t bytes)
{
    ssize_t written = 0;

    for (int i = 0; i < count && bytes > 0; i++) {
        size_t length = vectors[i].iov_len < bytes ? vectors[i].iov_len : bytes;

        if (write(fd, vectors[i].iov_base, length) != (ssize_t)length)
            _exit(98);
        written += (ssize_t)length;
        bytes -= length;
    }
    return written;
}

ssize_t writev(int fd, const struct iovec *vectors, int count)
{
    ssize_t (*next)(int, const struct iovec *, int) =
        (ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");
    const char *fault = getenv("OUTPUT_FAULT");
    char what[8] = "";
    size_t bytes = 0;
    ssize_t written;
    int call = 0;

    if (is_full) {
        errno = ENOSPC;
        return -1;
    }
    if (!fault || sscanf(fault, "%d:%zu:%7s", &call, &bytes, what) != 3 || ++calls != call)
        return next(fd, vectors, count);
    written = write_part(fd, vectors, count, bytes);
    run_command();
    if (strcmp(what, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(what, "term") == 0)
        raise(SIGTERM);
    is_full = strcmp(what, "full") == 0;
    if (is_full && written == 0) {
        errno = ENOSPC;
        return -1;
    }
    return written;
}
