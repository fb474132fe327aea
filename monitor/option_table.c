/* SPDX-License-Identifier: MIT */
#include "monitor/option_table.h"

#include "common/cli/option_common.h"
#include "monitor/listen_address.h"
#include "monitor/options.h"

#define AT(member) .at = offsetof(struct options, member)
#define FOR(verb) (1U << VERB_##verb)

static const struct option_verb verbs[] = {
    {"list", VERB_LIST, NULL, "list all queues on this host"},
    {"show", VERB_SHOW, "NAME|FILE",
     "show a queue, its lanes (one per producer) and its seats (one per consumer). Time in queue: how long "
     "messages took from put to acknowledgement"},
    {"top", VERB_TOP, "[NAME]",
     "watch all queues, or one, on the full screen: how full, how fast, who waits for what, the latest events. "
     "? lists its keys. Only p (pause, resume) changes a queue, and asks first"},
    {"metrics", VERB_METRICS, "[NAME...]",
     "serve the metrics of all queues, or of those named, to Prometheus (/metrics), and a page to browsers (/), "
     "until stopped; or write the metrics to a file. It only reads"},
    {"events", VERB_EVENTS, "NAME|FILE",
     "show the last 4096 events of the queue, with their times: who came, left or died, who took over, when it "
     "was full, empty, paused or damaged, and so on. A death is recorded when the work is taken over, or the lane "
     "finished"},
    {"check", VERB_CHECK, "NAME|FILE", "verify the queue's invariants; exit 5 and report those that do not hold"},
    {"save", VERB_SAVE, "NAME FILE",
     "copy the queue, with everything in it, to FILE, which show, check, peek and events can read. The queue may "
     "be in use: nobody waits, nothing in it changes, and the copy is consistent. FILE appears, with mode 0600, "
     "when it is complete and on disk. A damaged queue is copied byte for byte as it is, "
     "with exit 5 and what is damaged"},
    {"doctor", VERB_DOCTOR, "[NAME]",
     "look for what is wrong, or soon will be, with this machine and all queues, or with one queue, and say what "
     "to do about it. Exit 0: all is well; 1: warnings, also if a queue that is named may not be read; 5: "
     "failures. With -q, print only warnings and failures"},
    {"wait", VERB_WAIT, "NAME",
     "wait until the queue exists and, with --empty, until all messages are acknowledged: at once if it is empty "
     "already; if the queue is made meanwhile, not before something was put or a producer has finished"},
    {"peek", VERB_PEEK, "NAME|FILE [N]",
     "show the N (10) oldest messages without taking them, with their headers and who has them; lane by lane, "
     "because there is no order between lanes. A message that is acknowledged meanwhile is left out"},
    {"drop", VERB_DROP, "NAME ID...",
     "delete the messages with these ids, which peek prints (or which they had before they were moved: Shmq-Id). "
     "What a living consumer has stays; exit 1 if any message was not dropped"},
    {"kick", VERB_KICK, "NAME [ID...]",
     "move dead letters, all or those with these ids, back to the queue where they were given up (Shmq-Queue), to "
     "be tried again: their failed attempts and history are erased, their other headers stay. Each is moved once, "
     "even if kick is killed and repeated; exit 1 if any stays. With ids, the messages in front of the chosen "
     "ones move to the end of the queue and get new ids"},
    {"purge", VERB_PURGE, "NAME",
     "with --force: delete all waiting messages, also those of a paused queue and those that wait for a retry. "
     "What consumers have stays"},
    {"finish", VERB_FINISH, "NAME",
     "finish the streams of producers that died before finishing, so that consumers can exit 0. Their messages "
     "are still delivered. Does not touch living producers. A later '{prefix}producer --resume' of the same "
     "source still continues where the dead one was, unless another producer has taken its lane meanwhile"},
    {"pause", VERB_PAUSE, "NAME",
     "hand out no more messages until resume. The queue still accepts messages; consumers finish what they have "
     "taken, then wait. It stays paused even when all its processes have ended"},
    {"resume", VERB_RESUME, "NAME", "end the pause"},
    {"shutdown", VERB_SHUTDOWN, "NAME", "accept no more messages; deliver those in the queue"},
    {"remove", VERB_REMOVE, "NAME", "delete the queue if it is empty and not in use"},
    {.name = NULL},
};

_Static_assert(sizeof(verbs) / sizeof(verbs[0]) == VERBS + 1, "each verb is described once");

