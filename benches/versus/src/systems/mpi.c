// The cases, between the ranks of an MPI. Arguments: case, bytes, count, and for unread messages
// their number. Ranks are pinned in turn to the processors that
// the process may use. Prints what was measured, a word and its figures a line.

#define _GNU_SOURCE
#include <mpi.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GROUP = 16, LAPS = 5000, WINDOW = 64 };

static int rank, ranks, window = 16;
static size_t bytes;

static void pin(int place) {
    cpu_set_t all, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof all, &all) != 0) return;
    int turn = place % CPU_COUNT(&all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && turn-- == 0) CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

// The compiler must not know what is in a payload.
static void used(void *payload) { __asm__ volatile("" : : "r"(payload) : "memory"); }

static void send_to(int to, char *payload) {
    used(payload);
    MPI_Send(payload, (int)bytes, MPI_BYTE, to, 0, MPI_COMM_WORLD);
}

static void receive_from(int from, char *payload) {
    MPI_Recv(payload, (int)bytes, MPI_BYTE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    used(payload);
}

static void ask(char *payload) {
    send_to(1, payload);
    receive_from(1, payload);
}

static void answer(char *payload) {
    receive_from(0, payload);
    send_to(0, payload);
}

// As measure::Times: a tenth as many ahead, then one by one or in groups.
static void round_trip(char *payload, long count) {
    long ahead = count / 10, rounds = count / GROUP * GROUP;
    if (rank == 1) {
        for (long i = 0; i < ahead + rounds; i++) answer(payload);
        return;
    }
    double least = 1e9, last = seconds(CLOCK_MONOTONIC);
    for (long i = 1; i <= ahead; i++) {
        ask(payload);
        if (i % GROUP == 0) {
            double now = seconds(CLOCK_MONOTONIC);
            if (now - last < least) least = now - last;
            last = now;
        }
    }
    long group = least > GROUP * 2e-6 && least < 1e9 ? 1 : GROUP;
    double *times = malloc((size_t)rounds * sizeof *times);
    last = seconds(CLOCK_MONOTONIC);
    for (long i = 0; i < rounds / group; i++) {
        for (long j = 0; j < group; j++) ask(payload);
        double now = seconds(CLOCK_MONOTONIC);
        times[i] = (now - last) / (double)group;
        last = now;
    }
    for (long i = 0; i < rounds / group; i++) printf("time %.1f\n", times[i] * 1e9);
    free(times);
}

// Messages one way, from rank 1: windows of them are under way.
static void pass(char *payloads, long from, long to) {
    MPI_Request requests[WINDOW];
    while (from < to) {
        int some = (int)(to - from < window ? to - from : window);
        for (int i = 0; i < some; i++, from++) {
            char *payload = payloads + (size_t)i * bytes;
            if (rank == 1) {
                memcpy(payload, &from, bytes < sizeof from ? bytes : sizeof from);
                used(payload);
                MPI_Isend(payload, (int)bytes, MPI_BYTE, 0, 0, MPI_COMM_WORLD, &requests[i]);
            } else {
                MPI_Irecv(payload, (int)bytes, MPI_BYTE, 1, 0, MPI_COMM_WORLD, &requests[i]);
            }
        }
        MPI_Waitall(some, requests, MPI_STATUSES_IGNORE);
        used(payloads);
    }
}

static void stream(char *payloads, long count) {
    long part = count / 10;
    if (rank == 1) {
        pass(payloads, 0, part), pass(payloads, part, 9 * part), pass(payloads, 9 * part, count);
        return;
    }
    pass(payloads, 0, part);
    double start = seconds(CLOCK_MONOTONIC);
    pass(payloads, part, 9 * part);
    double time = seconds(CLOCK_MONOTONIC) - start;
    pass(payloads, 9 * part, count);
    printf("rate %f\n", 8.0 * (double)part / time);
}

// So many times: messages that lie unread, each with a tag of its own, received in this order.
static void unread(char *payload, long count, int messages, int reversed) {
    double time = 0;
    for (long i = 0; i < count; i++) {
        MPI_Barrier(MPI_COMM_WORLD);
        if (rank == 1) {
            for (int tag = 0; tag < messages; tag++) MPI_Send(payload, (int)bytes, MPI_BYTE, 0, tag, MPI_COMM_WORLD);
            continue;
        }
        usleep(20000);
        double start = seconds(CLOCK_MONOTONIC);
        for (int j = 0; j < messages; j++) {
            int tag = reversed ? messages - 1 - j : j;
            MPI_Recv(payload, (int)bytes, MPI_BYTE, 1, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            used(payload);
        }
        time += seconds(CLOCK_MONOTONIC) - start;
    }
    if (rank == 0) printf("rate %f\n", (double)count * messages / time);
}

// Messages from all to rank 0, until it has had enough; the last of each says so.
static void fan_in(char *payload, long count) {
    enum { MORE, LAST };
    MPI_Status status;
    if (rank != 0) {
        int enough = 0;
        for (int64_t i = 0; !enough; i++) {
            memcpy(payload, &i, sizeof i);
            send_to(0, payload);
            if (i % 64 == 0) MPI_Iprobe(0, 0, MPI_COMM_WORLD, &enough, MPI_STATUS_IGNORE);
        }
        receive_from(0, payload);
        MPI_Send(payload, (int)bytes, MPI_BYTE, 0, LAST, MPI_COMM_WORLD);
        return;
    }
    long *received = calloc((size_t)ranks, sizeof *received), total = 0;
    int silent = ranks - 1, senders = ranks - 1;
    double start = 0;
    while (total < count) {
        MPI_Recv(payload, (int)bytes, MPI_BYTE, MPI_ANY_SOURCE, MORE, MPI_COMM_WORLD, &status);
        used(payload);
        if (silent > 0) {
            if (received[status.MPI_SOURCE]++ == 0 && --silent == 0) {
                memset(received, 0, (size_t)ranks * sizeof *received);
                start = seconds(CLOCK_MONOTONIC);
            }
        } else {
            received[status.MPI_SOURCE]++;
            total++;
        }
    }
    double time = seconds(CLOCK_MONOTONIC) - start;
    long least = count, most = 0;
    for (int i = 1; i < ranks; i++) {
        if (received[i] < least) least = received[i];
        if (received[i] > most) most = received[i];
        send_to(i, payload);
    }
    while (senders > 0) {
        MPI_Recv(payload, (int)bytes, MPI_BYTE, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == LAST) senders--;
    }
    double equal = (double)count / (ranks - 1);
    printf("rate %f\nshares %f %f\n", (double)count / time, (double)least / equal, (double)most / equal);
    free(received);
}

// The processor time of rank 0 while it waits for so many milliseconds.
static void idle(char *payload, long count) {
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 1) {
        usleep((useconds_t)count * 1000);
        send_to(0, payload);
        return;
    }
    double start = seconds(CLOCK_MONOTONIC), before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    receive_from(1, payload);
    double part = (seconds(CLOCK_PROCESS_CPUTIME_ID) - before) / (seconds(CLOCK_MONOTONIC) - start);
    printf("cpu %f\n", part);
}

static long memory(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long all = 0, part;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Pss_Anon: %ld", &part) == 1 || sscanf(line, "Pss_Shmem: %ld", &part) == 1) all += part;
    if (file) fclose(file);
    return all;
}

static void remember(char *payload) {
    for (long i = 0; i < LAPS; i++) rank == 0 ? ask(payload) : answer(payload);
    MPI_Barrier(MPI_COMM_WORLD);
    long ours = memory(), all = 0;
    MPI_Reduce(&ours, &all, 1, MPI_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) printf("kib %ld\n", all);
}

static void start_up(char *payload) {
    if (rank == 0) {
        ask(payload);
        send_to(1, payload);
    } else {
        answer(payload);
        receive_from(0, payload);
    }
}

// The processor time of rank 0 while it waits in a barrier for so many milliseconds.
static void idle_together(long count) {
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 1) usleep((useconds_t)count * 1000);
    double start = seconds(CLOCK_MONOTONIC), before = seconds(CLOCK_PROCESS_CPUTIME_ID);
    MPI_Barrier(MPI_COMM_WORLD);
    double part = (seconds(CLOCK_PROCESS_CPUTIME_ID) - before) / (seconds(CLOCK_MONOTONIC) - start);
    if (rank == 0) printf("cpu %f\n", part);
}

