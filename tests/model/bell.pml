/* SPDX-License-Identifier: MIT */
/*
 * How consumers go to sleep, and how producers and consumers wake them: common/queue/waiting.[ch] and its callers, one
 * access per step. What producers publish goes through a store buffer, as on x86, so their look for sleepers may pass
 * it. This model only counts messages; lane.pml has the ring.
 *
 * It follows these functions access by access, and must be changed with them:
 *
 *   waiting.[ch]  waiting_arm_consumer, waiting_sleep_consumer, waiting_disarm_consumer, waiting_learn_consumer,
 *                 correct_count, waiting_consumers_sleep, waiting_wake_consumers, waiting_wake_consumers_slow,
 *                 waiting_heavy_barrier;
 *                 is_quiet, longest_sleep_ns, wake_long_sleepers, waiting_hand_over_watch (LONG)
 *   doorbell.c    doorbell_ring, doorbell_sleep, doorbell_drain, on a semaphore that nobody deletes or sets
 *   barrier.h     barrier_light, barrier_heavy
 *   get.c         sleep_once, wait_for_batch, finish_batch, wake_if_drained
 *   put.c         publish, after_publish, after_publish_slow (which repeats the check before it)
 *   lane.c        lane_finish
 *   seat.c        seat_detach, and what take_seat does to waiting
 *   end_of_stream.c      end_of_stream_state
 *   control.c     shmq_shutdown
 *
 * Not modelled: spinning, which only looks; clear_dead_sleepers; repair_doorbell, replace_doorbell; interrupts;
 * waiting_wake_everybody for a removal.
 *
 *   PRODUCERS, CONSUMERS
 *   MESSAGES   of each producer, which publishes one or two at a time
 *   FENCES     1: no membarrier, full fences on both sides; 2: membarrier is refused from the first sleep on, but not at
 *              attach
 *   TICKS      1: sleeps may time out, at any time and any number of times, until from some moment on they no longer do;
 *              0: they never do
 *   KILLS      the most kills; with kills, sleeps time out when nothing else happens
 *   LONG       consumers may sleep long if nothing is left to do and another one is the watch, that is, looks at every
 *              tick; long sleeps never time out, and killed consumers need not be replaced
 *   LEAVE      consumers may leave and return what they hold; VISITOR: a process may attach to such a seat and leave it
 *   SHUTDOWN   a process shuts the queue down; a put that returned 0 must be delivered nevertheless
 *   FAULT_...  a planted fault
 *
 * Checked: when nothing moves any more (a consumer may also work on its message for ever), nobody sleeps while there is
 * something to take, or after the end. At every step, there are at least as many counts and rings as sleepers.
 */

#ifndef PRODUCERS
#define PRODUCERS 1
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef FENCES
#define FENCES 0
#endif
#ifndef TICKS
#define TICKS 0
#endif
#ifndef COUNTS
#define COUNTS 1
#endif
#ifndef KILLS
#define KILLS 0
#endif

#ifdef LONG
#define WAITS_LONG(i) (waiting[(i) % CONSUMERS] == WAITING_LONG && !away[(i) % CONSUMERS] && (i) < CONSUMERS && (i) != me)
#define WATCHES(i) (waiting[(i) % CONSUMERS] == WAITING_TICK && !away[(i) % CONSUMERS] && (i) < me)
#endif
#define WAITING_TICK 1
#define WAITING_LONG 2

#define NO_BUFFER PRODUCERS  /* for a process without plain stores */
byte buffered[PRODUCERS + 1]; /* published, in the producer's store buffer */
byte there[PRODUCERS + 1];    /* published, not leased */
byte working[PRODUCERS];   /* leased, not acknowledged */
bit finished[PRODUCERS];
byte orphans;              /* returned, in a seat without an owner */
bit full_fences = (FENCES == 1);

