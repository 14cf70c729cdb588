// What a master's directory holds, read without a master and without changing anything: for people.
//
// Everything is verified, as a master would at its start; what is damaged is told where it lies, and the rest is read
// on. A directory that a master is using may be looked at too: then the end is as of some moment.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/disk.h"
#include "master/identity.h"
#include "master/log_reader.h"
#include "master/state.h"

namespace gfs::master {

struct SegmentView {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t epoch = 0;            // 0: cannot be read
  std::uint64_t first = 0, last = 0;  // indices; last < first: no records
  std::uint64_t unfinished = 0;       // bytes at the end that the next start cuts off
  std::string damage;                 // empty: none
};

struct CheckpointView {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t epoch = 0;
  std::uint64_t index = 0;
  std::string damage;
};

struct EpochView {
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;  // of its entries here
};

struct DirectoryView {
  Identity identity;
  std::vector<SegmentView> segments;        // in order
  std::vector<CheckpointView> checkpoints;  // newest first
  bool damaged() const;
  // Those that entries here are of, in order.
  std::vector<EpochView> epochs() const;
};

// Told of every record that is sound, in order; false: no more of them.
using VisitRecord = std::function<bool(const LogRecord& record)>;

// not_formatted, corrupt (the identity), wrong_version.
Task<DirectoryView> view_directory(Disk& disk, VisitRecord visit = {});

// The state a master would start with: the newest checkpoint that is sound, and the log behind it. corrupt.
Task<MasterState> replay_directory(Disk& disk, std::uint64_t chunk_size = kChunkSize);

}  // namespace gfs::master
