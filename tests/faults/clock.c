/* A wall clock that is wrong by WINDLASS_TEST_CLOCK seconds, for processes that load this first. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    long result = syscall(SYS_clock_gettime, clock, now);
    const char *wrong_by = getenv("WINDLASS_TEST_CLOCK");
    if (result == 0 && clock == CLOCK_REALTIME && wrong_by != NULL) {
        now->tv_sec += atol(wrong_by);
    }
    return (int)result;
}
