/* SPDX-License-Identifier: MIT */
#include "supervisor/mirror_map.h"

#include <limits.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "supervisor/files.h"

#define NS_PER_MS INT64_C(1000000)
#define FIRST_CHECK_NS (5 * NS_PER_MS)
#define CHECK_NS (20 * NS_PER_MS)
#define CHECKS_END_NS (5000 * NS_PER_MS) /* after this time, producers are waiting for other producers' lanes */

enum { CHECK_COST = 20 }; /* checks take at most 1/CHECK_COST of the time */

static bool is_wanted(const struct supervisor *supervisor)
{
    return supervisor->options->sink == SINK_MIRROR && supervisor->options->producers > 1 &&
           say_get_level() >= SAY_STATUS;
}

/* Counts the producers that have a lane; a lane's pid is that of its last owner. */
static size_t count_found(const struct supervisor *supervisor, const pid_t *owners, uint32_t lanes)
{
    size_t found = 0;
    for (size_t i = 0; i < supervisor->options->producers; i++) {
        for (uint32_t lane = 0; lane < lanes; lane++)
            found += owners[lane] != 0 && owners[lane] == supervisor->children[i].last_pid;
    }
    return found;
}

static void say_map(const struct supervisor *supervisor, const pid_t *owners, uint32_t lanes)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < supervisor->options->producers; i++) {
        const struct child *child = &supervisor->children[i];
        for (uint32_t lane = 0; lane < lanes; lane++) {
            if (owners[lane] == 0 || owners[lane] != child->last_pid)
                continue;
            files_mirror_path(path, supervisor->options->mirror, lane);
            say_status("%s -> %s", child->name, path);
        }
    }
}

void mirror_map_begin(struct supervisor *supervisor)
{
    supervisor->map_ns = is_wanted(supervisor) ? supervisor->now_ns + FIRST_CHECK_NS : 0;
}

void mirror_map_tick(struct supervisor *supervisor)
{
    pid_t owners[SHMQ_LANES_MAX];
    if (supervisor->map_ns == 0 || supervisor->now_ns < supervisor->map_ns)
        return;
    const int64_t before = stop_now_ns();
    const uint32_t lanes = queue_lane_owners(&supervisor->queue, owners);
    if (count_found(supervisor, owners, lanes) >= supervisor->options->producers) {
        supervisor->map_ns = 0;
        say_map(supervisor, owners, lanes);
    } else if (before - supervisor->started_ns > CHECKS_END_NS) {
        supervisor->map_ns = 0;
    } else {
        const int64_t pause = (stop_now_ns() - before) * CHECK_COST;
        supervisor->map_ns = supervisor->now_ns + (pause > CHECK_NS ? pause : CHECK_NS);
    }
}

void mirror_map_finish(struct supervisor *supervisor)
{
    pid_t owners[SHMQ_LANES_MAX];
    if (!is_wanted(supervisor))
        return;
    const uint32_t lanes = queue_lane_owners(&supervisor->queue, owners);
    say_map(supervisor, owners, lanes);
}
