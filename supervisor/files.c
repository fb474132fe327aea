/* SPDX-License-Identifier: MIT */
#include "supervisor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"

__attribute__((format(printf, 2, 3))) _Noreturn static void fail(const char *path, const char *format, ...)
{
    char why[256];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof(why), format, list);
    va_end(list);
    say_error("%s: %s", path, why);
    exit(EXIT_FAILED);
}

/* ------------------------------------------------------------------ inputs */

static int look_at(const char *path, struct stat *st)
{
    return strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, st) : stat(path, st);
}

static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* Refuses an input that is also the output: the run would append to its own input without end. */
static void check_not_written(const struct options *options, const char *input)
{
    struct stat st;
    struct stat written;
    if (look_at(input, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    if (options->sink == SINK_OUTPUT && stat(options->output, &written) == 0 && is_same(&st, &written))
        options_usage("--output %s: is also the input", options->output);
    bool to_stdout = options->sink == SINK_LABELLED || options->sink == SINK_STDOUT;
    if (to_stdout && fstat(STDOUT_FILENO, &written) == 0 && is_same(&st, &written))
        options_usage("%s: is also stdout, where messages go", input);
}

/* Files that are followed may come later, so only what can never work is refused. */
static void check_followed(const struct options *options, const char *pattern)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_not_written(options, found.gl_pathv[i]);
    globfree(&found);
}

static void check_input(const struct options *options, const char *input)
{
    struct stat st;
    check_not_written(options, input);
    if (strcmp(input, "-") == 0)
        return;
    if (stat(input, &st) != 0)
        fail(input, errno == ENOENT ? "cannot be read: no such file (check the name)" : "cannot be read: %s",
             strerror(errno));
    if (S_ISDIR(st.st_mode))
        fail(input, "cannot be read: is a directory (give the files in it)");
    if (eaccess(input, R_OK) != 0)
        fail(input, "cannot be read: permission denied (check its mode)");
}

void files_check_inputs(const struct options *options)
{
    for (size_t i = 0; i < options->inputs.count; i++) {
        if (options->source == SOURCE_FOLLOW)
            check_followed(options, options->inputs.words[i]);
        else
            check_input(options, options->inputs.words[i]);
    }
}

bool files_read_stdin(const struct options *options)
{
    struct stat own;
    if (options->source == SOURCE_STREAM)
        return true;
    if (options->source != SOURCE_FILES || fstat(STDIN_FILENO, &own) != 0)
        return false;
    for (size_t i = 0; i < options->inputs.count; i++) {
        struct stat st;
        if (look_at(options->inputs.words[i], &st) == 0 && is_same(&st, &own))
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------ outputs */

void files_mirror_path(char *path, const char *pattern, unsigned lane)
{
    char *end = path + PATH_MAX - 12; /* room for a number */
    for (const char *at = pattern; *at != '\0' && path < end; at++) {
        if (at[0] == '%' && at[1] == 'l') {
            path += sprintf(path, "%u", lane);
            at++;
        } else {
            if (at[0] == '%' && at[1] == '%')
                at++;
            *path++ = *at;
        }
    }
    *path = '\0';
}

static void check_is_no_input(const struct options *options, const char *path, const struct stat *st)
{
    for (size_t i = 0; i < options->inputs.count; i++) {
        struct stat input;
        if (look_at(options->inputs.words[i], &input) == 0 && is_same(&input, st))
            options_usage("--mirror %s: %s%sis also an input", options->mirror,
                          strcmp(path, options->mirror) == 0 ? "" : path,
                          strcmp(path, options->mirror) == 0 ? "" : " ");
    }
}

/* Checks that the mirror's folder exists, unless each lane has a folder of its own. */
static void check_mirror_folder(const struct options *options)
{
    char path[PATH_MAX];
    char folder[PATH_MAX];
    struct stat st;
    files_mirror_path(path, options->mirror, 0);
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    const char *own = strstr(options->mirror, "%l");
    if (own != NULL && strchr(own, '/') != NULL)
        return; /* each lane has a folder of its own */
    if (slash == NULL)
        snprintf(folder, sizeof(folder), ".");
    else
        slash[slash == folder] = '\0';
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        fail(path, "cannot be written: %s is not a directory", folder);
}

static bool mirror_has_content(const struct options *options, unsigned lanes, char *found)
{
    char first[PATH_MAX];
    char path[PATH_MAX];
    struct stat st;
    files_mirror_path(first, options->mirror, 0);
    files_mirror_path(path, options->mirror, 1);
    if (options->producers > 1 && strcmp(first, path) == 0)
        options_usage("-p %u: --mirror %s is one file (each producer needs its own: put %%l into it)",
                      (unsigned)options->producers, options->mirror);
    check_mirror_folder(options);
    bool content = false;
    for (unsigned lane = 0; lane < lanes; lane++) {
        files_mirror_path(path, options->mirror, lane);
        if (stat(path, &st) != 0)
            continue;
        check_is_no_input(options, path, &st);
        if (st.st_size > 0 && !content) {
            content = true;
            snprintf(found, PATH_MAX, "%s", path);
        }
    }
    return content;
}

static bool output_has_content(const struct options *options, char *found)
{
    struct stat st;
    snprintf(found, PATH_MAX, "%s", options->output);
    if (stat(options->output, &st) != 0)
        return false;
    if (S_ISDIR(st.st_mode))
        fail(options->output, "cannot be written: is a directory (give a file)");
    return S_ISREG(st.st_mode) && st.st_size > 0 && !options->append;
}

bool files_have_content(const struct options *options, unsigned lanes, char *found)
{
    if (options->sink == SINK_OUTPUT)
        return output_has_content(options, found);
    return options->sink == SINK_MIRROR && mirror_has_content(options, lanes, found);
}

void files_make_output(const struct options *options)
{
    struct stat st;
    if (options->sink != SINK_OUTPUT || (stat(options->output, &st) == 0 && !S_ISREG(st.st_mode)))
        return;
    int fd = open(options->output, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        fail(options->output, "cannot be written: %s", strerror(errno));
    close(fd);
}
