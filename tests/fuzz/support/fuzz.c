/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/support/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"

uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

uint16_t fuzz_pair(struct fuzz_input *input)
{
    const uint8_t low = fuzz_byte(input);
    return (uint16_t)(low | fuzz_byte(input) << 8);
}

/* ------------------------------------------------------------------ names */

const char *fuzz_queue_name(void)
{
    static char name[128];
    const char *given = getenv("SHMQ_TEST_PREFIX");
    if (name[0] == '\0')
        (void)snprintf(name, sizeof(name), "%.80s.%d", given != NULL && given[0] != '\0' ? given : "fuzz",
                       (int)getpid());
    return name;
}

/* "shmq.NAME", "sem.shmq.NAME.items" and the like. */
static bool belongs(const char *file, const char *name)
{
    const bool semaphore = strncmp(file, "sem.", 4) == 0;
    const char *rest = semaphore ? file + 4 : file;
    if (strncmp(rest, "shmq.", 5) != 0 || strncmp(rest + 5, name, strlen(name)) != 0)
        return false;
    const char end = rest[5 + strlen(name)];
    return end == '\0' || end == '.';
}

static unsigned for_each_file(const char *name, bool remove_it)
{
    unsigned count = 0;
    DIR *directory = opendir(DIRECTORY);
    if (directory == NULL)
        return 0;
    for (const struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        char path[sizeof(DIRECTORY) + sizeof(entry->d_name) + 1];
        if (!belongs(entry->d_name, name))
            continue;
        count++;
        (void)snprintf(path, sizeof(path), DIRECTORY "/%s", entry->d_name);
        if (remove_it)
            (void)unlink(path);
    }
    (void)closedir(directory);
    return count;
}

unsigned fuzz_queue_files(const char *name)
{
    return for_each_file(name, false);
}

static void clean_up(void)
{
    (void)for_each_file(fuzz_queue_name(), true);
}

void fuzz_clean_up_at_exit(void)
{
    static bool done;
    if (!done)
        (void)atexit(clean_up);
    done = true;
}

/* ------------------------------------------------------------------ output */

static int given[2] = {-1, -1}; /* what 1 and 2 are while they are captured */
static int memory[2] = {-1, -1};

void fuzz_trace(const char *format, ...)
{
    va_list arguments;
    if (getenv("FUZZ_TRACE") == NULL)
        return;
    va_start(arguments, format);
    (void)vdprintf(given[1] >= 0 ? given[1] : STDERR_FILENO, format, arguments);
    va_end(arguments);
}

void fuzz_fail(const char *format, ...)
{
    va_list arguments;
    const int out = given[1] >= 0 ? given[1] : STDERR_FILENO;
    va_start(arguments, format);
    (void)dprintf(out, "\nFAULT: ");
    (void)vdprintf(out, format, arguments);
    (void)dprintf(out, "\n");
    va_end(arguments);
    clean_up();
    abort();
}

void fuzz_capture_begin(void)
{
    for (int i = 0; i < 2; i++) {
        if (memory[i] < 0)
            memory[i] = memfd_create("fuzz", MFD_CLOEXEC);
        given[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 10);
        if (memory[i] < 0 || given[i] < 0 || ftruncate(memory[i], 0) != 0 || lseek(memory[i], 0, SEEK_SET) != 0 ||
            dup2(memory[i], i + 1) < 0)
            fuzz_fail("descriptor %d cannot be captured", i + 1);
    }
}

void fuzz_capture_end(struct fuzz_output *output)
{
    (void)fflush(stdout);
    for (int i = 0; i < 2; i++) {
        const ssize_t got = pread(memory[i], output->text[i], sizeof(output->text[i]) - 1, 0);
        output->text[i][got > 0 ? got : 0] = '\0';
        if (dup2(given[i], i + 1) < 0)
            abort();
        (void)close(given[i]);
        given[i] = -1;
    }
}
