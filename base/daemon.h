// What every daemon's main() does the same way: exit codes, the three lines of an error, readiness, signals.
#pragma once

#include <string_view>

#include "base/event_loop.h"
#include "base/result.h"

namespace gfs {

// As docs and scripts rely on: 0 ok, 1 failed, 2 usage, 3 not found, 4 exists or conflict, 5 not allowed, 6
// unavailable, 8 integrity, 9 refused by a safety guard.
int exit_code_of(Code code);

// What failed, why, what to try (if `advice` has something): to stderr. Gives the exit code.
int complain(std::string_view program, std::string_view what, const Error& error, std::string_view advice = {});

// SIGTERM and SIGINT stop the loop; SIGPIPE is ignored. Once per process.
void stop_on_signals(EventLoop& loop);

// Tells the service manager that started us (NOTIFY_SOCKET), if one did.
void notify_ready();

}  // namespace gfs
