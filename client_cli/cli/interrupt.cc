#include "client_cli/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace gfs::cli {

namespace {

std::atomic<bool> flag{false};
std::atomic<bool> second_ignored{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the handler touches them");

void on_interrupt(int) {
  if (flag.exchange(true) && !second_ignored) _exit(130);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);  // without SA_RESTART: reads end
  signal(SIGPIPE, SIG_IGN);             // writes end with EPIPE
}

void ignore_second_interrupt(bool ignore) { second_ignored = ignore; }
bool interrupted() { return flag; }
void set_interrupted(bool value) { flag = value; }

}  // namespace gfs::cli