byte count;                /* header.bell, without its tag */
bit changed[CONSUMERS];    /* the tag is no longer the one that this consumer loaded */
#ifdef LONG
byte waiting[CONSUMERS];   /* in the seats: WAITING_... */
bit away[CONSUMERS];       /* nobody holds the seat's byte */
bit long_sleepers;         /* in the header */
byte watching;             /* ghost: how many sleepers keep the tick */
#else
bit waiting[CONSUMERS];    /* in the seats */
#endif
byte rings;                /* the semaphore */

bit draining;              /* header.flags */
bit promised;              /* ghost: a put returned 0 and its message is still in the store buffer */
bit over;                  /* ghost: a consumer has ended because of the shutdown */

bit ticking = TICKS;
byte kills;
byte lost_ticks;           /* ghosts */
byte posting;
byte sleepers;
byte asleep;

#define ANYTHING (there[0] + there[PRODUCERS - 1] + orphans != 0)
#define ALL_FINISHED (finished[0] && finished[PRODUCERS - 1])
#define DRAINED(l) (there[l] + working[l] == 0)
#define ENDED (ALL_FINISHED && DRAINED(0) && DRAINED(PRODUCERS - 1) && orphans == 0)

#define STEP(...)                                                                                                      \
    if                                                                                                                 \
    :: atomic { __VA_ARGS__ }                                                                                          \
    :: atomic { kills < KILLS -> kills++; goto killed }                                                                \
    fi

inline change_tag() {
    changed[0] = 1;
    changed[1] = 1;
    changed[CONSUMERS - 1] = 1
}

inline check_counts() {
    assert(KILLS > 0 || !COUNTS || count + rings + posting >= sleepers)
}

#ifdef SHUTDOWN /* with one producer */
#define CLEAR_PROMISE(b) promised = (b == 0 -> 0 : promised)
#define DRAINED_DOWN (draining && DRAINED(0) && DRAINED(PRODUCERS - 1) && orphans == 0)
#else
#define CLEAR_PROMISE(b) skip
#define DRAINED_DOWN false
#endif
#define flush(b) there[b] = there[b] + buffered[b]; buffered[b] = 0; CLEAR_PROMISE(b)

/* A store buffer may drain at any time. */
proctype Buffers()
{
end:
    do
    :: atomic { buffered[0] > 0 -> flush(0) }
    :: atomic { buffered[PRODUCERS - 1] > 0 -> flush(PRODUCERS - 1) }
    od
}

#ifdef LONG
#define ALL all
#define CLEAR_ALL all = 0
#define MAY_TICK (!sleeps_long)
#else
#define ALL 0
#define CLEAR_ALL skip
#define MAY_TICK 1
#endif

inline ring() {
    do
    :: taken > 0 -> STEP(taken--; posting--; rings++)
    :: taken == 0 -> break
    od
}

/* waiting_wake_consumers_slow. Its exchange is a full fence. */
inline wake_slowly(most, buffer) {
#ifdef LONG
    STEP(all = long_sleepers);
    if
    :: all -> STEP(flush(buffer); long_sleepers = 0)
    :: else
    fi;
#endif
    STEP(flush(buffer);
         if
         :: ALL || count < most -> taken = count; CLEAR_ALL
         :: else -> taken = most
         fi;
         if
         :: taken > 0 -> count = count - taken; posting = posting + taken; change_tag()
         :: else
         fi);
    ring()
}

/* B1 */
#if FENCES == 1 || defined(FAULT_NO_HEAVY_BARRIER)
#define HEAVY_BARRIER skip /* the exchange before it is a full fence */
#elif FENCES == 2
#define HEAVY_BARRIER full_fences = 1
#else
#define HEAVY_BARRIER flush(0); flush(PRODUCERS - 1)
#endif

/* waiting_wake_consumers: light barrier, look (W1). */
inline wake(most, buffer) {
#if FENCES && !defined(FAULT_LIGHT_WITHOUT_FENCE)
    STEP(if
         :: full_fences -> flush(buffer)
         :: else
         fi);
#endif
    STEP(fenced = (count > 0));
    if
    :: fenced -> fenced = 0; wake_slowly(most, buffer)
    :: else
    fi
}

/* ------------------------------------------------------------------ producers */

