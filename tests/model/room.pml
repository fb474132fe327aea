/* SPDX-License-Identifier: MIT */
/*
 * A producer that waits for room, and consumers that make room: wanted_head in common/queue/waiting.[ch], and what put.c,
 * ring.c and get.c do around it, one access per step. A message takes one cell, and a lease takes one message.
 *
 * It follows these functions access by access, and must be changed with them:
 *
 *   waiting.[ch]  waiting_arm_producer, waiting_sleep_producer, waiting_disarm_producer, waiting_learn_producer,
 *                 waiting_wake_producer, waiting_wake_producer_slow, waiting_heavy_barrier
 *   doorbell.c    doorbell_ring, doorbell_sleep, doorbell_drain
 *   put.c         wait_for_room, sleep_for_room, sleep_once, attempt, head_for
 *   ring.c        ring_make_room, ring_finish, ring_reclaim
 *   get.c         finish_in_ring
 *   lane.c        what take_up does to wanted_head
 *
 * Not modelled: leases of several messages and how they are taken (lane.pml), shutdown and removal.
 *
 *   CELLS, CONSUMERS, MESSAGES
 *   FENCES    1: no membarrier, full fences on both sides. 0: the look for a sleeper (W1) may come before A1, as on
 *             processors with a weaker order than x86, except across a heavy barrier
 *   PATIENT   1: the first sleep asks for two cells instead of one, and may time out
 *   KILLS     the most kills; with kills, sleeps time out when nothing else happens
 *   FAULT_... a planted fault
 *
 * Checked: when nothing moves any more (a consumer may work for ever), the producer does not sleep while there is room,
 * or while what is done only needs reclaiming.
 */

#ifndef CELLS
#define CELLS 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 4
#endif
#ifndef FENCES
#define FENCES 0
#endif
#ifndef PATIENT
#define PATIENT 0
#endif
#ifndef KILLS
#define KILLS 0
#endif

#define FIRST CELLS
#define INDEX(p) ((p) % CELLS)
#define DONE(p) (word[INDEX(p)] == (p))

byte tail = FIRST;
byte claim = FIRST;
byte head = FIRST;
byte word[CELLS];      /* the last position at this index that was done */
byte wanted;           /* wanted_head; 0: nobody sleeps */
byte rings;
bit redo[CONSUMERS];   /* there was a heavy barrier since the early look */
byte kills;
bit asleep;            /* ghost */
bit over;              /* ghost */

#define STEP(...)                                                                                                      \
    if                                                                                                                 \
    :: atomic { __VA_ARGS__ }                                                                                          \
    :: atomic { kills < KILLS -> kills++; goto killed }                                                                \
    fi

/* ring_reclaim */
inline reclaim() {
    do
    :: STEP(if
            :: DONE(head) -> at = head
            :: else -> at = 0; break
            fi);
       STEP(if
            :: head == at -> head = at + 1
            :: else
            fi;
            at = 0)
    od
}

/* ------------------------------------------------------------------ the producer */

#define ROOM (tail < seen_head + CELLS)

inline attempt() {
    STEP(seen_head = head);
    if
    :: ROOM
    :: else -> reclaim(); STEP(seen_head = head)
    fi
}

#if FENCES || defined(FAULT_NO_HEAVY_BARRIER)
#define HEAVY_BARRIER skip
#else
#define HEAVY_BARRIER redo[0] = 1; redo[CONSUMERS - 1] = 1
#endif

/* head_for: never beyond what is published */
#define HEAD_FOR(cells) (tail + (cells) - CELLS < tail -> tail + (cells) - CELLS : tail)

