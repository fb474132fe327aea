/* SPDX-License-Identifier: MIT */
#include "consumer/command_lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_NOT_EXECUTABLE 126
#define STATUS_MISSING 127
#define STATUS_FILE 3

static const char blanks[] = " \t\n";
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-";
static const char digits[] = "0123456789";

/* Ask the shell: it knows its own builtins, keywords, functions and PATH. */
static const char question[] = "case $1 in */*) at=$1 ;; *) at=$(command -v -- \"$1\") || exit 127 ;; esac\ncase "
                               "$at in */*) [ -e \"$at\" ] || exit 127\n[ -f \"$at\" ] && [ -x \"$at\" ] || exit "
                               "126\nexit 3 ;; esac";

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

bool command_has_shell_syntax(const char *text)
{
    const char *word = text + strspn(text, " \t");
    const char *end = word + strspn(word, plain);

    if (*end != '\0' && *end != ' ' && *end != '\t')
        return true;
    for (; *end != '\0'; end++) {
        if ((unsigned char)*end < 0x80 && strchr(plain, *end) == NULL && strchr(" \t@%:,=", *end) == NULL)
            return true;
    }
    return false;
}

static enum command_lookup look_at(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return COMMAND_MISSING;
    return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? COMMAND_PROGRAM : COMMAND_NOT_EXECUTABLE;
}

enum command_lookup command_lookup_program(const char *name)
{
    const char *directories = getenv("PATH");
    enum command_lookup found = COMMAND_MISSING;
    char path[PATH_MAX];

    if (strchr(name, '/'))
        return look_at(name);
    if (!directories)
        directories = "/bin:/usr/bin"; /* as execvp has it */
    for (;;) {
        size_t length = strcspn(directories, ":");
        int bytes =
            snprintf(path, sizeof(path), "%.*s%s%s", (int)length, directories, length > 0 ? "/" : "", name);
        enum command_lookup here = bytes < (int)sizeof(path) ? look_at(path) : COMMAND_MISSING;

        if (here == COMMAND_PROGRAM)
            return here;
        if (here == COMMAND_NOT_EXECUTABLE)
            found = here;
        if (directories[length] == '\0')
            return found;
        directories += length + 1;
    }
}

/* What the shell's answer means. @name stands at the beginning of @text. */
static enum command_lookup conclude(const char *text, const char *name, int status)
{
    bool same = status == STATUS_FILE || strcmp(name, "true") == 0 || strcmp(name, "false") == 0;

    if (status == STATUS_MISSING)
        return COMMAND_MISSING;
    if (status == STATUS_NOT_EXECUTABLE)
        return COMMAND_NOT_EXECUTABLE;
    /* Without PATH, every shell looks elsewhere. */
    if (!same || !getenv("PATH") || command_has_shell_syntax(text))
        return COMMAND_FOUND;
    return command_lookup_program(name) == COMMAND_PROGRAM ? COMMAND_PROGRAM : COMMAND_FOUND;
}

enum command_lookup command_lookup(const char *text, const char **word, size_t *length)
{
    enum command_lookup result;
    char *name;

    *word = text + strspn(text, blanks);
    *length = strspn(*word, plain);
    if (!is_name(*word, *length))
        return COMMAND_FOUND;
    name = strndup(*word, *length);
    if (!name)
        return COMMAND_FOUND;
    result = conclude(text, name, ask_shell(name));
    free(name);
    return result;
}
