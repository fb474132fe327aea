/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_OBJECT_FILE_H
#define SHMQ_OBJECT_FILE_H

#include "common/kernel/object.h"

/*
 * Opens a file that is a copy of an object, for reading. Its content is copied into private memory, of which pages
 * of zeros take none: so a file that is cut off or rewritten meanwhile, or on a medium that cannot be read, is no
 * longer of concern. Where the file ends too soon, or cannot be read, object->readable_bytes says so.
 *
 * Context: any thread; reads the whole file; never waits for a FIFO or device.
 * Return:  0; -EBADMSG if it is no copy of a queue; -EPROTO if it is of another version; -EPERM if it is not a
 *          plain file; -ENOENT, -EACCES, -EMFILE, -ENOMEM, -EFBIG, other system errors.
 */
int object_open_file(struct object *object, const char *path);

#endif
