/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_FOLLOW_COPY_H
#define SHMQ_PRODUCER_FOLLOW_COPY_H

#include "producer/follower.h"
#include "producer/siblings.h"

/* Files that a rotation has made of a followed one: copies of its content, and those that nobody has seen begin.
 */

/*
 * Finds a file that is not followed and has the content of @record: the first bytes, and those before its offset.
 *
 * @siblings  among these
 * @base      name of the file without its folder: only what a rotation calls a copy of it; NULL: any file
 * @copy      receives the copy, opened at the record's offset, with the record's name; NULL: there is none
 *
 * Return: false if none was found, but some were renamed since they were listed: to be tried again.
 */
bool follow_copy_find(struct follower *follower, const struct siblings *siblings,
                      const struct follow_record *record, const char *base, struct followed_file **copy);

/* Which files a rotation may have made of the file named .path before anybody has seen their content. */
struct follow_range {
    const char *path;
    int64_t after_ns;                /* those created later than this; 0: none, as it is not known */
    const struct followed_file *now; /* not this, nor those whose content it still has; NULL: does not matter */
};

/*
 * Follows the files of a range: renamed ones, and copies; the oldest first.
 *
 * @bytes  receives how much they contain
 */
enum flow follow_unseen(struct follower *follower, const struct follow_range *range, uint64_t *bytes);

/*
 * Nothing of a file is put yet, so that a truncation does not show in what is left of it: follows the copies that
 * were made of it since it was found, and then the file.
 *
 * @bytes  receives how much they contain
 */
enum flow follow_copies_of_unread(struct follower *follower, struct followed_file *file, uint64_t *bytes);

/*
 * A followed file was truncated, or had been replaced by another of its inode while nobody followed it: goes on
 * with a copy that was made of it, if there is one, tells what is lost, and then begins the file anew.
 *
 * @old  its record from before that; its name is that of the file
 */
enum flow follow_cut(struct follower *follower, struct followed_file *file, const struct follow_record *old);

/*
 * Whether the file at @path is, or is becoming, a copy of a followed file, so that it has nothing of its own. May
 * find that that file was truncated, and handle it.
 */
bool follow_is_copy(struct follower *follower, const char *path, const struct file_facts *facts);

#endif
