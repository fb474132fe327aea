/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FILE_IDENTITY_H
#define SHMQ_PRODUCER_FILE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How a followed file is recognised. Device and inode identify it while it is open; an inode may be reused
 * afterwards, so checksums of its first bytes and of those before a place in it decide.
 */

enum { FILE_HEAD_BYTES = 1024, FILE_MARK_BYTES = 256 };

/* What the kernel says about a file. */
struct file_facts {
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    uint64_t links;
    uint32_t mode;
    int64_t born_ns;    /* when it was created; 0: the file system does not know */
    int64_t changed_ns; /* when it was last written to */
};

struct file_identity {
    uint64_t device;
    uint64_t inode;
    int64_t born_ns;
    uint64_t head_length; /* at most FILE_HEAD_BYTES */
    uint64_t head_sum;    /* checksum of the first head_length bytes */
};

/* Whether it is the file that was identified, and not one that has got its inode since. */
static inline bool file_is_same(const struct file_identity *identity, const struct file_facts *facts)
{
    const bool born_is_known = identity->born_ns != 0 && facts->born_ns != 0;
    return identity->inode == facts->inode && identity->device == facts->device &&
           (!born_is_known || identity->born_ns == facts->born_ns);
}

/* The time, on the clock that the times of files are taken from. */
int64_t file_time_ns(void);

/* Looks at a file, following links. Return: 0 or a negative errno. */
int file_facts_of(const char *path, struct file_facts *facts);
int file_facts_of_open(int fd, struct file_facts *facts);

/* Checksum of bytes; not cryptographic. Several messages a microsecond need one. */
uint64_t file_sum(const void *data, size_t size);

/* How many bytes before @offset its mark covers. */
static inline size_t file_mark_bytes(uint64_t offset)
{
    return offset < FILE_MARK_BYTES ? (size_t)offset : FILE_MARK_BYTES;
}

/*
 * Reads the bytes that the mark of @offset covers.
 *
 * @mark  FILE_MARK_BYTES bytes
 *
 * Return: false if the file ends before @offset, or cannot be read.
 */
bool file_read_mark(int fd, uint64_t offset, void *mark);

/* Sets head_length and head_sum from the first bytes, at most @length. Return: false if there are fewer. */
bool file_identity_read_head(struct file_identity *identity, int fd, uint64_t length);

/* Whether a file has the first bytes of @identity, and before @offset bytes with the checksum @mark. */
bool file_has_content(int fd, const struct file_identity *identity, uint64_t offset, uint64_t mark);

#endif