static const struct option_entry own[] = {
    {.name = "json",
     .code = FORMAT_JSON,
     .verbs = FOR(LIST) | FOR(SHOW) | FOR(EVENTS) | FOR(PEEK) | FOR(CHECK) | FOR(DOCTOR) | FOR(DROP) | FOR(KICK) |
              FOR(PURGE),
     .help = "print JSON"},
    {.name = "follow",
     .kind = OPTION_IS_FLAG,
     AT(follow),
     .verbs = FOR(EVENTS),
     .help = "then print events as they happen, until the queue is removed"},
    {.name = "raw",
     .kind = OPTION_IS_FLAG,
     AT(raw),
     .verbs = FOR(PEEK),
     .help = "print only the payloads, each followed by a newline; with N = 1, the bare payload"},
    {.name = "prometheus",
     .code = FORMAT_PROMETHEUS,
     .verbs = FOR(LIST) | FOR(SHOW),
     .help = "print metrics for Prometheus"},
    {.name = "sort",
     .kind = OPTION_IS_CHOICE,
     AT(order),
     .verbs = FOR(LIST),
     .argument = "KEY",
     .choices = LIST_ORDERS,
     .synonym = LIST_ORDER_SYNONYM,
     .help = "sort by KEY, the greatest first: messages, oldest, full, memory, producers or consumers; or by "
             "owner or name (the default), in ascending order"},
    {.name = "watch",
     .kind = OPTION_IS_DURATION,
     AT(watch_ns),
     .verbs = FOR(LIST) | FOR(SHOW),
     .min = WATCH_MIN_NS,
     .argument = "[DURATION]",
     .help = "look again every DURATION (1s) until SIGINT or SIGTERM, then exit 0. On a terminal, the table is "
             "redrawn in place; elsewhere, an empty line separates the looks"},
    {.name = "alert",
     .code = MONITOR_ALERT,
     .verbs = FOR(LIST) | FOR(SHOW) | FOR(WAIT),
     .argument = "CONDITION",
     .help =
         "exit 4 if CONDITION holds, such as full>80% or oldest>5m (see below), and say for which queue and why. "
         "list prints only the queues for which it holds, and says on stderr which could not be looked at; with "
         "-q, list and "
         "show print nothing. May be repeated: "
         "one has to hold. wait and --watch then end at once; without --empty, wait looks once, when the queue "
         "exists"},
    {.name = "empty",
     .kind = OPTION_IS_FLAG,
     AT(empty),
     .verbs = FOR(WAIT),
     .help = "also wait until all messages are acknowledged"},
    {.name = "timeout",
     .kind = OPTION_IS_DURATION,
     AT(timeout_ns),
     .verbs = FOR(WAIT) | FOR(KICK),
     .argument = "DURATION",
     .help = "wait no longer than DURATION: wait then exits 4; for kick, it limits the wait for room for a "
             "message (5s)"},
    {.name = "to",
     .kind = OPTION_IS_TEXT,
     AT(to),
     .verbs = FOR(KICK),
     .argument = "QUEUE",
     .help = "move the messages to QUEUE, wherever they came from"},
    {.name = "lane",
     .kind = OPTION_IS_COUNT32,
     .max = SHMQ_LANES_MAX - 1,
     AT(lane),
     .verbs = FOR(FINISH) | FOR(PEEK),
     .argument = "N",
     .help = "only lane N, as numbered by show; finish: exit 1 if its producer is alive"},
    {.name = "fix",
     .kind = OPTION_IS_FLAG,
     AT(fix),
     .verbs = FOR(DOCTOR),
     .help = "repair what can be repaired without loss, and say so: leftover, missing and wrong semaphores, and "
             "what an "
             "interrupted creation or removal left behind"},
    {.name = "now",
     .kind = OPTION_IS_FLAG,
     AT(now),
     .verbs = FOR(SHUTDOWN),
     .help = "stop delivery at once; undelivered messages stay in the queue"},
    {.name = "force",
     .kind = OPTION_IS_FLAG,
     AT(force),
     .verbs = FOR(REMOVE) | FOR(PURGE) | FOR(SAVE),
     .help = "remove: even if the queue is in use, not empty or damaged; purge: really delete them; save: replace "
             "FILE"},
    {.name = "listen",
     .kind = OPTION_IS_TEXT,
     AT(listen),
     .verbs = FOR(METRICS),
     .argument = "ADDRESS:PORT",
     .help = "where to serve (" LISTEN_ADDRESS_DEFAULT "); port 0: any free port, which is printed. There is no "
             "authentication: on an address other than loopback, anyone who can connect sees all names"},
    {.name = "textfile",
     .kind = OPTION_IS_TEXT,
     AT(textfile),
     .verbs = FOR(METRICS),
     .argument = "FILE",
     .help =
         "write them to FILE instead, which is always whole: for the textfile collector of the node exporter; -: "
         "once to standard output"},
    {.name = "interval",
     .kind = OPTION_IS_DURATION,
     AT(interval_ns),
     .verbs = FOR(METRICS),
     .argument = "DURATION",
     .help = "with --textfile: write the file again every DURATION until stopped, instead of once (0: once)"},
    {.name = NULL},
};

