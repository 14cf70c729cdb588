// CollectionPlanner: which replicas are of no use any more, and may be put into quarantine by their servers.
//
//   orphan  no chunk of the table has the handle, and it is one that this log has given out
//   stale   the chunk is settled, at its full goal, every member sound and heard; this server is none of them, and what
//           it holds is older than the settled version
//
// The reasons must have lasted for `after`, with the same replica and the same version of the chunk, and been seen at
// both ends: what is just being made, copied or called back is nobody's garbage. What a member that was given up holds
// (layout_recall.cc) is at least the settled version, so it stays.
//
// Handles of an earlier epoch are left alone: which of them were given out in a future that was lost, nobody knows.
// A handle that this log has not given out yet is unknown, never garbage: then the log may be older than the truth, and
// nothing is collected anywhere until nobody reports such a chunk any more.
//
// Soft state, bounded; all of it comes back by asking. Owned by Collector; pure: `now` is an argument.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bus/messages/collection.h"
#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

class CollectionPlanner {
 public:
  static constexpr std::size_t kOrderMax = 64;
  static constexpr std::size_t kCandidatesMax = 16384;  // of one server; the others' turn comes later
  static constexpr Duration kYoung = 60s;

  using Item = bus::CollectChunks::Item;

  // `mutant`, test-only: of the simulator, none in production.
  CollectionPlanner(const MasterState& state, const ServerTable& servers, Duration after, Instant started,
                    std::string_view mutant = {})
      : state_(state),
        servers_(servers),
        after_(after),
        started_(started),
        former_members_(mutant == "collect_former_members") {}

  // Of what somebody is making right now nothing is garbage.
  void spare(std::function<bool(ChunkHandle)> in_the_making) { in_the_making_ = std::move(in_the_making); }

  // What of a page is to be collected now, at most kOrderMax. `through`: the page counts up to this handle; what comes
  // after it is to be asked for again.
  struct Found {
    std::vector<Item> due;
    ChunkHandle through;
  };
  Found look(ServerId server, const bus::ListHeld& asked, const bus::ListHeld::Reply& page, Instant now);
  void done(ServerId server, const Item& item, bus::CollectChunks::Done done, Instant now);

  // Why nothing is collected at the moment; empty: it is.
  std::string held_back(Instant now) const;

  struct Counts {
    std::uint64_t garbage = 0;  // found, and not put away yet ...
    std::uint64_t refused = 0;  // ... of it: over the server's limit
    std::uint64_t unknown = 0;
  };
  Counts counts(ServerId server) const;

 private:
  struct Judged {
    bus::Garbage why = bus::Garbage::orphan;
    Version settled;  // the chunk's, when stale
    bool operator==(const Judged&) const = default;
  };
  struct Candidate {
    Judged judged;
    Version version, fence;
    Instant since{};
    bool refused = false;
  };
  struct Searched {
    std::map<ChunkHandle, Candidate> candidates;
    std::set<ChunkHandle> unknown;
    std::size_t refused = 0;
  };

  // This log has not given it out, as far as it goes.
  bool is_of_this_epoch(ChunkHandle handle) const;
  bool is_unknown(ChunkHandle handle) const;
  // Nothing: it is of use, or may be.
  std::optional<Judged> judge(ServerId server, const bus::ListHeld::Held& held, Instant now) const;
  bool is_whole(ChunkHandle handle, const Chunk& chunk, Instant now) const;
  static void erase(Searched& searched, std::map<ChunkHandle, Candidate>::iterator at);

  // Set once.
  const MasterState& state_;
  const ServerTable& servers_;
  const Duration after_;
  const Instant started_;
  const bool former_members_;
  std::function<bool(ChunkHandle)> in_the_making_;

  // State.
  std::map<ServerId, Searched> searched_;
};

}  // namespace gfs::master
