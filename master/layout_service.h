// LayoutService: where a file's chunks are, and, for a writer, a chunk whose configuration is active.
//
//   log first      a version is told to nobody before it is durable
//   then order     the primary adopts it and has every member adopt it: the version is active
//   then answer    the first activation of a chunk is logged before that (until then it is virgin)
//
// Every step may be lost or repeated: Configure is idempotent, configurations change by compare-and-swap only. One
// attempt per chunk at a time; whoever else asks waits for it. Which version is active under which session of its
// primary is remembered softly, so that the usual question costs three look-ups and no order.
//
// Owned by Master; lives on its loop.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bus/endpoint.h"
#include "bus/messages/chunk_master.h"
#include "bus/messages/client_master.h"
#include "master/journal.h"
#include "master/placement.h"
#include "master/server_table.h"

namespace gfs::master {

class LayoutService {
 public:
  struct Settings {
    std::uint32_t minimum_for_writing = 2;
    Duration suspect_after = 3s;
    std::uint64_t epoch = 1;
  };

  LayoutService(const MasterState& state, Journal& journal, ServerTable& servers, Settings settings)
      : state_(state), journal_(journal), servers_(servers), settings_(settings) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::LocateForRead::Reply> locate_for_read(bus::LocateForRead ask, bus::Caller caller);
  Task<bus::ChunkLayout> locate_for_write(bus::LocateForWrite ask, bus::Caller caller);

  // As others reach it.
  bus::Member member(ServerId server) const;

 private:
  struct Active {
    Version version;
    SessionId session;  // of the primary
  };
  struct Failure {
    Version version;
    Instant since{};
  };
  struct Accusation {
    Instant first{}, last{};
  };

  Instant now() const { return endpoint_->executor().now(); }
  bus::ChunkLayout layout(const Chunk& chunk, ChunkHandle handle, bool for_reading) const;

  Task<ChunkHandle> allocate(InodeId inode, std::uint32_t index);
  bool is_active(ChunkHandle handle, const Chunk& chunk) const;
  // Joins the attempt on this chunk, or begins one.
  Task<> activate(ChunkHandle handle, Version failed);
  Task<> attempt(ChunkHandle handle, Version failed);
  // True: the version is active. False: something was learned or changed, look again.
  Task<bool> order(ChunkHandle handle, Chunk chunk);
  Task<> reconfigure(ChunkHandle handle, Version from, std::vector<ServerId> members, ServerId primary);
  Task<> replace(ChunkHandle handle, Chunk chunk, std::vector<std::pair<ServerId, std::string>> unfit);
  // A second failure of one version, a while after the first, is worth a new version: then all members must speak up.
  bool keeps_failing(ChunkHandle handle, Version failed);

  // Why it cannot stay a member, if so.
  std::optional<std::string> unfit(ServerId server, ChunkHandle handle, bool virgin) const;
  void accuse(ServerId server, ChunkHandle handle, bool at_once);
  void forget_accusations(ChunkHandle handle);
  std::vector<ServerId> choose(const std::vector<ServerId>& present, std::size_t copies,
                               const std::vector<ServerId>& avoid);
  std::size_t minimum(std::uint32_t goal) const;
  // The soft maps stay within twice what lives, whatever files come and go.
  void forget_dropped_chunks();

  // Set once.
  const MasterState& state_;
  Journal& journal_;
  ServerTable& servers_;
  const Settings settings_;
  bus::Endpoint* endpoint_ = nullptr;

  // State.
  ChunkHandle last_given_;
  std::unordered_map<std::uint64_t, Active> active_;  // by handle; looked up only
  std::map<ChunkHandle, std::vector<Promise<void>>> flights_;
  std::map<ChunkHandle, Failure> failures_;
  std::map<std::pair<ChunkHandle, ServerId>, Accusation> accusations_;
  std::size_t sweep_above_ = 1024;  // so many soft records
  TaskGroup group_;
};

}  // namespace gfs::master
