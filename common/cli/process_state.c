/* SPDX-License-Identifier: MIT */
#include "common/cli/process_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel keeps 15 characters of a name. Some versions escape a newline and a backslash. */
enum { NAME_BYTES = 16, STAT_BYTES = 256 };

static bool read_stat(pid_t pid, char text[STAT_BYTES])
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t length = read(fd, text, STAT_BYTES - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* Compares a name with one that the library recorded: there, bytes that are not printable ASCII are '?'. */
static bool is_name(const char *from, const char *end, bool escaped, const char *recorded)
{
    char name[NAME_BYTES];
    size_t length = 0;
    for (; from < end && length < NAME_BYTES - 1; from++) {
        const bool escape = escaped && *from == '\\' && from + 1 < end;
        const char c = escape ? *++from : *from;
        name[length++] = (escape && c == 'n') || c < 0x20 || c >= 0x7f ? '?' : c;
    }
    name[length] = '\0';
    return strcmp(name, recorded) == 0;
}

static enum process_state state_of_letter(char letter)
{
    switch (letter) {
    case 'T':
        return PROCESS_STOPPED;
    case 't':
        return PROCESS_TRACED;
    case 'Z':
    case 'X':
    case 'x':
        return PROCESS_GONE;
    default:
        return PROCESS_RUNS;
    }
}

enum process_state process_state_of(pid_t pid, const char *program)
{
    char text[STAT_BYTES];
    if (pid <= 0)
        return PROCESS_UNKNOWN;
    if (!read_stat(pid, text)) /* /proc may hide the processes of others */
        return kill(pid, 0) != 0 && errno == ESRCH ? PROCESS_GONE : PROCESS_UNKNOWN;
    /* "PID (NAME) STATE ...", where the name may hold anything. */
    const char *begin = strchr(text, '(');
    const char *end = strrchr(text, ')');
    if (begin == NULL || end == NULL || end < begin || end[1] != ' ')
        return PROCESS_UNKNOWN;
    if (!is_name(begin + 1, end, false, program) && !is_name(begin + 1, end, true, program))
        return PROCESS_UNKNOWN;
    return state_of_letter(end[2]);
}
