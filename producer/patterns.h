/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_PATTERNS_H
#define SHMQ_PRODUCER_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The files that --follow was given: names, and patterns that are looked up again and again. */
struct patterns {
    const char *const *texts;
    size_t count;
};

/* Return: false: out of memory. */
typedef bool pattern_visitor(void *context, const char *path);

/* Whether @text is a pattern, and not a name. */
bool pattern_is_glob(const char *text);

/* Called for a folder of a pattern that cannot be read. */
typedef void pattern_complaint(void *context, const char *path, int error);

/*
 * Visits the paths that exist at present, of each pattern in alphabetical order.
 *
 * @complain  may be NULL
 *
 * Return: false: out of memory.
 */
bool patterns_visit_paths(const struct patterns *patterns, pattern_visitor *visit, pattern_complaint *complain,
                          void *context);

/*
 * Visits the folders in which new paths can appear: those of the files, or else those in which a missing folder
 * can. May visit one several times.
 */
bool patterns_visit_folders(const struct patterns *patterns, pattern_visitor *visit, void *context);

/* Whether a file or folder of this name, without its folder, may be or lead to one of the paths. */
bool patterns_may_match(const struct patterns *patterns, const char *name, bool is_folder);

/* Hashes of the absolute path, and of all patterns made absolute. 0: out of memory. */
uint64_t patterns_hash_path(const char *path);
uint64_t patterns_hash(const struct patterns *patterns);

/* The part of a path before its last component: ".", "/", or without the slash. Return: NULL: out of memory. */
char *path_folder(const char *path);
/* The last component. */
const char *path_name(const char *path);
/* Joins both. Return: NULL: out of memory. */
char *path_join(const char *folder, const char *name);

#endif