#ifdef FAULT_PUT_WITHOUT_SECOND_LOOK
#define SECOND_LOOK false
#else
#define SECOND_LOOK true
#endif

proctype Producer(byte p)
{
    byte left = MESSAGES;
    byte batch, taken;
    bit fenced;
#ifdef LONG
    bit all;
#endif

    goto start;
killed: /* its stores reach memory */
    atomic {
        flush(p);
        posting = posting - taken;
        batch = 0;
        taken = 0;
        fenced = 0;
        CLEAR_ALL
    }
#ifdef LONG
    if
    :: true
    :: goto slow
    fi;
#endif
start:
    do
    :: left > 0 ->
       if
       :: batch = 1
       :: left > 1 -> batch = 2
       fi;
#ifdef SHUTDOWN
       STEP(if
            :: draining -> batch = 0; goto finish
            :: else
            fi);
#endif
       STEP(buffered[p] = buffered[p] + batch; left = left - batch);
       wake(batch, p);
#ifdef SHUTDOWN
       STEP(if
            :: draining && SECOND_LOOK -> batch = 0; goto finish
            :: else -> assert(!over); promised = (buffered[0] > 0)
            fi);
#endif
       batch = 0;
       if
       :: true
       :: KILLS == 0 -> goto slow
       fi
    :: left == 0 -> break
    od;
finish:
    STEP(flush(p); finished[p] = 1); /* sequentially consistent */
    wake_slowly(255, NO_BUFFER);
    goto done;
slow: /* puts nothing more, and does not finish */
end:
    false;
done:
    skip
}

/* ------------------------------------------------------------------ consumers */

/* The attempt of shmq_lease, and end_of_stream_state. */
inline look(found) {
    STEP(if
         :: there[0] > 0 -> there[0]--; working[0]++; lane = 1; found = 1; lost_ticks = 0
#if PRODUCERS == 2
         :: there[1] > 0 -> there[1]--; working[1]++; lane = 2; found = 1; lost_ticks = 0
#endif
         :: orphans > 0 -> orphans--; working[0]++; lane = 1; found = 1; lost_ticks = 0
         :: !ANYTHING
         fi);
    if
#ifdef SHUTDOWN
    :: !found && draining ->
#ifndef FAULT_DRAIN_WITHOUT_BARRIER
       STEP(HEAVY_BARRIER);
#endif
       STEP(found = ENDED || DRAINED_DOWN; lane = 0; assert(!found || !promised); over = over | found)
    :: !found && !draining -> STEP(found = ENDED; lane = 0)
#else
    :: !found -> STEP(found = ENDED; lane = 0)
#endif
    :: else
    fi
}

#ifdef FAULT_CORRECT_WITHOUT_TAG
#define TAG_FITS 1
#else
#define TAG_FITS (!changed[me])
#endif

/* correct_count, after a ring for nothing. */
inline correct_count() {
    STEP(before = count; changed[me] = 0);
    i = 0;
    do
    :: i < CONSUMERS -> STEP(seen = seen + (waiting[i] != 0); i++)
    :: i == CONSUMERS -> i = 0; break
    od;
    STEP(if
         :: before > seen && TAG_FITS -> count = seen; change_tag(); check_counts()
         :: else
         fi;
         before = 0; seen = 0; changed[me] = 1)
}

#ifdef LONG
/* is_quiet */
#define QUIET (DRAINED(0) && DRAINED(PRODUCERS - 1) && orphans == 0)

/* wake_long_sleepers */
inline wake_long_sleepers() {
    STEP(fenced = !QUIET);
    if
    :: fenced ->
       STEP(fenced = WAITS_LONG(0) || WAITS_LONG(1) || WAITS_LONG(2));
       if
       :: fenced -> fenced = 0; wake_slowly(255, NO_BUFFER)
       :: else
       fi
    :: else
    fi
}

