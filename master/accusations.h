// Accusations: what to do when a primary says that a member failed a mutation.
//
// The word of one server is not enough to throw a replica away: its own network may be what is broken, and it would
// go on alone. So, as long as the master hears the accused well:
//
//   first accusation                      move the primaryship: whoever is right, the next primary will see
//   again by the same accuser, of the     remove the accused
//   same member, within 10 minutes
//   by a second member within that time   remove the accused
//
// What is said again of the same version is a repeat of the message, no second accusation: no lost or repeated message
// costs a replica.
//
// An accused that says itself that it cannot go on, or that the master cannot reach either, is removed at once. Weighed
// per chunk: a broken link between two servers then costs each of their chunks a new primary, never a replica.
//
// Owned by LayoutService; pure: `now` is an argument. Bounded: the oldest give way.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/id.h"
#include "base/time.h"

namespace gfs::master {

class Accusations {
 public:
  static constexpr Duration kKept = std::chrono::minutes(10);
  static constexpr std::size_t kMax = 65536;

  struct Accusation {
    ChunkHandle handle;
    Version version;  // of the configuration, which the accuser leads
    ServerId accuser, accused;
    bool confessed = false;  // the accused said so itself
    bool heard = true;       // the master reaches the accused
  };
  enum class Verdict : std::uint8_t { remove, move_primary };

  Verdict weigh(const Accusation& accusation, Instant now);
  // It is no member any more (or was made equal since): if it comes back, with a clean record.
  void forget(ChunkHandle handle, ServerId accused);

  std::size_t size() const { return made_.size(); }

 private:
  using Key = std::tuple<ChunkHandle, ServerId, ServerId>;  // chunk, accused, accuser
  struct Made {
    Instant at{};
    Version version;
  };

  void expire(Instant now);

  std::map<Key, Made> made_;
  std::set<std::pair<Instant, Key>> by_age_;
};

}  // namespace gfs::master
