/* SPDX-License-Identifier: MIT */
#include "tests/support/said.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* A file that what is still running afterwards may go on writing to, without holding up anybody. */
static int open_memory(void)
{
    int fd = memfd_create("said", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void read_all(int fd, char *text)
{
    ssize_t length = pread(fd, text, SAID_BYTES - 1, 0);
    ck_assert_int_ge(length, 0);
    text[length] = '\0';
    close(fd);
}

void said_by(struct said *said, void (*run)(void *context), void *context)
{
    int out = open_memory();
    int err = open_memory();
    int status;
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        run(context);
        fflush(NULL);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    said->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    read_all(out, said->out);
    read_all(err, said->err);
}

void said_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}
