// CheckpointStore: the checkpoints of a master's directory.
//
// One is written under a temporary name, piece by piece with pauses, so that whoever shares the loop and the disk goes
// on; synced as it grows, renamed when it is whole, read again before anything relies on it. What a crash left
// half-written is removed when the directory is opened.
//
// Owned by Master; one call at a time; lives on its loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/executor.h"
#include "base/random.h"
#include "base/task.h"
#include "master/checkpoint_format.h"

namespace gfs::master {

class CheckpointStore {
 public:
  CheckpointStore(Executor& executor, Disk& disk, Random& random) : executor_(executor), disk_(disk), random_(random) {}

  // Removes what is unfinished; gives the indices of the others, newest first.
  Task<std::vector<std::uint64_t>> open();
  // `epoch`: the highest there may be.
  // corrupt (file, offset, reason; a later epoch), wrong_version, wrong_cluster, conflict (another chunk size).
  Task<MasterState> load(std::uint64_t index, ClusterId cluster, std::uint64_t epoch, std::string mutant,
                         std::uint64_t chunk_size);
  // Durable and verified when it returns; gives its bytes. no_space, io_error, corrupt: it is not there then.
  Task<std::uint64_t> write(CheckpointHeader header, FrozenState state);
  // The one that is being written ends at its next step: cancelled. None is written any more.
  void give_up() { given_up_ = true; }
  // At any time: its file, for somebody else who wants it as it is; it may be removed meanwhile. not_found.
  Task<std::shared_ptr<File>> file(std::uint64_t index);
  // If it is there.
  Task<> remove(std::uint64_t index);

 private:
  Task<> write_temporary(CheckpointHeader header, FrozenState state, std::uint64_t* size);
  Task<> verify(std::string path, std::uint64_t index);
  // `rests`: others have their turns in between.
  Task<> feed_file(std::shared_ptr<File> file, CheckpointDecoder& decoder, bool rests);

  Executor& executor_;
  Disk& disk_;
  Random& random_;
  bool given_up_ = false;
};

}  // namespace gfs::master
