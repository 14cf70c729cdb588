// CollectionLimit: how many replicas may be put into quarantine without anybody looking.
//
// A master that is wrong about what is garbage is wrong about all of it at once: so within an hour no more than 5 % of
// what is held goes (or 100 replicas, so that small servers are not in anybody's way), and never more than half of it
// is away. What goes beyond that needs an operator's word, which is bounded in number and time and forgotten at a
// restart.
//
// Owned by Collection; pure: `now` is an argument.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "base/time.h"

namespace gfs::chunkserver {

class CollectionLimit {
 public:
  struct Settings {
    std::uint64_t chunks = 100;
    std::uint32_t percent = 5;
    Duration window = 1h;
  };

  explicit CollectionLimit(Settings settings) : settings_(settings) {}

  // How many more may go now.
  std::uint64_t left(std::uint64_t held, std::uint64_t quarantined, Instant now);
  // One has gone (or had, in an earlier life of this process).
  void took(std::uint64_t count, Instant now);
  // Replaces what was allowed before.
  void allow(std::uint64_t up_to, Instant until);

 private:
  struct Taken {
    Instant when{};
    std::uint64_t count = 0;
  };

  std::uint64_t without_word(std::uint64_t held, std::uint64_t quarantined) const;
  std::uint64_t taken() const;
  void forget(Instant now);

  const Settings settings_;
  std::deque<Taken> taken_;  // within the window, by the operator's word too
  std::uint64_t allowed_ = 0;
  Instant allowed_until_{};
  std::uint64_t held_ = 0, quarantined_ = 0;  // when left() was asked last
};

}  // namespace gfs::chunkserver
