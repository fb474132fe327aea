/* SPDX-License-Identifier: MIT */
/*
 * Runs inputs through a fuzzer without libFuzzer:
 *
 *   fuzz_X [--keep FILE] [--random SEED COUNT] [FILE|DIRECTORY...]
 *
 * each of the files, then COUNT inputs made of them by chance, the same for the same SEED. The input at work is in
 * the file that --keep names, for whoever finds this process dead.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/support/fuzz.h"

#define INPUT_BYTES 4096u
#define INPUT_SECONDS 60u /* none takes so long, however busy the machine is */

struct sample {
    uint8_t *bytes;
    size_t size;
};

static struct sample *samples;
static size_t sample_count;
static int keep_fd = -1;

static _Noreturn void end(const char *what, const char *path)
{
    (void)fprintf(stderr, "%s: ", path);
    perror(what);
    exit(2);
}

/* ------------------------------------------------------------------ files */

static void add_sample(const uint8_t *bytes, size_t size)
{
    samples = realloc(samples, (sample_count + 1) * sizeof(*samples));
    uint8_t *copy = malloc(size + 1);
    if (samples == NULL || copy == NULL)
        end("memory", "out of");
    memcpy(copy, bytes, size);
    samples[sample_count++] = (struct sample){copy, size};
}

static void add_file(const char *path)
{
    uint8_t bytes[INPUT_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        end("cannot be opened", path);
    add_sample(bytes, fread(bytes, 1, sizeof(bytes), file));
    (void)fclose(file);
}

static int is_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In the order of their names, so that chance is the same everywhere. */
static void add_path(const char *path)
{
    struct stat st;
    struct dirent **entries = NULL;
    if (stat(path, &st) != 0)
        end("cannot be opened", path);
    if (!S_ISDIR(st.st_mode)) {
        add_file(path);
        return;
    }
    const int count = scandir(path, &entries, is_file, alphasort);
    for (int i = 0; i < count; i++) {
        char inside[4096];
        (void)snprintf(inside, sizeof(inside), "%s/%s", path, entries[i]->d_name);
        add_file(inside);
        free(entries[i]);
    }
    free(entries);
}

/* ------------------------------------------------------------------ inputs */

static void keep(const struct sample *sample)
{
    if (keep_fd >= 0 &&
        (ftruncate(keep_fd, 0) != 0 || pwrite(keep_fd, sample->bytes, sample->size, 0) != (ssize_t)sample->size))
        end("cannot be written", "--keep");
}

/* Each is copied to a place of just its size, so that reading beyond it is found. */
static void run(const struct sample *sample)
{
    uint8_t *copy = malloc(sample->size != 0 ? sample->size : 1);
    if (copy == NULL)
        end("memory", "out of");
    memcpy(copy, sample->bytes, sample->size);
    keep(sample);
    (void)alarm(INPUT_SECONDS);
    (void)LLVMFuzzerTestOneInput(copy, sample->size);
    (void)alarm(0);
    free(copy);
}

/* splitmix64 */
static uint64_t dice(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* The beginning of one sample, the end of another, and some bytes changed; or nothing but chance. */
static size_t make_input(uint8_t *bytes, uint64_t *state)
{
    size_t size = 0;
    if (sample_count > 0 && dice(state) % 8 != 0) {
        const struct sample *first = &samples[dice(state) % sample_count];
        const struct sample *second = &samples[dice(state) % sample_count];
        const size_t head = dice(state) % (first->size + 1);
        const size_t from = dice(state) % (second->size + 1);
        const size_t tail = second->size - from < INPUT_BYTES - head ? second->size - from : INPUT_BYTES - head;
        memcpy(bytes, first->bytes, head);
        memcpy(bytes + head, second->bytes + from, tail);
        size = head + tail;
    } else {
        size = dice(state) % 512;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)dice(state);
    }
    for (uint64_t changes = dice(state) % 8; changes > 0 && size > 0; changes--)
        bytes[dice(state) % size] = (uint8_t)dice(state);
    return size;
}

static void run_random(uint64_t seed, unsigned long count)
{
    uint8_t bytes[INPUT_BYTES];
    uint64_t state = seed;
    for (unsigned long i = 0; i < count; i++)
        run(&(struct sample){bytes, make_input(bytes, &state)});
}

static unsigned long number(const char *text)
{
    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    uint64_t seed = 0;
    unsigned long count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--random") == 0 && i + 2 < argc) {
            seed = number(argv[++i]);
            count = number(argv[++i]);
        } else if (strcmp(argv[i], "--keep") == 0 && i + 1 < argc) {
            keep_fd = open(argv[++i], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            if (keep_fd < 0)
                end("cannot be written", argv[i]);
        } else {
            add_path(argv[i]);
        }
    }
    for (size_t i = 0; i < sample_count; i++)
        run(&samples[i]);
    run_random(seed, count);
    printf("%zu files, %lu by chance\n", sample_count, count);
    for (size_t i = 0; i < sample_count; i++)
        free(samples[i].bytes);
    free(samples);
    return 0;
}
