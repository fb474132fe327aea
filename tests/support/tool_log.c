/* SPDX-License-Identifier: MIT */
/*
 * Writes a log and rotates it, as programs and logrotate do, or finds out what has become of its lines.
 *
 *   tool_log write HOW FILE SECONDS RATE MIN MAX
 *       writes RATE numbered lines a second to FILE, rotates it each MIN to MAX milliseconds, and prints how many
 *       lines it wrote
 *   tool_log check COUNT
 *       reads, from stdin, lines of a log of COUNT lines, and prints how many are lost, doubled, out of order, and
 *       broken
 *
 * HOW is "rename" (FILE becomes FILE.1, which gets some more lines before a new FILE is begun), "copy" (FILE is
 * copied to FILE.1 and truncated), or "truncate" (FILE is truncated, and what nobody has read is gone). KEPT older
 * files stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000L
#define NS_PER_SECOND 1000000000L

enum { DIGITS = 9, LINE_BYTES = DIGITS + 1, LINES_AT_ONCE = 2000, LATE_LINES = 100, KEPT = 30, PATH_BYTES = 4096 };

struct log {
    const char *how;
    const char *path;
    int fd;
    unsigned long lines; /* written so far */
};

static void fail(const char *what)
{
    fprintf(stderr, "tool_log: %s: %s\n", what, strerror(errno));
    exit(2);
}

static long now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static void write_all(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t done = write(fd, bytes, count);

        if (done < 0)
            fail("write");
        bytes += done;
        count -= (size_t)done;
    }
}

/* Some writes end within a line. */
static void write_lines(struct log *log, unsigned long count)
{
    static char text[LINES_AT_ONCE * LINE_BYTES + 1];
    size_t bytes = count * LINE_BYTES;
    size_t part = rand() % 4 == 0 ? (size_t)rand() % (bytes + 1) : bytes;

    for (unsigned long i = 0; i < count; i++)
        snprintf(text + i * LINE_BYTES, LINE_BYTES + 1, "%0*lu\n", DIGITS, log->lines + i);
    write_all(log->fd, text, part);
    write_all(log->fd, text + part, bytes - part);
    log->lines += count;
}

static const char *older(const struct log *log, int age, char path[static PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s.%d", log->path, age);
    return path;
}

/* FILE.1 becomes FILE.2, and so on. */
static void shift_older(const struct log *log)
{
    char from[PATH_BYTES];
    char to[PATH_BYTES];

    for (int age = KEPT; age > 1; age--)
        if (rename(older(log, age - 1, from), older(log, age, to)) != 0 && errno != ENOENT)
            fail("rename");
}

static void open_log(struct log *log)
{
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->fd < 0)
        fail(log->path);
}

static void copy_to_older(const struct log *log)
{
    static char bytes[1 << 16];
    char path[PATH_BYTES];
    int from = open(log->path, O_RDONLY | O_CLOEXEC);
    int to = open(older(log, 1, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t got;

    if (from < 0 || to < 0)
        fail("copy");
    while ((got = read(from, bytes, sizeof(bytes))) > 0)
        write_all(to, bytes, (size_t)got);
    if (got < 0)
        fail("copy");
    close(from);
    close(to);
}

static void rotate(struct log *log)
{
    char path[PATH_BYTES];

    if (strcmp(log->how, "truncate") != 0)
        shift_older(log);
    if (strcmp(log->how, "rename") == 0) {
        if (rename(log->path, older(log, 1, path)) != 0)
            fail("rename");
        write_lines(log, LATE_LINES);
        close(log->fd);
        open_log(log);
        return;
    }
    if (strcmp(log->how, "copy") == 0)
        copy_to_older(log);
    if (ftruncate(log->fd, 0) != 0)
        fail("truncate");
}

static long random_ms(long min, long max)
{
    return (min + rand() % (max - min + 1)) * NS_PER_MS;
}

static int write_log(struct log *log, double seconds, double rate, long min, long max)
{
    const struct timespec pause = {0, 2 * NS_PER_MS};
    long begin = now_ns();
    long rotation = begin + random_ms(min, max);

    srand((unsigned)begin);
    open_log(log);
    for (long now = begin; (double)(now - begin) < seconds * NS_PER_SECOND; now = now_ns()) {
        unsigned long due = (unsigned long)((double)(now - begin) * rate / NS_PER_SECOND);

        if (due > log->lines)
            write_lines(log, due - log->lines < LINES_AT_ONCE ? due - log->lines : LINES_AT_ONCE);
        if (now >= rotation) {
            rotate(log);
            rotation = now + random_ms(min, max);
        }
        nanosleep(&pause, NULL);
    }
    printf("%lu\n", log->lines);
    return 0;
}

static bool parse_line(const char *line, unsigned long count, unsigned long *number)
{
    char *end;

    if (strlen(line) != LINE_BYTES || line[DIGITS] != '\n')
        return false;
    *number = strtoul(line, &end, 10);
    return *end == '\n' && *number < count;
}

static int check_lines(unsigned long count)
{
    unsigned char *seen = calloc(count + 1, 1);
    char *line = NULL;
    size_t room = 0;
    unsigned long lost = 0, doubled = 0, disordered = 0, broken = 0, number, next = 0;

    if (!seen)
        fail("memory");
    while (getline(&line, &room, stdin) > 0) {
        if (!parse_line(line, count, &number)) {
            broken++;
            continue;
        }
        doubled += seen[number] != 0;
        disordered += number < next;
        seen[number] = 1;
        next = number + 1;
    }
    for (number = 0; number < count; number++)
        lost += !seen[number];
    printf("%lu lost, %lu doubled, %lu out of order, %lu broken\n", lost, doubled, disordered, broken);
    free(line);
    free(seen);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check_lines(strtoul(argv[2], NULL, 10));
    if (argc == 8 && strcmp(argv[1], "write") == 0) {
        struct log log = {.how = argv[2], .path = argv[3]};

        return write_log(&log, strtod(argv[4], NULL), strtod(argv[5], NULL), strtol(argv[6], NULL, 10),
                         strtol(argv[7], NULL, 10));
    }
    fprintf(stderr, "Usage: tool_log write HOW FILE SECONDS RATE MIN MAX | check COUNT\n");
    return 2;
}
