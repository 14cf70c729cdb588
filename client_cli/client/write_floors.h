// WriteFloors: of the writes to each chunk, which are still wanted.
//
// Every write goes out with the lowest sequence still wanted for its chunk. What lies below has its outcome, or was
// given up: should a copy of it arrive late it is refused, and never lands on top of what was written afterwards.
//
// Pure. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "base/id.h"

namespace gfs::client {

class WriteFloors {
 public:
  using Chunk = std::pair<InodeId, std::uint32_t>;  // by its place: a handle may not be known yet

  // A write that is wanted as long as this lives. Must not outlive the WriteFloors.
  class Wanted {
   public:
    Wanted(WriteFloors& floors, Chunk chunk, std::uint64_t sequence)
        : floors_(floors), chunk_(chunk), sequence_(sequence) {
      floors_.wanted_[chunk_].insert(sequence_);
    }
    Wanted(const Wanted&) = delete;
    Wanted& operator=(const Wanted&) = delete;
    ~Wanted() {
      auto chunk = floors_.wanted_.find(chunk_);
      chunk->second.erase(sequence_);
      if (chunk->second.empty()) floors_.wanted_.erase(chunk);
    }
    // As of now.
    std::uint64_t floor() const { return *floors_.wanted_.at(chunk_).begin(); }

   private:
    WriteFloors& floors_;
    const Chunk chunk_;
    const std::uint64_t sequence_;
  };

 private:
  std::map<Chunk, std::set<std::uint64_t>> wanted_;
};

}  // namespace gfs::client