/* longest_sleep_ns. Whether the consumer was busy recently is left open. */
inline choose_sleep() {
    if
    :: true
    :: STEP(fenced = WATCHES(0) || WATCHES(1));
       if
       :: fenced ->
          fenced = 0;
          STEP(waiting[me] = WAITING_LONG);
          STEP(long_sleepers = 1);
          STEP(HEAVY_BARRIER);
          STEP(if
               :: QUIET -> sleeps_long = 1
               :: else -> fenced = 1
               fi);
          if
          :: fenced -> fenced = 0; STEP(waiting[me] = WAITING_TICK)
          :: else
          fi
       :: else
       fi
    fi
}

/* waiting_hand_over_watch */
inline hand_over_watch() {
    STEP(fenced = long_sleepers);
    if
    :: fenced -> fenced = 0; wake_slowly(1, NO_BUFFER)
    :: else
    fi
}
#endif

/*
 * doorbell_drain takes out only the rings beyond one for each seat. If others took theirs between the look and the
 * taking, so that a ring is needed after all, it puts the ring back.
 */
#ifdef FAULT_DRAIN_EVERYTHING
#define DRAINED_ENOUGH (rings == 0)
#else
#define DRAINED_ENOUGH (rings <= CONSUMERS)
#endif
#if defined(FAULT_DRAIN_EVERYTHING) || defined(FAULT_DRAIN_WITHOUT_GIVING_BACK)
#define NOT_NEEDED true
#else
#define NOT_NEEDED (rings >= CONSUMERS)
#endif
inline drain() {
    STEP(fenced = (rings > CONSUMERS));
    do
    :: fenced ->
       STEP(fenced = 0;
            if
            :: rings > 0 -> rings--; taken = 1; posting++
            :: else
            fi);
       if
       :: taken > 0 ->
          STEP(if
               :: NOT_NEEDED -> taken = 0; posting--; check_counts(); fenced = 1
               :: else
               fi);
          ring();
          if
          :: fenced -> STEP(fenced = !DRAINED_ENOUGH)
          :: else
          fi
       :: else
       fi
    :: else -> break
    od
}

