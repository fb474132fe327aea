/* SPDX-License-Identifier: MIT */
#include "common/cli/say.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_BYTES = 1024, NAME_BYTES = 64 };

static char program_name[NAME_BYTES] = "shmq";
static char sibling_prefix[NAME_BYTES];
static enum say_level shown_level = SAY_STATUS;
static volatile atomic_bool live_line_open;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* whose it is may write, and use live_line_open */
static void (*line_writer)(const char *text, size_t bytes);
static void (*before_line)(void);

/*
 * If descriptor 0, 1 or 2 is closed at program start, the next file that is opened gets it, perhaps the queue. So
 * open /dev/null in its place, for the opposite direction: using the descriptor is still an error.
 */
static void occupy_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        if (open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0 && open("/", O_RDONLY | O_DIRECTORY) < 0)
            _exit(1);
    }
}

/* Copies the last component of @path, truncated to NAME_BYTES. Control characters become '?'. */
static void copy_name(char *name, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = 0;
    for (const char *at = slash != NULL ? slash + 1 : path; *at != '\0' && length < NAME_BYTES - 1; at++)
        name[length++] = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    name[length] = '\0';
}

/* Cuts @program off the end of @name; false if it does not end with it. */
static bool cut_to_prefix(char *name, const char *program)
{
    size_t length = strlen(name);
    size_t end = strlen(program);
    if (length < end || strcmp(name + length - end, program) != 0)
        return false;
    name[length - end] = '\0';
    return true;
}

/* If the program was called through a link with another name, its executable's own name gives the prefix. */
static void find_prefix(const char *program)
{
    char path[PATH_MAX];
    copy_name(sibling_prefix, program_name);
    if (cut_to_prefix(sibling_prefix, program))
        return;
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = '\0';
    copy_name(sibling_prefix, path);
    if (cut_to_prefix(sibling_prefix, program))
        return;
    /* What the program has become has a suffix, as in "consumer-nats" (sibling_program.h). */
    char *suffix = strrchr(sibling_prefix, '-');
    if (suffix != NULL)
        *suffix = '\0';
    if (suffix == NULL || !cut_to_prefix(sibling_prefix, program))
        sibling_prefix[0] = '\0';
}

void say_init(const char *program, int argc, char **argv)
{
    occupy_standard_descriptors();
    copy_name(program_name, argc > 0 ? argv[0] : program);
    if (program_name[0] == '\0')
        copy_name(program_name, program);
    find_prefix(program);
    if (argc > 0)
        argv[0] = program_name; /* for getopt_long's messages */
}

void say_set_level(enum say_level level)
{
    shown_level = level;
}

enum say_level say_get_level(void)
{
    return shown_level;
}

void say_set_writer(void (*writer)(const char *text, size_t bytes))
{
    line_writer = writer;
}

void say_set_before(void (*before)(void))
{
    before_line = before;
}

const char *say_program(void)
{
    return program_name;
}

const char *say_prefix(void)
{
    return sibling_prefix;
}

/* Ignores errors: there is nowhere to report that stderr is broken. */
static void write_all(const char *text, size_t length)
{
    if (line_writer != NULL) {
        line_writer(text, length);
        return;
    }
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        text += written;
        length -= (size_t)written;
    }
}

/*
 * Another description of what stderr writes to, which does not block. To set O_NONBLOCK on stderr itself would
 * make it so for all processes that share it. -1: there is none, because it is a file, or may not be opened.
 */
static int unblocked_stderr(void)
{
    static int descriptor = -2;
    struct stat st;
    if (descriptor != -2)
        return descriptor;
    descriptor = -1;
    if (fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        descriptor = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return descriptor;
}

static bool stderr_has_room(void)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&room, 1, 0) > 0 && (room.revents & POLLOUT) != 0;
}

/* Writes what is not worth waiting for. */
static void write_in_passing(const char *text, size_t length)
{
    if (line_writer != NULL) {
        line_writer(text, length);
        return;
    }
    ssize_t ignored = send(STDERR_FILENO, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (ignored < 0 && errno == ENOTSOCK && stderr_has_room())
        ignored = write(unblocked_stderr() >= 0 ? unblocked_stderr() : STDERR_FILENO, text, length);
    (void)ignored;
}

static void say_line(bool in_passing, const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    char *text = line;
    va_list again;
    va_copy(again, arguments);
    int head = snprintf(line, sizeof(line), "%s: ", program_name);
    int body = vsnprintf(line + head, sizeof(line) - (size_t)head, format, arguments);
    if (body < 0)
        goto out;
    size_t length = (size_t)head + (size_t)body;
    if (length + 1 >= sizeof(line)) {
        text = malloc(length + 2);
        if (text == NULL) {
            text = line;
            length = sizeof(line) - 2;
        } else {
            memcpy(text, line, (size_t)head);
            vsnprintf(text + head, (size_t)body + 1, format, again);
        }
    }
    text[length] = '\n';
    if (in_passing)
        write_in_passing(text, length + 1);
    else
        write_all(text, length + 1);
    if (text != line)
        free(text);
out:
    va_end(again);
}

static const char erase[] = "\r\033[K";

static void end_live_line(void)
{
    if (live_line_open)
        write_all(erase, strlen(erase));
    live_line_open = false;
}

static void say_whole_line(const char *format, va_list arguments)
{
    if (before_line != NULL)
        before_line();
    pthread_mutex_lock(&turn);
    end_live_line();
    say_line(false, format, arguments);
    pthread_mutex_unlock(&turn);
}

void say_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say_whole_line(format, arguments);
    va_end(arguments);
}

void say_status(const char *format, ...)
{
    if (shown_level < SAY_STATUS)
        return;
    va_list arguments;
    va_start(arguments, format);
    say_whole_line(format, arguments);
    va_end(arguments);
}

void say_detail(const char *format, ...)
{
    if (shown_level < SAY_DETAILS)
        return;
    va_list arguments;
    va_start(arguments, format);
    say_whole_line(format, arguments);
    va_end(arguments);
}

void say_in_passing(const char *format, ...)
{
    if (shown_level < SAY_STATUS)
        return;
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&turn);
    end_live_line();
    say_line(true, format, arguments);
    pthread_mutex_unlock(&turn);
    va_end(arguments);
}

void say_live(const char *text)
{
    char line[LINE_BYTES];
    if (shown_level < SAY_STATUS)
        return;
    const int length = snprintf(line, sizeof(line), "\r%s\033[K", text);
    if (length < 0 || (size_t)length >= sizeof(line))
        return;
    pthread_mutex_lock(&turn);
    live_line_open = true; /* first, because a signal may come */
    write_in_passing(line, (size_t)length);
    pthread_mutex_unlock(&turn);
}

void say_live_end(void)
{
    pthread_mutex_lock(&turn);
    if (live_line_open)
        write_in_passing(erase, strlen(erase));
    live_line_open = false;
    pthread_mutex_unlock(&turn);
}

void say_live_end_by_signal(void)
{
    if (live_line_open)
        write_in_passing(erase, strlen(erase));
}
