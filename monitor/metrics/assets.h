/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_ASSETS_H
#define SHMQ_MONITOR_ASSETS_H

/* The files of the web page, which are part of the program: monitor/metrics/page/. */

struct asset {
    const char *path; /* in the URL */
    const char *type;
    const char *begin; /* of its content */
    const char *end;
};

/* Return: NULL if nothing has that path. */
const struct asset *asset_find(const char *path);

#endif