// Single calls of an operation of all ranks: the mean of what the ranks took, when rank 0 called, and when the last returned.
static void together(const char *what, long count) {
    int barrier = strcmp(what, "barrier") == 0, all_reduce = strcmp(what, "all-reduce") == 0;
    int broadcast = strcmp(what, "broadcast") == 0, all_gather = strcmp(what, "all-gather") == 0;
    int each = (int)(bytes / sizeof(float)), given = barrier || broadcast || all_reduce || all_gather ? each : ranks * each;
    float *from = malloc((size_t)ranks * bytes + 1), *to = calloc((size_t)ranks * bytes + 1, 1);
    size_t room = (size_t)count * sizeof(double);
    double *times = malloc(room), *sums = malloc(room), *begun = malloc(room), *ended = malloc(room), *last = malloc(room);
    long ahead = count / 10 + 1;
    double begin = seconds(CLOCK_MONOTONIC);
    for (long call = 0; call < ahead + count; call++) {
        for (int i = 0; i < given; i++) from[i] = (float)((call + rank) % 8);
        if (!barrier) MPI_Barrier(MPI_COMM_WORLD);
        double start = seconds(CLOCK_MONOTONIC);
        used(from);
        if (barrier) MPI_Barrier(MPI_COMM_WORLD);
        else if (all_reduce) MPI_Allreduce(from, to, each, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
        else if (broadcast) MPI_Bcast(from, each, MPI_FLOAT, 0, MPI_COMM_WORLD);
        else if (all_gather) MPI_Allgather(from, each, MPI_FLOAT, to, each, MPI_FLOAT, MPI_COMM_WORLD);
        else MPI_Alltoall(from, each, MPI_FLOAT, to, each, MPI_FLOAT, MPI_COMM_WORLD);
        used(from), used(to);
        double end = seconds(CLOCK_MONOTONIC);
        if (call >= ahead) times[call - ahead] = end - start, begun[call - ahead] = start, ended[call - ahead] = end;
    }
    double per_call = (seconds(CLOCK_MONOTONIC) - begin) / (double)(ahead + count);
    if (rank == 0) printf("each %.1f\n", per_call * 1e9);
    MPI_Reduce(times, sums, (int)count, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    MPI_Reduce(ended, last, (int)count, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    for (long i = 0; rank == 0 && i < count; i++)
        printf("call %.1f %.1f %.1f\n", sums[i] / ranks * 1e9, begun[i] * 1e9, last[i] * 1e9);
    free(from), free(to), free(times), free(sums), free(begun), free(ended), free(last);
}

int main(int count_of_arguments, char **arguments) {
    if (count_of_arguments < 4) return 2;
    const char *what = arguments[1];
    bytes = (size_t)atol(arguments[2]);
    long count = atol(arguments[3]);
    int messages = count_of_arguments > 4 ? atoi(arguments[4]) : 0;
    if (strcmp(what, "window") == 0) window = WINDOW;
    // Whatever happens.
    alarm(60);
    MPI_Init(&count_of_arguments, &arguments);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    pin(rank);
    char *payload = malloc(WINDOW * bytes);
    memset(payload, 1, WINDOW * bytes);
    MPI_Barrier(MPI_COMM_WORLD);
    if (strcmp(what, "round-trip") == 0) round_trip(payload, count);
    else if (strcmp(what, "stream") == 0) stream(payload, count);
    else if (strcmp(what, "window") == 0) stream(payload, count);
    else if (strcmp(what, "in-order") == 0) unread(payload, count, messages, 0);
    else if (strcmp(what, "reversed") == 0) unread(payload, count, messages, 1);
    else if (strcmp(what, "fan-in") == 0) fan_in(payload, count);
    else if (strcmp(what, "idle") == 0) idle(payload, count);
    else if (strcmp(what, "memory") == 0) remember(payload);
    else if (strcmp(what, "start-up") == 0) start_up(payload);
    else if (strcmp(what, "idle-together") == 0) idle_together(count);
    else together(what, count);
    MPI_Finalize();
    free(payload);
    return 0;
}
