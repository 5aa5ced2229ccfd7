/* find COUNT: makes private objects, and times C_FindObjects by label among few and among all. */
#include "p11.h"
#include <time.h>

enum { FEW = 100, SAMPLES = 2000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void make(ulong_t session, int from, int to) {
    for (int i = from; i < to; i++) {
        char label[32];
        ulong_t object;
        snprintf(label, sizeof label, "object %d", i);
        struct attribute template[] = {
            NUMBER(CKA_CLASS, CKO_DATA), YES(CKA_TOKEN), YES(CKA_PRIVATE), TEXT(CKA_LABEL, label),
            TEXT(CKA_VALUE, "value"),
        };
        OK(C_CreateObject(session, template, COUNT(template), &object));
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median of the microseconds of a search that finds one of `count` objects. */
static double median(ulong_t session, int count, int samples) {
    static double times[SAMPLES];
    for (int i = 0; i < samples; i++) {
        char label[32];
        ulong_t found[2];
        snprintf(label, sizeof label, "object %d", (int)((i * 7919L) % count));
        struct attribute wanted[] = {TEXT(CKA_LABEL, label)};
        double start = now();
        ulong_t matches = find(session, wanted, 1, found, 2);
        times[i] = now() - start;
        if (matches != 1) FAIL("%lu objects with label %s", matches, label);
    }
    qsort(times, samples, sizeof *times, ascending);
    return times[samples / 2];
}

int main(int argument_count, char **arguments) {
    int many = argument_count > 1 ? atoi(arguments[1]) : 10000;
    load_module();
    OK(C_Initialize(NULL));
    fresh_token();
    ulong_t session = open_user(USER_PIN);
    make(session, 0, FEW);
    median(session, FEW, SAMPLES / 10);
    double few = median(session, FEW, SAMPLES);
    make(session, FEW, many);
    /* The first answer may cost more than the rest; a slow module gets fewer samples. */
    double first = median(session, many, 1);
    double all = median(session, many, first > 5000 ? SAMPLES / 50 : SAMPLES);
    printf("note: %.1f us among %d, %.1f us among %d, ratio %.2f (goal 1.5)\n", few, FEW, all, many,
           all / few);
    return all / few > 3;
}
