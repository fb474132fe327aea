/* SPDX-License-Identifier: MIT */
#include "consumer/command_lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_NOT_EXECUTABLE 126
#define STATUS_MISSING 127

static const char blanks[] = " \t\n";
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-";
static const char digits[] = "0123456789";

/* Ask the shell: it knows its own builtins, keywords, functions and PATH. */
static const char question[] = "case $1 in */*) at=$1 ;; *) at=$(command -v -- \"$1\") || exit 127 ;; esac\ncase "
                               "$at in */*) [ -e \"$at\" ] || exit 127\n[ -f \"$at\" ] && [ -x \"$at\" ] || exit "
                               "126 ;; esac";

/* True if the word is a command's name and not the start of another construct. */
static bool is_name(const char *word, size_t length)
{
    const char *end = word + length;

    if (length == 0)
        return false;
    /* "2>file command": a descriptor number. */
    if ((*end == '<' || *end == '>') && strspn(word, digits) == length)
        return false;
    /* "name () { ...": a function definition. */
    if (end[strspn(end, blanks)] == '(')
        return false;
    return *end == '\0' || strchr(" \t\n;|&<>", *end) != NULL;
}

/* Returns the shell's exit status; -1 if it could not be asked. */
static int ask_shell(char *name)
{
    char *arguments[] = {"sh", "-c", (char *)(uintptr_t)question, "sh", name, NULL};
    posix_spawn_file_actions_t actions;
    int status = -1;
    pid_t pid = -1;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    if (posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO) != 0 ||
        posix_spawn(&pid, "/bin/sh", &actions, NULL, arguments, environ) != 0)
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    while (pid > 0 && waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -1;
    }
    return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum command_lookup command_lookup(const char *text, const char **word, size_t *length)
{
    char *name;
    int status;

    *word = text + strspn(text, blanks);
    *length = strspn(*word, plain);
    if (!is_name(*word, *length))
        return COMMAND_FOUND;
    name = strndup(*word, *length);
    if (!name)
        return COMMAND_FOUND;
    status = ask_shell(name);
    free(name);
    return status == STATUS_MISSING          ? COMMAND_MISSING
           : status == STATUS_NOT_EXECUTABLE ? COMMAND_NOT_EXECUTABLE
                                             : COMMAND_FOUND;
}
