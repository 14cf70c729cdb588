// MasterState: everything the log rebuilds. apply() decides.
//
// A deterministic state machine: the same ops in the same order give the same state and the same outcomes. A check
// before an op is logged is only a filter; what counts is what apply() finds, so two creates of one name in one batch
// have one winner, at replay too. Only applied state is ever read.
//
// The time of an op never counts for less than that of the ops before it, whatever the clock of the master that logged
// it said.
//
// Owned by Master; pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "master/chunk_table.h"
#include "master/directives.h"
#include "master/namespace.h"
#include "master/op.h"
#include "master/outcome_table.h"

namespace gfs::master {

// A chunkserver the cluster knows, whether or not it lives.
struct KnownServer {
  std::string control, data, rack;
  bool operator==(const KnownServer&) const = default;
};

class MasterState {
 public:
  static constexpr std::size_t kDroppedMax = 4096;
  static constexpr WallMs kKeptMax = 3650ll * 24 * 3600 * 1000;      // in the trash
  static constexpr WallMs kKeptInNewEpoch = 3ll * 24 * 3600 * 1000;  // so long nothing goes from it by itself

  // `mutant`, test-only: of the simulator, none in production.
  explicit MasterState(std::string_view mutant = {}, std::uint64_t chunk_size = kChunkSize)
      : chunk_size_(chunk_size),
        reuse_requests_(mutant == "reuse_requests"),
        two_successors_(mutant == "two_successors"),
        skip_version_bump_(mutant == "skip_version_bump") {}

  // What is settled without an op in the log: the record of a repeat, what can never be done, and, of an op without a
  // request id, what cannot be done now. Only a filter: nothing means that apply() will decide.
  std::optional<Decision> check(const Op& op) const;
  // `index`: of its entry in the log.
  Decision apply(const Op& op, std::uint64_t index);
  Decision apply(const Op& op) { return apply(op, index_ + 1); }
  // What became of a request that was decided before (or what is to be said of it now).
  std::optional<Decision> repeated(const OpHeader& header) const;

  const Namespace& names() const { return namespace_; }
  const ChunkTable& chunks() const { return chunks_; }
  std::uint64_t chunk_size() const { return chunk_size_; }
  // Of a file.
  std::uint64_t size_max() const { return chunk_size_ * kChunksMax; }
  const OutcomeTable& outcomes() const { return outcomes_; }
  const std::map<ServerId, KnownServer>& servers() const { return servers_; }
  // What operators said of servers and of repair.
  const Directives& directives() const { return directives_; }
  // The highest ever given to a chunk.
  ChunkHandle last_handle() const { return last_handle_; }
  // Of the last op applied.
  std::uint64_t index() const { return index_; }
  WallMs last_time() const { return last_time_; }
  // Of the log, as of the last op applied.
  std::uint64_t epoch() const { return epoch_; }
  // Chunks that lost their file since this was called last, the first kDroppedMax of them: a hint for those who may
  // still hold them, no part of the state.
  std::vector<DroppedChunk> take_dropped() { return std::exchange(dropped_, {}); }

  // What a copy of a tree shares, and what of it has to be frozen before.
  struct TreeChunks {
    struct Place {
      std::size_t file = 0;  // in `files`
      std::uint32_t index = 0;
      ChunkHandle handle;
    };
    std::vector<InodeId> files;
    std::vector<Place> chunks;         // that somebody has written to
    std::vector<ChunkHandle> virgins;  // the others
    // Of them, those that are not shared. None in a read-only snapshot.
    std::vector<ChunkHandle> unfrozen;
    std::uint64_t digest = 0;  // of where those are, and in which versions
  };
  static constexpr std::size_t kSharedAtOnce = 50'000;
  // too_large: more than kSharedAtOnce chunks.
  Result<TreeChunks> tree_chunks(InodeId head) const;

  // As clients see it. `path` is how it was found.
  bus::FileInfo info(InodeId inode, std::string path) const;

  // Equal states, equal text.
  std::string dump() const;

 private:
  friend class FrozenState;
  friend class StateLoader;

  Result<> foresee(const CreateFileOp& op) const;
  Result<> foresee(const MakeDirectoryOp& op) const;
  Result<> foresee(const RenameOp& op) const;
  Result<> foresee(const RemoveOp& op) const;
  Result<> foresee(const SetSizeOp& op) const;
  Result<> foresee(const SetPolicyOp& op) const;
  Result<> foresee(const TruncateOp& op) const;
  Result<> foresee(const SetDirectoryPolicyOp& op) const;
  Result<> foresee(const BeginEpochOp& op) const;
  Result<> foresee(const SnapshotOp& op) const;
  Result<> foresee(const MarkServerOp& op) const;
  Result<> foresee(const ForgetServerOp& op) const;
  template <class T>
  Result<> foresee(const T&) const {
    return {};
  }
  Result<> is_file(InodeId inode) const;
  // The same, and refused for one in a snapshot.
  Result<> is_changeable_file(InodeId inode) const;
  Decision run(const CreateFileOp& op, WallMs now);
  Decision run(const MakeDirectoryOp& op, WallMs now);
  Decision run(const RenameOp& op, WallMs now);
  Decision run(const RemoveOp& op, WallMs now);
  Decision run(const SetSizeOp& op, WallMs now);
  Decision run(const AllocateChunkOp& op, WallMs now);
  Decision run(const ReconfigureOp& op, WallMs now);
  Decision run(const ActivateOp& op, WallMs now);
  Decision run(const AddServerOp& op, WallMs now);
  Decision run(const SealChunkOp& op, WallMs now);
  Decision run(const SetPolicyOp& op, WallMs now);
  Decision run(const TruncateOp& op, WallMs now);
  Decision run(const CloseClientOp& op, WallMs now);
  Decision run(const MarkAppendOp& op, WallMs now);
  Decision run(const RestoreOp& op, WallMs now);
  Decision run(const ExpireOp& op, WallMs now);
  Decision run(const PurgeOp& op, WallMs now);
  Decision run(const SetDirectoryPolicyOp& op, WallMs now);
  Decision run(const SetReplicasOp& op, WallMs now);
  Decision run(const BeginEpochOp& op, WallMs now);
  Decision run(const RestoreChunkOp& op, WallMs now);
  Decision run(const SnapshotOp& op, WallMs now);
  Decision run(const RemoveSnapshotOp& op, WallMs now);
  Decision run(const ReserveHandleOp& op, WallMs now);
  Decision run(const ReplaceChunkOp& op, WallMs now);
  Decision run(const ClaimChunkOp& op, WallMs now);
  Decision run(const MarkServerOp& op, WallMs now);
  Decision run(const ForgetServerOp& op, WallMs now);
  Decision run(const SetRepairOp& op, WallMs now);
  // How many the file had there.
  std::size_t drop_chunks(InodeId inode, std::uint32_t first);
  // What holds in the directory that the path's last name is in.
  bus::Policy rules_above(std::string_view path) const;

  // Set once.
  std::uint64_t chunk_size_;
  bool reuse_requests_, two_successors_, skip_version_bump_;

  // State.
  std::uint64_t index_ = 0;
  std::uint64_t epoch_ = 1;
  WallMs last_time_ = 0;
  ChunkHandle last_handle_;
  Namespace namespace_;
  ChunkTable chunks_;
  OutcomeTable outcomes_;
  std::map<ServerId, KnownServer> servers_;
  Directives directives_;

  std::vector<DroppedChunk> dropped_;
};

}  // namespace gfs::master
