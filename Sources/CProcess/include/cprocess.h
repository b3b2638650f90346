#ifndef CPROCESS_H
#define CPROCESS_H

#include <stdint.h>
#include <sys/types.h>

// What Swift cannot express: code between fork and exec, and signal handlers.

/// What to start. All pointers are borrowed for the call; the arrays end with NULL.
struct cprocess_command {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *directory;
};

/// Starts a process in a process group of its own with /dev/null as input. The kernel kills it (SIGKILL) when the
/// calling thread ends, so that nothing survives its parent: call it from a thread that lives as long as the program.
/// Its standard output and standard error are one pipe, whose reading end (not blocking, closed on exec) is stored in
/// `output` and belongs to the caller. Returns the process id, or the negated errno of whatever failed, in the child too
/// (a missing file, say); then there is no reading end.
pid_t cprocess_start(const struct cprocess_command *command, int *output);

/// From now on each of `signals` puts one byte, its number, into the pipe whose reading end is returned (not blocking,
/// closed on exec). Call once. Returns the negated errno when that fails.
int cprocess_signal_pipe(const int *signals, int count);

/// Unmaps the pages of the program's own file: for a program that is about to sleep. They stay in the page cache, and what
/// is used again is mapped again. Pages that can be written are kept.
void cprocess_forget_clean_pages(void);

/// From now on all threads allocate from one heap: for a program whose few threads allocate little at the same time.
/// Otherwise each gets a heap of its own and keeps what others have freed in theirs. Call before there are threads.
void cprocess_share_heap(void);

/// Gives pages of the heap back that hold nothing any more: for a program that is about to sleep.
void cprocess_forget_free_memory(void);

/// 1 on the thread that the program began with.
int cprocess_is_main_thread(void);

#endif