static const struct option_section own_section = {.title = "Options:", .entries = own};

static const struct option_group groups[] = {
    {.section = &own_section},
    {.section = &option_common_section, AT(common)},
    {.section = &option_creating_section,
     .refused = "the monitor creates no queues (give this option to a producer)"},
    {.section = NULL},
};

const struct option_table monitor_options = {
    .usage = "VERB [NAME] [OPTION...]",
    .purpose = "inspect and manage queues",
    .summary =
        "Inspects and manages queues. Inspecting a queue changes nothing in it, and works while it is in use "
        "and after all its processes have died. NAME may also be given with -Q or $SHMQ_QUEUE. "
        "FILE, which has a '/' in it, is a copy of a queue, made by save, or by 'cp /dev/shm/shmq.NAME .' "
        "when its processes have ended.",
    .verbs = verbs,
    .groups = groups,
    .ending =
        "list shows: the queue's state; how many messages it has, and the age of the oldest; how many producers "
        "and "
        "consumers are alive; the memory that the queue occupies; its owner. The states are: empty, ok, how full "
        "it is (from 50 %), full, paused, draining (shut down, but not yet empty), unfinished (a producer died "
        "before it finished), shut down, damaged and the like.\n\n"
        "list, show, top, metrics, --alert, events and peek agree whether a queue is damaged. They look at all "
        "that "
        "holds it together, and at its messages unless there are many: of more than 256 KiB in a row, at the "
        "first "
        "and the last 64 KiB and at some between. check, doctor and save read every message. show, events "
        "(without "
        "--follow) and peek exit with 5 then; list and metrics go on with the other queues.\n\n"
        "show counts, in its table and (as these fields) in JSON: MESSAGES (messages): put and not acknowledged. "
        "LEASED (leased): those of them that consumers have; lanes and seats add up to the same sum. payload "
        "(message_bytes): the bytes of the messages alone. stream (put_bytes): all bytes put so far, including "
        "framing such as newlines; of a lane, that is the size of its file with {prefix}consumer --mirror. % "
        "(used_bytes): how much of the lane's capacity is in use, in cells of 64 bytes. OLDEST: the age of the "
        "oldest message. FOR: how long a consumer has had its messages.\n\n"
        "States of producers and consumers: running; blocked (waits for room); asleep (waits for messages); aside "
        "(waits until a message that was put aside is due; or such a message itself, which no consumer has); "
        "paused; stopped (by a signal or a tracer; the time shown is since it was last seen at work); dead (left "
        "something unfinished); left (its messages wait to be taken over); gone (died with nothing unfinished); "
        "finished. In a copy, they are as they were when save made it, and ages are as of that moment; in a copy "
        "made "
        "in another way, the state is \"in copy\": whether they were alive is not known.\n\n"
        "Conditions of --alert: a name, one of > >= < <=, and a value; separate several with commas. full: "
        "fill_percent, such as 80%. oldest: age of the oldest message, such as 5m. bytes (payload) and memory "
        "(occupied by the queue): sizes such as 100M. Numbers: messages, leased, producers and consumers (alive), "
        "blocked (producers that wait for room), dead (producers that died without finishing, and consumers that "
        "died with messages). A damaged queue is always an alert.\n\n"
        "peek prints a line about each message, its headers, and its payload behind '| '. A byte of the payload "
        "that is not printable ASCII is shown as \\n, \\t, \\\\ or \\xHH. In JSON, each byte of headers and "
        "payload "
        "is one character, U+0000 to U+00FF.\n\n"
        "events --json prints one object per line: number (from 0), kind, party (producer, consumer, supervisor, "
        "observer or null) and party_number (lane or seat) of whoever did it, its pid, about and about_number of "
        "whom it concerns, value (messages, nanoseconds, a pid or a position), monotonic_ns, realtime_ns (since "
        "1970), and text. An event whose writer was killed has the kind unreadable.\n\n"
        "check --json prints one object: name, problems (a list of texts) and sound (true or false, or null if "
        "the "
        "queue could not be read to the end).\n\n"
        "Exit status: 0 done; 1 failed, no such queue, or wait was interrupted by SIGINT or SIGTERM; 2 usage; 3 "
        "wait "
        "--empty: the queue was shut down at once, so its messages stay; 4 timed out, or an --alert holds; 5 "
        "queue "
        "damaged or of another version. A queue that is removed meanwhile: wait --empty 5; events --follow 0; "
        "show "
        "--watch 1.",
    .bare = "watch",
    .other = "watch=1",
    .examples = {{"{self} show jobs", "show who uses the queue jobs and how full it is"},
                 {"{self} wait jobs --empty --timeout 1m", "wait until all messages are processed"},
                 {"{self} metrics --textfile /var/lib/prometheus/node-exporter/shmq.prom",
                  "write metrics of all queues for the node exporter"}},
};
