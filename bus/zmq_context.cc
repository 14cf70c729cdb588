#include "bus/zmq_context.h"

#include <malloc.h>
#include <sys/resource.h>
#include <zmq.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/check.h"

namespace gfs::bus {

namespace {

constexpr int kSocketsMax = 8192;  // libzmq's default is 1023; each costs an eventfd

void* make_context() {
  void* context = zmq_ctx_new();
  CHECK(context != nullptr, "there is memory for a ZeroMQ context");
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, kSocketsMax);
  // One thread carries several GiB/s; with cores to spare a second one keeps bulk data from delaying small calls.
  zmq_ctx_set(context, ZMQ_IO_THREADS, std::thread::hardware_concurrency() >= 4 ? 2 : 1);
  return context;
}

}  // namespace

void tune_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
}

unsigned long raise_descriptor_limit(unsigned long wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  rlim_t target = std::min<rlim_t>(wanted, limit.rlim_max);
  if (limit.rlim_cur < target) {
    rlimit raised{target, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

void* zmq_context() {
  static void* context = make_context();
  return context;
}

std::string next_monitor_address() {
  static std::atomic<unsigned long> last = 0;
  return "inproc://gfs.monitor." + std::to_string(++last);
}

}  // namespace gfs::bus
