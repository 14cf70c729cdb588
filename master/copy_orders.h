// CopyOrders: has servers copy chunks, for repair and for balance alike, at a bounded speed.
//
// At most two copies go into a server at once, and at most two out of it, each at half of what a server may take a
// second: so many bytes go in and out.
//
// Owned by Master; lives on its loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "master/copy_limits.h"
#include "master/decision_log.h"
#include "master/layout_service.h"

namespace gfs::master {

class CopyOrders {
 public:
  struct Limits {
    std::uint64_t per_server = 0, per_cluster = 0;  // bytes a second; 0: no limit
  };
  struct Flow {
    ServerId source, target;
  };

  // `limits`: where no operator said otherwise.
  CopyOrders(const MasterState& state, const ServerTable& servers, const LayoutService& layouts, DecisionLog& decisions,
             bus::Endpoint& endpoint, Limits limits)
      : state_(state),
        servers_(servers),
        layouts_(layouts),
        decisions_(decisions),
        endpoint_(endpoint),
        settings_(limits) {}

  // The member to copy from: the least busy one; rather not the primary, which has most to do. unavailable: none can
  // be copied from · overloaded: those that could be have enough to do, or the target has, or all have
  Result<ServerId> source_for(ChunkHandle handle, const Chunk& chunk, ServerId target) const;
  // Done: the target has a copy aside, as of a moment ago. `source`: as source_for() said just now.
  Task<bus::CloneChunk::Reply> clone(ChunkHandle handle, ServerId source, ServerId target);
  // The same, and once more if much was copied, so that little has changed since. The bytes that were copied.
  Task<std::uint64_t> copy(ChunkHandle handle, ServerId source, ServerId target);

  std::size_t into(ServerId server) const { return count(into_, server); }
  std::size_t out_of(ServerId server) const { return count(out_of_, server); }
  // Those that take no more copies.
  std::vector<ServerId> full() const;
  std::size_t under_way() const { return flows_.size(); }
  std::optional<Flow> flow(ChunkHandle handle) const;
  Limits limits() const;
  // How many copies there may be at once.
  std::size_t at_once() const { return CopyLimits::at_once(servers_.count_up(now())); }
  std::uint64_t copied_bytes() const { return copied_bytes_; }  // since the master started

 private:
  class Counted;
  using Counts = std::map<ServerId, std::size_t>;

  static std::size_t count(const Counts& counts, ServerId server) {
    auto found = counts.find(server);
    return found == counts.end() ? 0 : found->second;
  }
  Instant now() const { return endpoint_.executor().now(); }
  // Of one copy, bytes a second; 0: no limit.
  std::uint64_t rate() const;

  // Set once.
  const MasterState& state_;
  const ServerTable& servers_;
  const LayoutService& layouts_;
  DecisionLog& decisions_;
  bus::Endpoint& endpoint_;
  const Limits settings_;

  // State.
  std::map<ChunkHandle, Flow> flows_;  // under way
  Counts into_, out_of_;
  std::uint64_t copied_bytes_ = 0;
};

}  // namespace gfs::master
