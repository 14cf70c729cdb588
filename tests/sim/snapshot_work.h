// SnapshotWork (cat:N05, A10): what a client does with snapshots of files that all clients write to, whoever made them: what is in one
// was acknowledged before it was asked for, or was under way then, is of one moment, and never changes.
//
// Owned by a Client. One thread.
#pragma once

#include "base/random.h"
#include "client_cli/client/filesystem.h"
#include "tests/sim/workload.h"

namespace gfs::sim {

class SnapshotWork {
 public:
  SnapshotWork(SimExecutor& world, Shared& shared, Random& choices, client::Filesystem& filesystem)
      : world_(world), shared_(shared), choices_(choices), filesystem_(filesystem) {}

  Task<> make_or_look();

 private:
  Task<> make();
  Task<> look(std::uint64_t number);
  Task<> remove();
  Picture* find(std::uint64_t number);
  void judge_data(Picture& picture, std::uint64_t offset, const Bytes& got);
  void judge_records(Picture& picture, std::uint64_t offset, const Bytes& got);

  SimExecutor& world_;
  Shared& shared_;
  Random& choices_;
  client::Filesystem& filesystem_;
};

}  // namespace gfs::sim
