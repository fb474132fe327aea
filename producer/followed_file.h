/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOWED_FILE_H
#define SHMQ_PRODUCER_FOLLOWED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "producer/file_identity.h"
#include "producer/follow_record.h"

/* One file of --follow: who it is, how far it is put, and how it is read. */
struct followed_file {
    struct followed_file *next; /* in the order in which they were found */
    char *path;                 /* where it was last found */
    char *first_path;           /* under which it was found first; NULL: only its hash is known, from its record */
    uint64_t name;              /* hash of that */
    int fd;                     /* -1: left, as there is nothing more to read */
    int watch;                  /* id of its watch; negative: none */
    bool unwatched;             /* not everything that happens to it is noticed */
    struct file_identity identity;
    uint64_t sequence;
    uint32_t slot;                       /* 0: none */
    uint64_t offset;                     /* all messages before it are put */
    uint64_t size;                       /* the greatest size seen */
    int64_t since_ns;                    /* as in its record */
    int64_t grown_ns;                    /* when it last grew */
    int64_t away_ns;                     /* since when no path leads to it; 0: one does */
    uint64_t left_mark;                  /* while it is closed: the checksum of its mark */
    int read_error;                      /* of the last attempt to read it; told already */
    bool named;                          /* a path leads to it, as of the present scan */
    bool drained;                        /* was read to its end since it was found, or since it lost its name */
    bool readable;                       /* there may be more to read */
    bool after_cut;                      /* zeros at its beginning are no content */
    size_t chunk_bytes;                  /* how much to read at once: more within a long message */
    unsigned char mark[FILE_MARK_BYTES]; /* the bytes before .offset */
};

enum { FOLLOWED_CHUNK_BYTES = 128 * 1024 };

/*
 * Opens a regular file to be followed from @offset on.
 *
 * @file    receives it; NULL on failure
 * @offset  UINT64_MAX: from its end
 *
 * Return: 0; -EINVAL if it is not a regular file or has no such offset; another negative errno.
 */
int followed_file_open(struct followed_file **file, const char *path, uint64_t offset);
/* The same, if @path still leads to the file that @facts are about. Return: -ESTALE if it does not. */
int followed_file_open_same(struct followed_file **file, const char *path, const struct file_facts *facts,
                            uint64_t offset);
void followed_file_free(struct followed_file *file);
/* Closes it, but remembers it. */
void followed_file_leave(struct followed_file *file);

/* What its record says, and the other way round. */
struct follow_record followed_file_record(const struct followed_file *file);
void followed_file_set_record(struct followed_file *file, const struct follow_record *record);
/* The checksum of its mark. */
uint64_t followed_file_mark(const struct followed_file *file);

/* It has lost its name: the next file of that name waits until it is read to its end. */
void followed_file_lose_name(struct followed_file *file);

struct followed_data {
    unsigned char *bytes; /* from .offset on; before them, the mark */
    size_t length;
    bool ended; /* the file ends after them */
};

/*
 * Reads what comes after .offset, as much as there is, up to .chunk_bytes. One system call tells whether the file
 * was truncated and what is new: it also reads the bytes before .offset.
 *
 * @buffer  FILE_MARK_BYTES + .chunk_bytes bytes
 *
 * Return: 0; -ESTALE if the file no longer has what was put of it: it was truncated; another negative errno.
 */
int followed_file_read(struct followed_file *file, unsigned char *buffer, struct followed_data *data);
/* Whether the file still has what was put of it. */
bool followed_file_is_intact(const struct followed_file *file);
/* The bytes up to @end, which data.bytes has, are put. */
void followed_file_advance(struct followed_file *file, const unsigned char *end, size_t bytes);
/* Forgets its content: it begins anew at its first byte. */
void followed_file_restart(struct followed_file *file);

#endif
