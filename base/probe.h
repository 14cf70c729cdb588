// PROBE("lease expired during apply"): notes that a rare branch was reached, so that a campaign of simulations can tell
// which of the hard cases it never met. Costs one relaxed increment.
//
// Safe on every thread. Counts are of this process.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

namespace gfs {

class Probe {
 public:
  // Registers for the life of the process; `name` is a literal.
  explicit Probe(const char* name);
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  void hit() { count_.fetch_add(1, std::memory_order_relaxed); }
  // How often each branch was reached, of those that were at all; equal names are added up.
  static std::map<std::string, std::uint64_t> report();

 private:
  const char* const name_;
  std::atomic<std::uint64_t> count_{0};
  Probe* next_ = nullptr;
};

}  // namespace gfs

#define PROBE(name)                           \
  do {                                        \
    static ::gfs::Probe gfs_probe_here(name); \
    gfs_probe_here.hit();                     \
  } while (false)
