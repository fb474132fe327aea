/* SPDX-License-Identifier: MIT */
#include "producer/patterns.h"

#include <errno.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

/* ------------------------------------------------------------------ paths */

const char *path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

char *path_folder(const char *path)
{
    const char *name = path_name(path);
    size_t length = (size_t)(name - path);
    if (length == 0)
        return strdup(".");
    while (length > 1 && path[length - 1] == '/')
        length--;
    return strndup(path, length);
}

char *path_join(const char *folder, const char *name)
{
    char *path = NULL;
    const bool here = strcmp(folder, ".") == 0;
    const char *between = here || folder[strlen(folder) - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", here ? "" : folder, between, name) < 0 ? NULL : path;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * HASH_PRIME;
    return hash;
}

static uint64_t hash_absolute(uint64_t hash, const char *path)
{
    if (path[0] == '/')
        return hash_text(hash, path);
    char *here = getcwd(NULL, 0);
    if (here == NULL)
        return 0;
    hash = hash_text(hash_text(hash, here), "/");
    free(here);
    return hash_text(hash, path);
}

uint64_t patterns_hash_path(const char *path)
{
    return hash_absolute(HASH_START, path);
}

uint64_t patterns_hash(const struct patterns *patterns)
{
    uint64_t hash = HASH_START;
    for (size_t i = 0; i < patterns->count && hash != 0; i++)
        hash = hash_absolute(hash * HASH_PRIME, patterns->texts[i]);
    return hash;
}

/* ------------------------------------------------------------------ patterns */

bool pattern_is_glob(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

/* Who is to hear of errors: glob passes nothing on. */
static pattern_complaint *complain_to;
static void *complain_context;

static int on_glob_error(const char *path, int error)
{
    if (complain_to != NULL && error != ENOENT && error != ENOTDIR)
        complain_to(complain_context, path, -error);
    return 0;
}

static bool visit_glob(const char *pattern, pattern_visitor *visit, void *context)
{
    glob_t found;
    const int error = glob(pattern, 0, on_glob_error, &found);
    bool ok = error != GLOB_NOSPACE;
    for (size_t i = 0; ok && error == 0 && i < found.gl_pathc; i++)
        ok = visit(context, found.gl_pathv[i]);
    globfree(&found);
    return ok;
}

/* What is there by that very name is meant by it, even if the name looks like a pattern. */
static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool patterns_visit_paths(const struct patterns *patterns, pattern_visitor *visit, pattern_complaint *complain,
                          void *context)
{
    bool ok = true;
    complain_to = complain;
    complain_context = context;
    for (size_t i = 0; ok && i < patterns->count; i++) {
        const char *text = patterns->texts[i];
        if (!pattern_is_glob(text) || is_there(text))
            ok = visit(context, text);
        else
            ok = visit_glob(text, visit, context);
    }
    complain_to = NULL;
    return ok;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct folder_visit {
    pattern_visitor *visit;
    void *context;
};

static bool visit_if_folder(void *context, const char *path)
{
    const struct folder_visit *visit = context;
    return !is_folder(path) || visit->visit(visit->context, path);
}

/* Goes up from the file's folder until nothing above can change which folders there are. */
static bool visit_folders_above(const char *path, struct folder_visit *visit)
{
    char *folder = path_folder(path);
    bool ok = folder != NULL;
    bool done = false;
    while (ok && !done) {
        const bool top = strcmp(folder, ".") == 0 || strcmp(folder, "/") == 0;
        if (pattern_is_glob(folder) && !is_folder(folder))
            ok = visit_glob(folder, visit_if_folder, visit);
        else
            done = is_folder(folder);
        if (done)
            ok = visit->visit(visit->context, folder);
        if (done || top)
            break;
        char *above = path_folder(folder);
        free(folder);
        folder = above;
        ok = ok && folder != NULL;
    }
    free(folder);
    return ok;
}

bool patterns_visit_folders(const struct patterns *patterns, pattern_visitor *visit, void *context)
{
    struct folder_visit how = {visit, context};
    bool ok = true;
    for (size_t i = 0; ok && i < patterns->count; i++)
        ok = visit_folders_above(patterns->texts[i], &how);
    return ok;
}

bool patterns_may_match(const struct patterns *patterns, const char *name, bool is_folder_name)
{
    if (is_folder_name)
        return true;
    for (size_t i = 0; i < patterns->count; i++) {
        const char *last = path_name(patterns->texts[i]);
        if (strcmp(last, name) == 0 || fnmatch(last, name, FNM_PERIOD) == 0)
            return true;
    }
    return false;
}
