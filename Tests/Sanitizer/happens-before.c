/*
 * Tells Thread Sanitizer what comes before what inside Swift's libraries, which are not instrumented.
 *
 * A Swift Mutex takes a free lock by an atomic exchange that is compiled into the caller, where the sanitizer sees it. A
 * contended one is taken and given back inside the standard library, so that everything the mutex guards would be
 * reported as a race. And a task that finds its continuation resumed already, by another thread, goes straight on, and
 * all that it reads of the other thread's would be reported; a task that is put to sleep first is not, as the runtime
 * tells of those itself.
 *
 * One that is resumed between this library's look and the runtime's own may still be reported: a matter of nanoseconds.
 *
 * This library, loaded before all others, stands in for the functions concerned, calls them, and notes that what one
 * thread did before it let go or resumed comes before what the next one does. A CheckedContinuation resumes inside the
 * runtime, out of reach: code that the sanitizer looks at uses the unsafe ones.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

/* Absent in programs without the sanitizer. */
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *mutex

/* Methods of Synchronization._MutexHandle, by their mangled names. */
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT bool try_lock(SELF) __asm__(TRY_LOCK);
SWIFT void unlock(SELF) __asm__(UNLOCK);

SWIFT void lock(uint32_t thread, SELF) {
    static SWIFT void (*next)(uint32_t, SELF);
    if (!next) next = (SWIFT void (*)(uint32_t, SELF))dlsym(RTLD_NEXT, LOCK);
    next(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT bool try_lock(SELF) {
    static SWIFT bool (*next)(SELF);
    if (!next) next = (SWIFT bool (*)(SELF))dlsym(RTLD_NEXT, TRY_LOCK);
    bool taken = next(mutex);
    if (taken && __tsan_acquire) __tsan_acquire(mutex);
    return taken;
}

SWIFT void unlock(SELF) {
    static SWIFT void (*next)(SELF);
    if (!next) next = (SWIFT void (*)(SELF))dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) __tsan_release(mutex);
    next(mutex);
}

/* The runtime's entry points for continuations. */
#define AWAIT "swift_continuation_await"
#define RESUME "swift_continuation_resume"
#define RESUME_THROWING "swift_continuation_throwingResume"
#define RESUME_FAILING "swift_continuation_throwingResumeWithError"
#define ASYNC __attribute__((swiftasynccall))

extern SWIFT void *swift_task_getCurrent(void) __attribute__((weak));

ASYNC void await(void *context) __asm__(AWAIT);
SWIFT void resume(void *task) __asm__(RESUME);
SWIFT void resume_throwing(void *task) __asm__(RESUME_THROWING);
SWIFT void resume_failing(void *task, void *error) __asm__(RESUME_FAILING);

ASYNC void await(void *context) {
    static ASYNC void (*next)(void *);
    if (!next) next = (ASYNC void (*)(void *))dlsym(RTLD_NEXT, AWAIT);
    if (__tsan_acquire) __tsan_acquire(swift_task_getCurrent());
    __attribute__((musttail)) return next(context);
}

SWIFT void resume(void *task) {
    static SWIFT void (*next)(void *);
    if (!next) next = (SWIFT void (*)(void *))dlsym(RTLD_NEXT, RESUME);
    if (__tsan_release) __tsan_release(task);
    next(task);
}

SWIFT void resume_throwing(void *task) {
    static SWIFT void (*next)(void *);
    if (!next) next = (SWIFT void (*)(void *))dlsym(RTLD_NEXT, RESUME_THROWING);
    if (__tsan_release) __tsan_release(task);
    next(task);
}

SWIFT void resume_failing(void *task, void *error) {
    static SWIFT void (*next)(void *, void *);
    if (!next) next = (SWIFT void (*)(void *, void *))dlsym(RTLD_NEXT, RESUME_FAILING);
    if (__tsan_release) __tsan_release(task);
    next(task, error);
}
