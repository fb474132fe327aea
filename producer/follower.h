/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOWER_H
#define SHMQ_PRODUCER_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/fifos.h"
#include "producer/follow_reader.h"
#include "producer/follow_store.h"
#include "producer/followed_file.h"
#include "producer/options.h"
#include "producer/patterns.h"
#include "producer/publisher.h"
#include "producer/watch.h"

/* A folder whose names are watched. */
struct watched_folder {
    int id;
    bool wanted; /* as of the present scan */
};

/* What was told about a path, so that it is not told again. */
struct complaint {
    struct complaint *next;
    char *path;
    int error;
    bool holds; /* as of the present scan */
};

/* All that --follow knows: the files that it follows, in the order in which they were found. */
struct follower {
    struct publisher *publisher;
    const struct options *options;
    struct patterns patterns;
    struct watch watch;
    struct follow_store store;
    struct follow_reader reader;
    struct fifos fifos;
    struct followed_file *files;
    size_t count;
    struct watched_folder *folders;
    size_t folder_count;
    struct complaint *complaints;
    bool from_end;    /* files that are found now begin at their end */
    bool waiting;     /* in the middle of a put, for room: the file that is being put must not change */
    bool scan_wanted; /* names may have changed */
    bool unwatched;   /* not every change of a name is noticed */
    bool held;        /* some file may be a copy in the making, to be looked at again soon */
    int64_t look_ns;  /* when to look without having been told */
    enum flow flow;   /* of a scan: what went wrong in it */
};

/* Adds a file, and watches it if it is open. Stores no record. */
void follower_add(struct follower *follower, struct followed_file *file);
/* Stores its record. */
enum flow follower_save(struct follower *follower, const struct followed_file *file);
/* Forgets a file, with its record. */
enum flow follower_remove(struct follower *follower, struct followed_file *file);
/* Watches a file that was opened. */
void follower_watch(struct follower *follower, struct followed_file *file);
/* Whether one more file can be followed. Makes room by forgetting one that was left, if it must. */
bool follower_has_room(struct follower *follower);

/* NULL: it is not followed. */
struct followed_file *follower_find(const struct follower *follower, const struct file_facts *facts);
/* The last of the files that had this name when they were found. */
struct followed_file *follower_latest(const struct follower *follower, uint64_t name);
/* An older file of the same name has to be read to its end first. */
bool follower_must_wait(const struct follower *follower, const struct followed_file *file);
/* Sets when the file was renamed or removed. */
void follower_set_away(struct followed_file *file);

/* Reports an error about a path, unless it was reported before. */
void follower_complain(struct follower *follower, const char *path, const char *what, int error);
/* Reports that bytes are lost, and counts them. @why as in "was truncated" */
void follower_lose(struct follower *follower, const char *path, uint64_t bytes, const char *why);

void follower_free(struct follower *follower);

#endif
