#include "base/probe.h"

namespace gfs {

namespace {
constinit std::atomic<Probe*> newest{nullptr};
}

Probe::Probe(const char* name) : name_(name), next_(newest.load()) {
  while (!newest.compare_exchange_weak(next_, this)) {
  }
}

std::map<std::string, std::uint64_t> Probe::report() {
  std::map<std::string, std::uint64_t> counts;
  for (const Probe* probe = newest.load(); probe != nullptr; probe = probe->next_) {
    counts[probe->name_] += probe->count_.load(std::memory_order_relaxed);
  }
  return counts;
}

}  // namespace gfs
