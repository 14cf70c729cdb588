// MasterState: everything the log rebuilds. apply() decides.
//
// A deterministic state machine: the same ops in the same order give the same state and the same outcomes. A check
// before an op is logged is only a filter; what counts is what apply() finds, so two creates of one name in one batch
// have one winner, at replay too. Only applied state is ever read.
//
// Owned by Master; pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "master/chunk_table.h"
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
  // What is settled without an op in the log: the record of a repeat, what can never be done, and, of an op without a
  // request id, what cannot be done now. Only a filter: nothing means that apply() will decide.
  std::optional<Decision> check(const Op& op) const;
  Decision apply(const Op& op);

  const Namespace& names() const { return namespace_; }
  const ChunkTable& chunks() const { return chunks_; }
  const OutcomeTable& outcomes() const { return outcomes_; }
  const std::map<ServerId, KnownServer>& servers() const { return servers_; }
  // The highest ever given to a chunk.
  ChunkHandle last_handle() const { return last_handle_; }

  // As clients see it. `path` is how it was found.
  bus::FileInfo info(InodeId inode, std::string path) const;

  // Equal states, equal text.
  std::string dump() const;

 private:
  std::optional<Decision> repeated(const OpHeader& header) const;
  Result<> foresee(const CreateFileOp& op) const;
  Result<> foresee(const MakeDirectoryOp& op) const;
  Result<> foresee(const RenameOp& op) const;
  Result<> foresee(const RemoveOp& op) const;
  Result<> foresee(const SetSizeOp& op) const;
  template <class T>
  Result<> foresee(const T&) const {
    return {};
  }
  Result<> is_file(InodeId inode) const;
  Decision run(const CreateFileOp& op, WallMs now);
  Decision run(const MakeDirectoryOp& op, WallMs now);
  Decision run(const RenameOp& op, WallMs now);
  Decision run(const RemoveOp& op, WallMs now);
  Decision run(const SetSizeOp& op, WallMs now);
  Decision run(const AllocateChunkOp& op, WallMs now);
  Decision run(const ReconfigureOp& op, WallMs now);
  Decision run(const ActivateOp& op, WallMs now);
  Decision run(const AddServerOp& op, WallMs now);

  ChunkHandle last_handle_;
  Namespace namespace_;
  ChunkTable chunks_;
  OutcomeTable outcomes_;
  std::map<ServerId, KnownServer> servers_;
};

}  // namespace gfs::master
