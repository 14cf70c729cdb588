// WriteFloors: of the writes to each chunk, which are still wanted.
//
// Every write goes out with the lowest sequence still wanted for its chunk. What lies below has its outcome, or was
// given up: should a copy of it arrive late it is refused, and never lands on top of what was written afterwards.
//
// One that is given up while an older one is still wanted lies above that floor. Whoever writes to the chunk from then
// on waits until the older ones have ended: 3 is still being repeated, 5 was given up, 9 goes out after 3 has ended,
// with the floor 9.
//
// Pure. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/task.h"

namespace gfs::client {

class WriteFloors {
 public:
  using Chunk = std::pair<InodeId, std::uint32_t>;  // by its place: a handle may not be known yet

  // A write that is wanted as long as this lives. Must not outlive the WriteFloors.
  class Wanted {
   public:
    Wanted(WriteFloors& floors, Chunk chunk, std::uint64_t sequence)
        : floors_(floors), chunk_(chunk), sequence_(sequence) {
      floors_.chunks_[chunk_].wanted.insert(sequence_);
    }
    Wanted(const Wanted&) = delete;
    Wanted& operator=(const Wanted&) = delete;
    ~Wanted() { floors_.end(chunk_, sequence_, late_); }

    // Whether one that was given up lies above the floor: not to be sent before cleared() says so.
    bool must_wait() const { return floor() <= floors_.chunks_.at(chunk_).given_up; }
    // When that may have changed.
    Future<void> cleared() { return floors_.chunks_.at(chunk_).waiting.emplace_back().future(); }
    // From now on a copy may arrive late: whoever lets go of this gives it up.
    void sent() { late_ = true; }
    // It was done, or none of its copies will do anything.
    void decided() { late_ = false; }
    // As of now.
    std::uint64_t floor() const { return *floors_.chunks_.at(chunk_).wanted.begin(); }

   private:
    WriteFloors& floors_;
    const Chunk chunk_;
    const std::uint64_t sequence_;
    bool late_ = false;
  };

 private:
  struct State {
    std::set<std::uint64_t> wanted;
    std::uint64_t given_up = 0;  // the highest
    std::vector<Promise<void>> waiting;
  };

  void end(const Chunk& chunk, std::uint64_t sequence, bool given_up) {
    auto found = chunks_.find(chunk);
    State& state = found->second;
    state.wanted.erase(sequence);
    if (given_up) state.given_up = std::max(state.given_up, sequence);
    std::vector<Promise<void>> waiting = std::move(state.waiting);
    if (state.wanted.empty()) {
      chunks_.erase(found);  // later ones have higher sequences
    } else {
      state.waiting.clear();
    }
    for (Promise<void>& promise : waiting) promise.set({});
  }

  std::map<Chunk, State> chunks_;
};

}  // namespace gfs::client
