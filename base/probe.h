// PROBE("lease expired during apply"): notes that a rare branch was reached, so that a campaign of simulations can tell
// which of the hard cases it never met. Costs one relaxed increment.
//
// Every PROBE of the program is known from its start on, reached or not: each name is an object of its own, made before
// main. Safe on every thread. Counts are of this process.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
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
  // How often each branch was reached: 0 for those that never were. Equal names are one.
  static std::map<std::string, std::uint64_t> report();

 private:
  const char* const name_;
  std::atomic<std::uint64_t> count_{0};
  Probe* next_ = nullptr;
};

// A literal as a template's argument.
template <std::size_t size>
struct ProbeName {
  consteval ProbeName(const char (&literal)[size]) { std::copy_n(literal, size, text); }
  char text[size];
};

template <ProbeName name>
inline Probe probe_named{name.text};

}  // namespace gfs

#define PROBE(name) ::gfs::probe_named<name>.hit()
