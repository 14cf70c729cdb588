// Which replica to turn to first: one that is well, on this host if there is one, else a seeded choice that stays the
// same for a chunk (its pages are in that server's memory).
//
// A server that failed us lately goes to the end, so that one dead machine costs one deadline and not one per request;
// one that was slower than another that was asked later goes behind those that were not.
//
// Pure: time is an argument. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "bus/bus.h"
#include "bus/messages/types.h"

namespace gfs::client {

// Loopback, ipc or inproc.
bool on_this_host(const bus::Address& address);

class ReplicaChoice {
 public:
  explicit ReplicaChoice(Random& random) : salt_(random.next()) {}

  // All members, the best first.
  std::vector<bus::Member> order(const bus::ChunkLayout& layout, Instant now) const;

  void failed(ServerId server, Instant now);
  void worked(ServerId server) { avoided_.erase(server); }
  void slow(ServerId server, Instant now);

 private:
  static constexpr Duration kAvoided = 10s;
  static constexpr std::size_t kAvoidedMax = 1024;

  using Until = std::map<ServerId, Instant>;
  static void avoid(Until& servers, ServerId server, Instant now);

  const std::uint64_t salt_;
  Until avoided_, slow_;
};

}  // namespace gfs::client