inline sleep_once(cells, may_end) {
#ifdef FAULT_LOOK_BEFORE_ARMING
    attempt();
#endif
    STEP(wanted = HEAD_FOR(cells)); /* S0 */
    STEP(HEAVY_BARRIER); /* B1 */
#ifndef FAULT_LOOK_BEFORE_ARMING
    attempt(); /* S1 */
#endif
    if
    :: ROOM -> STEP(wanted = 0)
    :: else ->
       atomic { rung = 0; asleep = 1 }
       if
       :: atomic { rings > 0 -> rings--; rung = 1; asleep = 0 }
       :: atomic { may_end -> asleep = 0 }
       :: atomic { KILLS > 0 && timeout -> asleep = 0 }
       :: atomic { KILLS == 0 && over -> asleep = 0; goto end_asleep }
       fi;
       STEP(wanted = 0);
       attempt();
       if
       :: rung && !ROOM && cells == 1 && rings > 1 -> /* doorbell_drain */
          do
          :: STEP(if
                  :: rings > 1 -> rings--
                  :: else -> break
                  fi)
          od
       :: else
       fi
    fi
}

proctype Producer()
{
    byte seen_head, at;
    bit rung;

    goto attached;
killed:
    atomic { asleep = 0; rung = 0; at = 0; seen_head = 0 }
    wanted = 0; /* take_up */
attached:
    do
    :: tail < FIRST + MESSAGES ->
       if
       :: ROOM
       :: else ->
          attempt();
          do
          :: ROOM -> break
          :: else ->
#if PATIENT
             sleep_once(2, 1);
             if
             :: ROOM
             :: else -> sleep_once(1, 0)
             fi
#else
             sleep_once(1, 0)
#endif
          od
       fi;
       STEP(tail++)
    :: else -> break
    od;
    goto gone;
end_asleep:
    false;
gone:
    skip
}

/* ------------------------------------------------------------------ consumers */

proctype Consumer(byte me)
{
    byte position, at, seen, early;
    bit looked;

    goto idle;
killed: /* its adopter goes on in its place */
    atomic {
        at = 0;
        seen = 0;
        early = 0;
        looked = 0;
        if
        :: position == 0 || DONE(position) -> position = 0; goto idle
        :: else -> goto work
        fi
    }
idle:
end_idle:
    if
    :: atomic { claim < tail -> position = claim; claim++; goto work }
    :: atomic { tail == FIRST + MESSAGES && claim == tail -> goto gone }
    fi;
work:
    if
    :: true
    :: KILLS == 0 -> goto slow
    fi;
#if !FENCES || defined(FAULT_LIGHT_WITHOUT_FENCE)
    if
    :: true
    :: atomic { early = wanted; looked = 1; redo[me] = 0 }
    fi;
#endif
#ifdef FAULT_LOOK_AT_HEAD_BEFORE_DONE
    STEP(at = (head == position || DONE(head)));
#endif
    STEP(word[INDEX(position)] = position); /* A1 */
#ifdef FAULT_LOOK_AT_HEAD_BEFORE_DONE
    if
    :: at -> reclaim()
    :: else
    fi;
#else
    reclaim();
#endif
    /* waiting_wake_producer */
    STEP(if
         :: looked && !redo[me] -> seen = early
         :: else -> seen = wanted
         fi;
         early = 0;
         looked = 0);
    if
    :: seen != 0 ->
       STEP(if
            :: head < seen -> seen = 0
            :: else
            fi);
       if
       :: seen != 0 ->
          STEP(if
               :: wanted == seen -> wanted = 0
               :: else -> seen = 0
               fi);
          if
          :: seen != 0 -> STEP(rings++; seen = 0)
          :: else
          fi
       :: else
       fi
    :: else
    fi;
    position = 0;
    goto idle;
slow:
end:
    false;
gone:
    skip
}

/* Nothing moves any more. */
proctype Monitor()
{
end:
    atomic { timeout -> over = 1; assert(!asleep || (tail == head + CELLS && !DONE(head))) }
}

init {
    atomic {
        byte n = 0;
        run Producer();
        do
        :: n < CONSUMERS -> run Consumer(n); n++
        :: else -> break
        od;
        n = 0;
#if KILLS == 0
        run Monitor()
#endif
    }
}