proctype Consumer(byte me)
{
    byte lane, before, seen, taken, i;
    bit found, rung, fenced, counted, in_sleep;
#ifdef LONG
    bit all, sleeps_long;
#endif

    goto attached;
killed:
    atomic {
        if
        :: lane > 0 -> working[lane - 1]--; orphans++
        :: else
        fi;
        sleepers = sleepers - counted;
        asleep = asleep - in_sleep;
#ifdef LONG
        watching = watching - (in_sleep && !sleeps_long);
        sleeps_long = 0;
        away[me] = 1;
        all = 0;
#endif
        posting = posting - taken;
        counted = 0;
        in_sleep = 0;
        lane = 0;
        before = 0;
        seen = 0;
        taken = 0;
        i = 0;
        found = 0;
        rung = 0;
        fenced = 0;
        changed[me] = 1
    }
#ifdef LONG
    if
    :: away[me] = 0
    :: goto done
    fi;
#endif
    waiting[me] = 0; /* seat_attach */
attached:
    do
    :: look(found);
       if
       :: found -> goto take
       :: else
       fi;
       /* waiting_arm_consumer, and the look that follows */
#ifdef FAULT_LOOK_BEFORE_COUNT
       look(found);
#endif
#ifdef LONG
       wake_long_sleepers();
#endif
       STEP(waiting[me] = WAITING_TICK);
       STEP(count++; change_tag(); sleepers++; counted = 1; check_counts()); /* S0 */
       STEP(HEAVY_BARRIER);
#ifndef FAULT_LOOK_BEFORE_COUNT
       look(found); /* S1 */
#endif
       if
       :: found
       :: else ->
#ifdef LONG
          choose_sleep();
          atomic { asleep++; in_sleep = 1; watching = watching + !sleeps_long }
#else
          atomic { asleep++; in_sleep = 1 }
#endif
end_asleep: /* Monitor checks whether it may be here */
          if
          :: atomic { rings > 0 -> rings--; rung = 1; sleepers--; counted = 0 }
          :: atomic { ticking && MAY_TICK -> rung = 0 }
          :: atomic { KILLS > 0 && MAY_TICK && timeout -> rung = 0; lost_ticks = lost_ticks + ANYTHING; assert(lost_ticks <= CONSUMERS) }
          fi;
#ifdef LONG
          atomic { asleep--; in_sleep = 0; watching = watching - !sleeps_long; sleeps_long = 0 }
#else
          atomic { asleep--; in_sleep = 0 }
#endif
       fi;
       /* waiting_disarm_consumer */
#ifdef FAULT_FLAG_BEFORE_COUNT
       STEP(waiting[me] = 0);
#endif
       if
       :: !rung ->
          STEP(if
               :: count > 0 -> count--; change_tag()
               :: else
               fi;
               sleepers--; counted = 0; check_counts())
       :: else
       fi;
#ifndef FAULT_FLAG_BEFORE_COUNT
       STEP(waiting[me] = 0);
#endif
       if
       :: found -> rung = 0; goto take
       :: else
       fi;
       look(found);
       if
       :: rung && !found -> rung = 0; correct_count(); drain()
       :: else
       fi;
       rung = 0;
take:
       if
       :: found && lane == 0 -> goto gone
       :: found && lane > 0 ->
          found = 0;
          if
          :: true
#ifdef LEAVE
          :: goto leave
#endif
          :: KILLS == 0 -> goto slow
          fi;
          STEP(working[lane - 1]--; i = lane; lane = 0);
#ifndef FAULT_END_UNTOLD
          /* wake_if_drained */
          STEP(fenced = finished[i - 1] || draining);
          if
          :: fenced ->
             STEP(fenced = DRAINED(i - 1));
             i = 0;
             if
             :: fenced -> fenced = 0; wake(255, NO_BUFFER)
             :: else
             fi
          :: else
          fi;
#endif
          i = 0
       :: else
       fi
    od;
leave:
    STEP(working[lane - 1]--; orphans++; lane = 0);
    wake_slowly(1, NO_BUFFER);
    goto left;
gone:
#ifdef LONG
    found = 0;
    hand_over_watch();
    atomic { away[me] = 1; found = 0 }
    hand_over_watch();
#endif
left:
    atomic { found = 0; changed[me] = 1 }
    goto done;
slow: /* works on its message for ever */
    atomic { found = 0; changed[me] = 1 }
end:
    false;
done:
    skip
}

/* Attaches to a seat in which something was left, and leaves without asking for a message. */
proctype Visitor()
{
    byte taken;
#ifdef LONG
    bit all;
#endif
end:
    atomic { orphans > 0 -> orphans-- }
    orphans++;
    if
#ifndef FAULT_VISITOR_SILENT
    :: wake_slowly(1, NO_BUFFER)
#else
    :: true
#endif
    fi;
killed:
    skip
}

/* shmq_shutdown */
proctype Shutdown()
{
    byte taken;
#ifdef LONG
    bit all;
#endif
    draining = 1;
    wake_slowly(255, NO_BUFFER);
killed:
    skip
}

/* Nothing moves any more. */
proctype Monitor()
{
end:
#ifdef LONG
    timeout && watching == 0 -> assert(asleep == 0 || (!ANYTHING && !ENDED && !DRAINED_DOWN))
#else
    timeout -> assert(asleep == 0 || (!ANYTHING && !ENDED && !DRAINED_DOWN))
#endif
}

proctype Clock()
{
    ticking = 0
}

init {
    atomic {
        byte n = 0;
        run Buffers();
        do
        :: n < PRODUCERS -> run Producer(n); n++
        :: else -> break
        od;
        n = 0;
        do
        :: n < CONSUMERS -> changed[n] = 1; run Consumer(n); n++
        :: else -> break
        od;
        n = 0;
#ifdef VISITOR
        run Visitor();
#endif
#ifdef SHUTDOWN
        run Shutdown();
#endif
#if TICKS
        run Clock();
#endif
#if KILLS == 0 || defined(LONG)
        run Monitor()
#endif
    }
}
