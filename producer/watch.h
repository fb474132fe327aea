/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_WATCH_H
#define SHMQ_PRODUCER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Notices of the kernel about files and folders (inotify), where they work. */
struct watch {
    int fd; /* readable when there are notices; -1: they do not work, so look */
};

enum watch_event {
    WATCH_WRITTEN, /* a file was written to or truncated */
    WATCH_MOVED,   /* a file or folder was renamed or removed, or its permissions or links were changed */
    WATCH_NAME,    /* in a folder, a name appeared, vanished or has come to mean another file */
    WATCH_GONE,    /* the watch has ended: its file or folder no longer exists */
    WATCH_MISSED,  /* notices were lost, so anything may have happened; not about a watch */
};

/*
 * @id         what watch_file or watch_folder returned
 * @name       for WATCH_NAME, without its folder; otherwise NULL
 * @is_folder  for WATCH_NAME
 */
typedef void watch_visitor(void *context, enum watch_event event, int id, const char *name, bool is_folder);

/* Return: 0; a negative errno, and notices do not work: the other functions then do nothing. */
int watch_open(struct watch *watch);
void watch_close(struct watch *watch);

/*
 * Watches an open file, wherever it is renamed to, or the names in a folder. Watching the same one again changes
 * nothing and returns the same id.
 *
 * @complete  receives whether there will be notices about whatever happens to it. Not so on a file system that
 * other hosts write to: look there as well
 *
 * Return: the id; a negative errno if there will be none, as when the user has too many watches (-ENOSPC).
 */
int watch_file(const struct watch *watch, int fd, bool *complete);
int watch_folder(const struct watch *watch, const char *path, bool *complete);
void watch_remove(const struct watch *watch, int id);

/* Visits the notices that have come. Does not wait. */
void watch_read(const struct watch *watch, watch_visitor *visit, void *context);

#endif
